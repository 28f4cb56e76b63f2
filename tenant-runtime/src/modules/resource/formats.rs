//! How values are written in JSON: each is read, or it is said what would be right.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use tenancy::{UserId, fields::FieldErrors};

/// The longest tag, in characters.
const MAX_TAG: usize = 50;
/// Beyond this many digits a JSON number may have lost some on its way; a text has not.
const EXACT_DIGITS: usize = 15;
/// The largest number in JSON, on either side of zero.
const MAX_NUMBER: f64 = 1e300;
/// How deep JSON may be nested.
const MAX_DEPTH: usize = 20;

/// The text, `Some(None)` for null, `None` with the reason noted for anything else.
#[expect(clippy::option_option, reason = "wrong, null and a text are three things")]
pub(super) fn text(name: &str, json: Json, errors: &mut FieldErrors) -> Option<Option<String>> {
    match json {
        Json::Null => Some(None),
        Json::String(text) => Some(Some(text)),
        _ => {
            errors.add(name, "must be a text");
            None
        }
    }
}

pub(super) fn day(text: &str) -> Result<Date, &'static str> {
    let day = text.parse::<Date>().ok().filter(|day| day.to_string() == text && day.year() >= 1);
    day.ok_or("must be a day, like 2025-12-31")
}

pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    let moment = text.parse::<Timestamp>().ok().filter(|time| {
        let year = time.to_zoned(jiff::tz::TimeZone::UTC).year();
        (1..=9999).contains(&year)
    });
    let moment = moment.ok_or("must be a moment, like 2025-12-31T09:00:00Z")?;
    // PostgreSQL keeps microseconds.
    Timestamp::from_microsecond(moment.as_microsecond()).map_err(|_| "must be a moment, like 2025-12-31T09:00:00Z")
}

pub(super) fn amount(json: &Json) -> Result<Decimal, &'static str> {
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

pub(super) fn decimal(json: &Json, max: u32) -> Result<Decimal, String> {
    let number = amount(json).ok().map(|number| number.normalize());
    let fits = |number: &Decimal| number.scale() <= 2 && *number <= Decimal::from(max);
    let mut number = number
        .filter(fits)
        .ok_or_else(|| format!("must be a number from 0 to {max} with at most two decimal places"))?;
    number.rescale(2);
    Ok(number)
}

pub(super) fn tags(json: Json, max: usize) -> Result<Vec<String>, String> {
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

pub(super) fn users(json: &Json, max: usize) -> Result<Vec<UserId>, String> {
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

/// JSON that PostgreSQL can keep and that can be read again: it has no NUL in texts, and it writes numbers out, so that
/// the largest would be read as more than a float holds.
pub(super) fn storable(json: Json, max: usize) -> Result<Json, String> {
    fn fits(json: &Json, depth: usize) -> bool {
        let fits_text = |text: &str| !text.contains('\0');
        match json {
            Json::Null | Json::Bool(_) => true,
            Json::Number(number) => {
                number.to_string().len() <= 40 && number.as_f64().is_some_and(|number| number.abs() <= MAX_NUMBER)
            }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_kept_where_it_can_be_read_again() {
        for good in [json!({"a": [1, -2.5, null, true, "b"]}), json!(1e300), json!(-1e300), json!(1e-300)] {
            assert_eq!(storable(good.clone(), 100), Ok(good));
        }
        for bad in [json!(1.7976931348623157e308), json!([-1e301]), json!({"a\u{0}": 1}), json!("x".repeat(100))] {
            assert!(storable(bad.clone(), 100).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(amount(&json!("0.10")), Ok(Decimal::new(10, 2)));
        assert_eq!(amount(&json!(1250.5)), Ok(Decimal::new(12505, 1)));
        for wrong in [json!("1e3"), json!(""), json!("1,5"), json!(true), json!(1_234_567_890_123_456_789_u64)] {
            assert!(amount(&wrong).is_err(), "{wrong}");
        }
    }
}
