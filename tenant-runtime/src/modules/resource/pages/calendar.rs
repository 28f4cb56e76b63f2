//! Rows in a calendar, a month at a time.

use std::{collections::HashMap, ops::RangeInclusive};

use askama::Template;
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};
use serde_json::Value as Json;
use tenancy::Problem;
use ui::{Console, Page, Tone};

use super::{
    Answer, Row, as_row,
    cells::tone,
    id_of,
    listing::{View, new_of, views},
    narrowing::Asked,
};
use crate::{
    console::Desk,
    modules::resource::{Lasts, Resource, store},
};

struct Event {
    time: String,
    /// From the day before.
    goes_on: bool,
    title: String,
    href: String,
    tone: Tone,
}

struct Day {
    number: i8,
    date: String,
    label: String,
    is_other: bool,
    is_today: bool,
    events: Vec<Event>,
}

#[derive(Template)]
#[template(path = "app/calendar.html")]
struct CalendarTemplate {
    page: Page,
    console: Console,
    title: String,
    month: String,
    earlier: String,
    later: String,
    today: String,
    new: Option<(String, String)>,
    views: Vec<View>,
    weekdays: [&'static str; 7],
    days: Vec<Day>,
    is_empty: bool,
    empty: String,
    /// How many rows a month shows, where it has more.
    most: usize,
    is_cut: bool,
}

/// The first day of a month, `2026-11`; of this month where it is none.
fn first_day(month: Option<&str>, today: Date) -> Date {
    let asked = month.and_then(|month| format!("{month}-01").parse::<Date>().ok());
    asked.filter(|day| (1900..=2200).contains(&day.year())).unwrap_or_else(|| today.first_of_month())
}

fn is_all_day(row: &Row) -> bool {
    row.get("all_day").and_then(Json::as_bool).unwrap_or(false)
}

/// The days on which a row lasts. What ends at midnight does not last into the day that begins then, unless it lasts for
/// whole days: then the one of its end is the last.
fn days(row: &Row, lasts: Lasts, zone: &TimeZone) -> Option<(DateTime, Date)> {
    let at = |field: &str| row.get(field)?.as_str()?.parse::<Timestamp>().ok();
    let from = at(lasts.from)?;
    let last = match at(lasts.until) {
        Some(until) if until > from && is_all_day(row) => until,
        Some(until) if until > from => until.checked_sub(1.nanosecond()).ok()?,
        _ => from,
    };
    Some((zone.to_datetime(from), zone.to_datetime(last).date()))
}

/// A row on each of its days that is shown, by day.
fn events(
    resource: &'static Resource,
    page: &Page,
    lasts: Lasts,
    rows: &[Row],
    shown: RangeInclusive<Date>,
) -> HashMap<Date, Vec<Event>> {
    let mut events: HashMap<Date, Vec<Event>> = HashMap::new();
    for row in rows {
        let Some((from, last)) = days(row, lasts, &page.speech.zone) else { continue };
        let days = from.date().max(*shown.start()).series(1.day());
        for day in days.take_while(|day| *day <= last.min(*shown.end())) {
            let goes_on = day > from.date();
            let is_timed = !is_all_day(row) && !goes_on;
            events.entry(day).or_default().push(Event {
                time: if is_timed { format!("{:02}:{:02}", from.hour(), from.minute()) } else { String::new() },
                goes_on,
                title: resource.title_of(page, row),
                href: format!("{}/{}", resource.page(), id_of(row)),
                tone: row.get("kind").and_then(Json::as_str).map_or(Tone::Neutral, tone),
            });
        }
    }
    events
}

pub(super) async fn show(
    resource: &'static Resource,
    lasts: Lasts,
    desk: Desk,
    asked: &Asked,
    month: Option<&str>,
) -> Answer {
    let new = new_of(resource, &desk);
    let Desk { page, tenant, console } = desk;
    let zone = page.speech.zone.clone();
    let today = zone.to_datetime(Timestamp::now()).date();
    let first = first_day(month, today);
    let last = first.last_of_month();
    let after_monday = |day: Date| i64::from(day.weekday().since(Weekday::Monday));
    let from = first.checked_sub(after_monday(first).days()).map_err(Problem::internal)?;
    let to = last.checked_add((7 - after_monday(last)).days()).map_err(Problem::internal)?;
    let start = |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).map_err(Problem::internal);
    let rows = store::during(resource, &tenant, lasts, start(from)?, start(to)?).await?;
    let is_cut = rows.len() >= store::EVENTS;
    let rows = rows.iter().map(as_row).collect::<Result<Vec<_>, _>>()?;
    let shown: Vec<Date> = from.series(1.day()).take_while(|day| *day < to).collect();
    let mut events = events(resource, &page, lasts, &rows, from..=shown.last().copied().unwrap_or(from));
    let days = shown.into_iter().map(|day| Day {
        number: day.day(),
        date: day.to_string(),
        label: page.day(&day),
        is_other: day.month() != first.month(),
        is_today: day == today,
        events: events.remove(&day).unwrap_or_default(),
    });
    let days: Vec<Day> = days.collect();
    let at_month = |day: Option<Date>| {
        let day = day.unwrap_or(first);
        format!("{}?view=calendar&month={:04}-{:02}", resource.page(), day.year(), day.month())
    };
    Ok(page.ok(&CalendarTemplate {
        most: store::EVENTS,
        is_cut,
        title: resource.in_words(&page),
        month: page.month(&first),
        earlier: at_month(first.checked_sub(1.month()).ok()),
        later: at_month(first.checked_add(1.month()).ok()),
        today: at_month(Some(today)),
        new,
        views: views(resource, &page, "calendar", asked),
        weekdays: page.weekdays(),
        is_empty: rows.is_empty(),
        empty: page.t(&format!("empty-{}", resource.name)).to_owned(),
        days,
        console,
        page: page.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_lasts_to_the_day_on_which_it_ends() {
        let zone = TimeZone::get("Europe/Istanbul").unwrap();
        for (starts, ends, all_day, last) in [
            ("2027-03-09T22:30:00Z", json!(null), false, "2027-03-10"),
            ("2027-03-09T22:30:00Z", json!("2027-03-09T22:30:00Z"), true, "2027-03-10"),
            ("2027-03-09T22:30:00Z", json!("2027-03-12T20:59:00Z"), false, "2027-03-12"),
            ("2027-03-09T22:30:00Z", json!("2027-03-12T21:00:00Z"), false, "2027-03-12"),
            ("2027-03-09T21:00:00Z", json!("2027-03-10T21:00:00Z"), false, "2027-03-10"),
            ("2027-03-09T21:00:00Z", json!("2027-03-11T21:00:00Z"), true, "2027-03-12"),
        ] {
            let row = json!({ "starts_at": starts, "ends_at": ends, "all_day": all_day });
            let Json::Object(row) = row else { unreachable!() };
            let lasts = Lasts { from: "starts_at", until: "ends_at" };
            let (from, until) = days(&row, lasts, &zone).unwrap();
            assert_eq!((from.date().to_string().as_str(), until.to_string().as_str()), ("2027-03-10", last));
        }
    }

    #[test]
    fn a_month_that_is_none_is_this_month() {
        let today = "2026-11-22".parse().unwrap();
        for (month, day) in [
            (Some("2025-02"), "2025-02-01"),
            (Some("2025-13"), "2026-11-01"),
            (Some("x"), "2026-11-01"),
            (Some("9999-12"), "2026-11-01"),
            (None, "2026-11-01"),
        ] {
            assert_eq!(first_day(month, today).to_string(), day);
        }
    }
}
