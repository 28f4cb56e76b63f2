//! `tenantry fleet`

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use control_plane::{
    ControlPlane,
    fleet::{
        Difference, Drift, Finding, Fleet as Capability, FleetError, Order, Plan, Policy, Rehearsal, Run, RunState,
        Status, Stop, Summary, Verdict,
    },
    provisioning::Fault,
};
use serde_json::json;
use tenancy::{TenantSlug, migrate::Migrations};
use tokio::sync::watch;

use super::Common;
use crate::{CliError, Failed, output::table, progress};

/// Brings all tenants' databases to the current schema version.
#[derive(Subcommand)]
pub(super) enum Fleet {
    /// Show who is behind, and what a run would do; changes nothing
    #[command(after_help = "Example:\n  tenantry fleet plan")]
    Plan(Whom),
    /// Bring everybody up: canaries first, then the rest, several at a time
    #[command(
        after_help = "Ctrl-C stops after the databases in hand; the same command goes on from there. A run that was killed is gone on with as well.\n\nExample:\n  tenantry fleet migrate --rehearse\n  tenantry fleet migrate --canary 3 --max-failures 5"
    )]
    Migrate(Migrate),
    /// Show how many tenants are at which version, who failed and why, and the last runs
    #[command(after_help = "Example:\n  tenantry fleet status")]
    Status,
    /// Compare every tenant's schema with what its migrations make, and name what differs; changes nothing
    #[command(after_help = "Example:\n  tenantry fleet drift")]
    Drift(Whom),
    /// Look for dangers in migrations: lost data, broken programs, long locks
    #[command(
        after_help = "A finding is allowed by a comment above the statement: -- squawk-ignore RULE -- why it is safe here\n\nExample:\n  tenantry fleet lint\n  tenantry fleet lint tenant-migrations --after 4"
    )]
    Lint {
        /// Only migrations above this version: those that were applied somewhere can't be changed any more
        #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true)]
        after: i32,
        /// Folders of migrations [default: those that are built in]
        folders: Vec<PathBuf>,
    },
    /// Ask the run that is under way, wherever it is, to stop after the databases in hand
    #[command(after_help = "Example:\n  tenantry fleet stop")]
    Stop,
}

/// Which tenants, and in which order.
#[derive(Args)]
pub(super) struct Whom {
    /// Only these tenants
    #[arg(long, value_name = "SLUG", num_args = 1.., value_parser = TenantSlug::known)]
    only: Vec<TenantSlug>,
    /// Not these tenants
    #[arg(long, value_name = "SLUG", num_args = 1.., value_parser = TenantSlug::known)]
    exclude: Vec<TenantSlug>,
    /// created (oldest first), size (smallest first) or label; tenants labelled canary, and those that somebody waits for, come first
    #[arg(long, default_value = "created")]
    order: Order,
}

#[derive(Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    whom: Whom,
    /// Databases at a time, on each server
    #[arg(long, value_name = "N", default_value_t = Policy::default().concurrency, value_parser = at_least_one)]
    concurrency: usize,
    /// How many are brought up first, on their own; where one fails, the run stops
    #[arg(long, value_name = "N", default_value_t = Policy::default().canaries)]
    canary: usize,
    /// Go on where a canary fails
    #[arg(long)]
    despite_canaries: bool,
    /// How many are in each later wave [default: all of them]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    wave: usize,
    /// Seconds between waves
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pause: u32,
    /// Stop after so many failures; 0 goes on whatever fails
    #[arg(long, value_name = "N", default_value_t = Policy::default().max_failures.unwrap_or(0))]
    max_failures: usize,
    /// Make no backups before migrations that can lose data
    #[arg(long)]
    no_backup: bool,
    /// Hold back while the server feels busy: slower, and gentle to requests
    #[arg(long)]
    polite: bool,
    /// How long a statement may wait for a lock, in milliseconds, before the tenant is tried again later
    #[arg(long, value_name = "MS", default_value_t = Policy::default().lock_timeout_ms)]
    lock_timeout: u32,
    /// How long a statement may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Policy::default().statement_seconds)]
    statement_timeout: u32,
    /// Try everything in transactions that are rolled back, and report what would fail; changes nothing
    #[arg(long)]
    rehearse: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "must be a number above 0".to_owned())
}

impl Whom {
    fn policy(self) -> Policy {
        Policy { only: self.only, exclude: self.exclude, order: self.order, ..Policy::default() }
    }
}

impl Migrate {
    fn policy(self) -> Policy {
        Policy {
            concurrency: self.concurrency,
            canaries: self.canary,
            despite_canaries: self.despite_canaries,
            wave: self.wave,
            pause_seconds: self.pause,
            max_failures: (self.max_failures > 0).then_some(self.max_failures),
            backups: !self.no_backup,
            polite: self.polite,
            lock_timeout_ms: self.lock_timeout,
            statement_seconds: self.statement_timeout,
            ..self.whom.policy()
        }
    }
}

