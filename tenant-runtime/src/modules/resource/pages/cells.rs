//! What stands in a row of a table, and how it is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use tenancy::{Problem, ids::AnyId};
use ui::{Cell, Line, Page, Tone};
use uuid::Uuid;

use super::{Row, as_row, word};
use crate::{
    Tenant, modules,
    modules::resource::{
        Resource,
        field::{Field, Shows, Takes},
        list::ListQuery,
        show::Shown,
        store,
    },
};

/// What rows of other resources are called, by their ids.
pub(super) type Titles = HashMap<String, (String, String)>;

/// How a state is meant.
pub(crate) fn tone(word: &str) -> Tone {
    match word {
        "active" | "done" | "won" | "completed" | "customer" => Tone::Good,
        "in_progress" | "contacted" | "review" | "qualified" | "proposal" | "prospect" | "partner" => Tone::Info,
        "high" | "deadline" => Tone::Warn,
        "critical" | "lost" => Tone::Bad,
        _ => Tone::Neutral,
    }
}

/// What a value of a field says.
pub(super) fn in_words(field: &Field, row: &Row, page: &Page) -> String {
    let value = row.get(field.name).unwrap_or(&Json::Null);
    let text = value.as_str();
    let told = match field.takes {
        Takes::Text(_) | Takes::UpperText(_) | Takes::Email | Takes::Currency | Takes::Number(_) => {
            text.map(str::to_owned)
        }
        Takes::Shown(Shows::Text) | Takes::Reference(_) => text.map(str::to_owned),
        Takes::OneOf(_) => text.map(|one| word(page, one)),
        Takes::Day => text.and_then(|text| text.parse::<Date>().ok()).map(|day| page.day(&day)),
        Takes::Time => text.and_then(|text| text.parse::<Timestamp>().ok()).map(|at| page.moment(&at)),
        Takes::Amount { currency } => {
            let currency = row.get(currency).and_then(Json::as_str).unwrap_or_default();
            decimal(value).map(|amount| page.money(&amount, currency))
        }
        Takes::Decimal(_) | Takes::Shown(Shows::Decimal) => {
            decimal(value).map(|number| page.number(&number.normalize()))
        }
        Takes::Flag => value.as_bool().map(|flag| page.t(if flag { "yes" } else { "no" }).to_owned()),
        Takes::Tags(_) | Takes::Shown(Shows::Texts) => {
            let texts = value.as_array().into_iter().flatten().filter_map(Json::as_str);
            Some(texts.collect::<Vec<_>>().join(", "))
        }
        Takes::User => value.get("name").and_then(Json::as_str).map(str::to_owned),
        Takes::Users(_) => {
            let names = value.as_array().into_iter().flatten().filter_map(|one| one.get("name")?.as_str());
            Some(names.collect::<Vec<_>>().join(", "))
        }
        Takes::Json(_) => Some(value.to_string()),
        Takes::Shown(Shows::Count) => value.as_i64().map(|count| page.count(&count)),
        Takes::Shown(Shows::Bytes) => value.as_i64().filter(|size| *size > 0).map(|size| page.bytes(&size)),
    };
    told.filter(|text| !text.is_empty()).unwrap_or_else(|| page.t("optional-none").to_owned())
}

