//! What pages cost: what a browser loads that was never here, how long the server takes for one, and how long somebody
//! waits for their workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod loads;
mod server;
mod signup;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tests::{
    measure::{
        Effort,
        report::{Report, note},
        run,
        stage::durable_cluster,
    },
    pages::Filled,
};

/// Measures pages: what a browser loads, what the server takes, and a signup as a person feels it.
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
    /// Bytes and requests of each page on a cold cache, as a browser counts them
    Loads,
    /// The server's time for each page
    Server,
    /// From the click on the last button to the workspace
    Signup,
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
    note("filling a workspace …");
    let cluster = durable_cluster().await;
    let (platform, filled) = Filled::on(&cluster).await;
    if wanted(What::Loads) {
        loads::measure(&platform, &filled, &mut report).await;
    }
    if wanted(What::Server) {
        server::measure(&platform, &filled, effort, &mut report).await;
    }
    platform.stop().await;
    if wanted(What::Signup) {
        signup::measure(&cluster, effort, &mut report).await;
    }
    cluster.stop().await.unwrap();
    report
}
