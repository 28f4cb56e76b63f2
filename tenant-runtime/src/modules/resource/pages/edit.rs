//! One row: shown, made, changed, deleted.

use actix_web::{HttpRequest, web::Path};
use askama::Template;
use tenancy::{Code, Problem, http::Access, ids::AnyId};
use ui::{Cell, Column, Console, Field as Input, Form, LocalPath, Page, Table};
use uuid::Uuid;

use super::{
    Answer, Row, as_row,
    cells::{Deed, cell, deeds},
    id_of,
    inputs::{Filled, inputs},
    parameters,
    sent::{Sends, body, is_untouched},
};
use crate::{
    console::{Desk, Upgrade},
    modules::resource::{
        Action, Limit, OnePath, Resource, conditions::Versions, field::Takes, idempotency::Key, list::ListQuery,
    },
};

/// How many of a row's parts, and of its deeds, are shown with it.
const PARTS: u32 = 20;
const DEEDS: u32 = 6;

struct Parts {
    table: Table,
    new: Option<(String, String)>,
    all: String,
}

struct File {
    /// Where it is read, and its name; `None`: there is none yet.
    there: Option<(String, String)>,
    upload: Option<String>,
}

#[derive(Template)]
#[template(path = "app/row.html")]
struct RowTemplate {
    page: Page,
    console: Console,
    /// The row, or what a new one is called.
    title: String,
    list: (String, String),
    action: String,
    /// Empty for who may only look.
    inputs: Vec<Input>,
    /// Sent back with a change: the version that was shown; with a new row: what makes it one row however often it is sent.
    mark: (&'static str, String),
    problem: Option<String>,
    upgrade: Option<Upgrade>,
    facts: Vec<Cell>,
    deeds: Vec<Deed>,
    parts: Option<Parts>,
    file: Option<File>,
    delete: Option<String>,
}

impl RowTemplate {
    fn new(resource: &'static Resource, desk: &Desk) -> Self {
        let page = &desk.page;
        Self {
            title: page.t(&format!("new-{}", resource.name)).to_owned(),
            list: (resource.page(), resource.in_words(page)),
            action: resource.page(),
            inputs: Vec::new(),
            mark: ("once", Uuid::now_v7().to_string()),
            problem: None,
            upgrade: None,
            facts: Vec::new(),
            deeds: Vec::new(),
            parts: None,
            file: None,
            delete: None,
            page: page.clone(),
            console: desk.console.clone(),
        }
    }

    /// Says what is wrong: at the fields, which are there already, or above them.
    fn refused(mut self, problem: &Problem) -> Self {
        let (page, errors) = (&self.page, problem.errors());
        self.problem = Some(match errors.values().flatten().next() {
            _ if self.inputs.iter().any(Input::is_wrong) => page.t1("form-wrong", "count", errors.len()),
            _ if errors.contains_key("content-type") => page.t("file-kind").to_owned(),
            Some(said) => page.refusal(said),
            None => page.problem(problem.code()).1.to_owned(),
        });
        self
    }
}

pub(super) async fn show_new(resource: &'static Resource, desk: Desk, request: HttpRequest) -> Answer {
    let mut template = RowTemplate::new(resource, &desk);
    let named = parameters(&request);
    template.upgrade = when_full(resource, &desk).await?;
    template.inputs = inputs(resource, &desk.tenant, &desk.page, Filled::New(&named), true, None).await?;
    Ok(desk.page.ok(&template))
}

/// What would give more, where the limit is reached already: said before somebody fills a form in for nothing.
async fn when_full(resource: &'static Resource, desk: &Desk) -> Result<Option<Upgrade>, Problem> {
    let Some(Limit::All(limit)) = resource.limit else { return Ok(None) };
    let allowed = desk.tenant.limit(limit);
    if allowed < 0 {
        return Ok(None);
    }
    let (_, used) = resource.list(&desk.tenant, &ListQuery::parse("limit=1", resource)?).await?;
    Ok((used >= allowed).then(|| Upgrade::of(&desk.page, &desk.tenant, limit)))
}

pub(super) async fn create(resource: &'static Resource, desk: Desk, form: Form) -> Answer {
    let Desk { page, tenant, .. } = &desk;
    let body = body(resource, page, &form, Sends::New);
    let once = form.filled("once").filter(|once| once.len() <= 64);
    let key = once.map(|once| Key::new(once, resource, &body));
    let problem = match resource.make(tenant, body, key.as_ref(), None).await {
        Ok((shown, _)) => {
            let row = as_row(&shown)?;
            return Ok(page.see_other(&format!("{}/{}?done=created", resource.page(), id_of(&row))));
        }
        Err(problem) if is_told_here(&problem) => problem,
        Err(problem) => return Err(problem),
    };
    let mut template = RowTemplate::new(resource, &desk);
    template.inputs = inputs(resource, tenant, page, Filled::Sent(&form), true, Some(&problem)).await?;
    template = template.refused(&problem);
    if problem.code() == Code::LimitReached {
        let limit = match resource.limit {
            Some(Limit::All(limit) | Limit::OfParent { limit, .. }) => limit,
            None => "",
        };
        template.upgrade = Some(Upgrade::of(page, tenant, limit));
    }
    if problem.code() != Code::IdempotencyKeyReused {
        // The same form, sent again after it was mended, is still one row.
        template.mark.1 = once.unwrap_or_default().to_owned();
    }
    Ok(page.answer(problem.code().status(), &template))
}

/// What is said with the form and all that was filled in, rather than by a page of its own.
fn is_told_here(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        Code::ValidationFailed
            | Code::Conflict
            | Code::LimitReached
            | Code::PreconditionFailed
            | Code::IdempotencyKeyReused
    )
}

