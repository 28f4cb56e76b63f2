//! What clients write into the fields of a resource: read and checked, every wrong field reported at once.

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use tenancy::{EmailAddress, Money, UserId, fields::FieldErrors, ids::AnyId, money::MoneyError};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::{
    field::{Field, Takes},
    formats::{amount, day, decimal, storable, tags, text, time, users},
};
use crate::Parameter;

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Option<String>),
    Day(Option<Date>),
    Time(Option<Timestamp>),
    Amount(Decimal),
    Decimal(Option<Decimal>),
    Flag(bool),
    Texts(Vec<String>),
    Json(Json),
    Id(Option<Uuid>),
    /// A member, with the name that was found for the id.
    User(Option<Uuid>, Option<String>),
    /// Members, with the names that were found for their ids.
    Users(Vec<UserId>, Json),
    /// The year of a number.
    Year(i32),
}

/// A field and what it is to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) field: &'static Field,
    pub(super) value: Value,
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Who writes, and what stands for what is not given.
pub(super) struct Writer<'a> {
    pub(super) user: UserId,
    pub(super) user_name: &'a str,
    pub(super) currency: &'a str,
    pub(super) year: i32,
}

impl Value {
    /// The value as a statement takes it: one parameter for each of its columns.
    pub(super) fn parameters<'a>(&'a self, parameters: &mut Vec<Parameter<'a>>) {
        let mut push = |value: &'a (dyn ToSql + Sync), of: Type| parameters.push((value, of));
        match self {
            Self::Text(text) => push(text, Type::TEXT),
            Self::Day(day) => push(day, Type::DATE),
            Self::Time(time) => push(time, Type::TIMESTAMPTZ),
            Self::Amount(amount) => push(amount, Type::NUMERIC),
            Self::Decimal(number) => push(number, Type::NUMERIC),
            Self::Flag(flag) => push(flag, Type::BOOL),
            Self::Texts(texts) => push(texts, Type::TEXT_ARRAY),
            Self::Json(json) | Self::Users(_, json) => push(json, Type::JSONB),
            Self::Id(id) => push(id, Type::UUID),
            Self::User(id, name) => {
                push(id, Type::UUID);
                push(name, Type::TEXT);
            }
            Self::Year(year) => push(year, Type::INT4),
        }
    }
}

/// The value of a field, where it was given.
pub(super) fn find<'a>(values: &'a [Written], name: &str) -> Option<&'a Value> {
    values.iter().find(|written| written.field.name == name).map(|written| &written.value)
}

/// Reads all fields; those that are not given have their defaults.
pub(super) fn read_whole(
    fields: &'static [Field],
    mut body: Map<String, Json>,
    writer: &Writer<'_>,
    errors: &mut FieldErrors,
) -> Vec<Written> {
    let mut values = Vec::with_capacity(fields.len());
    for field in fields.iter().filter(|field| field.is_inserted()) {
        let given = if field.is_writable() { body.remove(field.written_as()) } else { None };
        let value = field.read(given.unwrap_or(Json::Null), writer, errors);
        values.extend(value.map(|value| Written { field, value }));
    }
    name_unknown(&body, errors);
    values
}

/// Reads what a row is to be from now on. What can't be changed may be left out, and so may what was filled in for
/// whoever made the row: both stay.
pub(super) fn read_replacement(
    fields: &'static [Field],
    body: Map<String, Json>,
    writer: &Writer<'_>,
    errors: &mut FieldErrors,
) -> Vec<Written> {
    let given: HashMap<String, bool> = body.iter().map(|(name, json)| (name.clone(), json.is_null())).collect();
    let mut values = read_whole(fields, body, writer, errors);
    values.retain_mut(|written| {
        let field = written.field;
        let given = given.get(field.written_as());
        if given == Some(&true) && field.takes == Takes::User {
            written.value = Value::User(None, None);
        }
        field.is_writable() && (given.is_some() || !(field.fixed || field.prefilled))
    });
    values
}

/// Reads the fields that are given.
pub(super) fn read_change(
    fields: &'static [Field],
    mut body: Map<String, Json>,
    writer: &Writer<'_>,
    errors: &mut FieldErrors,
) -> Vec<Written> {
    let mut values = Vec::new();
    for field in fields.iter().filter(|field| field.is_writable()) {
        let Some(json) = body.remove(field.written_as()) else { continue };
        // Whoever sends a whole may write null for what they do not have; a change to null must mean something.
        if json.is_null() && !field.may_be_nothing() {
            errors.add(field.written_as(), "must not be null");
        } else if json.is_null() && field.takes == Takes::User {
            values.push(Written { field, value: Value::User(None, None) });
        } else {
            let value = field.read(json, writer, errors);
            values.extend(value.map(|value| Written { field, value }));
        }
    }
    name_unknown(&body, errors);
    values
}

fn name_unknown(body: &Map<String, Json>, errors: &mut FieldErrors) {
    for unknown in body.keys().take(20) {
        errors.add(&unknown.chars().take(100).collect::<String>(), "is not a field that can be written");
    }
}

