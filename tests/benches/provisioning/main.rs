//! Making and serving tenants against the bare operation, measured in the same run on a private PostgreSQL whose
//! settings are those of production: a commit is on the disk when it returns.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod births;
mod details;
mod floor;
mod load;
mod processes;
mod report;
mod requests;
mod rows;
mod signup;
mod stage;
mod standing;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use processes::Role;
use report::Report;
use tokio::signal::unix::{SignalKind, signal};

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

/// How often things are repeated.
#[derive(Clone, Copy)]
struct Effort {
    pub(crate) quick: bool,
}

impl Effort {
    /// As often as it takes, or as few as show that it works.
    fn pick<T>(self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }
}

fn main() -> ExitCode {
    // The servers that are measured are this program too, each in a process of its own.
    match Role::of_this_process() {
        Some(Role::Tenantry) => return tenantry::run(),
        Some(Role::Floor) => return floor::run(),
        None => {}
    }
    let arguments = Arguments::parse();
    // Failing means that one is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let Some(report) = runtime.block_on(until_interrupted(measure(&arguments))) else {
        return ExitCode::FAILURE;
    };
    println!("{report}");
    if arguments.quick || report.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// `None` when the program is asked to end: what was started ends with the work that is dropped.
async fn until_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut terminate = signal(SignalKind::terminate()).expect("signals");
    tokio::select! {
        done = work => Some(done),
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
    }
}

async fn measure(arguments: &Arguments) -> Report {
    let wanted = |what| arguments.what.is_empty() || arguments.what.contains(&what);
    let effort = Effort { quick: arguments.quick };
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
