//! The table of a resource: searched, filtered, sorted, a page at a time.

use actix_web::HttpRequest;
use askama::Template;
use ui::{Column, Console, Page, Pages, Table, Tools};

use super::{Answer, board, calendar, narrowing::Asked, parameters, query_of};
use crate::{
    console::{Desk, Full},
    modules::resource::{Limit, Resource},
};

pub(super) struct View {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) is_current: bool,
}

#[derive(Template)]
#[template(path = "app/list.html")]
struct ListTemplate {
    page: Page,
    console: Console,
    title: String,
    /// The list, narrowed by nothing.
    all: String,
    new: Option<(String, String)>,
    views: Vec<View>,
    tools: Option<Tools>,
    is_narrowed: bool,
    table: Table,
    pages: Pages,
    empty: String,
    icon: &'static str,
    full: Option<Full>,
}

pub(super) async fn show(resource: &'static Resource, desk: Desk, request: HttpRequest) -> Answer {
    let mut asked = parameters(&request);
    let view = asked.iter().position(|(name, _)| name == "view").map(|at| asked.remove(at).1);
    let month = asked.iter().position(|(name, _)| name == "month").map(|at| asked.remove(at).1);
    let asked = Asked::read(resource, &desk.page, asked);
    match (view.as_deref(), resource.board, resource.calendar) {
        (Some("board"), Some(field), _) => board::show(resource, field, desk, &asked).await,
        (Some("calendar"), _, Some(lasts)) => calendar::show(resource, lasts, desk, &asked, month.as_deref()).await,
        // A calendar is looked at as one, unless somebody wants the list.
        (None, _, Some(lasts)) if month.is_some() || asked.is_plain() => {
            calendar::show(resource, lasts, desk, &asked, month.as_deref()).await
        }
        _ => table(resource, desk, &asked).await,
    }
}

impl Resource {
    /// Where all its rows are shown, in this way.
    pub(super) fn all(&self, view: &str) -> String {
        if self.has_views() { format!("{}?view={view}", self.page()) } else { self.page() }
    }

    /// Whether its rows are shown in more than one way.
    pub(super) const fn has_views(&self) -> bool {
        self.board.is_some() || self.calendar.is_some()
    }
}

/// The ways in which rows are shown, each narrowed as this one is.
pub(super) fn views(resource: &Resource, page: &Page, current: &str, asked: &Asked) -> Vec<View> {
    if !resource.has_views() {
        return Vec::new();
    }
    let words =
        std::iter::once("list").chain(resource.board.map(|_| "board")).chain(resource.calendar.map(|_| "calendar"));
    let view = |word| View {
        label: page.t(&format!("view-{word}")).to_owned(),
        href: format!("{}?{}", resource.page(), query_of(std::iter::once(("view", word)).chain(asked.narrowing()))),
        is_current: word == current,
    };
    words.map(view).collect()
}

pub(super) fn new_of(resource: &Resource, desk: &Desk) -> Option<(String, String)> {
    let access = resource.creating()?;
    let label = || desk.page.t(&format!("new-{}", resource.name)).to_owned();
    desk.tenant.may(access).then(|| (format!("{}/new", resource.page()), label()))
}

async fn table(resource: &'static Resource, desk: Desk, asked: &Asked) -> Answer {
    let query = asked.query()?;
    let new = new_of(resource, &desk);
    let Desk { page, tenant, console } = desk;
    let (rows, total) = resource.list(&tenant, &query).await?;
    let lines = resource.lines(&tenant, &page, &rows, "").await?;
    if lines.is_empty() && query.page > 1 {
        return Ok(page.see_other(&asked.address(&[], ("page", "1"))));
    }
    let pages = Pages::new(&page.speech, query.page, query.limit.into(), total, |number| {
        asked.address(&[], ("page", &number.to_string()))
    });
    let full = match resource.limit {
        Some(Limit::All(limit)) if !asked.is_narrowed() => Full::of(&page, &tenant, limit, total),
        _ => None,
    };
    let title = resource.in_words(&page);
    let shown = if lines.is_empty() { page.t("nothing-found") } else { pages.shown() };
    Ok(page.ok(&ListTemplate {
        all: resource.all("list"),
        new,
        views: views(resource, &page, "list", asked),
        tools: asked.tools(&tenant, &page, "list", "", shown).await?,
        is_narrowed: asked.is_narrowed(),
        table: Table { label: title.clone(), columns: columns(resource, &page, asked), lines },
        pages,
        title,
        empty: page.t(&format!("empty-{}", resource.name)).to_owned(),
        icon: resource.name,
        full,
        console,
        page: page.clone(),
    }))
}

fn columns(resource: &'static Resource, page: &Page, asked: &Asked) -> Vec<Column> {
    let sorted_by = asked.given("sort");
    let sort = |name: &str| {
        let now = match sorted_by.strip_prefix('-') {
            Some(by) if by == name => "descending",
            None if sorted_by == name => "ascending",
            _ => "none",
        };
        let wanted = if now == "ascending" { format!("-{name}") } else { name.to_owned() };
        (asked.address(&["page"], ("sort", &wanted)), now)
    };
    resource
        .title()
        .into_iter()
        .chain(resource.listed(""))
        .map(|field| Column {
            label: field.label(page),
            is_number: field.is_figure(),
            sort: field.sorted.then(|| sort(field.name)),
        })
        .collect()
}
