//! `/admin/fleet`: who is at which schema version, and the runs that bring everybody up.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use tenancy::Problem;
use ui::{Arg, Console, Field, Form, Look, Page, events};

use super::{
    console,
    desk::Desk,
    policy::{Wrong, fields, policy, unknown},
    rehearsal::{Rehearsed, begin, rehearsed},
    runs::{FailureView, RunView, failure_view, run_view},
    words::{and_more, count, took},
};
use crate::{
    audit::By,
    fleet::{Fleet, FleetError, Plan, Policy, Run, RunState, Status},
    identity::Caller,
};

/// How many of those who are behind a page names, and how many failures of the run under way and of the last tries.
const SHOWN: usize = 20;

struct Version {
    version: i32,
    tenants: String,
    is_target: bool,
}

#[derive(Template)]
#[template(path = "console/fleet.html")]
struct FleetTemplate {
    page: Page,
    console: Console,
    problem: Option<String>,
    target: i32,
    versions: Vec<Version>,
    behind: Vec<(String, i32)>,
    behind_count: String,
    more_behind: Option<String>,
    migrations: Vec<String>,
    estimate: String,
    failing: Vec<FailureView>,
    more_failing: Option<String>,
    run: Option<RunView>,
    /// Nobody ended it; else it was stopped.
    was_left: bool,
    failures: Vec<FailureView>,
    more_failures: Option<String>,
    rehearsal: Option<Rehearsed>,
    runs: Vec<RunView>,
    wrong: usize,
    fields: Vec<Field>,
    is_moving: bool,
    /// Nothing is in the way of a new run, or what was filled in for one was refused and is not to be lost.
    has_form: bool,
    /// How it stands, in few words for those who listen.
    told: String,
}

/// What was sent, and why nothing came of it.
#[derive(Default)]
struct Refused {
    form: Option<Form>,
    problem: Option<String>,
    wrong: Wrong,
}

pub(super) async fn show(
    page: Page,
    caller: Caller,
    fleet: Data<Fleet>,
    desk: Data<Desk>,
) -> Result<HttpResponse, Problem> {
    Ok(page.ok(&template(&page, &caller, &fleet, &desk, Refused::default()).await?))
}

async fn template(
    page: &Page,
    caller: &Caller,
    fleet: &Fleet,
    desk: &Desk,
    refused: Refused,
) -> Result<FleetTemplate, Problem> {
    let status = fleet.status().await?;
    // Migrations that can't be used are said, and everything else is shown all the same.
    let (plan, unusable) = match fleet.plan(&Policy::default()).await {
        Ok(plan) => (Some(plan), None),
        Err(error) => (None, Some(problem(page, error)?)),
    };
    let running = fleet.running().await?;
    let was_left = running.as_ref().is_some_and(|run| !run.is_held);
    let running = running.or_else(|| stopped(&status, plan.as_ref()));
    let failures = match &running {
        Some(run) => fleet.failures(run.id, SHOWN as i64, 0).await?,
        None => Vec::new(),
    };
    let rehearsal = rehearsed(page, desk);
    let is_rehearsing = rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.is_under_way);
    let is_held = running.as_ref().is_some_and(|run| run.is_held);
    let names = plan.as_ref().map(|plan| plan.tenants.as_slice()).unwrap_or_default();
    let run = running.as_ref().map(|run| run_view(page, run, fleet.progress_here().filter(|_| run.is_held)));
    let not_brought_up = running.as_ref().map_or(0, |run| run.failed + run.newer + run.gone);
    let last = run.as_ref().map(|run| run.told.clone());
    let last = last.or_else(|| status.runs.first().map(|run| run_view(page, run, None).told));
    let told = [last, rehearsal.as_ref().map(|rehearsal| rehearsal.told.clone())];
    Ok(FleetTemplate {
        console: console(page, caller),
        problem: refused.problem.or(unusable),
        target: status.target_version,
        versions: versions(page, &status),
        behind: names.iter().take(SHOWN).map(|one| (one.slug.to_string(), one.version)).collect(),
        behind_count: count(page, names.len()),
        more_behind: and_more(page, names.len(), SHOWN),
        estimate: estimate(page, plan.as_ref()),
        migrations: plan.map(|plan| plan.migrations).unwrap_or_default(),
        failing: status.failing.iter().take(SHOWN).map(|one| FailureView::of_failing(page, one)).collect(),
        more_failing: and_more(page, status.failing.len(), SHOWN),
        run,
        was_left,
        failures: failures.iter().map(|one| failure_view(page, one)).collect(),
        more_failures: and_more(page, usize::try_from(not_brought_up).unwrap_or_default(), SHOWN),
        rehearsal,
        runs: status.runs.iter().map(|run| run_view(page, run, None)).collect(),
        wrong: refused.wrong.len(),
        fields: fields(page, refused.form.as_ref(), &refused.wrong),
        is_moving: is_held || is_rehearsing,
        has_form: refused.form.is_some() || !(is_held || was_left || is_rehearsing),
        told: told.into_iter().flatten().collect::<Vec<_>>().join(" "),
        page: page.clone(),
    })
}

/// The last run, where it was stopped before everybody had a turn whom it was about.
fn stopped(status: &Status, plan: Option<&Plan>) -> Option<Run> {
    let plan = plan.filter(|plan| !plan.tenants.is_empty())?;
    let last = status.runs.first()?;
    (last.state == RunState::Stopped && last.target_version == plan.target_version).then(|| last.clone())
}

