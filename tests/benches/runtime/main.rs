//! Serving tenants: warm ones against a bare handler, and many of them on few connections against what PostgreSQL can
//! do at all, measured in the same run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod many;
mod memory;
mod mixed;
mod neighbours;
mod warm;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tests::measure::{Effort, report::Report, run};

/// Measures serving tenants, against a bare actix-web and deadpool-postgres handler and against PostgreSQL itself.
#[derive(Parser)]
struct Arguments {
    /// What to measure [default: all of it]
    what: Vec<What>,
    /// Few repetitions: to see that it works, not to judge by
    #[arg(long)]
    quick: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// 1 and 20 warm tenants: reads, lists, creates, as fast as can be and at a fixed rate
    Warm,
    /// 20 quiet tenants beside one that asks as fast as it can
    Neighbours,
    /// 100 and 1,000 tenants under a budget of 90 connections, and of 1,000
    Many,
    /// An hour's requests of 1,000 tenants on a PostgreSQL with 100 connections
    Mixed,
    /// Memory with 1,000 known tenants, and of one more
    Memory,
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
    let mut report = Report::default();
    if wanted(What::Warm) {
        warm::measure(effort, &mut report).await;
    }
    if wanted(What::Neighbours) {
        neighbours::measure(effort, &mut report).await;
    }
    if wanted(What::Mixed) {
        mixed::measure(effort, &mut report).await;
    }
    if wanted(What::Memory) {
        memory::measure(effort, &mut report).await;
    }
    if wanted(What::Many) {
        many::measure(effort, &mut report).await;
    }
    report
}
