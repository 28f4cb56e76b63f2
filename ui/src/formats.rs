//! How figures, amounts and moments are written in each language.

use iso_currency::{Currency, IntoEnumIterator};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use tenancy::Language;

/// The currencies that stand first in a list.
const USUAL: [&str; 4] = ["TRY", "EUR", "USD", "GBP"];

/// The codes of all currencies (ISO 4217), those that are usual here first.
pub fn currencies() -> impl Iterator<Item = &'static str> {
    // Codes with an X are no country's: metals, tests and funds, but for the currencies of several countries.
    let is_money = |code: &str| !code.starts_with('X') || matches!(code, "XAF" | "XCD" | "XOF" | "XPF");
    let others = Currency::iter().map(|currency| currency.code());
    USUAL.into_iter().chain(others.filter(move |code| !USUAL.contains(code) && is_money(code)))
}

const MONTHS: [[&str; 12]; 2] = [
    ["Oca", "Şub", "Mar", "Nis", "May", "Haz", "Tem", "Ağu", "Eyl", "Eki", "Kas", "Ara"],
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
];
const LONG_MONTHS: [[&str; 12]; 2] = [
    ["Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim", "Kasım", "Aralık"],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
];
/// From Monday.
const WEEKDAYS: [[&str; 7]; 2] =
    [["Pzt", "Sal", "Çar", "Per", "Cum", "Cmt", "Paz"], ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]];

const fn row(language: Language) -> usize {
    match language {
        Language::Turkish => 0,
        Language::English => 1,
    }
}

const fn marks(language: Language) -> (char, char) {
    match language {
        Language::Turkish => ('.', ','),
        Language::English => (',', '.'),
    }
}

/// A number with its thousands set apart: `1.234,5` in Turkish, `1,234.5` in English.
pub(crate) fn number(language: Language, value: Decimal) -> String {
    let (group, point) = marks(language);
    let text = value.abs().to_string();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let mut written = String::with_capacity(text.len() + 8);
    if value.is_sign_negative() && !value.is_zero() {
        written.push('-');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            written.push(group);
        }
        written.push(digit);
    }
    if let Some(fraction) = fraction {
        written.push(point);
        written.push_str(fraction);
    }
    written
}

/// An amount in its currency: `1.250,00 ₺` in Turkish, `₺1,250.00` in English; a currency without a sign of its own is
/// written by its code.
pub(crate) fn money(language: Language, amount: Decimal, currency: &str) -> String {
    let known = Currency::from_code(currency);
    let places = known.and_then(Currency::exponent).map_or(2, u32::from);
    let mut rounded = amount;
    // Amounts that have more places than their currency are shown as they are.
    if amount.normalize().scale() <= places {
        rounded.rescale(places);
    }
    let figure = number(language, rounded);
    let sign = match currency {
        "TRY" => "₺",
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        _ => currency,
    };
    match language {
        Language::Turkish => format!("{figure}\u{a0}{sign}"),
        Language::English if sign == currency => format!("{sign}\u{a0}{figure}"),
        Language::English => format!("{sign}{figure}"),
    }
}

/// A size in the largest unit that leaves at least 1.
pub(crate) fn bytes(language: Language, size: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let (mut tenths, mut unit) = (i128::from(size) * 10, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    let figure = Decimal::new(i64::try_from(tenths).unwrap_or(i64::MAX), 1).normalize();
    format!("{}\u{a0}{}", number(language, figure), UNITS[unit])
}

/// `22 Kas 2026`.
pub(crate) fn day(language: Language, day: Date) -> String {
    let month = MONTHS[row(language)][usize::from(day.month().unsigned_abs()) - 1];
    format!("{} {month} {}", day.day(), day.year())
}

/// `Kasım 2026`.
pub(crate) fn month(language: Language, day: Date) -> String {
    format!("{} {}", LONG_MONTHS[row(language)][usize::from(day.month().unsigned_abs()) - 1], day.year())
}

/// The days of the week, from Monday.
pub(crate) const fn weekdays(language: Language) -> [&'static str; 7] {
    WEEKDAYS[row(language)]
}

/// `22 Kas 2026 14:05`, by this clock.
pub(crate) fn moment(language: Language, at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    format!("{} {:02}:{:02}", day(language, at.date()), at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn figures_are_written_as_people_write_them() {
        use Language::{English, Turkish};
        assert_eq!(number(Turkish, decimal("1234567.50")), "1.234.567,50");
        assert_eq!(number(English, decimal("-1234.5")), "-1,234.5");
        assert_eq!(number(English, decimal("999")), "999");
        assert_eq!(money(Turkish, decimal("1250"), "TRY"), "1.250,00\u{a0}₺");
        assert_eq!(money(English, decimal("1250.5"), "USD"), "$1,250.50");
        assert_eq!(money(English, decimal("1250"), "JPY"), "JPY\u{a0}1,250");
        assert_eq!(money(English, decimal("0.125"), "CHF"), "CHF\u{a0}0.125");
        assert_eq!(bytes(Turkish, 1536), "1,5\u{a0}KB");
        assert_eq!(bytes(English, 5 * 1024 * 1024 * 1024), "5\u{a0}GB");
        assert_eq!(bytes(English, 0), "0\u{a0}B");
    }

    #[test]
    fn moments_are_told_by_the_clock_of_the_place() {
        let at: Timestamp = "2026-11-22T21:05:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Istanbul").unwrap();
        assert_eq!(moment(Language::Turkish, at, &zone), "23 Kas 2026 00:05");
        assert_eq!(moment(Language::English, at, &TimeZone::UTC), "22 Nov 2026 21:05");
    }
}
