//! The commands, one file each.

mod adopt;
mod config;
mod dev;
mod doctor;
mod fleet;
mod migrate;
mod serve;
mod server;
mod tenant;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{Failed, locate, output::Output, serving::Platform};

/// A database for every tenant: the platform, its servers and its tenants.
#[derive(Parser)]
#[command(
    name = "tenantry",
    version,
    about,
    after_help = "Example:\n  tenantry dev\n  tenantry tenant create --slug acme --name 'Acme Ltd' --owner-email a@acme.com --owner-name Ada --package starter"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Args, Debug, Clone)]
struct Common {
    /// The configuration file [default: tenantry.toml, where there is one]
    #[arg(long, global = true, env = "TENANTRY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where `tenantry dev` keeps everything, and where other commands find it
    #[arg(long, global = true, env = "TENANTRY_DATA_DIR", value_name = "DIR", default_value = locate::DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine, on a private PostgreSQL
    Dev(dev::Dev),
    /// Serve the planes on the configured database
    Serve(serve::Serve),
    /// Make, list, stop and drop tenants
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Bring a database to this program's schema version
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Bring all tenants' databases to the current schema version
    #[command(subcommand)]
    Fleet(fleet::Fleet),
    /// Register the PostgreSQL servers that hold tenant databases
    #[command(subcommand)]
    Server(server::Server),
    /// Compare the platform database with its servers, and mend differences
    Doctor(doctor::Doctor),
    /// Show the configuration
    #[command(subcommand)]
    Config(config::Config),
}

/// In the audit log, whoever sits at the command line.
const ACTOR: &str = "cli";

impl Common {
    fn output(&self) -> Output {
        Output { json: self.json }
    }

    /// The platform that a command is for. Logs go to standard error, quietly.
    fn platform(&self) -> Failed<Platform> {
        tenancy::telemetry::logs(tenancy::telemetry::LogFormat::Text, "warn");
        locate::platform(self.config.as_deref(), &self.data_dir)
    }
}

/// Runs the program on the arguments of the process: exit code 0 done, 1 failed, 2 wrong usage.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program can't start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            error.exit_code()
        }
    }
}

async fn dispatch(cli: Cli) -> Failed<ExitCode> {
    let common = cli.common;
    match cli.command {
        Command::Dev(command) => command.run(common).await?,
        Command::Serve(command) => command.run(common).await?,
        Command::Tenant(command) => command.run(common).await?,
        Command::Migrate(command) => command.run(common).await?,
        Command::Server(command) => command.run(common).await?,
        Command::Config(command) => command.run(&common)?,
        Command::Doctor(command) => return command.run(common).await,
        Command::Fleet(command) => return command.run(common).await,
    }
    Ok(ExitCode::SUCCESS)
}