pub(super) async fn show(resource: &'static Resource, desk: Desk, path: Path<OnePath>) -> Answer {
    let id = super::id_in(resource, &path)?;
    let row = as_row(&resource.row(&desk.tenant, id).await?)?;
    let template = of_row(resource, &desk, &row, Filled::Row(&row), None).await?;
    Ok(desk.page.ok(&template))
}

pub(super) async fn change(resource: &'static Resource, desk: Desk, path: Path<OnePath>, form: Form) -> Answer {
    let id = super::id_in(resource, &path)?;
    let Desk { page, tenant, .. } = &desk;
    // A board sends the one field that it changes, and the page sends all.
    let board = form.get("back").map(|back| LocalPath::parse(Some(back), &resource.page()));
    let is_whole = board.is_none();
    let before = if is_whole { Some(as_row(&resource.row(tenant, id).await?)?) } else { None };
    let body = body(resource, page, &form, before.as_ref().map_or(Sends::Some, Sends::All));
    match resource.change(tenant, id, body, Some(version_in(&form))).await {
        Ok(_) => Ok(page.see_other(&match board {
            Some(board) => board.as_str().to_owned(),
            None => format!("{}/{id}?done=saved", resource.page()),
        })),
        Err(problem) if is_whole && is_told_here(&problem) => {
            let row = as_row(&resource.row(tenant, id).await?)?;
            let mut template = of_row(resource, &desk, &row, Filled::Sent(&form), Some(&problem)).await?;
            if problem.code() == Code::PreconditionFailed {
                template.problem = Some(page.t("changed-meanwhile").to_owned());
                tell_apart(resource, &desk, &form, &row, &mut template.inputs).await?;
            } else {
                template.mark.1 = form.get("version").unwrap_or_default().to_owned();
                template = template.refused(&problem);
            }
            Ok(page.answer(problem.code().status(), &template))
        }
        Err(problem) if !is_whole => show_refused(resource, desk, id, &problem).await,
        Err(problem) => Err(problem),
    }
}

/// Says at each field in which a form differs from the row as it is now what the row has: whoever saves again knows what
/// they write over.
async fn tell_apart(
    resource: &'static Resource,
    desk: &Desk,
    form: &Form,
    row: &Row,
    inputs: &mut [Input],
) -> Result<(), Problem> {
    let Desk { page, tenant, .. } = desk;
    let titles = resource.titles_in(tenant, page, std::slice::from_ref(row)).await?;
    for field in resource.fields.iter().filter(|field| field.is_asked(false)) {
        if !is_untouched(field, page, form, row)
            && let Some(input) = inputs.iter_mut().find(|input| input.name() == field.written_as())
        {
            input.add_error(page.t1("now-holds", "value", cell(field, row, page, &titles).text));
        }
    }
    Ok(())
}

/// The version that a page had shown; a form without one is for none.
pub(crate) fn version_in(form: &Form) -> Versions {
    Versions::Some(form.get("version").and_then(|version| version.parse().ok()).into_iter().collect())
}

pub(super) async fn delete(resource: &'static Resource, desk: Desk, path: Path<OnePath>, form: Form) -> Answer {
    let id = super::id_in(resource, &path)?;
    let Desk { page, tenant, .. } = &desk;
    match resource.remove(tenant, id, Some(version_in(&form))).await {
        Ok(()) => Ok(page.see_other(&format!("{}?done=deleted", resource.page()))),
        Err(problem) => show_refused(resource, desk, id, &problem).await,
    }
}

