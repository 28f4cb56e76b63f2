//! The mapping file: what of the source becomes which table and column of the tenant.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What of the source goes where. Everything that the source has is named, also what is left out: nothing is lost by
/// being forgotten.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Where a time without an offset, and the day of an instant, are.
    pub(super) zone: TimeZone,
    /// Collections or tables of the source that nobody wants.
    pub(super) leave_out: Vec<String>,
    /// By the tenant's table.
    pub(super) tables: BTreeMap<String, TableMapping>,
}

/// What one table of the tenant is filled from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableMapping {
    /// The collection or table of the source.
    pub(super) from: String,
    /// Fields that nobody wants.
    #[serde(default)]
    pub(super) leave_out: Vec<String>,
    /// By the tenant's column.
    pub(super) columns: BTreeMap<String, ColumnMapping>,
}

/// What one column is filled from.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a column is filled from \"a.field\", { from = \"a.field\", values = { theirs = \"ours\" } }, or { value = \"the same for all\" }"
)]
pub(super) enum ColumnMapping {
    /// A field; a dot leads into a field of a field.
    Field(String),
    /// A field whose words are others here.
    Translated(Translated),
    /// The same in every row.
    Constant(Constant),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Translated {
    pub(super) from: String,
    pub(super) values: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Constant {
    pub(super) value: Value,
}

/// Why a mapping file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It is no TOML of this form.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// There is no such time zone.
    #[error("time_zone: {0:?} is no time zone of the IANA database, like Europe/Istanbul")]
    Zone(String),
    /// Nothing would be adopted.
    #[error("no table is mapped; begin with [tables.customers]")]
    Empty,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`MappingError`].
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            time_zone: Option<String>,
            #[serde(default)]
            leave_out: Vec<String>,
            #[serde(default)]
            tables: BTreeMap<String, TableMapping>,
        }
        let file: File = toml::from_str(text)?;
        if file.tables.is_empty() {
            return Err(MappingError::Empty);
        }
        let zone = match file.time_zone {
            Some(name) => TimeZone::get(&name).map_err(|_| MappingError::Zone(name))?,
            None => TimeZone::UTC,
        };
        Ok(Self { zone, leave_out: file.leave_out, tables: file.tables })
    }
}

impl TableMapping {
    /// The fields that its columns are filled from.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.columns.values().filter_map(|column| match column {
            ColumnMapping::Field(path) => Some(path.as_str()),
            ColumnMapping::Translated(translated) => Some(translated.from.as_str()),
            ColumnMapping::Constant(_) => None,
        })
    }

    /// Fields of a row with something in them that the mapping does not name.
    pub(super) fn unnamed(&self, row: &Map<String, Value>) -> Vec<String> {
        let mut unnamed = Vec::new();
        self.look_through(row, "", &mut unnamed);
        unnamed
    }

    fn look_through(&self, fields: &Map<String, Value>, prefix: &str, unnamed: &mut Vec<String>) {
        for (name, value) in fields {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let named = self.fields().chain(self.leave_out.iter().map(String::as_str)).any(|field| field == path);
            match value {
                _ if named => {}
                Value::Null => {}
                Value::Object(inner) => self.look_through(inner, &path, unnamed),
                _ => unnamed.push(path),
            }
        }
    }
}

/// What a row has at a path of fields; `None` where nothing is.
pub(super) fn at<'a>(row: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    // A column of PostgreSQL may have a dot in its name.
    let found = row.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        at(row.get(first)?.as_object()?, rest)
    });
    found.filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CUSTOMERS: &str = r#"
        time_zone = "Europe/Istanbul"
        leave_out = ["countries"]
        [tables.customers]
        from = "musteriler"
        leave_out = ["__v"]
        [tables.customers.columns]
        id = "_id"
        company_name = "ad"
        city = "adres.sehir"
        status = { from = "durum", values = { aktif = "active" } }
        currency = { value = "TRY" }
    "#;

    #[test]
    fn every_field_with_something_in_it_is_named_or_told() {
        let mapping = Mapping::parse(CUSTOMERS).unwrap();
        let row = json!({
            "_id": 1, "ad": "Işık", "__v": 0, "durum": "aktif", "not": "x", "bos": null,
            "adres": { "sehir": "İzmir", "ilce": "Konak" }, "etiketler": []
        });
        let row = row.as_object().unwrap();
        let customers = &mapping.tables["customers"];
        assert_eq!(customers.unnamed(row), ["adres.ilce", "etiketler", "not"]);
        assert_eq!(at(row, "adres.sehir"), Some(&json!("İzmir")));
        assert_eq!(at(row, "adres.posta"), None);
        assert_eq!(at(row, "bos"), None);
    }

    #[test]
    fn a_mistake_is_named() {
        let said = |text: &str| Mapping::parse(text).unwrap_err().to_string();
        assert!(said("").contains("no table"));
        assert!(said("time_zone = 'Mars'\n[tables.a]\nfrom = 'b'\ncolumns = {}").contains("Mars"));
        assert!(said("[tables.a]\nfrom = 'b'\ncolumns = {}\nextra = 1").contains("extra"));
        assert!(said("[tables.a]\nfrom = 'b'\ncolumns = { c = 1 }").contains("a column is filled from"));
    }
}
