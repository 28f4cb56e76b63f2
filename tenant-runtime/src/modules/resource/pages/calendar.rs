//! Rows in a calendar, a month at a time.

use askama::Template;
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
};
use serde_json::Value as Json;
use tenancy::Problem;
use ui::{Console, Page, Tone};

use super::{
    Answer, as_row,
    cells::tone,
    id_of,
    listing::{View, new_of, views},
};
use crate::{
    console::Desk,
    modules::resource::{Resource, store},
};

struct Event {
    time: String,
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
    weeks: Vec<Vec<Day>>,
    is_empty: bool,
    empty: String,
}

/// The first day of a month, `2026-11`; of this month where it is none.
fn first_day(month: Option<&str>, today: Date) -> Date {
    let asked = month.and_then(|month| format!("{month}-01").parse::<Date>().ok());
    asked.filter(|day| (1900..=2200).contains(&day.year())).unwrap_or_else(|| today.first_of_month())
}

pub(super) async fn show(
    resource: &'static Resource,
    by: &'static str,
    desk: Desk,
    asked: &[(String, String)],
) -> Answer {
    let new = new_of(resource, &desk);
    let Desk { page, tenant, console } = desk;
    let zone = page.speech.zone.clone();
    let today = Timestamp::now().to_zoned(zone.clone()).date();
    let month = asked.iter().find(|(name, _)| name == "month").map(|(_, month)| month.as_str());
    let first = first_day(month, today);
    let from =
        first.checked_sub(i64::from(first.weekday().since(Weekday::Monday)).days()).map_err(Problem::internal)?;
    let last = first.last_of_month();
    let to =
        last.checked_add((7 - i64::from(last.weekday().since(Weekday::Monday))).days()).map_err(Problem::internal)?;
    let start = |day: Date| day.to_zoned(zone.clone()).map(|at| at.timestamp()).map_err(Problem::internal);
    let rows = store::between(resource, &tenant, by, start(from)?, start(to)?).await?;
    let rows = rows.iter().map(as_row).collect::<Result<Vec<_>, _>>()?;
    let mut weeks: Vec<Vec<Day>> = Vec::new();
    let mut day = from;
    while day < to {
        if day.weekday() == Weekday::Monday {
            weeks.push(Vec::new());
        }
        let mut events = Vec::new();
        for row in &rows {
            let at = row.get(by).and_then(Json::as_str).and_then(|text| text.parse::<Timestamp>().ok());
            let Some(at) = at.map(|at| at.to_zoned(zone.clone())).filter(|at| at.date() == day) else { continue };
            let is_long = row.get("all_day").and_then(Json::as_bool).unwrap_or(false);
            events.push(Event {
                time: if is_long { String::new() } else { format!("{:02}:{:02}", at.hour(), at.minute()) },
                title: resource.title_of(&page, row),
                href: format!("{}/{}", resource.page(), id_of(row)),
                tone: row.get("kind").and_then(Json::as_str).map_or(Tone::Neutral, tone),
            });
        }
        if let Some(week) = weeks.last_mut() {
            week.push(Day {
                number: day.day(),
                date: day.to_string(),
                label: page.day(&day),
                is_other: day.month() != first.month(),
                is_today: day == today,
                events,
            });
        }
        day = day.tomorrow().map_err(Problem::internal)?;
    }
    let at_month = |day: Option<Date>| {
        let day = day.unwrap_or(first);
        format!("{}?view=calendar&month={:04}-{:02}", resource.page(), day.year(), day.month())
    };
    Ok(page.ok(&CalendarTemplate {
        title: resource.in_words(&page),
        month: page.month(&first),
        earlier: at_month(first.checked_sub(1.month()).ok()),
        later: at_month(first.checked_add(1.month()).ok()),
        today: at_month(Some(today)),
        new,
        views: views(resource, &page, "calendar"),
        weekdays: page.weekdays(),
        is_empty: rows.is_empty(),
        empty: page.t(&format!("empty-{}", resource.name)).to_owned(),
        weeks,
        console,
        page: page.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
