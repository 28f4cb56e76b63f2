//! Rows on a board: a column for each state.

use askama::Template;
use futures_util::future::try_join_all;
use serde_json::Value as Json;
use tenancy::Problem;
use ui::{Cell, Choice, Console, Page, Tools};

use super::{
    Answer, as_row,
    cells::{cell, tone},
    id_of,
    listing::{View, new_of, views},
    narrowing::Asked,
    query_of, word,
};
use crate::{
    console::Desk,
    modules::resource::{Action, Resource, field::Takes, list::ListQuery},
};

/// How many rows a column shows.
const MOST: usize = 50;

struct Card {
    title: String,
    href: String,
    facts: Vec<Cell>,
    version: String,
    choices: Vec<Choice>,
}

struct Column {
    value: &'static str,
    label: String,
    tone: ui::Tone,
    total: i64,
    count: String,
    cards: Vec<Card>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "app/board.html")]
struct BoardTemplate {
    page: Page,
    console: Console,
    title: String,
    field: &'static str,
    label: String,
    new: Option<(String, String)>,
    views: Vec<View>,
    tools: Option<Tools>,
    all: String,
    is_narrowed: bool,
    is_empty: bool,
    empty: String,
    icon: &'static str,
    columns: Vec<Column>,
    may_move: bool,
    /// This board, as it was narrowed.
    here: String,
}

pub(super) async fn show(resource: &'static Resource, by: &'static str, desk: Desk, asked: &Asked) -> Answer {
    let field = resource.field(by).ok_or_else(|| Problem::internal("a board by no field"))?;
    let Takes::OneOf(words) = field.takes else { return Err(Problem::internal("a board by no states")) };
    let others: Vec<(&str, &str)> = asked.narrowing().filter(|(name, _)| *name != by).collect();
    let columns = words.iter().map(|state| {
        let all = query_of(others.iter().copied().chain([(by, *state)]));
        let query = format!("{all}&limit={MOST}");
        column(resource, by, words, state, &desk, query, all)
    });
    let columns = try_join_all(columns).await?;
    let new = new_of(resource, &desk);
    let Desk { page, tenant, console } = desk;
    let total: i64 = columns.iter().map(|column| column.total).sum();
    let shown = page.t1("rows-in-all", "total", total);
    let here = format!("{}?{}", resource.page(), query_of([("view", "board")].into_iter().chain(others)));
    Ok(page.ok(&BoardTemplate {
        here,
        title: resource.in_words(&page),
        field: by,
        label: field.label(&page),
        new,
        views: views(resource, &page, "board", asked),
        tools: asked.tools(&tenant, &page, "board", by, &shown).await?,
        is_narrowed: asked.is_narrowed(),
        is_empty: total == 0,
        empty: page.t(&format!("empty-{}", resource.name)).to_owned(),
        icon: resource.name,
        all: resource.all("board"),
        columns,
        may_move: tenant.may(resource.access(Action::Update)),
        console,
        page: page.clone(),
    }))
}

async fn column(
    resource: &'static Resource,
    by: &'static str,
    words: &'static [&'static str],
    state: &'static str,
    desk: &Desk,
    query: String,
    all: String,
) -> Result<Column, Problem> {
    let Desk { page, tenant, .. } = desk;
    let (rows, total) = resource.list(tenant, &ListQuery::parse(&query, resource)?).await?;
    let rows = rows.iter().map(as_row).collect::<Result<Vec<_>, _>>()?;
    let titles = resource.titles_in(tenant, page, &rows).await?;
    let choices = || {
        let choice = |one: &&str| Choice { value: (*one).to_owned(), label: word(page, one), is_chosen: *one == state };
        words.iter().map(choice).collect()
    };
    let facts = |row| {
        let listed = resource.listed(by);
        // What says nothing needs no place on a card.
        let told = listed.filter(|field| !matches!(super::Row::get(row, field.name), None | Some(Json::Null)));
        told.take(4).map(|field| cell(field, row, page, &titles)).collect()
    };
    let cards = rows.iter().map(|row| Card {
        title: resource.title_of(page, row),
        href: format!("{}/{}", resource.page(), id_of(row)),
        facts: facts(row),
        version: row.get("version").map(ToString::to_string).unwrap_or_default(),
        choices: choices(),
    });
    let cards: Vec<Card> = cards.collect();
    let more = usize::try_from(total).is_ok_and(|total| total > cards.len());
    Ok(Column {
        value: state,
        label: word(page, state),
        tone: tone(state),
        total,
        count: page.count(&total),
        cards,
        more: more.then(|| format!("{}?view=list&{all}", resource.page())),
    })
}