/// Notes where amounts do not fit their currencies, as far as both are among the values.
pub(super) fn check_money(values: &[Written], errors: &mut FieldErrors) {
    for written in values {
        let Takes::Amount { currency: of } = written.field.takes else { continue };
        if let (Value::Amount(amount), Some(Value::Text(Some(currency)))) = (&written.value, find(values, of)) {
            match Money::new(*amount, currency) {
                Ok(_) => {}
                Err(MoneyError::Currency) => errors.add(of, MoneyError::Currency),
                Err(error) => errors.add(written.field.name, error),
            }
        }
    }
}

/// Whether an amount is among the values and its currency is not, or the other way round.
pub(super) fn has_half_of_money(fields: &[Field], values: &[Written]) -> bool {
    fields.iter().any(|field| match field.takes {
        Takes::Amount { currency } => find(values, field.name).is_some() != find(values, currency).is_some(),
        _ => false,
    })
}

impl Field {
    fn read(&'static self, json: Json, writer: &Writer<'_>, errors: &mut FieldErrors) -> Option<Value> {
        let name = self.written_as();
        match self.takes {
            Takes::Text(max) => self.read_text(json, max, errors).map(Value::Text),
            Takes::UpperText(max) => {
                let text = self.read_text(json, max, errors)?.map(|text| text.to_uppercase());
                match &text {
                    Some(text) if text.chars().count() > max => {
                        errors.add(name, format_args!("must have 1 to {max} characters"));
                        None
                    }
                    _ => Some(Value::Text(text)),
                }
            }
            Takes::Email => match self.given(text(name, json, errors)?, errors)? {
                Some(text) => {
                    errors.take(name, EmailAddress::parse(&text)).map(|email| Value::Text(Some(email.to_string())))
                }
                None => Some(Value::Text(None)),
            },
            Takes::Day => match self.given(text(name, json, errors)?, errors)? {
                Some(text) => errors.take(name, day(&text)).map(|day| Value::Day(Some(day))),
                None => Some(Value::Day(None)),
            },
            Takes::Time => match text(name, json, errors)? {
                Some(text) => errors.take(name, time(&text)).map(|time| Value::Time(Some(time))),
                None if self.required => {
                    errors.add(name, "must not be empty");
                    None
                }
                None if self.prefilled => Some(Value::Time(Some(Timestamp::now()))),
                None => Some(Value::Time(None)),
            },
            Takes::OneOf(words) => match text(name, json, errors)? {
                None => words.first().map(|word| Value::Text(Some((*word).to_owned()))),
                Some(text) if words.contains(&text.as_str()) => Some(Value::Text(Some(text))),
                Some(_) => {
                    errors.add(name, format_args!("must be one of: {}", words.join(", ")));
                    None
                }
            },
            Takes::Amount { .. } => errors.take(name, amount(&json)).map(Value::Amount),
            Takes::Currency => {
                let code = text(name, json, errors)?.unwrap_or_else(|| writer.currency.to_owned());
                if Money::new(Decimal::ZERO, &code).is_err() {
                    errors.add(name, "must be a code of ISO 4217, like TRY");
                    return None;
                }
                Some(Value::Text(Some(code)))
            }
            Takes::Decimal(max) => match json {
                Json::Null if self.required => {
                    errors.add(name, "must not be empty");
                    None
                }
                Json::Null => Some(Value::Decimal(None)),
                json => errors.take(name, decimal(&json, max)).map(|number| Value::Decimal(Some(number))),
            },
            Takes::Flag => match json {
                Json::Null => Some(Value::Flag(false)),
                Json::Bool(flag) => Some(Value::Flag(flag)),
                _ => {
                    errors.add(name, "must be true or false");
                    None
                }
            },
            Takes::Tags(max) => errors.take(name, tags(json, max)).map(Value::Texts),
            Takes::Json(max) => {
                if self.required && json.is_null() {
                    errors.add(name, "must not be empty");
                    return None;
                }
                errors.take(name, storable(json, max)).map(Value::Json)
            }
            Takes::Reference(prefix) => match self.given(text(name, json, errors)?, errors)? {
                Some(text) => errors.take(name, AnyId::parse(prefix, &text)).map(|id| Value::Id(Some(id.uuid))),
                None => Some(Value::Id(None)),
            },
            Takes::User => match text(name, json, errors)? {
                Some(text) => errors.take(name, text.parse::<UserId>()).map(|id| Value::User(Some(id.uuid()), None)),
                None if self.prefilled => {
                    Some(Value::User(Some(writer.user.uuid()), Some(writer.user_name.to_owned())))
                }
                None => Some(Value::User(None, None)),
            },
            Takes::Users(max) => errors.take(name, users(&json, max)).map(|ids| Value::Users(ids, json!([]))),
            Takes::Number(_) => Some(Value::Year(writer.year)),
            Takes::Shown(_) => None,
        }
    }

    /// Text of 1 to `max` characters, or nothing.
    #[expect(clippy::option_option, reason = "wrong, nothing and a text are three things")]
    fn read_text(&self, json: Json, max: usize, errors: &mut FieldErrors) -> Option<Option<String>> {
        match self.given(text(self.name, json, errors)?, errors)? {
            Some(text) => errors.text(self.name, &text, 1, max).map(Some),
            None => Some(None),
        }
    }

