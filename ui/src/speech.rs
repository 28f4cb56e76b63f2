//! How pages speak to one person: their language, and the clock of their place.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use tenancy::{Code, Language};

use crate::{
    formats, refusals,
    texts::{Arg, Texts},
};

/// A language and a time zone.
#[derive(Debug, Clone)]
pub struct Speech {
    /// The language.
    pub language: Language,
    /// The clock.
    pub zone: TimeZone,
}

impl Speech {
    /// A language, by the clock of UTC until a better one is known.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self { language, zone: TimeZone::UTC }
    }

    /// A text; the key where there is none.
    #[must_use]
    pub fn t<'a>(&self, key: &'a str) -> &'a str {
        Texts::of(self.language).find(key).unwrap_or(key)
    }

    /// A text, where there is one.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&'static str> {
        Texts::of(self.language).find(key)
    }

    /// A text with one value in it.
    #[must_use]
    pub fn t1<'a>(&self, key: &str, name: &'a str, value: impl Into<Arg<'a>>) -> String {
        self.with(key, [(name, value.into())])
    }

    /// A text with values in it.
    #[must_use]
    pub fn with<'a>(&self, key: &str, values: impl IntoIterator<Item = (&'a str, Arg<'a>)>) -> String {
        Texts::of(self.language).with(key, values)
    }

    /// What has happened, and what to do about it.
    #[must_use]
    pub fn problem(&self, code: Code) -> (&'static str, &'static str) {
        let said = |code: &str, part: &str| self.find(&format!("problem-{code}-{part}"));
        let code = code.as_str().to_ascii_lowercase().replace('_', "-");
        let part = |part: &str| said(&code, part).or_else(|| said("other", part)).unwrap_or_default();
        (part("title"), part("text"))
    }

    /// What is wrong with a field, as the functions behind say it, in this language.
    #[must_use]
    pub fn refusal(&self, message: &str) -> String {
        refusals::told(self, message)
    }

    /// A count.
    #[must_use]
    pub fn count(&self, value: &i64) -> String {
        formats::number(self.language, Decimal::from(*value))
    }

    /// A number with decimal places.
    #[must_use]
    pub fn number(&self, value: &Decimal) -> String {
        formats::number(self.language, *value)
    }

    /// An amount.
    #[must_use]
    pub fn money(&self, amount: &Decimal, currency: &str) -> String {
        formats::money(self.language, *amount, currency)
    }

    /// A size in bytes.
    #[must_use]
    pub fn bytes(&self, size: &i64) -> String {
        formats::bytes(self.language, *size)
    }

    /// A day.
    #[must_use]
    pub fn day(&self, day: &Date) -> String {
        formats::day(self.language, *day)
    }

    /// The day on which something is, by the clock of the place.
    #[must_use]
    pub fn day_of(&self, at: &Timestamp) -> String {
        formats::day(self.language, at.to_zoned(self.zone.clone()).date())
    }

    /// A month.
    #[must_use]
    pub fn month(&self, day: &Date) -> String {
        formats::month(self.language, *day)
    }

    /// The days of the week, from Monday.
    #[must_use]
    pub const fn weekdays(&self) -> [&'static str; 7] {
        formats::weekdays(self.language)
    }

    /// A moment.
    #[must_use]
    pub fn moment(&self, at: &Timestamp) -> String {
        formats::moment(self.language, *at, &self.zone)
    }
}
