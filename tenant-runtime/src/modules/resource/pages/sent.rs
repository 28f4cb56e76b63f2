//! What somebody sent by a form, as programs would send it.

use jiff::civil::DateTime;
use serde_json::{Map, Value as Json, json};
use tenancy::Language;
use ui::{Form, Page};

use super::{Row, inputs::of_row};
use crate::modules::resource::{
    Resource,
    field::{Field, Takes},
};

/// What a form is about.
#[derive(Clone, Copy)]
pub(super) enum Sends<'a> {
    /// A new row.
    New,
    /// All of this row.
    All(&'a Row),
    /// Some fields of a row.
    Some,
}

/// What a form says, as programs would send it.
pub(super) fn body(resource: &'static Resource, page: &Page, form: &Form, sends: Sends<'_>) -> Map<String, Json> {
    let (is_new, is_whole) = (matches!(sends, Sends::New), !matches!(sends, Sends::Some));
    let mut body = Map::new();
    for field in resource.fields.iter().filter(|field| field.is_asked(is_new)) {
        if let Sends::All(row) = sends
            && is_untouched(field, page, form, row)
        {
            continue;
        }
        let name = field.written_as();
        let given = form.get(name);
        let json = match (field.takes, given) {
            // What is not ticked or chosen is not sent at all.
            (Takes::Flag, given) if is_whole => json!(matches!(given, Some("true" | "on"))),
            (Takes::Users(_), _) if is_whole => form.all(name).filter(|id| !id.is_empty()).collect::<Vec<_>>().into(),
            (_, None) => continue,
            (Takes::Tags(_), Some(text)) => {
                text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect::<Vec<_>>().into()
            }
            (Takes::Amount { .. }, Some(text)) if text.trim().is_empty() => json!("0"),
            (_, Some(text)) if text.trim().is_empty() => Json::Null,
            (Takes::Amount { .. } | Takes::Decimal(_), Some(text)) => json!(typed(text, page.language)),
            (Takes::Time, Some(text)) => json!(moment(page, text)),
            // Browsers send line ends as HTTP had them once.
            (_, Some(text)) => json!(text.replace("\r\n", "\n")),
        };
        // What a new row gets by itself when nothing is given.
        if is_new && json.is_null() {
            continue;
        }
        body.insert(name.to_owned(), json);
    }
    body
}

/// Whether a form says of a field what the row had, as it was shown. Seconds, members who have left and the like are not
/// on the page, and are left alone with it.
pub(super) fn is_untouched(field: &Field, page: &Page, form: &Form, row: &Row) -> bool {
    let plain = |texts: Vec<String>| {
        let mut texts: Vec<String> =
            texts.into_iter().map(|text| text.replace("\r\n", "\n")).filter(|text| !text.is_empty()).collect();
        texts.sort();
        texts
    };
    let mut sent: Vec<String> = form.all(field.written_as()).map(str::to_owned).collect();
    if field.takes == Takes::Flag && sent.is_empty() {
        sent.push("false".to_owned());
    }
    plain(sent) == plain(of_row(field, page, row.get(field.name).unwrap_or(&Json::Null)))
}

/// A moment that a browser sent, by the clock of the place; what is none is passed on, and refused with what is right.
fn moment(page: &Page, text: &str) -> String {
    let at = text.trim().parse::<DateTime>().and_then(|at| at.to_zoned(page.speech.zone.clone()));
    at.map_or_else(|_| text.to_owned(), |at| at.timestamp().to_string())
}

/// A figure as somebody typed it, as it is written for programs. What can be read in their language is read so, else as
/// in the other one; what can be read in neither is passed on, and refused with what is right.
fn typed(text: &str, language: Language) -> String {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (group, point) = match language {
        Language::Turkish => ('.', ','),
        Language::English => (',', '.'),
    };
    figure(&text, group, point).or_else(|| figure(&text, point, group)).unwrap_or(text)
}

fn figure(text: &str, group: char, point: char) -> Option<String> {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = if is_grouped(whole, group) { whole.replace(group, "") } else { whole.to_owned() };
    if !is_digits(&whole) || !fraction.is_none_or(is_digits) {
        return None;
    }
    Some(fraction.map_or_else(|| format!("{sign}{whole}"), |fraction| format!("{sign}{whole}.{fraction}")))
}

/// Whether a mark sets thousands apart, as people write them.
fn is_grouped(text: &str, mark: char) -> bool {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    (1..=3).contains(&first.len()) && first != "0" && rest.peek().is_some() && rest.all(|part| part.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_taken_as_they_are_typed() {
        use Language::{English, Turkish};
        for (text, language, figure) in [
            ("1.250,50", Turkish, "1250.50"),
            ("1.250", Turkish, "1250"),
            ("1250.5", Turkish, "1250.5"),
            ("1250,5", Turkish, "1250.5"),
            ("12.500.000", Turkish, "12500000"),
            ("0.125", Turkish, "0.125"),
            ("1,250.50", English, "1250.50"),
            ("1,250", English, "1250"),
            ("1250,5", English, "1250.5"),
            (" 1 250 ", English, "1250"),
            ("-1.250,5", Turkish, "-1250.5"),
            // As the other language has it, where it can be nothing else.
            ("1,250.00", Turkish, "1250.00"),
            ("1.250,00", English, "1250.00"),
            // Nothing that anybody means.
            ("1.250.5", Turkish, "1.250.5"),
            ("1,5,0", English, "1,5,0"),
            ("12.50,00", Turkish, "12.50,00"),
            ("abc", English, "abc"),
        ] {
            assert_eq!(typed(text, language), figure, "{text}");
        }
    }
}