    /// An empty text counts as none; where there must be one, that is noted.
    #[expect(clippy::option_option, reason = "wrong, nothing and a text are three things")]
    fn given(&self, text: Option<String>, errors: &mut FieldErrors) -> Option<Option<String>> {
        let text = text.filter(|text| !text.trim().is_empty());
        if text.is_none() && self.required {
            errors.add(self.written_as(), "must not be empty");
            return None;
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        vec![
            Field::text("name", 10).required(),
            Field::text("note", 10),
            Field::email("email"),
            Field::day("since"),
            Field::time("at"),
            Field::one_of("state", &["on", "off"]),
            Field::amount("revenue", "currency"),
            Field::currency("currency"),
            Field::decimal("hours", 24),
            Field::flag("all_day"),
            Field::tags("tags", 2),
            Field::reference("customer_id", "cus"),
            Field::user("owner").prefilled(),
            Field::users("people", 2),
            Field::json("value", 50),
            Field::upper_text("key", 5),
        ]
    });

    fn check(body: &Json, whole: bool) -> Result<Vec<Written>, Vec<String>> {
        let mut errors = FieldErrors::default();
        let writer = Writer { user: UserId::generate(), user_name: "Ada", currency: "TRY", year: 2025 };
        let body = body.as_object().unwrap().clone();
        let read = if whole { read_whole } else { read_change };
        let values = read(&FIELDS, body, &writer, &mut errors);
        check_money(&values, &mut errors);
        errors.finish().map(|()| values).map_err(|problem| problem.errors().keys().cloned().collect())
    }

    #[test]
    fn a_change_has_what_was_given_alone() {
        assert_eq!(check(&json!({}), false), Ok(vec![]));
        let values = check(&json!({"note": null, "state": "off", "owner_id": null, "key": "ab"}), false).unwrap();
        assert_eq!(find(&values, "note"), Some(&Value::Text(None)));
        assert_eq!(find(&values, "state"), Some(&Value::Text(Some("off".to_owned()))));
        assert_eq!(find(&values, "owner"), Some(&Value::User(None, None)));
        assert_eq!(find(&values, "key"), Some(&Value::Text(Some("AB".to_owned()))));
        let nulls = json!({"name": null, "state": null, "tags": null, "value": null});
        assert_eq!(check(&nulls, false), Err(["name", "state", "tags", "value"].map(Into::into).into()));
    }

    #[test]
    fn a_whole_has_defaults() {
        let values = check(&json!({"name": " Çağrı 🎪 "}), true).unwrap();
        assert_eq!(values.len(), FIELDS.len());
        assert_eq!(find(&values, "name"), Some(&Value::Text(Some("Çağrı 🎪".to_owned()))));
        assert_eq!(find(&values, "state"), Some(&Value::Text(Some("on".to_owned()))));
        assert_eq!(find(&values, "revenue"), Some(&Value::Amount(Decimal::ZERO)));
        assert!(matches!(find(&values, "owner"), Some(Value::User(Some(_), Some(name))) if name == "Ada"));
    }

    #[test]
    fn a_replacement_keeps_what_was_filled_in() {
        let replace = |body: Json| {
            let writer = Writer { user: UserId::generate(), user_name: "Ada", currency: "TRY", year: 2025 };
            let body = body.as_object().unwrap().clone();
            read_replacement(&FIELDS, body, &writer, &mut FieldErrors::default())
        };
        let values = replace(json!({"name": "a"}));
        assert_eq!(values.len(), FIELDS.len() - 1);
        assert_eq!(find(&values, "owner"), None);
        assert_eq!(find(&values, "note"), Some(&Value::Text(None)));
        let values = replace(json!({"name": "a", "owner_id": null}));
        assert_eq!(find(&values, "owner"), Some(&Value::User(None, None)));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = json!({
            "name": "a\u{0}b", "note": 5, "email": "x", "since": "2025-02-30", "at": "yesterday", "state": "maybe",
            "revenue": "-1", "currency": "XXQ", "hours": 25, "all_day": "yes", "tags": ["a", "b", "c"],
            "customer_id": "usr_1", "owner_id": "me", "people": ["me"], "value": "x".repeat(60), "key": "abcdef",
            "id; DROP TABLE": 1,
        });
        let mut expected: Vec<String> = wrong.as_object().unwrap().keys().cloned().collect();
        expected.sort();
        assert_eq!(check(&wrong, true), Err(expected));
        assert_eq!(check(&json!({"value": {"a": "\u{0}"}}), false), Err(vec!["value".into()]));
        assert_eq!(check(&json!({"revenue": "1.5", "currency": "JPY"}), false), Err(vec!["revenue".into()]));
        assert_eq!(check(&json!({"hours": "1.255"}), false), Err(vec!["hours".into()]));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reading(text in ".*") {
            for field in FIELDS.iter() {
                let _ = check(&json!({field.written_as(): text.clone()}), true);
                let _ = check(&json!({field.written_as(): text.clone()}), false);
            }
        }
    }
}
