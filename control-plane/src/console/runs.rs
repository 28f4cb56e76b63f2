//! `/admin/fleet/runs/{id}`: a run, and whom it did not bring up, as this page and the fleet's show them.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use askama::Template;
use jiff::Timestamp;
use serde::Deserialize;
use tenancy::Problem;
use ui::{Arg, Console, Page, Tone};

use super::{
    console,
    words::{Badge, Pages, between},
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
    pub(super) reason: Option<String>,
    pub(super) started: String,
    pub(super) took: String,
    pub(super) turns: i64,
    pub(super) total: i64,
    /// The wave, where this process is at it.
    pub(super) wave: Option<String>,
    pub(super) done: String,
    pub(super) failed: String,
    pub(super) left: String,
    pub(super) has_failed: bool,
    /// How many were newer than this program, and gone meanwhile; nothing where nobody was.
    pub(super) passed_over: Option<String>,
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
    RunView {
        id: run.id.to_string(),
        state: Badge { tone, label: page.t(word).to_owned() },
        is_held: run.is_held,
        target: run.target_version,
        actor: run.actor.clone(),
        reason: run.reason.as_deref().map(|reason| told(page, reason)),
        started: page.moment(&run.started_at),
        took: between(page, run.started_at, run.finished_at.unwrap_or_else(Timestamp::now)),
        turns,
        total,
        wave: here.filter(|here| here.wave > 0).map(|here| page.t1("admin-wave", "number", here.wave)),
        done: page.count(&run.done),
        failed: page.count(&run.failed),
        left: page.count(&(total - turns)),
        has_failed: run.failed > 0,
        passed_over: (passed_over > 0).then(|| {
            let counts = [("newer", Arg::from(run.newer)), ("gone", Arg::from(run.gone))];
            page.with("admin-passed-over", counts)
        }),
    }
}

/// Why a run stopped: what the platform says itself, in somebody's language; an error as it came.
fn told(page: &Page, reason: &str) -> String {
    let key = match reason {
        "a canary failed" => "admin-stopped-canary",
        "it was left" => "admin-stopped-left",
        "it was asked to stop" | "it was interrupted" => "admin-stopped-asked",
        _ => {
            // After so many failures.
            let failed = reason.strip_suffix(" failed").and_then(|count| count.parse::<i64>().ok());
            return failed.map_or(reason.to_owned(), |count| page.t1("admin-stopped-failures", "count", count));
        }
    };
    page.t(key).to_owned()
}

/// A tenant that was not brought up.
pub(super) struct FailureView {
    pub(super) slug: String,
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
            kind: Badge { tone: Tone::Bad, label },
            message: one.message.clone().unwrap_or_default(),
            versions: one.version.to_string(),
            tries: None,
            at: Some(page.moment(&one.at)),
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
    let number = asked.page.as_deref().and_then(|page| page.parse().ok()).unwrap_or(1_u32).clamp(1, 1_000_000);
    let failures = fleet.failures(id, PAGE_ROWS, i64::from(number - 1) * PAGE_ROWS).await?;
    let total = run.failed + run.newer + run.gone;
    Ok(page.ok(&RunTemplate {
        console: console(&page, &caller),
        failures: failures.iter().map(|one| failure_view(&page, one)).collect(),
        pages: Pages::new(&page, &format!("/admin/fleet/runs/{id}"), &[], number, total),
        run: run_view(&page, &run, fleet.progress_here().filter(|_| run.is_held)),
        page: page.clone(),
    }))
}
