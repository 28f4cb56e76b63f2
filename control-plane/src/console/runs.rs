//! `/admin/fleet/runs/{id}`: a run, and whom it did not bring up, as this page and the fleet's show them.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;
use tenancy::Problem;
use ui::{Arg, Console, Page, Pages, Tone};

use super::{
    console, policy,
    words::{Badge, at, between, pages, quarters},
};
use crate::{
    fleet::{Failing, Fleet, Outcome, Progress, Run, RunId, RunState, TenantResult},
    identity::Caller,
    tenants::PAGE_ROWS,
};

/// A run.
pub(super) struct RunView {
    pub(super) id: String,
    pub(super) state: Badge,
    pub(super) is_held: bool,
    pub(super) target: i32,
    pub(super) actor: String,
    pub(super) reason: Option<Reason>,
    pub(super) started: String,
    pub(super) took: String,
    pub(super) turns: i64,
    pub(super) total: i64,
    /// Both, in words.
    pub(super) progress: String,
    /// How it stands, in few words for those who listen.
    pub(super) told: String,
    /// The wave, where this process is at it.
    pub(super) wave: Option<String>,
    pub(super) done: String,
    pub(super) failed: String,
    pub(super) left: String,
    pub(super) has_failed: bool,
    /// How many were newer than this program, and gone meanwhile; nothing where nobody was.
    pub(super) passed_over: Option<String>,
}

/// Why a run stopped.
pub(super) struct Reason {
    pub(super) text: String,
    /// Whether that is an error as it came, and so in English.
    pub(super) is_raw: bool,
}

pub(super) fn run_view(page: &Page, run: &Run, here: Option<Progress>) -> RunView {
    let turns = run.done + run.failed + run.newer + run.gone;
    // Others may have fallen behind since it began.
    let total = i64::from(run.tenants).max(turns);
    let total = here.as_ref().map_or(total, |here| total.max(i64::try_from(here.total).unwrap_or(0)));
    let (tone, word) = match run.state {
        RunState::Running if run.is_held => (Tone::Info, "admin-run-running"),
        RunState::Running => (Tone::Warn, "admin-run-left"),
        RunState::Done if run.failed > 0 => (Tone::Bad, "admin-run-done-but"),
        RunState::Done => (Tone::Good, "admin-run-done"),
        RunState::Stopped => (Tone::Warn, "admin-run-stopped"),
    };
    let passed_over = run.newer + run.gone;
    let (state, done, failed) = (page.t(word), page.count(&run.done), page.count(&run.failed));
    let ended = || {
        format!(
            "{}: {state}. {}: {done}, {}: {failed}.",
            page.t("admin-run"),
            page.t("admin-done"),
            page.t("admin-failed")
        )
    };
    RunView {
        id: run.id.to_string(),
        state: Badge { tone, label: state.to_owned() },
        is_held: run.is_held,
        target: run.target_version,
        actor: run.actor.clone(),
        reason: run.reason.as_deref().map(|reason| told(page, reason)),
        started: at(page, &run.started_at),
        took: between(page, run.started_at, run.finished_at.unwrap_or_else(Timestamp::now)),
        turns,
        total,
        progress: format!("{} / {}", page.count(&turns), page.count(&total)),
        told: if run.is_held { quarters(page, "admin-run-told", turns, total) } else { ended() },
        wave: here.filter(|here| here.wave > 0).map(|here| page.t1("admin-wave", "number", here.wave)),
        done,
        failed,
        left: page.count(&(total - turns)),
        has_failed: run.failed > 0,
        passed_over: (passed_over > 0).then(|| {
            let counts = [("newer", Arg::from(run.newer)), ("gone", Arg::from(run.gone))];
            page.with("admin-passed-over", counts)
        }),
    }
}

