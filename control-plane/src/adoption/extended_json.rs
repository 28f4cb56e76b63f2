//! MongoDB Extended JSON (v2, canonical and relaxed), as `mongoexport` writes it, as plain JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Says what it can't make plain.
pub(super) fn plain(value: Value) -> Result<Value, String> {
    match value {
        Value::Array(items) => Ok(Value::Array(items.into_iter().map(plain).collect::<Result<_, _>>()?)),
        Value::Object(fields) if fields.keys().any(|name| name.starts_with('$')) => wrapped(&fields),
        Value::Object(fields) => Ok(Value::Object(fields_of(fields)?)),
        other => Ok(other),
    }
}

/// A row's fields.
pub(super) fn fields_of(fields: Map<String, Value>) -> Result<Map<String, Value>, String> {
    fields.into_iter().map(|(name, value)| Ok((name, plain(value)?))).collect()
}

fn wrapped(fields: &Map<String, Value>) -> Result<Value, String> {
    let unknown = || format!("{} can't be adopted", Value::Object(fields.clone()));
    let mut entries = fields.iter();
    let (Some((kind, inner)), None) = (entries.next(), entries.next()) else { return Err(unknown()) };
    match (kind.as_str(), inner) {
        ("$oid" | "$numberDecimal" | "$uuid" | "$symbol", Value::String(text)) => Ok(Value::String(text.clone())),
        ("$numberInt" | "$numberLong" | "$numberDouble", Value::String(text)) => {
            // What JSON has no number for, NaN, stays a text and fits no column of numbers.
            Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
        }
        ("$date", Value::String(text)) => Ok(Value::String(text.clone())),
        ("$date", Value::Object(long)) => {
            let milliseconds = long.get("$numberLong").and_then(Value::as_str).and_then(|text| text.parse().ok());
            let time = milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok()).ok_or_else(unknown)?;
            Ok(Value::String(time.to_string()))
        }
        ("$binary", Value::Object(binary)) => {
            let of_uuid = matches!(binary.get("subType").and_then(Value::as_str), Some("04" | "4"));
            let bytes = binary.get("base64").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
            let uuid = bytes.filter(|_| of_uuid).and_then(|bytes| Uuid::from_slice(&bytes).ok()).ok_or_else(unknown)?;
            Ok(Value::String(uuid.to_string()))
        }
        ("$undefined", _) => Ok(Value::Null),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_mongoexport_writes_is_made_plain() {
        let document = json!({
            "_id": { "$oid": "507f1f77bcf86cd799439011" },
            "n": { "$numberInt": "5" }, "l": { "$numberLong": "9007199254740993" }, "d": { "$numberDecimal": "12.50" },
            "at": { "$date": { "$numberLong": "1763800200000" } }, "relaxed": { "$date": "2025-11-22T08:30:00Z" },
            "u": { "$binary": { "base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04" } },
            "list": [{ "$numberDouble": "1.5" }], "inner": { "x": { "$undefined": true } }
        });
        let expected = json!({
            "_id": "507f1f77bcf86cd799439011", "n": 5, "l": 9_007_199_254_740_993_i64, "d": "12.50",
            "at": "2025-11-22T08:30:00Z", "relaxed": "2025-11-22T08:30:00Z",
            "u": "00010203-0405-0607-0809-0a0b0c0d0e0f", "list": [1.5], "inner": { "x": null }
        });
        assert_eq!(plain(document), Ok(expected));
    }

    #[test]
    fn what_has_no_plain_form_is_said() {
        for value in [
            json!({ "$regularExpression": { "pattern": "a", "options": "" } }),
            json!({ "$binary": { "base64": "AAEC", "subType": "00" } }),
            json!({ "$oid": "1", "x": 2 }),
        ] {
            assert!(plain(json!({ "field": value })).is_err());
        }
    }
}
