//! Bringing a fleet of tenants to a newer schema, against the bare statements on the same databases in the same run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod floor;
mod ground;
mod rates;
mod served;
mod troubles;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use ground::Ground;
use tests::measure::{
    Effort,
    report::{Report, note},
    run,
};

/// Measures bringing a fleet to a newer schema, against one bare ALTER on a connection of its own for each database.
#[derive(Parser)]
struct Arguments {
    /// What to measure [default: all of it]
    what: Vec<What>,
    /// Few repetitions: to see that it works, not to judge by
    #[arg(long)]
    quick: bool,
    /// How many tenants
    #[arg(long)]
    tenants: Option<usize>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// One migration on 100 and on all tenants; five; none; a rehearsal; other programs
    Rates,
    /// What requests feel while the fleet is migrated
    Served,
    /// Tenants that can't be brought up, among all others
    Troubles,
}

fn main() -> ExitCode {
    run(|| {
        let arguments = Arguments::parse();
        let effort = Effort { quick: arguments.quick };
        (effort, measure(arguments, effort))
    })
}

async fn measure(arguments: Arguments, effort: Effort) -> Report {
    let wanted = |what| arguments.what.is_empty() || arguments.what.contains(&what);
    let count = arguments.tenants.unwrap_or(effort.pick(1_000, 60));
    let mut report = Report::default();
    note(&format!("making {count} tenants …"));
    let mut ground = Ground::with(count).await;
    if wanted(What::Rates) {
        rates::measure(&mut ground, effort, &mut report).await;
    }
    if wanted(What::Served) {
        served::measure(&mut ground, effort, &mut report).await;
    }
    if wanted(What::Troubles) {
        troubles::measure(&mut ground, &mut report).await;
    }
    ground.strike().await;
    report
}
