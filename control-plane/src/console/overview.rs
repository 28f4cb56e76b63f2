//! `/admin`: what the platform comes to, and whether it is well.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use futures_util::try_join;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tenancy::{Problem, TenantStatus};
use ui::{Bar, Columns, Console, Page, Tone};

use super::{
    console,
    desk::Desk,
    words::{Badge, at, count, state, took},
};
use crate::{
    fleet::{Fleet, Status},
    identity::Caller,
    mail::{self, Backlog},
    packages::{Packages, Sales, name_in},
    platform::StoreError,
    provisioning::Provisioning,
    servers::{ServerState, Servers},
    tenants::{Census, Tenants},
};

/// A figure with what it is, and a word about it.
struct Stat {
    label: String,
    value: String,
    note: String,
}

/// Something that is well or not.
struct Check {
    name: String,
    badge: Badge,
    note: String,
}

struct Line {
    name: String,
    href: String,
    count: String,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewTemplate {
    page: Page,
    console: Console,
    stats: Vec<Stat>,
    signups: Columns,
    states: Vec<(Badge, Line)>,
    packages: Vec<Line>,
    versions: Vec<(bool, Line)>,
    checks: Vec<Check>,
}

#[expect(clippy::too_many_arguments, reason = "each is a capability that has a figure here")]
pub(super) async fn show(
    page: Page,
    caller: Caller,
    tenants: Data<Tenants>,
    packages: Data<Packages>,
    fleet: Data<Fleet>,
    servers: Data<Servers>,
    provisioning: Data<Provisioning>,
    desk: Data<Desk>,
) -> Result<HttpResponse, Problem> {
    let pool = desk.pool();
    let of_store = async {
        try_join!(tenants.census(), packages.sales(), packages.all(), provisioning.stock_level(), mail::backlog(pool))
    };
    let (of_store, status, servers, size) =
        tokio::join!(of_store, fleet.status(), servers.states(), size(&desk, &tenants));
    let (census, sales, all, stock, mails) = of_store?;
    let (status, servers) = (status?, servers.map_err(Problem::unavailable)?);
    let names: HashMap<&str, &str> =
        all.iter().map(|package| (package.key.as_str(), name_in(package, page.language))).collect();
    let line = |name: String, href: String, count: i64| Line { name, href, count: page.count(&count) };
    let states = TenantStatus::ALL.iter().filter_map(|status| {
        let count = *census.by_status.get(status)?;
        Some((state(&page, *status), line(String::new(), format!("/admin/tenants?status={status}"), count)))
    });
    let by_package = sales.iter().map(|sale| {
        let name = names.get(sale.package.as_str()).map_or_else(|| sale.package.clone(), |name| (*name).to_owned());
        line(name, format!("/admin/tenants?package={}", sale.package), sale.tenants)
    });
    let versions = status.versions.iter().rev().map(|(version, count)| {
        (*version < status.target_version, line(version.to_string(), "/admin/fleet".to_owned(), *count))
    });
    Ok(page.ok(&OverviewTemplate {
        console: console(&page, &caller),
        stats: stats(&page, &census, &sales, size, servers.len() > 1),
        signups: signups(&page, &census),
        states: states.collect(),
        packages: by_package.collect(),
        versions: versions.collect(),
        checks: checks(&page, &servers, stock, mails, &status),
        page: page.clone(),
    }))
}

/// How old the total size may be that is shown.
const SIZE_IS_GOOD: SignedDuration = SignedDuration::from_mins(10);
/// How long is waited for a newer one: with thousands of databases it takes a while.
const SIZE_WAIT: Duration = Duration::from_millis(300);

async fn size(desk: &Desk, tenants: &Tenants) -> Option<(i64, Timestamp)> {
    let work = desk.size();
    let is_fresh = work.last().is_some_and(|last| Timestamp::now().duration_since(last.ended_at) < SIZE_IS_GOOD);
    if !is_fresh {
        let tenants = tenants.clone();
        work.begin(async move { tenants.total_size().await.map_err(|error: StoreError| error.to_string()) });
        work.is_over_within(SIZE_WAIT).await;
    }
    let last = work.last()?;
    last.result.as_ref().ok().map(|size| (*size, last.ended_at))
}

fn stats(page: &Page, census: &Census, sales: &[Sales], size: Option<(i64, Timestamp)>, is_in_part: bool) -> Vec<Stat> {
    let count = |status: TenantStatus| census.by_status.get(&status).copied().unwrap_or(0);
    let served: i64 = count(TenantStatus::Trial) + count(TenantStatus::Active);
    let signups: i64 = census.signups.iter().map(|(_, count)| count).sum();
    let stat = |label: &str, value: String, note: String| Stat { label: page.t(label).to_owned(), value, note };
    let this_month = || page.t("admin-this-month").to_owned();
    let size_note = match size {
        Some((_, when)) if is_in_part => page.t1("admin-as-of-in-part", "time", at(page, &when)),
        Some((_, when)) => page.t1("admin-as-of", "time", at(page, &when)),
        None => page.t("admin-being-measured").to_owned(),
    };
    vec![
        stat(
            "admin-served",
            page.count(&served),
            page.t1("admin-of-which-trial", "count", page.count(&count(TenantStatus::Trial))),
        ),
        stat("admin-signups", page.count(&signups), page.t("admin-last-30-days").to_owned()),
        stat(
            "admin-revenue",
            amounts(page, sales, |sale| sale.paid),
            page.t1("admin-in-trial", "amount", amounts(page, sales, |sale| sale.in_trial)),
        ),
        stat("admin-api-calls", page.count(&census.used.api_calls), this_month()),
        stat("admin-page-views", page.count(&census.used.page_views), this_month()),
        stat(
            "admin-databases",
            size.map_or_else(|| page.t("optional-none").to_owned(), |(size, _)| page.bytes(&size)),
            size_note,
        ),
    ]
}

/// Amounts of several currencies are not added up.
fn amounts(page: &Page, sales: &[Sales], of: impl Fn(&Sales) -> Decimal) -> String {
    let mut by_currency = BTreeMap::<&str, Decimal>::new();
    for sale in sales {
        *by_currency.entry(&sale.currency).or_default() += of(sale);
    }
    by_currency.retain(|_, amount| !amount.is_zero());
    let amounts: Vec<String> = by_currency.iter().map(|(currency, amount)| page.money(amount, currency)).collect();
    if amounts.is_empty() { page.t("optional-none").to_owned() } else { amounts.join(" + ") }
}

fn signups(page: &Page, census: &Census) -> Columns {
    let bars = census.signups.iter().map(|(day, count)| Bar {
        // All of them are of one year, or clearly of two.
        label: page.day(day).rsplit_once(' ').map_or_else(String::new, |(day, _)| day.to_owned()),
        value: *count,
        shown: page.count(count),
        tone: Tone::Info,
    });
    Columns::new(page.t("admin-signups-chart"), bars.collect(), page.t("admin-day"), page.t("admin-signups"))
}

fn checks(
    page: &Page,
    servers: &[ServerState],
    (ready, wanted): (i64, usize),
    mails: Backlog,
    status: &Status,
) -> Vec<Check> {
    let badge = |tone, word: &str| Badge { tone, label: page.t(word).to_owned() };
    let (good, warn, bad) =
        (badge(Tone::Good, "admin-well"), badge(Tone::Warn, "admin-look"), badge(Tone::Bad, "admin-not-well"));
    let mut checks: Vec<Check> = servers
        .iter()
        .map(|server| {
            let name = page.t1("admin-server-named", "name", server.name.as_str());
            let Some(load) = server.load else {
                return Check { name, badge: bad.clone(), note: page.t("admin-unreachable").to_owned() };
            };
            let is_full = load.connections * 10 > i64::from(load.at_most) * 9;
            let figures = [
                ("used", page.count(&load.connections).into()),
                ("most", page.count(&i64::from(load.at_most)).into()),
                ("time", took(page, load.answered_in).into()),
            ];
            let badge = if is_full { warn.clone() } else { good.clone() };
            Check { name, badge, note: page.with("admin-server-load", figures) }
        })
        .collect();
    let figures = [("ready", page.count(&ready).into()), ("wanted", count(page, wanted).into())];
    checks.push(Check {
        name: page.t("admin-stock").to_owned(),
        badge: if wanted > 0 && ready == 0 { warn.clone() } else { good.clone() },
        note: page.with("admin-stock-level", figures),
    });
    let figures = [("waiting", page.count(&mails.waiting).into()), ("failed", page.count(&mails.failed).into())];
    checks.push(Check {
        name: page.t("admin-mails").to_owned(),
        badge: if mails.failed > 0 { warn.clone() } else { good.clone() },
        note: page.with("admin-mails-left", figures),
    });
    let behind = status.versions.iter().filter(|(version, _)| **version < status.target_version);
    let behind: i64 = behind.map(|(_, count)| count).sum();
    let figures = [("behind", page.count(&behind).into()), ("failing", count(page, status.failing.len()).into())];
    checks.push(Check {
        name: page.t("admin-fleet").to_owned(),
        badge: match (status.failing.len(), behind) {
            (0, 0) => good,
            (0, _) => warn,
            _ => bad,
        },
        note: page.with("admin-fleet-behind", figures),
    });
    checks
}