/// The page of a row after something was refused, with why; what is no matter of the row has a page of its own.
pub(crate) async fn show_refused(resource: &'static Resource, desk: Desk, id: AnyId, problem: &Problem) -> Answer {
    let is_of_file = matches!(problem.code(), Code::PayloadTooLarge | Code::BadRequest);
    if !(is_told_here(problem) || (resource.has_file && is_of_file)) {
        return Err(problem.clone());
    }
    let row = as_row(&resource.row(&desk.tenant, id).await?)?;
    let mut template = of_row(resource, &desk, &row, Filled::Row(&row), None).await?.refused(problem);
    match problem.code() {
        Code::LimitReached if resource.has_file => {
            template.upgrade = Some(Upgrade::of(&desk.page, &desk.tenant, "max_storage_mb"));
        }
        Code::PayloadTooLarge => {
            let most = i64::try_from(desk.tenant.max_file_bytes()).unwrap_or(i64::MAX);
            template.problem = Some(desk.page.t1("file-too-large", "most", desk.page.bytes(&most)));
        }
        _ => {}
    }
    Ok(desk.page.answer(problem.code().status(), &template))
}

async fn of_row(
    resource: &'static Resource,
    desk: &Desk,
    row: &Row,
    filled: Filled<'_>,
    wrong: Option<&Problem>,
) -> Result<RowTemplate, Problem> {
    let Desk { page, tenant, .. } = desk;
    let may = |action: Action| resource.actions.contains(&action) && tenant.may(resource.access(action));
    let changes = may(Action::Update);
    let mut template = RowTemplate::new(resource, desk);
    let (id, title) = (id_of(row), resource.title_of(page, row));
    template.title = title;
    template.action = format!("{}/{id}", resource.page());
    template.mark = ("version", row.get("version").map(ToString::to_string).unwrap_or_default());
    if changes {
        template.inputs = inputs(resource, tenant, page, filled, false, wrong).await?;
    }
    let titles = resource.titles_in(tenant, page, std::slice::from_ref(row)).await?;
    let shown = resource.fields.iter().filter(|field| !(changes && field.is_asked(false)));
    let shown = shown.filter(|field| !matches!(field.takes, Takes::Json(_)));
    template.facts = shown.map(|field| cell(field, row, page, &titles)).collect();
    template.facts.extend(made(page, row));
    template.deeds = deeds(tenant, page, Some(id), DEEDS).await?;
    template.parts = parts(resource, desk, id).await?;
    template.file = resource.has_file.then(|| file(resource, row, changes));
    let access = resource.access(Action::Delete);
    template.delete = (resource.deletes() && tenant.may(access)).then(|| format!("{}/delete", template.action));
    Ok(template)
}

/// Who made the row, and when.
fn made(page: &Page, row: &Row) -> Vec<Cell> {
    let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let at = |name: &str| text(name).parse().map_or_else(|_| text(name).to_owned(), |at| page.moment(&at));
    let fact = |key: &str, text: String| Cell { label: page.t(key).to_owned(), text, ..Cell::default() };
    vec![
        fact("field-created_by", text("created_by_name").to_owned()),
        fact("field-created_at", at("created_at")),
        fact("field-updated_at", at("updated_at")),
    ]
}

/// The rows that belong to a row.
async fn parts(resource: &'static Resource, desk: &Desk, id: &str) -> Result<Option<Parts>, Problem> {
    let Desk { page, tenant, .. } = desk;
    let Some(parts) = resource.parts.map(|parts| parts()).filter(|parts| tenant.may(parts.reading())) else {
        return Ok(None);
    };
    let field = parts.parent.as_ref().map_or("", |parent| parent.field);
    let narrowed = format!("{field}={id}");
    let query = ListQuery::parse(&format!("limit={PARTS}&{narrowed}"), parts)?;
    let (rows, _) = parts.list(tenant, &query).await?;
    let column = |field: &'static crate::modules::resource::Field| Column {
        label: field.label(page),
        is_number: field.is_figure(),
        sort: None,
    };
    let may_make = parts.creating().is_some_and(|access: Access| tenant.may(access));
    let new = may_make
        .then(|| (format!("{}/new?{narrowed}", parts.page()), page.t(&format!("new-{}", parts.name)).to_owned()));
    Ok(Some(Parts {
        table: Table {
            label: parts.in_words(page),
            columns: parts.title().into_iter().chain(parts.listed(field)).map(column).collect(),
            lines: parts.lines(tenant, page, &rows, field).await?,
        },
        new,
        all: format!("{}?{}{narrowed}", parts.page(), if parts.has_views() { "view=list&" } else { "" }),
    }))
}

fn file(resource: &Resource, row: &Row, changes: bool) -> File {
    let place = format!("{}/{}/file", resource.page(), id_of(row));
    let name = row.get("file_name").and_then(serde_json::Value::as_str);
    File { there: name.map(|name| (place.clone(), name.to_owned())), upload: changes.then_some(place) }
}
