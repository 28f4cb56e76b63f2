//! `/app`: what is used, what happens, and what waits.

use actix_web::HttpResponse;
use askama::Template;
use futures_util::{TryFutureExt, try_join};
use tenancy::Problem;
use ui::{Bar, Columns, Console, Page, Tone};

use super::{Desk, Full, Upgrade, Usage, store};
use crate::modules::{self, Deed, Resource};

/// How many days the chart goes back.
const DAYS: i32 = 30;
/// How many of the last deeds are told.
const DEEDS: u32 = 8;

struct Begin {
    label: String,
    text: String,
    href: String,
    icon: &'static str,
}

#[derive(Template)]
#[template(path = "app/dashboard.html")]
struct DashboardTemplate {
    page: Page,
    console: Console,
    usage: Vec<Usage>,
    upgrades: Vec<Upgrade>,
    package: String,
    charts: Vec<Columns>,
    deeds: Vec<Deed>,
    /// For a workspace in which nothing was done yet.
    begin: Vec<Begin>,
}

/// The limits that are shown, with the tally that says what is used.
const LIMITS: [(&str, &str); 3] =
    [("max_customers", "customers"), ("max_projects", "projects"), ("max_storage_mb", "storage")];
/// That of members, whom the platform counts.
const MEMBERS: &str = "max_users";

pub(super) async fn show(desk: Desk) -> Result<HttpResponse, Problem> {
    let Desk { page, tenant, console } = desk;
    let zone = page.speech.zone.iana_name().unwrap_or("UTC").to_owned();
    let (tallies, days, tasks, leads, deeds) = try_join!(
        store::tallies(&tenant).map_err(Problem::from),
        store::days(&tenant, &zone, DAYS).map_err(Problem::from),
        store::tasks(&tenant).map_err(Problem::from),
        store::leads(&tenant).map_err(Problem::from),
        modules::deeds(&tenant, &page, None, DEEDS),
    )?;
    let of_tally = |(limit, name): (&'static str, &str)| (limit, tallies.get(name).copied().unwrap_or(0));
    let members = tenant.members().await;
    let mut used: Vec<(&str, i64)> = LIMITS.into_iter().map(of_tally).collect();
    used.extend(members.map(|members| (MEMBERS, members)));
    used.retain(|(limit, _)| tenant.limit(limit) != 0);
    let mut usage: Vec<Usage> =
        used.iter().map(|(limit, used)| Usage::new(&page, limit, *used, tenant.limit(limit))).collect();
    let (calls, allowed) = tenant.calls();
    usage.push(Usage::new(&page, "api_rate_limit_per_hour", calls, allowed));
    let full = used.iter().filter_map(|(limit, used)| Full::of(&page, &tenant, limit, *used));
    let upgrades: Vec<Upgrade> = full.map(|full| full.upgrade).collect();

    let (when, how_many) = (page.t("chart-day"), page.t("chart-count"));
    let bars = days.iter().map(|(day, count)| Bar {
        label: short(&page.day(day)),
        value: *count,
        shown: page.count(count),
        tone: Tone::Info,
    });
    let mut charts = vec![Columns::new(page.t("chart-activity"), bars.collect(), when, how_many)];
    for (resource, counts) in [("tasks", tasks), ("leads", leads)] {
        let Some(resource) = modules::named(resource).filter(|resource| tenant.may(resource.reading())) else {
            continue;
        };
        let bars: Vec<Bar> = resource.states().iter().map(|word| of_state(&page, word, &counts)).collect();
        let caption = page.t1("chart-states", "what", resource.in_words(&page));
        charts.push(Columns::new(caption, bars, page.t("field-status"), how_many));
    }
    charts.retain(|chart| !chart.is_empty());
    let begin = if deeds.is_empty() { begin(&page, &tenant) } else { Vec::new() };
    let package = tenant.package().name(page.language).to_owned();
    Ok(page.ok(&DashboardTemplate { usage, upgrades, package, charts, deeds, begin, console, page: page.clone() }))
}

fn of_state(page: &Page, word: &str, counts: &std::collections::HashMap<String, i64>) -> Bar {
    let value = counts.get(word).copied().unwrap_or(0);
    Bar {
        label: page.t(&format!("value-{word}")).to_owned(),
        value,
        shown: page.count(&value),
        tone: modules::tone(word),
    }
}

/// A day without its year, for below a column.
fn short(day: &str) -> String {
    day.rsplit_once(' ').map_or_else(|| day.to_owned(), |(day, _)| day.to_owned())
}

/// Where somebody may begin: with what they may make.
fn begin(page: &Page, tenant: &crate::Tenant) -> Vec<Begin> {
    let first = ["customers", "projects", "tasks"].into_iter().filter_map(modules::named);
    let may = first.filter(|resource| resource.creating().is_some_and(|access| tenant.may(access)));
    let step = |resource: &'static Resource| Begin {
        label: page.t(&format!("new-{}", resource.name())).to_owned(),
        text: page.t(&format!("empty-{}", resource.name())).to_owned(),
        href: format!("{}/new", resource.page()),
        icon: resource.name(),
    };
    may.map(step).collect()
}