fn versions(page: &Page, status: &Status) -> Vec<Version> {
    let version = |(version, tenants): (&i32, &i64)| Version {
        version: *version,
        tenants: page.count(tenants),
        is_target: *version == status.target_version,
    };
    status.versions.iter().rev().map(version).collect()
}

fn estimate(page: &Page, plan: Option<&Plan>) -> String {
    match plan.and_then(|plan| plan.estimate_seconds) {
        Some(seconds) => {
            let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
            page.t1("admin-estimate", "time", took(page, time))
        }
        None => page.t("admin-no-estimate").to_owned(),
    }
}

pub(super) async fn tell(fleet: Data<Fleet>, desk: Data<Desk>) -> Result<HttpResponse, Problem> {
    events(move || {
        let (fleet, desk) = (fleet.clone(), desk.clone());
        async move {
            let (run, rehearsing) = (fleet.running().await?, desk.rehearsal().since());
            let counts = run.as_ref().map(|run| (run.id, run.is_held, run.done, run.failed, run.newer, run.gone));
            let wave = fleet.progress_here().map(|progress| progress.wave);
            let state = format!("{counts:?} {wave:?} {rehearsing:?} {}", desk.rehearsed().turns());
            Ok(Look { state, is_over: rehearsing.is_none() && !run.is_some_and(|run| run.is_held) })
        }
    })
}

pub(super) async fn start(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    fleet: Data<Fleet>,
    desk: Data<Desk>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let policy = match policy(&form) {
        Ok(policy) => policy,
        Err(wrong) => return wrong_fields(&page, &caller, &fleet, &desk, form, wrong.errors().clone()).await,
    };
    // What was left is gone on with as it was begun, and not as a new one would be.
    if let Some(left) = fleet.running().await?.filter(|run| !run.is_held) {
        return refuse(&page, &caller, &fleet, &desk, form, FleetError::Left(Box::new(left))).await;
    }
    match fleet.begin(policy, By::of(caller.actor(), &http)).await {
        Ok(()) => Ok(page.see_other("/admin/fleet?done=run-begun")),
        Err(error) => refuse(&page, &caller, &fleet, &desk, form, error).await,
    }
}

pub(super) async fn resume(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    fleet: Data<Fleet>,
    desk: Data<Desk>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let run = form.get("run").and_then(|run| run.parse().ok()).ok_or_else(|| Problem::not_found("run"))?;
    match fleet.resume(run, By::of(caller.actor(), &http)).await {
        Ok(()) => Ok(page.see_other("/admin/fleet?done=run-begun")),
        Err(error) => {
            let refused = Refused { problem: Some(problem(&page, error)?), ..Refused::default() };
            Ok(page.answer(StatusCode::CONFLICT, &template(&page, &caller, &fleet, &desk, refused).await?))
        }
    }
}

pub(super) async fn stop(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    fleet: Data<Fleet>,
    _: Form,
) -> Result<HttpResponse, Problem> {
    let asked = fleet.request_stop(By::of(caller.actor(), &http)).await?;
    Ok(page.see_other(if asked { "/admin/fleet?done=run-stopping" } else { "/admin/fleet" }))
}

pub(super) async fn rehearse(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    fleet: Data<Fleet>,
    desk: Data<Desk>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let policy = match policy(&form) {
        Ok(policy) => policy,
        Err(wrong) => return wrong_fields(&page, &caller, &fleet, &desk, form, wrong.errors().clone()).await,
    };
    // What a rehearsal would end with at once is said at once.
    if let Err(error) = fleet.plan(&policy).await {
        return refuse(&page, &caller, &fleet, &desk, form, error).await;
    }
    begin(&desk, fleet.get_ref().clone(), policy, By::of(caller.actor(), &http));
    Ok(page.see_other("/admin/fleet?done=rehearsal-begun"))
}

async fn wrong_fields(
    page: &Page,
    caller: &Caller,
    fleet: &Fleet,
    desk: &Desk,
    form: Form,
    wrong: Wrong,
) -> Result<HttpResponse, Problem> {
    let refused = Refused { form: Some(form), problem: None, wrong };
    Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &template(page, caller, fleet, desk, refused).await?))
}

async fn refuse(
    page: &Page,
    caller: &Caller,
    fleet: &Fleet,
    desk: &Desk,
    form: Form,
    error: FleetError,
) -> Result<HttpResponse, Problem> {
    if let FleetError::Unknown(slugs) = &error {
        let wrong = unknown(page, &policy(&form)?, slugs);
        return wrong_fields(page, caller, fleet, desk, form, wrong).await;
    }
    let refused = Refused { form: Some(form), problem: Some(problem(page, error)?), wrong: Wrong::new() };
    Ok(page.answer(StatusCode::CONFLICT, &template(page, caller, fleet, desk, refused).await?))
}

/// Why nothing came of it, as far as that can be told with the page.
fn problem(page: &Page, error: FleetError) -> Result<String, Problem> {
    Ok(match error {
        FleetError::Busy(run) => page.t1("admin-run-busy", "actor", run.actor.as_str()),
        FleetError::Left(run) => page.t1("admin-run-left-first", "actor", run.actor.as_str()),
        FleetError::Over(_) => page.t("admin-run-over").to_owned(),
        FleetError::OldProgram { target, own } => {
            page.with("admin-old-program", [("target", Arg::from(target)), ("own", Arg::from(own))])
        }
        FleetError::TransactionControl(migration) => page.t1("admin-transaction-control", "migration", migration),
        _ => return Err(error.into()),
    })
}
