//! Rows as clients see them, written straight from what PostgreSQL sent.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};
use serde_json::Value as Json;
use tenancy::{Money, UserId, ids::AnyId, postgres::describe};
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use super::{
    Resource,
    field::{Field, Shows, Takes},
};
use crate::QueryError;

/// A row of a resource, whose columns begin at `start`.
pub(crate) struct Shown {
    pub(super) resource: &'static Resource,
    pub(super) row: Row,
    pub(super) start: usize,
}

/// A member as clients see one.
#[derive(Serialize)]
struct Member<'a> {
    id: UserId,
    name: &'a str,
}

impl Shown {
    /// What the row's ETag is made of.
    pub(super) fn version(&self) -> Result<i32, QueryError> {
        self.row.try_get(self.row.len() - 1).map_err(QueryError::Statement)
    }

    /// A text of the row, by its column.
    pub(crate) fn text(&self, column: &str) -> Option<String> {
        self.row.try_get(column).ok().flatten()
    }

    pub(super) fn id(&self) -> Result<AnyId, QueryError> {
        let uuid = self.row.try_get(self.start).map_err(QueryError::Statement)?;
        Ok(AnyId { prefix: self.resource.prefix, uuid })
    }

    /// The amount and the currency that a field has in this row.
    pub(super) fn amount(&self, field: &str) -> Result<(Decimal, String), QueryError> {
        let read = || -> Result<_, tokio_postgres::Error> {
            let amount: Decimal = self.row.try_get(field)?;
            let of = self.resource.fields.iter().find_map(|known| match known.takes {
                Takes::Amount { currency } if known.name == field => Some(currency),
                _ => None,
            });
            Ok((amount, self.row.try_get(of.unwrap_or(field))?))
        };
        read().map_err(QueryError::Statement)
    }

    fn get<'a, T: FromSql<'a>, S: Serializer>(&'a self, column: usize) -> Result<T, S::Error> {
        self.row.try_get(column).map_err(|error| S::Error::custom(describe(&error)))
    }

    fn show<S: Serializer>(&self, field: &Field, column: usize, map: &mut S::SerializeMap) -> Result<(), S::Error> {
        let name = field.name;
        match field.takes {
            Takes::Text(_)
            | Takes::UpperText(_)
            | Takes::Email
            | Takes::OneOf(_)
            | Takes::Currency
            | Takes::Number(_)
            | Takes::Shown(Shows::Text) => map.serialize_entry(name, &self.get::<Option<&str>, S>(column)?),
            Takes::Day => map.serialize_entry(name, &self.get::<Option<Date>, S>(column)?),
            Takes::Time => map.serialize_entry(name, &self.get::<Option<Timestamp>, S>(column)?),
            Takes::Amount { .. } => {
                let amount: Decimal = self.get::<_, S>(column)?;
                let currency = self.get::<&str, S>(column + field.to_currency)?;
                // A row that was not written here may have more places than its currency; it is shown as it is.
                let amount = Money::new(amount, currency).map_or(amount, |money| money.amount());
                map.serialize_entry(name, &amount)
            }
            Takes::Decimal(_) | Takes::Shown(Shows::Decimal) => {
                map.serialize_entry(name, &self.get::<Option<Decimal>, S>(column)?)
            }
            Takes::Flag => map.serialize_entry(name, &self.get::<bool, S>(column)?),
            Takes::Tags(_) | Takes::Shown(Shows::Texts) => {
                map.serialize_entry(name, &self.get::<Vec<&str>, S>(column)?)
            }
            Takes::Json(_) | Takes::Users(_) => map.serialize_entry(name, &self.get::<Json, S>(column)?),
            Takes::Reference(prefix) => {
                let id = self.get::<Option<Uuid>, S>(column)?.map(|uuid| AnyId { prefix, uuid });
                map.serialize_entry(name, &id)
            }
            Takes::User => {
                let id = self.get::<Option<UserId>, S>(column)?;
                let name_then = self.get::<Option<&str>, S>(column + 1)?.unwrap_or_default();
                map.serialize_entry(name, &id.map(|id| Member { id, name: name_then }))
            }
            Takes::Shown(Shows::Count) => map.serialize_entry(name, &self.get::<i32, S>(column)?),
            Takes::Shown(Shows::Bytes) => map.serialize_entry(name, &self.get::<i64, S>(column)?),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with(serializer, None)
    }
}

impl Shown {
    /// Writes the row, and the rows that it is shown with.
    fn with<S: Serializer>(&self, serializer: S, parts: Option<(&'static str, &[Shown])>) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut column = self.start;
        let uuid = self.get::<Uuid, S>(column)?;
        map.serialize_entry("id", &AnyId { prefix: self.resource.prefix, uuid })?;
        column += 1;
        for field in &self.resource.fields {
            self.show::<S>(field, column, &mut map)?;
            column += field.columns.len();
        }
        map.serialize_entry("created_by", &self.get::<UserId, S>(column)?)?;
        map.serialize_entry("created_by_name", &self.get::<&str, S>(column + 1)?)?;
        map.serialize_entry("created_at", &self.get::<Timestamp, S>(column + 2)?)?;
        map.serialize_entry("updated_at", &self.get::<Timestamp, S>(column + 3)?)?;
        map.serialize_entry("version", &self.get::<i32, S>(column + 4)?)?;
        if let Some((name, parts)) = parts {
            map.serialize_entry(name, parts)?;
        }
        map.end()
    }
}

/// A row with the rows that belong to it.
pub(super) struct ShownWith<'a> {
    pub(super) whole: &'a Shown,
    pub(super) name: &'static str,
    pub(super) parts: &'a [Shown],
}

impl Serialize for ShownWith<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.whole.with(serializer, Some((self.name, self.parts)))
    }
}