fn decimal(value: &Json) -> Option<Decimal> {
    match value {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

impl Field {
    pub(super) const fn is_figure(&self) -> bool {
        matches!(
            self.takes,
            Takes::Amount { .. } | Takes::Decimal(_) | Takes::Shown(Shows::Decimal | Shows::Count | Shows::Bytes)
        )
    }
}

pub(super) fn cell(field: &'static Field, row: &Row, page: &Page, titles: &Titles) -> Cell {
    let mut cell = Cell {
        label: field.label(page),
        text: in_words(field, row, page),
        is_number: field.is_figure(),
        is_tight: matches!(field.takes, Takes::Day | Takes::Time | Takes::Number(_)),
        ..Cell::default()
    };
    let value = row.get(field.name).and_then(Json::as_str);
    match field.takes {
        Takes::OneOf(_) => cell.tone = value.map(tone),
        Takes::Reference(_) => {
            if let Some((title, href)) = value.and_then(|id| titles.get(id)) {
                (cell.text, cell.href) = (title.clone(), Some(href.clone()));
            }
        }
        _ => {}
    }
    cell
}

impl Resource {
    /// The columns of its table, after the title; without the one that would say the same in each row.
    pub(super) fn listed(&'static self, without: &'static str) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(move |field| field.listed && field.name != without)
    }

    /// Rows as lines of a table.
    pub(super) async fn lines(
        &'static self,
        tenant: &Tenant,
        page: &Page,
        rows: &[Shown],
        without: &'static str,
    ) -> Result<Vec<Line>, Problem> {
        let rows = rows.iter().map(as_row).collect::<Result<Vec<_>, _>>()?;
        let titles = self.titles_in(tenant, page, &rows).await?;
        let line = |row: &Row| Line {
            href: format!("{}/{}", self.page(), super::id_of(row)),
            title: self.title_of(page, row),
            note: String::new(),
            cells: self.listed(without).map(|field| cell(field, row, page, &titles)).collect(),
        };
        Ok(rows.iter().map(line).collect())
    }

    /// What the rows are called that these refer to, as far as whoever asks may read them.
    pub(super) async fn titles_in(
        &'static self,
        tenant: &Tenant,
        page: &Page,
        rows: &[Row],
    ) -> Result<Titles, Problem> {
        let mut wanted: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
        for field in &self.fields {
            let Takes::Reference(prefix) = field.takes else { continue };
            let ids = rows.iter().filter_map(|row| AnyId::parse(prefix, row.get(field.name)?.as_str()?).ok());
            wanted.entry(prefix).or_default().extend(ids.map(|id| id.uuid));
        }
        let mut titles = Titles::new();
        for (prefix, ids) in wanted.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            let Some(other) = with_prefix(prefix).filter(|other| tenant.may(other.reading())) else { continue };
            let Some(title) = other.title() else { continue };
            let ids: Vec<Uuid> = ids.into_iter().collect();
            for (uuid, text) in store::titles(other, tenant, title.name, &ids).await? {
                let id = AnyId { prefix: other.prefix, uuid }.to_string();
                let href = format!("{}/{id}", other.page());
                let text = text.unwrap_or_else(|| page.t("optional-none").to_owned());
                titles.insert(id, (text, href));
            }
        }
        Ok(titles)
    }
}

/// The resource whose ids begin like this.
pub(super) fn with_prefix(prefix: &str) -> Option<&'static Resource> {
    modules::shelves().into_iter().flat_map(|(_, resources)| resources).find(|resource| resource.prefix == prefix)
}

/// What somebody did.
pub(crate) struct Deed {
    pub(crate) title: String,
    pub(crate) what: String,
    pub(crate) action: String,
    pub(crate) who: String,
    pub(crate) href: Option<String>,
    pub(crate) at: String,
    pub(crate) moment: String,
}

/// What was done last, with one row or with all.
pub(crate) async fn deeds(tenant: &Tenant, page: &Page, row: Option<&str>, most: u32) -> Result<Vec<Deed>, Problem> {
    let activities = modules::activities();
    let mut query = format!("limit={most}");
    if let Some(id) = row {
        query.push_str(&format!("&row_id={id}"));
    }
    let (rows, _) = activities.list(tenant, &ListQuery::parse(&query, activities)?).await?;
    rows.iter().map(|shown| as_row(shown).map(|row| deed(tenant, page, &row))).collect()
}

fn deed(tenant: &Tenant, page: &Page, row: &Row) -> Deed {
    let text = |name: &str| row.get(name).and_then(Json::as_str).unwrap_or_default();
    let resource = modules::named(text("resource")).filter(|resource| tenant.may(resource.reading()));
    let at = text("created_at");
    let is_there = text("action") != "deleted";
    Deed {
        title: text("title").to_owned(),
        what: page
            .find(&format!("one-{}", text("resource")))
            .map_or_else(|| word(page, text("resource")), str::to_owned),
        action: word(page, text("action")),
        who: text("created_by_name").to_owned(),
        href: resource.filter(|_| is_there).map(|resource| format!("{}/{}", resource.page(), text("row_id"))),
        moment: at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| page.moment(&at)),
        at: at.to_owned(),
    }
}
