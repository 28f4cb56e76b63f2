//! Pages of resources: the same for all of them, made from their descriptions.

mod board;
mod calendar;
mod cells;
mod edit;
mod inputs;
mod listing;
mod narrowing;
mod sent;

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
pub(crate) use cells::{Deed, deeds, tone};
pub(crate) use edit::{show_refused, version_in};
use serde_json::{Map, Value as Json};
use tenancy::{
    Problem,
    http::{Access, Route},
    ids::AnyId,
};
use ui::Page;

use super::{
    Action, OnePath, Resource,
    field::{Field, Takes},
    show::Shown,
};

type Answer = Result<HttpResponse, Problem>;

/// A row as clients see it: what pages show is what programs are sent.
type Row = Map<String, Json>;

impl Resource {
    /// Its name, which is also its sign's.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Where its rows are listed.
    pub(crate) fn page(&self) -> String {
        format!("/app/{}", self.path)
    }

    /// Who may read its rows.
    pub(crate) fn reading(&self) -> Access {
        self.access(Action::Read)
    }

    /// Who may make rows, where that can be done at all.
    pub(crate) fn creating(&self) -> Option<Access> {
        self.actions.contains(&Action::Create).then(|| self.access(Action::Create))
    }

    /// The states that its rows can be in, where it has any.
    pub(crate) fn states(&'static self) -> &'static [&'static str] {
        match self.field("status").map(|field| field.takes) {
            Some(Takes::OneOf(words)) => words,
            _ => &[],
        }
    }

    fn deletes(&self) -> bool {
        self.has_file || self.actions.contains(&Action::Delete)
    }

    /// The field whose text names a row.
    fn title(&'static self) -> Option<&'static Field> {
        let is_text = |field: &&Field| matches!(field.takes, Takes::Text(_));
        let texts = || self.fields.iter().filter(is_text);
        texts().find(|field| field.required).or_else(|| texts().next())
    }

    /// Its pages.
    pub(crate) fn pages(&'static self) -> Vec<Route> {
        let (list, new) = (self.page(), format!("{}/new", self.page()));
        let (one, gone) = (format!("{}/{{id}}", self.page()), format!("{}/{{id}}/delete", self.page()));
        let mut pages = Vec::new();
        for action in self.actions {
            let access = self.access(*action);
            match action {
                Action::Read => {
                    pages.push(Route::page(Method::GET, list.clone(), access, move || {
                        web::to(move |desk, request| listing::show(self, desk, request))
                    }));
                    pages.push(Route::page(Method::GET, one.clone(), access, move || {
                        web::to(move |desk, path| edit::show(self, desk, path))
                    }));
                }
                Action::Create => {
                    pages.push(Route::page(Method::GET, new.clone(), access, move || {
                        web::to(move |desk, request| edit::show_new(self, desk, request))
                    }));
                    pages.push(Route::page(Method::POST, list.clone(), access, move || {
                        web::to(move |desk, form| edit::create(self, desk, form))
                    }));
                }
                Action::Update => {
                    pages.push(Route::page(Method::POST, one.clone(), access, move || {
                        web::to(move |desk, path, form| edit::change(self, desk, path, form))
                    }));
                }
                Action::Delete => {
                    pages.push(Route::page(Method::POST, gone.clone(), access, move || {
                        web::to(move |desk, path, form| edit::delete(self, desk, path, form))
                    }));
                }
            }
        }
        pages
    }

    /// What a row is called; a dash where it has no name.
    fn title_of(&'static self, page: &Page, row: &Row) -> String {
        let title = self.title().and_then(|field| row.get(field.name)?.as_str());
        title.map_or_else(|| page.t("optional-none").to_owned(), str::to_owned)
    }
}

#[cfg(test)]
impl Resource {
    /// The keys of all that its pages say.
    pub(crate) fn words(&self) -> Vec<String> {
        let name = self.name;
        let mut keys: Vec<String> =
            ["resource", "one", "new", "empty"].iter().map(|family| format!("{family}-{name}")).collect();
        for field in self.fields.iter().filter(|field| !matches!(field.takes, Takes::Json(_))) {
            keys.push(format!("field-{}", field.name.strip_suffix("_id").unwrap_or(field.name)));
            if let Takes::OneOf(words) = field.takes {
                keys.extend(words.iter().map(|word| format!("value-{word}")));
            }
        }
        keys
    }
}

impl Field {
    /// What it is called on pages.
    fn label(&self, page: &Page) -> String {
        let name = self.name.strip_suffix("_id").unwrap_or(self.name);
        match page.find(&format!("field-{name}")) {
            Some(label) => label.to_owned(),
            // A resource that is new has words before it has texts.
            None => capitalised(&name.replace('_', " ")),
        }
    }
}

fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A word of a list, as people read it.
fn word(page: &Page, word: &str) -> String {
    page.find(&format!("value-{word}")).map_or_else(|| capitalised(&word.replace('_', " ")), str::to_owned)
}

fn as_row(shown: &Shown) -> Result<Row, Problem> {
    match serde_json::to_value(shown).map_err(Problem::internal)? {
        Json::Object(row) => Ok(row),
        _ => Err(Problem::internal("a row is no object")),
    }
}

fn id_of(row: &Row) -> &str {
    row.get("id").and_then(Json::as_str).unwrap_or_default()
}

/// The parameters of a query string, in order, without those that are empty.
fn parameters(request: &HttpRequest) -> Vec<(String, String)> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let pairs = pairs.map(web::Query::into_inner).unwrap_or_default();
    pairs.into_iter().filter(|(name, value)| !value.is_empty() && name != "done").collect()
}

fn query_of<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = parameters.into_iter().map(|(name, value)| format!("{name}={}", ui::encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The id that a path names.
fn id_in(resource: &Resource, path: &web::Path<OnePath>) -> Result<AnyId, Problem> {
    resource.id(path)
}
