//! A value of the source as a column of the tenant will hold it. The same function reads what the column then holds, so
//! that the two can be compared: what PostgreSQL would round, cut off or shift by a day is found.

use std::str::FromStr;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use tenancy::text_enum;
use uuid::Uuid;

text_enum! {
    /// What a column holds, by the name of its type in `pg_type`.
    pub(super) enum Shape {
        /// Text.
        Text = "text",
        /// A number without places.
        Integer = "int4",
        /// One of 8 bytes.
        Long = "int8",
        /// A number with places.
        Decimal = "numeric",
        /// A day.
        Date = "date",
        /// A moment.
        Instant = "timestamptz",
        /// Yes or no.
        Bool = "bool",
        /// An identifier.
        Uuid = "uuid",
        /// Texts.
        Texts = "_text",
        /// Anything.
        Json = "jsonb",
    }
}

/// `None` is nothing: the column's default. `Err` says what is wrong with it.
pub(super) fn shaped(value: &Value, shape: Shape, zone: &TimeZone) -> Result<Option<Value>, String> {
    if value.is_null() {
        return Ok(None);
    }
    // Programs that know no null write an empty text for it.
    if matches!(value, Value::String(text) if text.trim().is_empty()) && !matches!(shape, Shape::Text | Shape::Json) {
        return Ok(None);
    }
    let found = match shape {
        Shape::Text => Value::String(text(value)?),
        Shape::Integer | Shape::Long | Shape::Decimal => Value::String(number(&text(value)?)?),
        Shape::Date => Value::String(date(&words(value)?, zone)?.to_string()),
        Shape::Instant => Value::String(instant(&words(value)?, zone)?.to_string()),
        Shape::Bool => Value::Bool(yes_or_no(value)?),
        Shape::Uuid => {
            let text = words(value)?;
            Value::String(Uuid::parse_str(&text).map_err(|_| format!("{text:?} is no UUID"))?.to_string())
        }
        Shape::Texts => match value {
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| text(item).map(Value::String)).collect::<Result<_, _>>()?)
            }
            _ => return Err(format!("{} is no list", brief(value))),
        },
        Shape::Json => canonical(value)?,
    };
    Ok(Some(found))
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err("has the character NUL, which PostgreSQL can't hold".to_owned())
        }
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(bool) => Ok(bool.to_string()),
        _ => Err(format!("{} is no text", brief(value))),
    }
}

fn words(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        _ => Err(format!("{} is no text", brief(value))),
    }
}

/// Without what says nothing: zeros at the end, a sign of zero.
fn number(text: &str) -> Result<String, String> {
    let text = text.trim();
    let parsed = if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) };
    let decimal = parsed.map_err(|_| format!("{text:?} is no number of at most 28 digits"))?;
    Ok(if decimal.is_zero() { "0".to_owned() } else { decimal.normalize().to_string() })
}

fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(timestamp) = Timestamp::from_str(text) {
        return Ok(timestamp);
    }
    let civil = DateTime::from_str(text).map_err(|_| format!("{text:?} is no time like 2026-11-22T09:30:00Z"))?;
    Ok(civil.to_zoned(zone.clone()).map_err(|error| error.to_string())?.timestamp())
}

fn date(text: &str, zone: &TimeZone) -> Result<Date, String> {
    // What was meant is the day where it was written: midnight in Istanbul is the evening before in UTC.
    if let Ok(timestamp) = Timestamp::from_str(text) {
        return Ok(timestamp.to_zoned(zone.clone()).date());
    }
    Date::from_str(text).map_err(|_| format!("{text:?} is no date like 2026-11-22"))
}

fn yes_or_no(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(bool) => Ok(*bool),
        Value::String(text) if matches!(text.as_str(), "true" | "t") => Ok(true),
        Value::String(text) if matches!(text.as_str(), "false" | "f") => Ok(false),
        _ => Err(format!("{} is neither true nor false", brief(value))),
    }
}

/// Keys in order, numbers as [`number`] writes them: what `jsonb` holds, however it was written.
fn canonical(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let sorted = fields.into_iter().map(|(name, value)| Ok((name.clone(), canonical(value)?)));
            Value::Object(sorted.collect::<Result<Map<_, _>, String>>()?)
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect::<Result<_, _>>()?),
        Value::Number(found) => {
            let plain = number(&found.to_string())?;
            serde_json::from_str(&plain).map_err(|_| format!("{found} is no number"))?
        }
        Value::String(_) => Value::String(text(value)?),
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn istanbul() -> TimeZone {
        TimeZone::get("Europe/Istanbul").unwrap()
    }

    fn shape(value: &Value, shape: Shape) -> Result<Option<Value>, String> {
        shaped(value, shape, &istanbul())
    }

    #[test]
    fn what_differs_in_writing_only_is_the_same() {
        for same in [json!(12.5), json!("12.50"), json!("1.25e1"), json!(" 12.5 ")] {
            assert_eq!(shape(&same, Shape::Decimal), Ok(Some(json!("12.5"))));
        }
        assert_eq!(shape(&json!("-0.00"), Shape::Decimal), Ok(Some(json!("0"))));
        let moment = json!("2026-11-21T21:00:00Z");
        for same in [moment.clone(), json!("2026-11-22 00:00:00+03"), json!("2026-11-22T00:00:00")] {
            assert_eq!(shape(&same, Shape::Instant), Ok(Some(moment.clone())));
        }
        assert_eq!(shape(&json!({"b": 1.0, "a": "x"}), Shape::Json), shape(&json!({"a": "x", "b": 1}), Shape::Json));
    }

    #[test]
    fn a_day_is_the_day_where_it_was_written() {
        assert_eq!(shape(&json!("2026-11-21T21:00:00Z"), Shape::Date), Ok(Some(json!("2026-11-22"))));
        assert_eq!(shape(&json!("2026-11-21"), Shape::Date), Ok(Some(json!("2026-11-21"))));
    }

    #[test]
    fn nothing_is_nothing_and_an_empty_text_is_a_text() {
        assert_eq!(shape(&json!(""), Shape::Date), Ok(None));
        assert_eq!(shape(&json!(null), Shape::Text), Ok(None));
        assert_eq!(shape(&json!(""), Shape::Text), Ok(Some(json!(""))));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (value, shape_of) in [
            (json!("31.12.2025"), Shape::Date),
            (json!("yarın"), Shape::Instant),
            (json!("1,5"), Shape::Decimal),
            (json!("0.12345678901234567890123456789"), Shape::Decimal),
            (json!("NaN"), Shape::Decimal),
            (json!("a\0b"), Shape::Text),
            (json!({ "a": 1 }), Shape::Text),
            (json!("a, b"), Shape::Texts),
            (json!("evet"), Shape::Bool),
            (json!(1_700_000_000_000_i64), Shape::Instant),
        ] {
            assert!(shape(&value, shape_of).is_err(), "{value} as {shape_of}");
        }
    }
}