/// Why a run stopped: what the platform says itself, in somebody's language; an error as it came.
fn told(page: &Page, reason: &str) -> Reason {
    // After so many failures.
    let failures = reason.strip_suffix(" failed").and_then(|count| count.parse::<i64>().ok());
    let key = match reason {
        "a canary failed" => Some("admin-stopped-canary"),
        "it was left" => Some("admin-stopped-left"),
        "it was asked to stop" | "it was interrupted" => Some("admin-stopped-asked"),
        "tenants are still being made at an older version" => Some("admin-stopped-making"),
        _ => None,
    };
    match (key, failures) {
        (Some(key), _) => Reason { text: page.t(key).to_owned(), is_raw: false },
        (None, Some(count)) => Reason { text: page.t1("admin-stopped-failures", "count", count), is_raw: false },
        (None, None) => Reason { text: reason.to_owned(), is_raw: true },
    }
}

/// A tenant that was not brought up.
pub(super) struct FailureView {
    pub(super) slug: String,
    /// Where the tenant is shown: where that is known by its id, for its slug may be another's by now.
    pub(super) href: String,
    pub(super) kind: Badge,
    pub(super) message: String,
    pub(super) versions: String,
    pub(super) tries: Option<String>,
    pub(super) at: Option<String>,
}

pub(super) fn failure_view(page: &Page, one: &TenantResult) -> FailureView {
    let kind = match (one.failure, one.outcome) {
        (Some(failure), _) => Badge { tone: Tone::Bad, label: page.t(&format!("admin-failure-{failure}")).to_owned() },
        (None, Outcome::Newer) => Badge { tone: Tone::Neutral, label: page.t("admin-outcome-newer").to_owned() },
        (None, _) => Badge { tone: Tone::Neutral, label: page.t("admin-outcome-gone").to_owned() },
    };
    FailureView {
        slug: one.slug.to_string(),
        href: format!("/admin/tenants/{}", one.tenant),
        kind,
        message: one.message.clone().unwrap_or_default(),
        versions: one.from_version.map(|version| version.to_string()).unwrap_or_default(),
        tries: Some(page.count(&i64::from(one.tries))),
        at: None,
    }
}

impl FailureView {
    /// Somebody who is behind since a try failed.
    pub(super) fn of_failing(page: &Page, one: &Failing) -> Self {
        let label = page.t(&format!("admin-failure-{}", one.failure)).to_owned();
        Self {
            slug: one.slug.to_string(),
            href: format!("/admin/tenants/{}", one.slug),
            kind: Badge { tone: Tone::Bad, label },
            message: one.message.clone().unwrap_or_default(),
            versions: one.version.to_string(),
            tries: None,
            at: Some(at(page, &one.at)),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    page: Option<String>,
}

#[derive(Template)]
#[template(path = "console/run.html")]
struct RunTemplate {
    page: Page,
    console: Console,
    run: RunView,
    can_resume: bool,
    policy: Vec<(String, String)>,
    failures: Vec<FailureView>,
    pages: Pages,
}

/// One run, with whom it did not bring up.
pub(super) async fn show(
    page: Page,
    caller: Caller,
    fleet: Data<Fleet>,
    id: Path<String>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let id: RunId = id.parse().map_err(|_| Problem::not_found("run"))?;
    let run = fleet.run(id).await?.ok_or_else(|| Problem::not_found("run"))?;
    let policy = fleet.policy(id).await?.unwrap_or_default();
    // While another one is under way, or was left, that one comes first.
    let is_first = fleet.running().await?.is_none_or(|running| running.id == id);
    let number = asked.page.as_deref().and_then(|page| page.parse().ok()).unwrap_or(1_u32).clamp(1, 1_000_000);
    let failures = fleet.failures(id, PAGE_ROWS, i64::from(number - 1) * PAGE_ROWS).await?;
    let total = run.failed + run.newer + run.gone;
    Ok(page.ok(&RunTemplate {
        console: console(&page, &caller),
        failures: failures.iter().map(|one| failure_view(&page, one)).collect(),
        pages: pages(&page, &format!("/admin/fleet/runs/{id}"), &[], number, total),
        can_resume: is_first && !run.is_held && run.state != RunState::Done,
        policy: policy::told(&page, &policy),
        run: run_view(&page, &run, fleet.progress_here().filter(|_| run.is_held)),
        page: page.clone(),
    }))
}
