//! What clients write into the fields of a resource: read and checked, every wrong field reported at once.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use tenancy::{EmailAddress, Money, UserId, fields::FieldErrors, ids::AnyId, money::MoneyError};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::field::{Field, Takes};
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

/// The longest tag, in characters.
const MAX_TAG: usize = 50;
/// Beyond this many digits a JSON number may have lost some on its way; a text has not.
const EXACT_DIGITS: usize = 15;
/// How deep JSON may be nested.
const MAX_DEPTH: usize = 20;

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

/// The text, `Some(None)` for null, `None` with the reason noted for anything else.
#[expect(clippy::option_option, reason = "wrong, null and a text are three things")]
fn text(name: &str, json: Json, errors: &mut FieldErrors) -> Option<Option<String>> {
    match json {
        Json::Null => Some(None),
        Json::String(text) => Some(Some(text)),
        _ => {
            errors.add(name, "must be a text");
            None
        }
    }
}

fn day(text: &str) -> Result<Date, &'static str> {
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text && day.year() >= 1);
    day.ok_or("must be a day, like 2025-12-31")
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    let moment = text.parse::<Timestamp>().ok().filter(|time| {
        let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
        (1..=9999).contains(&year)
    });
    let moment = moment.ok_or("must be a moment, like 2025-12-31T09:00:00Z")?;
    // PostgreSQL keeps microseconds.
    Timestamp::from_microsecond(moment.as_microsecond()).map_err(|_| "must be a moment, like 2025-12-31T09:00:00Z")
}

fn amount(json: &Json) -> Result<Decimal, &'static str> {
    const WRONG: &str = "must be an amount, like \"1250.00\"";
    let amount = match json {
        Json::Null => Ok(Decimal::ZERO),
        Json::String(text) if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-')) => {
            Decimal::from_str_exact(text).map_err(|_| WRONG)
        }
        Json::Number(number) => {
            let text = number.to_string();
            if text.bytes().filter(u8::is_ascii_digit).count() > EXACT_DIGITS {
                return Err("must be written as a text, because a number loses digits");
            }
            Decimal::from_str_exact(&text).map_err(|_| WRONG)
        }
        _ => Err(WRONG),
    }?;
    if amount.is_sign_negative() && !amount.is_zero() { Err("must not be negative") } else { Ok(amount.abs()) }
}

fn decimal(json: &Json, max: u32) -> Result<Decimal, String> {
    let number = amount(json).ok().map(|number| number.normalize());
    let fits = |number: &Decimal| number.scale() <= 2 && *number <= Decimal::from(max);
    let mut number = number
        .filter(fits)
        .ok_or_else(|| format!("must be a number from 0 to {max} with at most two decimal places"))?;
    number.rescale(2);
    Ok(number)
}

fn tags(json: Json, max: usize) -> Result<Vec<String>, String> {
    let wrong = || format!("must be a list of at most {max} texts of 1 to {MAX_TAG} characters");
    let list = match json {
        Json::Null => return Ok(Vec::new()),
        Json::Array(list) if list.len() <= max => list,
        _ => return Err(wrong()),
    };
    let mut tags = Vec::with_capacity(list.len());
    for tag in list {
        let Json::String(tag) = tag else { return Err(wrong()) };
        let tag = tag.trim();
        let length = tag.chars().count();
        if !(1..=MAX_TAG).contains(&length) || tag.chars().any(char::is_control) {
            return Err(wrong());
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    Ok(tags)
}

fn users(json: &Json, max: usize) -> Result<Vec<UserId>, String> {
    let wrong = || format!("must be a list of at most {max} ids of users");
    let list = match json {
        Json::Null => return Ok(Vec::new()),
        Json::Array(list) if list.len() <= max => list,
        _ => return Err(wrong()),
    };
    let mut ids: Vec<UserId> = Vec::with_capacity(list.len());
    for id in list {
        let id = id.as_str().and_then(|id| id.parse().ok()).ok_or_else(wrong)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// JSON that PostgreSQL can keep: it has no NUL in texts, and a limit on numbers.
fn storable(json: Json, max: usize) -> Result<Json, String> {
    fn fits(json: &Json, depth: usize) -> bool {
        let fits_text = |text: &str| !text.contains('\0');
        match json {
            Json::Null | Json::Bool(_) => true,
            Json::Number(number) => number.to_string().len() <= 40,
            Json::String(text) => fits_text(text),
            Json::Array(list) => depth > 0 && list.iter().all(|json| fits(json, depth - 1)),
            Json::Object(map) => depth > 0 && map.iter().all(|(key, json)| fits_text(key) && fits(json, depth - 1)),
        }
    }
    if json.to_string().len() > max {
        return Err(format!("must have at most {max} bytes"));
    }
    if fits(&json, MAX_DEPTH) { Ok(json) } else { Err("has a text or number that can't be stored".to_owned()) }
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

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(amount(&json!("0.10")), Ok(Decimal::new(10, 2)));
        assert_eq!(amount(&json!(1250.5)), Ok(Decimal::new(12505, 1)));
        for wrong in [json!("1e3"), json!(""), json!("1,5"), json!(true), json!(1_234_567_890_123_456_789_u64)] {
            assert!(amount(&wrong).is_err(), "{wrong}");
        }
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
