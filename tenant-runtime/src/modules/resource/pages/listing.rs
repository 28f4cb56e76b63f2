//! The table of a resource: searched, filtered, sorted, a page at a time.

use actix_web::HttpRequest;
use askama::Template;
use ui::{Choice, Console, Page};

use super::{Answer, board, calendar, cells::Line, parameters, query_of, word};
use crate::{
    console::{Desk, Usage},
    modules::resource::{Limit, Resource, field::Takes, list::ListQuery},
};

pub(super) struct Column {
    pub(super) label: String,
    pub(super) is_number: bool,
    /// The address that sorts by it, and how it is sorted now.
    pub(super) sort: Option<(String, &'static str)>,
}

pub(super) struct Filter {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) choices: Vec<Choice>,
}

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
    action: String,
    new: Option<(String, String)>,
    views: Vec<View>,
    is_searched: bool,
    search: String,
    filters: Vec<Filter>,
    kept: Vec<(String, String)>,
    is_narrowed: bool,
    columns: Vec<Column>,
    lines: Vec<Line>,
    empty: String,
    icon: &'static str,
    usage: Option<Usage>,
    shown: String,
    previous: Option<String>,
    next: Option<String>,
}

pub(super) async fn show(resource: &'static Resource, desk: Desk, request: HttpRequest) -> Answer {
    let mut asked = parameters(&request);
    let view = asked.iter().position(|(name, _)| name == "view").map(|at| asked.remove(at).1);
    match (view.as_deref(), resource.board, resource.calendar) {
        (Some("board"), Some(field), _) => board::show(resource, field, desk, &asked).await,
        (Some("calendar"), _, Some(lasts)) => calendar::show(resource, lasts, desk, &asked).await,
        // A calendar is looked at as one, unless somebody wants the list.
        (None, _, Some(lasts)) if asked.is_empty() || asked.iter().any(|(name, _)| name == "month") => {
            calendar::show(resource, lasts, desk, &asked).await
        }
        _ => table(resource, desk, asked).await,
    }
}

pub(super) fn views(resource: &Resource, page: &Page, current: &str) -> Vec<View> {
    let mut words = vec!["list"];
    words.extend(resource.board.map(|_| "board"));
    words.extend(resource.calendar.map(|_| "calendar"));
    if words.len() == 1 {
        return Vec::new();
    }
    let view = |word: &str| View {
        label: page.t(&format!("view-{word}")).to_owned(),
        href: format!("{}?view={word}", resource.page()),
        is_current: word == current,
    };
    words.into_iter().map(view).collect()
}

pub(super) fn new_of(resource: &Resource, desk: &Desk) -> Option<(String, String)> {
    let access = resource.creating()?;
    let label = || desk.page.t(&format!("new-{}", resource.name)).to_owned();
    desk.tenant.may(access).then(|| (format!("{}/new", resource.page()), label()))
}

fn given<'a>(asked: &'a [(String, String)], name: &str) -> &'a str {
    asked.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

async fn table(resource: &'static Resource, desk: Desk, asked: Vec<(String, String)>) -> Answer {
    let query =
        ListQuery::parse(&query_of(asked.iter().map(|(name, value)| (name.as_str(), value.as_str()))), resource)?;
    let new = new_of(resource, &desk);
    let Desk { page, tenant, console } = desk;
    let (rows, total) = resource.list(&tenant, &query).await?;
    let lines = resource.lines(&tenant, &page, &rows, "").await?;
    if lines.is_empty() && query.page > 1 {
        let others =
            asked.iter().filter(|(name, _)| name != "page").map(|(name, value)| (name.as_str(), value.as_str()));
        return Ok(page.see_other(&format!("{}?{}", resource.page(), query_of(others))));
    }
    let (first, last) = (query.offset() + 1, query.offset() + i64::try_from(lines.len()).unwrap_or(0));
    let to_page = |number: u32| {
        let others =
            asked.iter().filter(|(name, _)| name != "page").map(|(name, value)| (name.as_str(), value.as_str()));
        let number = number.to_string();
        format!("{}?{}", resource.page(), query_of(others.chain([("page", number.as_str())])))
    };
    let range = [("from", page.count(&first)), ("to", page.count(&last)), ("total", page.count(&total))];
    let usage = match resource.limit {
        Some(Limit::All(limit)) if tenant.limit(limit) >= 0 && !is_narrowed(&asked) => {
            Some(Usage::new(&page, limit, total, tenant.limit(limit))).filter(|usage| usage.share.unwrap_or(0) >= 800)
        }
        _ => None,
    };
    Ok(page.ok(&ListTemplate {
        title: resource.in_words(&page),
        action: resource.page(),
        new,
        views: views(resource, &page, "list"),
        is_searched: resource.searched().next().is_some(),
        search: given(&asked, "search").to_owned(),
        filters: filters(resource, &page, &asked),
        kept: kept(resource, &asked),
        is_narrowed: is_narrowed(&asked),
        columns: columns(resource, &page, &asked),
        empty: page.t(&format!("empty-{}", resource.name)).to_owned(),
        icon: resource.name,
        usage,
        shown: page.with("page-rows", range.map(|(name, value)| (name, value.into()))),
        previous: (query.page > 1).then(|| to_page(query.page - 1)),
        next: (last < total).then(|| to_page(query.page + 1)),
        lines,
        console,
        page: page.clone(),
    }))
}

fn is_narrowed(asked: &[(String, String)]) -> bool {
    asked.iter().any(|(name, _)| !matches!(name.as_str(), "page" | "sort" | "limit"))
}

/// Filters by a list of words.
fn filters(resource: &'static Resource, page: &Page, asked: &[(String, String)]) -> Vec<Filter> {
    let of_words = resource.filters().filter_map(|field| match field.takes {
        Takes::OneOf(words) => Some((field, words)),
        _ => None,
    });
    of_words
        .map(|(field, words)| {
            let chosen = given(asked, field.name);
            let label = field.label(page);
            let all = Choice { value: String::new(), label: format!("{label}: {}", page.t("all")), is_chosen: false };
            let choice =
                |one: &&str| Choice { value: (*one).to_owned(), label: word(page, one), is_chosen: *one == chosen };
            let choices = std::iter::once(all).chain(words.iter().map(choice)).collect();
            Filter { name: field.name.to_owned(), label, choices }
        })
        .collect()
}

/// What the form of the filters keeps as it is: the order, and what the list was narrowed to by a link.
fn kept(resource: &'static Resource, asked: &[(String, String)]) -> Vec<(String, String)> {
    let is_word =
        |name: &str| resource.filters().any(|field| field.name == name && matches!(field.takes, Takes::OneOf(_)));
    asked.iter().filter(|(name, _)| !matches!(name.as_str(), "page" | "search") && !is_word(name)).cloned().collect()
}

fn columns(resource: &'static Resource, page: &Page, asked: &[(String, String)]) -> Vec<Column> {
    let sorted_by = given(asked, "sort");
    let sort = |name: &str| {
        let now = match sorted_by.strip_prefix('-') {
            Some(by) if by == name => "descending",
            None if sorted_by == name => "ascending",
            _ => "none",
        };
        let wanted = if now == "ascending" { format!("-{name}") } else { name.to_owned() };
        let others = asked.iter().filter(|(name, _)| !matches!(name.as_str(), "sort" | "page"));
        let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
        (format!("{}?{}", resource.page(), query_of(others.chain([("sort", wanted.as_str())]))), now)
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
