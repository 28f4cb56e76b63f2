//! Checking the fields of a request one by one, so that a person learns of every wrong one at once.

use std::{collections::BTreeMap, fmt::Display};

use crate::problem::Problem;

/// What is wrong, by field.
#[derive(Debug, Default)]
pub struct FieldErrors(BTreeMap<String, Vec<String>>);

impl FieldErrors {
    /// Notes what is wrong with a field.
    pub fn add(&mut self, field: &str, message: impl Display) {
        self.0.entry(field.to_owned()).or_default().push(message.to_string());
    }

    /// The value, or `None` with the reason noted.
    pub fn take<T, E: Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// Text of `min` to `max` characters without control characters (tabs and line ends are kept where `max` > 500),
    /// trimmed.
    pub fn text(&mut self, field: &str, value: &str, min: usize, max: usize) -> Option<String> {
        let value = value.trim();
        let length = value.chars().count();
        let multi_line = max > 500;
        let wrong = |c: char| c.is_control() && !(multi_line && matches!(c, '\n' | '\r' | '\t'));
        if min == 1 && value.chars().all(shows_nothing) {
            self.add(field, "must not be empty");
        } else if length < min || length > max {
            self.add(field, format_args!("must have {min} to {max} characters"));
        } else if value.chars().any(wrong) {
            self.add(field, "must not have control characters");
        } else {
            return Some(value.to_owned());
        }
        None
    }

    /// [`FieldErrors::text`] for a field that may be left out; an empty text counts as left out.
    pub fn optional_text(&mut self, field: &str, value: Option<&str>, max: usize) -> Option<String> {
        let value = value.map(str::trim).filter(|value| !value.is_empty())?;
        self.text(field, value, 1, max)
    }

    /// `Ok` when nothing was noted.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` with every field that was noted.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(self.problem()) }
    }

    /// `VALIDATION_FAILED` with every field that was noted.
    #[must_use]
    pub fn problem(self) -> Problem {
        Problem::validation(self.0)
    }
}

/// Whether a character leaves nothing to be seen (Unicode, `White_Space` and `Default_Ignorable_Code_Point`).
fn shows_nothing(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_nobody_sees_is_none() {
        let taken = |text: &str| FieldErrors::default().text("name", text, 1, 10);
        for nothing in ["", "  ", "\u{200b}", "\u{2060}\u{feff}", "\u{202e} \u{3164}"] {
            assert_eq!(taken(nothing), None, "{nothing:?}");
        }
        for text in ["a", "ı", "👩\u{200d}👧", "0"] {
            assert_eq!(taken(text).as_deref(), Some(text));
        }
    }
}
