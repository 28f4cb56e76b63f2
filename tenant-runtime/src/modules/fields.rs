//! The fields of a resource that clients may write: described in a table, read and checked by it, every wrong one
//! reported at once.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use tenancy::{EmailAddress, fields::FieldErrors};
use tokio_postgres::types::{ToSql, Type};

use crate::Parameter;

/// One field: its name in JSON, which is its column's, and what it takes.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
}

/// What a field takes.
pub(crate) enum Takes {
    /// Text of at most so many characters that must be given.
    RequiredText(usize),
    /// Text of at most so many characters, or nothing.
    Text(usize),
    /// An e-mail address, or nothing.
    Email,
    /// A day, or nothing.
    Day,
    /// One of these words; the first when none is given.
    OneOf(&'static [&'static str]),
    /// An amount of at least zero; zero when none is given.
    Amount,
    /// A currency; the tenant's when none is given.
    Currency,
    /// A list of at most so many short texts.
    Tags(usize),
}

/// A checked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Option<String>),
    Day(Option<Date>),
    Amount(Decimal),
    Texts(Vec<String>),
}

/// The checked values of the fields that were given, in the table's order.
pub(crate) type Values = Vec<(&'static str, Value)>;

/// The longest tag, in characters.
const MAX_TAG: usize = 50;
/// Beyond this many digits a JSON number may have lost some on its way; a text has not.
const EXACT_DIGITS: usize = 15;

impl Value {
    /// The value as a statement takes it.
    pub(crate) fn parameter(&self) -> Parameter<'_> {
        match self {
            Self::Text(text) => (text as &(dyn ToSql + Sync), Type::TEXT),
            Self::Day(day) => (day, Type::DATE),
            Self::Amount(amount) => (amount, Type::NUMERIC),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
        }
    }
}

/// The value of a field, where it was given.
pub(crate) fn find<'a>(values: &'a Values, name: &str) -> Option<&'a Value> {
    values.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
}

/// Reads the fields that are given; with `whole`, those that are not given have their defaults. What is wrong is noted
/// in `errors`.
pub(crate) fn read(
    table: &'static [Field],
    mut body: Map<String, Json>,
    whole: bool,
    currency: &str,
    errors: &mut FieldErrors,
) -> Values {
    let mut values = Values::new();
    for field in table {
        let given = body.remove(field.name);
        let given = if whole { Some(given.unwrap_or(Json::Null)) } else { given };
        let Some(json) = given else { continue };
        // Whoever sends a whole may write null for what they do not have; a change to null must mean something.
        if json.is_null() && !whole && !field.takes.may_be_nothing() {
            errors.add(field.name, "must not be null");
        } else if let Some(value) = field.value(json, currency, errors) {
            values.push((field.name, value));
        }
    }
    for unknown in body.keys().take(20) {
        errors.add(&unknown.chars().take(100).collect::<String>(), "is not a field that can be written");
    }
    values
}

impl Takes {
    const fn may_be_nothing(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Email | Self::Day)
    }
}

impl Field {
    fn value(&self, json: Json, currency: &str, errors: &mut FieldErrors) -> Option<Value> {
        let name = self.name;
        match &self.takes {
            Takes::RequiredText(max) => {
                let text = text(name, json, errors)?.unwrap_or_default();
                errors.text(name, &text, 1, *max).map(|text| Value::Text(Some(text)))
            }
            Takes::Text(max) => match text(name, json, errors)? {
                Some(text) if !text.trim().is_empty() => {
                    errors.text(name, &text, 1, *max).map(|text| Value::Text(Some(text)))
                }
                _ => Some(Value::Text(None)),
            },
            Takes::Email => match text(name, json, errors)? {
                Some(text) if !text.trim().is_empty() => {
                    errors.take(name, EmailAddress::parse(&text)).map(|email| Value::Text(Some(email.to_string())))
                }
                _ => Some(Value::Text(None)),
            },
            Takes::Day => match text(name, json, errors)? {
                Some(text) => errors.take(name, day(&text)).map(|day| Value::Day(Some(day))),
                None => Some(Value::Day(None)),
            },
            Takes::OneOf(words) => match text(name, json, errors)? {
                None => words.first().map(|word| Value::Text(Some((*word).to_owned()))),
                Some(text) if words.contains(&text.as_str()) => Some(Value::Text(Some(text))),
                Some(_) => {
                    errors.add(name, format_args!("must be one of: {}", words.join(", ")));
                    None
                }
            },
            Takes::Amount => errors.take(name, amount(&json)).map(Value::Amount),
            Takes::Currency => {
                let code = text(name, json, errors)?.unwrap_or_else(|| currency.to_owned());
                Some(Value::Text(Some(code)))
            }
            Takes::Tags(max) => errors.take(name, tags(json, *max)).map(Value::Texts),
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const TABLE: &[Field] = &[
        Field { name: "name", takes: Takes::RequiredText(10) },
        Field { name: "note", takes: Takes::Text(10) },
        Field { name: "email", takes: Takes::Email },
        Field { name: "since", takes: Takes::Day },
        Field { name: "state", takes: Takes::OneOf(&["on", "off"]) },
        Field { name: "revenue", takes: Takes::Amount },
        Field { name: "tags", takes: Takes::Tags(2) },
    ];

    fn check(body: &Json, whole: bool) -> Result<Values, Vec<String>> {
        let mut errors = FieldErrors::default();
        let values = read(TABLE, body.as_object().unwrap().clone(), whole, "TRY", &mut errors);
        errors.finish().map(|()| values).map_err(|problem| problem.errors().keys().cloned().collect())
    }

    #[test]
    fn a_change_has_what_was_given_alone() {
        assert_eq!(check(&json!({}), false), Ok(vec![]));
        let values = check(&json!({"note": null, "state": "off"}), false).unwrap();
        assert_eq!(find(&values, "note"), Some(&Value::Text(None)));
        assert_eq!(find(&values, "state"), Some(&Value::Text(Some("off".to_owned()))));
        assert_eq!(check(&json!({"name": null, "state": null}), false), Err(vec!["name".into(), "state".into()]));
    }

    #[test]
    fn a_whole_has_defaults() {
        let values = check(&json!({"name": " Çağrı 🎪 "}), true).unwrap();
        assert_eq!(values.len(), TABLE.len());
        assert_eq!(find(&values, "name"), Some(&Value::Text(Some("Çağrı 🎪".to_owned()))));
        assert_eq!(find(&values, "state"), Some(&Value::Text(Some("on".to_owned()))));
        assert_eq!(find(&values, "revenue"), Some(&Value::Amount(Decimal::ZERO)));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = json!({
            "name": "a\u{0}b", "note": 5, "email": "x", "since": "2025-02-30", "state": "maybe", "revenue": "-1",
            "tags": ["a", "b", "c"], "id; DROP TABLE": 1,
        });
        let expected: Vec<String> =
            ["email", "id; DROP TABLE", "name", "note", "revenue", "since", "state", "tags"].map(Into::into).into();
        assert_eq!(check(&wrong, true), Err(expected));
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
            for field in TABLE {
                let _ = check(&json!({field.name: text.clone()}), true);
                let _ = check(&json!({field.name: text.clone()}), false);
            }
        }
    }
}