impl Fleet {
    pub(super) async fn run(self, common: Common) -> Failed<ExitCode> {
        if let Self::Lint { after, folders } = &self {
            return lint(&common, folders, *after);
        }
        let control_plane: ControlPlane = common.platform()?.control_plane(Fault::default())?;
        let fleet = &control_plane.fleet;
        match self {
            Self::Plan(whom) => common.output().print(&fleet.plan(&whom.policy()).await?, plan),
            Self::Status => common.output().print(&fleet.status().await?, status),
            Self::Stop => {
                let asked = fleet.request_stop(super::ACTOR).await?;
                common.output().print(&json!({ "asked": asked }), |_| match asked {
                    true => "The run is asked to stop; it does so after the databases in hand.".to_owned(),
                    false => "No run is under way.".to_owned(),
                });
            }
            Self::Drift(whom) => return drift(&common, fleet, &whom.policy()).await,
            Self::Lint { .. } => {}
            Self::Migrate(migrate) if migrate.rehearse => return rehearse(&common, fleet, &migrate.policy()).await,
            Self::Migrate(migrate) => return run(&common, fleet, &migrate.policy()).await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The first Ctrl-C asks for a stop, the second ends the program.
fn stop_at_interrupt() -> Stop {
    let stop = Stop::default();
    let asked = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            asked.ask("it was interrupted".to_owned());
            eprintln!("Stopping after the databases in hand; once more to stop at once.");
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    stop
}

async fn run(common: &Common, fleet: &Capability, policy: &Policy) -> Failed<ExitCode> {
    let (sender, receiver) = watch::channel(control_plane::fleet::Progress::default());
    let stop = stop_at_interrupt();
    let bar = progress::follow(receiver, "migrating");
    let ended = fleet.migrate(policy, super::ACTOR, &sender, &stop).await;
    drop(sender);
    bar.end().await;
    let summary = ended.map_err(explain)?;
    common.output().print(&summary, summarized);
    let whole = summary.run.state == RunState::Done && summary.run.failed == 0;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn rehearse(common: &Common, fleet: &Capability, policy: &Policy) -> Failed<ExitCode> {
    let (sender, receiver) = watch::channel(control_plane::fleet::Progress::default());
    let stop = stop_at_interrupt();
    let bar = progress::follow(receiver, "rehearsing");
    let ended = fleet.rehearse(policy, super::ACTOR, &sender, &stop).await;
    drop(sender);
    bar.end().await;
    let rehearsals = ended.map_err(explain)?;
    common.output().print(&rehearsals, |rehearsals| rehearsed(rehearsals));
    let whole = stop.reason().is_none() && rehearsals.iter().all(|it| it.verdict != Verdict::Fails);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn drift(common: &Common, fleet: &Capability, policy: &Policy) -> Failed<ExitCode> {
    let (sender, receiver) = watch::channel(control_plane::fleet::Progress::default());
    let stop = stop_at_interrupt();
    let bar = progress::follow(receiver, "comparing");
    let ended = fleet.drift(policy, &sender, &stop).await;
    let compared = sender.borrow().turns();
    drop(sender);
    bar.end().await;
    let found = ended.map_err(explain)?;
    common.output().print(&found, |found| drifted(found, compared));
    Ok(if found.is_empty() && stop.reason().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Needs no platform.
fn lint(common: &Common, folders: &[PathBuf], after: i32) -> Failed<ExitCode> {
    let mut findings = Vec::new();
    if folders.is_empty() {
        findings = control_plane::fleet::lint(&control_plane::provisioning::tenant_migrations(), after);
    }
    for folder in folders {
        findings.extend(control_plane::fleet::lint(&Migrations::read(folder).map_err(CliError::new)?, after));
    }
    common.output().print(&findings, |findings| match findings.as_slice() {
        [] => "No dangers were found.".to_owned(),
        findings => {
            let said = |it: &Finding| {
                let help = it.help.as_ref().map(|help| format!("\n    help: {help}")).unwrap_or_default();
                format!("{}:{}: {}: {}{help}", it.migration, it.line, it.rule, it.message)
            };
            let allow = "Allow one with a comment above its statement: -- squawk-ignore RULE -- why it is safe here";
            format!("{}\n{allow}", findings.iter().map(said).collect::<Vec<_>>().join("\n"))
        }
    });
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn explain(error: FleetError) -> CliError {
    let hint = match &error {
        FleetError::Busy(_) => Some("tenantry fleet status shows how far it is; tenantry fleet stop stops it"),
        FleetError::Unknown(_) => Some("tenantry tenant list shows all"),
        _ => None,
    };
    match hint {
        Some(hint) => CliError::new(error).hint(hint),
        None => CliError::new(error),
    }
}

impl From<FleetError> for CliError {
    fn from(error: FleetError) -> Self {
        explain(error)
    }
}

fn plan(plan: &Plan) -> String {
    let mut lines = Vec::new();
    if let Some(run) = &plan.running {
        lines.push(match run.is_held {
            true => format!("{} is under way.", run.id),
            false => {
                format!("{} was left by a program that was killed: tenantry fleet migrate goes on with it.", run.id)
            }
        });
    }
    if plan.tenants.is_empty() {
        lines.push(format!("Everybody is at version {}.", plan.target_version));
        return lines.join("\n");
    }
    lines.push(format!(
        "{} of {} are behind version {}:",
        plan.tenants.len(),
        plan.versions.values().sum::<i64>(),
        plan.target_version
    ));
    lines.push(table(
        ["VERSION", "TENANTS"],
        plan.versions.iter().map(|(version, count)| [version.to_string(), count.to_string()]),
    ));
    lines.push(format!("What would run, for those furthest behind: {}", plan.migrations.join(", ")));
    lines.push(match plan.estimate_seconds {
        Some(seconds) => format!("By the pace of the last run it takes {seconds:.0} s."),
        None => "How long it takes is not known before the first run.".to_owned(),
    });
    lines.push("tenantry fleet migrate --rehearse tries it on everybody and changes nothing.".to_owned());
    lines.join("\n")
}

fn counts(run: &Run) -> String {
    let mut text = format!("{} at version {}", run.done, run.target_version);
    for (count, word) in [(run.failed, "failed"), (run.newer, "newer than this program"), (run.gone, "gone meanwhile")]
    {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}

fn summarized(summary: &Summary) -> String {
    let run = &summary.run;
    let took = run.finished_at.map(|end| end.duration_since(run.started_at).as_secs_f64()).unwrap_or_default();
    let mut lines = vec![match (run.state, &run.reason) {
        (RunState::Done, _) if run.done + run.failed + run.newer == 0 => {
            format!("Everybody is at version {} already.", run.target_version)
        }
        (RunState::Done, _) => format!("{} in {took:.1} s.", counts(run)),
        (_, reason) => {
            let reason = reason.as_deref().unwrap_or("it was stopped");
            format!("Stopped, because {reason}: {} in {took:.1} s. The same command goes on from here.", counts(run))
        }
    }];
    for failure in &summary.failures {
        let word = failure.failure.map_or(failure.outcome.as_str(), |failure| failure.as_str());
        lines.push(format!("  {:<24} {:<12} {}", failure.slug, word, failure.message.as_deref().unwrap_or_default()));
    }
    lines.join("\n")
}

fn rehearsed(rehearsals: &[Rehearsal]) -> String {
    let count = |verdict| rehearsals.iter().filter(|it| it.verdict == verdict).count();
    let mut lines = vec![match rehearsals.len() {
        0 => "Nobody is behind: there is nothing to rehearse.".to_owned(),
        _ => format!(
            "{} would pass, {} would fail, {} could be tried in part. Nothing was changed.",
            count(Verdict::Passes),
            count(Verdict::Fails),
            count(Verdict::Partly)
        ),
    }];
    for one in rehearsals.iter().filter(|it| it.verdict != Verdict::Passes) {
        let message = one.message.as_deref().unwrap_or_default();
        lines.push(match one.verdict {
            Verdict::Partly => format!("  {:<24} {message} runs outside a transaction and can't be tried", one.slug),
            _ => {
                let word = one.failure.map_or(one.verdict.as_str(), |failure| failure.as_str());
                format!("  {:<24} {word:<12} {message}", one.slug)
            }
        });
    }
    lines.join("\n")
}

fn drifted(found: &[Drift], compared: usize) -> String {
    if found.is_empty() {
        return format!("{compared} compared: every schema is what its migrations make.");
    }
    let rows = found.iter().map(|it| {
        let what = match it.difference {
            Difference::Missing => it.expected.clone(),
            Difference::Extra => it.found.clone(),
            Difference::Changed => {
                it.expected.as_ref().zip(it.found.as_ref()).map(|(ought, is)| format!("{is}, not {ought}"))
            }
        };
        let what: String = what.or_else(|| it.found.clone()).unwrap_or_default().chars().take(120).collect();
        [it.slug.to_string(), it.difference.to_string(), format!("{} {}", it.kind, it.name), what.replace('\n', " ")]
    });
    table(["TENANT", "DIFFERENCE", "WHAT", ""], rows)
}

fn status(status: &Status) -> String {
    let rows = status.versions.iter().map(|(version, count)| {
        let mark = if *version == status.target_version { "current" } else { "" };
        [version.to_string(), count.to_string(), mark.to_owned()]
    });
    let mut lines = vec![table(["VERSION", "TENANTS", ""], rows)];
    if !status.failing.is_empty() {
        lines.push(String::new());
        let rows = status.failing.iter().map(|it| {
            let message = it.message.as_deref().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
            [it.slug.to_string(), it.version.to_string(), it.failure.to_string(), message]
        });
        lines.push(table(["FAILED", "VERSION", "WHY", ""], rows));
    }
    if !status.runs.is_empty() {
        lines.push(String::new());
        let rows = status.runs.iter().map(|run| {
            let state = run.reason.as_ref().map_or(run.state.to_string(), |reason| format!("{}: {reason}", run.state));
            [run.id.to_string(), run.started_at.strftime("%Y-%m-%d %H:%M:%S").to_string(), state, counts(run)]
        });
        lines.push(table(["RUN", "STARTED", "STATE", ""], rows));
    }
    lines.join("\n")
}
