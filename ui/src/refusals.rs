//! What is wrong with a field. The functions behind the pages say it in English, for programs; here it is said to a
//! person, in their language.

use crate::{Speech, texts::Arg};

/// How it is said behind, with `{}` for what differs, and the key of the text.
const KNOWN: &[(&str, &str)] = &[
    ("must not be empty", "refusal-empty"),
    ("is required", "refusal-empty"),
    ("must not be null", "refusal-empty"),
    ("must have at least {} characters", "refusal-too-short"),
    ("must have at most {} characters", "refusal-too-long"),
    ("must have at most {} decimal places", "refusal-places"),
    ("must have {} to {} characters", "refusal-length"),
    ("must be 2 to 40 characters long", "refusal-slug-length"),
    ("may have lower-case letters a-z, digits, and single dashes between them", "refusal-slug-characters"),
    ("is reserved; choose another", "refusal-reserved"),
    ("must not have control characters", "refusal-control"),
    ("must be an e-mail address, like name@example.com", "refusal-email"),
    ("must not be one character repeated", "refusal-one-character"),
    ("must not be the e-mail address", "refusal-is-email"),
    ("must be a day, like 2025-12-31", "refusal-day"),
    ("must be a moment, like 2025-12-31T09:00:00Z", "refusal-time"),
    ("must be an amount, like \"1250.00\"", "refusal-amount"),
    ("must not be negative", "refusal-negative"),
    ("must be below {}", "refusal-too-much"),
    ("must be a number from 0 to {} with at most two decimal places", "refusal-number"),
    ("must be a number from {} to {}", "refusal-range"),
    ("must be from {} to {}", "refusal-range"),
    ("must be a code of ISO 4217, like TRY", "refusal-currency"),
    ("currency must be {}", "refusal-currency"),
    ("must be a country's two letters, like TR", "refusal-country"),
    ("must be a time zone of the IANA database, like Europe/Istanbul", "refusal-zone"),
    ("must be a web address that begins with https:// or http://", "refusal-web"),
    ("must be a list of at most {} texts of 1 to {} characters", "refusal-tags"),
    ("must be a list of at most {} ids of users", "refusal-members"),
    ("must all be members of the tenant", "refusal-members"),
    ("is not a member of the tenant", "refusal-member"),
    ("must be one of: {}", "refusal-one-of"),
    ("must be a file's name, without a folder", "refusal-file-name"),
    ("says {}, and the file is something else", "refusal-file-kind"),
    ("there is none with this id", "refusal-none"),
    ("there is no such package", "refusal-no-package"),
    ("is sold on request; please contact us", "refusal-on-request"),
    ("this package is paid monthly", "refusal-monthly"),
    ("is taken", "refusal-taken"),
    ("does not fit the other fields", "refusal-fit"),
    ("can't be changed", "refusal-fixed"),
    ("must start with {}", "refusal-none"),
    ("must have 26 letters and digits after {}", "refusal-none"),
];

/// What stands in the places of `{}`, where a message is of this kind.
fn places<'a>(known: &str, message: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = known.split("{}");
    let mut rest = message.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = if part.is_empty() && parts.peek().is_none() { rest.len() } else { rest.find(part)? };
        found.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(found)
}

/// A message in somebody's language. What is not known here is told as it came.
pub(crate) fn told(speech: &Speech, message: &str) -> String {
    for (known, key) in KNOWN {
        if let Some(found) = places(known, message) {
            let names = ["a", "b"];
            let told = |text: &'_ str| text.parse::<i64>().map_or_else(|_| Arg::from(text.to_owned()), Arg::from);
            return speech.with(key, names.into_iter().zip(found.into_iter().map(told)));
        }
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use tenancy::Language;

    use super::*;

    #[test]
    fn every_kind_has_a_text_in_each_language() {
        for language in Language::ALL {
            let speech = Speech::new(*language);
            for (known, key) in KNOWN {
                let text = told(&speech, &known.replace("{}", "7"));
                assert!(!text.contains("refusal-") && !text.is_empty(), "{key}");
            }
        }
    }

    #[test]
    fn figures_are_found_in_what_is_said() {
        assert_eq!(places("must have {} to {} characters", "must have 1 to 200 characters"), Some(vec!["1", "200"]));
        assert_eq!(places("must be one of: {}", "must be one of: a, b"), Some(vec!["a, b"]));
        assert_eq!(places("is taken", "is taken too"), None);
        assert_eq!(places("must have at least {} characters", "must have at most 8 characters"), None);
    }
}
