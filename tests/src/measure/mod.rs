//! What the benchmarks share: servers in processes of their own, loads, the bare operations, and one table.

pub mod floor;
pub mod load;
pub mod processes;
pub mod report;
pub mod rows;
pub mod served;
pub mod stage;

use std::process::ExitCode;

use processes::Role;
use report::Report;
use tokio::signal::unix::{SignalKind, signal};

/// How often things are repeated.
#[derive(Clone, Copy)]
pub struct Effort {
    pub quick: bool,
}

impl Effort {
    /// As often as it takes, or as few as show that it works.
    pub fn pick<T>(self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }
}

/// Measures, prints the table, and says whether every target is met. The servers that are measured are this program too,
/// each in a process of its own: then `measure` is not called.
pub fn run<F: Future<Output = Report>>(measure: impl FnOnce() -> (Effort, F)) -> ExitCode {
    match Role::of_this_process() {
        Some(Role::Tenantry) => return tenantry::run(),
        Some(Role::Floor) => return floor::run(),
        None => {}
    }
    let (effort, work) = measure();
    // Failing means that one is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let Some(report) = runtime.block_on(until_interrupted(work)) else {
        return ExitCode::FAILURE;
    };
    println!("{report}");
    if effort.quick || report.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
