//! How the console says what several of its pages say.

use std::time::Duration;

use jiff::Timestamp;
use tenancy::TenantStatus;
use ui::{Arg, Page, Pages, Tone, encoded};

use crate::tenants::PAGE_ROWS;

/// A state, as a word with its tone.
#[derive(Debug, Clone)]
pub(super) struct Badge {
    pub(super) tone: Tone,
    pub(super) label: String,
}

pub(super) fn state(page: &Page, status: TenantStatus) -> Badge {
    let tone = match status {
        TenantStatus::Provisioning | TenantStatus::Trial => Tone::Info,
        TenantStatus::Active => Tone::Good,
        TenantStatus::Suspended => Tone::Warn,
        TenantStatus::Failed => Tone::Bad,
        TenantStatus::Cancelled | TenantStatus::Deleted => Tone::Neutral,
    };
    Badge { tone, label: state_word(page, status).to_owned() }
}

pub(super) fn state_word(page: &Page, status: TenantStatus) -> &'static str {
    page.find(&format!("status-{status}")).unwrap_or(status.as_str())
}

/// What there is none of.
pub(super) fn dash(page: &Page, text: Option<String>) -> String {
    text.unwrap_or_else(|| page.t("optional-none").to_owned())
}

/// A moment. The console knows nobody's clock, and says by which it goes.
pub(super) fn at(page: &Page, at: &Timestamp) -> String {
    format!("{} UTC", page.moment(at))
}

pub(super) fn moment(page: &Page, when: Option<Timestamp>) -> String {
    dash(page, when.map(|when| at(page, &when)))
}

pub(super) fn count(page: &Page, count: usize) -> String {
    page.count(&i64::try_from(count).unwrap_or(i64::MAX))
}

/// How many there are beside those that are shown.
pub(super) fn and_more(page: &Page, all: usize, shown: usize) -> Option<String> {
    (all > shown).then(|| page.t1("admin-and-more", "count", count(page, all - shown)))
}

/// How far something is, in few words for those who listen: each quarter is told once.
pub(super) fn quarters(page: &Page, key: &str, turns: i64, total: i64) -> String {
    let percent = (turns * 4).checked_div(total).unwrap_or_default() * 25;
    page.t1(key, "percent", percent)
}

/// A time that something took, in the unit that fits.
pub(super) fn took(page: &Page, time: Duration) -> String {
    let (key, count) = match time.as_secs() {
        0..2 => ("milliseconds", time.as_millis()),
        seconds @ 2..120 => ("admin-seconds", seconds.into()),
        seconds => ("admin-minutes", (seconds / 60).into()),
    };
    page.t1(key, "count", Arg::from(u32::try_from(count).unwrap_or(u32::MAX)))
}

pub(super) fn between(page: &Page, start: Timestamp, end: Timestamp) -> String {
    took(page, Duration::try_from(end.duration_since(start)).unwrap_or_default())
}

/// Where page `number` of a list is.
pub(super) fn address(path: &str, asked: &[(&str, &str)], number: u32) -> String {
    let asked = asked.iter().filter(|(_, value)| !value.is_empty());
    let asked: String = asked.map(|(name, value)| format!("{name}={}&", encoded(value))).collect();
    format!("{path}?{asked}page={number}")
}

/// The links of page `number` of a list at this path, which is asked with these values.
pub(super) fn pages(page: &Page, path: &str, asked: &[(&str, &str)], number: u32, total: i64) -> Pages {
    Pages::new(&page.speech, number, PAGE_ROWS, total, |number| address(path, asked, number))
}
