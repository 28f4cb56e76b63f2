//! Making and serving tenants against the bare operation, measured in the same run on a private PostgreSQL whose
//! settings are those of production: a commit is on the disk when it returns.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod births;
mod details;
mod requests;
mod signup;
mod standing;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tests::measure::{Effort, report::Report, run};

/// Measures making and serving tenants, each against the bare operation of PostgreSQL or actix-web in the same run.
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
    /// One signup's own share, with stock and without
    Signup,
    /// Many tenants, one after another and 8 at a time
    Births,
    /// A request on a warm tenant, against a bare handler
    Requests,
    /// `tenantry dev` to ready, and memory with 500 tenants
    Standing,
    /// What the choices on a request's way are worth
    Details,
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
    if wanted(What::Signup) {
        signup::with_stock(effort, &mut report).await;
        signup::without_stock(effort, &mut report).await;
    }
    if wanted(What::Births) {
        births::measure(effort, &mut report).await;
    }
    if wanted(What::Requests) {
        requests::measure(effort, &mut report).await;
    }
    if wanted(What::Standing) {
        standing::measure(effort, &mut report).await;
    }
    if wanted(What::Details) {
        details::measure(effort, &mut report).await;
    }
    report
}
