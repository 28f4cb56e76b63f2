//! The fields of a form, and what they are filled in with.

use jiff::Timestamp;
use serde_json::Value as Json;
use tenancy::{Language, Problem, ids::AnyId};
use ui::{Choice, Field as Input, Form, Kind, Page};

use super::{Row, cells::with_prefix, word};
use crate::{
    Tenant,
    modules::resource::{
        Resource,
        field::{Field, Takes},
        store,
    },
};

/// What a form is filled in with.
pub(super) enum Filled<'a> {
    /// Nothing yet, but for what a link has named.
    New(&'a [(String, String)]),
    /// A row as it is.
    Row(&'a Row),
    /// What was sent, and was not taken.
    Sent(&'a Form),
}

impl Field {
    /// Whether a form asks for it.
    pub(super) fn is_asked(&self, is_new: bool) -> bool {
        self.is_writable() && !matches!(self.takes, Takes::Json(_)) && (is_new || !self.fixed)
    }

    fn kind(&self) -> Kind {
        match self.takes {
            Takes::Text(max) if max > 500 => Kind::Area,
            Takes::Text(_) if self.name == "phone" => Kind::Phone,
            Takes::Email => Kind::Email,
            Takes::Day => Kind::Date,
            Takes::Time => Kind::DateTime,
            Takes::OneOf(_) | Takes::Currency | Takes::Reference(_) | Takes::User => Kind::Select,
            Takes::Users(_) => Kind::Many,
            Takes::Amount { .. } | Takes::Decimal(_) => Kind::Number,
            Takes::Flag => Kind::Check,
            _ => Kind::Text,
        }
    }
}

/// The inputs of a resource's form.
pub(super) async fn inputs(
    resource: &'static Resource,
    tenant: &Tenant,
    page: &Page,
    filled: Filled<'_>,
    is_new: bool,
    wrong: Option<&Problem>,
) -> Result<Vec<Input>, Problem> {
    let mut inputs = Vec::new();
    for field in resource.fields.iter().filter(|field| field.is_asked(is_new)) {
        let name = field.written_as();
        let values = values(field, tenant, page, &filled);
        let first = values.first().cloned().unwrap_or_default();
        let kind = field.kind();
        let choices = match kind {
            Kind::Select | Kind::Many => {
                with_chosen(choices(field, tenant, page, &values).await?, &values, &names(field, &filled))
            }
            _ => Vec::new(),
        };
        let mut input = Input::new(name, field.label(page), kind)
            .value(first)
            .choices(choices)
            .errors(&page.speech, wrong.and_then(|problem| problem.errors().get(name)));
        if field.required {
            input = input.required();
        }
        if matches!(field.takes, Takes::Tags(_)) {
            input = input.hint(page.t("hint-tags"));
        }
        // One of them is none.
        if let Takes::Reference(prefix) = field.takes
            && input.has_choices(store::CHOICES + 1)
        {
            input = input.hint(page.t("hint-newest"));
            if let Some(other) = with_prefix(prefix).filter(|other| other.searched().next().is_some()) {
                input = input.found_in(other.page(), page.t1("find-other", "field", field.label(page)));
            }
        }
        // No browser is to fill a customer in with who sits before it.
        input = input.autocomplete("off");
        inputs.push(input);
    }
    Ok(inputs)
}

/// What an input holds, as it is written there.
fn values(field: &'static Field, tenant: &Tenant, page: &Page, filled: &Filled<'_>) -> Vec<String> {
    let name = field.written_as();
    match filled {
        Filled::Sent(form) => form.all(name).map(str::to_owned).collect(),
        Filled::New(named) => {
            let by_link = named.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let usual = || match field.takes {
                Takes::Currency => Some(tenant.currency().to_owned()),
                Takes::User if field.prefilled => Some(tenant.user_id().to_string()),
                Takes::Time if field.prefilled => Some(local(page, Timestamp::now())),
                _ => None,
            };
            by_link.or_else(usual).into_iter().collect()
        }
        Filled::Row(row) => of_row(field, page, row.get(field.name).unwrap_or(&Json::Null)),
    }
}

/// What a row has in a field, as an input shows it.
pub(super) fn of_row(field: &Field, page: &Page, value: &Json) -> Vec<String> {
    let id = |one: &Json| one.get("id").and_then(Json::as_str).map(str::to_owned);
    match (field.takes, value) {
        (_, Json::Null) => Vec::new(),
        (Takes::User, one) => id(one).into_iter().collect(),
        (Takes::Users(_), Json::Array(all)) => all.iter().filter_map(id).collect(),
        (Takes::Tags(_), Json::Array(all)) => {
            vec![all.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")]
        }
        (Takes::Time, Json::String(text)) => text.parse().map(|at| local(page, at)).into_iter().collect(),
        (Takes::Amount { .. } | Takes::Decimal(_), Json::String(text)) => vec![as_typed(text, page.language)],
        (_, Json::String(text)) => vec![text.clone()],
        (_, other) => vec![other.to_string()],
    }
}

/// What members are called who stand in the row, also those who are members no more.
fn names(field: &Field, filled: &Filled<'_>) -> Vec<(String, String)> {
    let Filled::Row(row) = filled else { return Vec::new() };
    let text = |one: &Json, name: &str| one.get(name).and_then(Json::as_str).map(str::to_owned);
    let one = |one: &Json| Some((text(one, "id")?, text(one, "name")?));
    match row.get(field.name) {
        Some(Json::Array(all)) => all.iter().filter_map(one).collect(),
        Some(single) => one(single).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Whatever is chosen is among the choices: a form that is sent back changes nothing by itself.
fn with_chosen(mut choices: Vec<Choice>, chosen: &[String], names: &[(String, String)]) -> Vec<Choice> {
    for value in chosen.iter().filter(|value| !value.is_empty()) {
        if choices.iter().all(|choice| choice.value != *value) {
            let name = names.iter().find(|(id, _)| id == value).map_or(value, |(_, name)| name);
            choices.push(Choice { value: value.clone(), label: name.clone(), is_chosen: true });
        }
    }
    choices
}

/// A moment by the clock of the place, as browsers take it.
fn local(page: &Page, at: Timestamp) -> String {
    at.to_zoned(page.speech.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// A figure as it is typed in a language: without anything between thousands.
fn as_typed(text: &str, language: Language) -> String {
    match language {
        Language::Turkish => text.replace('.', ","),
        Language::English => text.to_owned(),
    }
}

/// What can be chosen in a field.
pub(super) async fn choices(
    field: &'static Field,
    tenant: &Tenant,
    page: &Page,
    chosen: &[String],
) -> Result<Vec<Choice>, Problem> {
    let is_chosen = |value: &str| chosen.iter().any(|one| one == value);
    let choice = |value: String, label: String| Choice { is_chosen: is_chosen(&value), value, label };
    let nobody = || choice(String::new(), page.t("none").to_owned());
    Ok(match field.takes {
        Takes::OneOf(words) => words.iter().map(|one| choice((*one).to_owned(), word(page, one))).collect(),
        Takes::Currency => ui::currencies().map(|code| choice(code.to_owned(), code.to_owned())).collect(),
        Takes::User => {
            let all = tenant.everybody().await;
            let all = all.iter().map(|(id, name)| choice(id.to_string(), name.to_string()));
            std::iter::once(nobody()).chain(all).collect()
        }
        Takes::Users(_) => {
            let all = tenant.everybody().await;
            all.iter().map(|(id, name)| choice(id.to_string(), name.to_string())).collect()
        }
        Takes::Reference(prefix) => {
            let rows = match with_prefix(prefix).filter(|other| tenant.may(other.reading())) {
                Some(other) => newest(other, tenant, page, chosen).await?,
                None => Vec::new(),
            };
            std::iter::once(nobody()).chain(rows.into_iter().map(|(id, title)| choice(id, title))).collect()
        }
        _ => Vec::new(),
    })
}

/// The newest rows of a resource, and the one that is chosen.
async fn newest(
    other: &'static Resource,
    tenant: &Tenant,
    page: &Page,
    chosen: &[String],
) -> Result<Vec<(String, String)>, Problem> {
    let Some(title) = other.title() else { return Ok(Vec::new()) };
    let mut rows = store::newest(other, tenant, title.name).await?;
    let ids = chosen.iter().filter_map(|id| AnyId::parse(other.prefix, id).ok()).map(|id| id.uuid);
    let absent: Vec<_> = ids.filter(|id| rows.iter().all(|(known, _)| known != id)).collect();
    if !absent.is_empty() {
        rows.extend(store::titles(other, tenant, title.name, &absent).await?);
    }
    let shown = |(uuid, text): (uuid::Uuid, Option<String>)| {
        let text = text.unwrap_or_else(|| page.t("optional-none").to_owned());
        (AnyId { prefix: other.prefix, uuid }.to_string(), text)
    };
    Ok(rows.into_iter().map(shown).collect())
}
