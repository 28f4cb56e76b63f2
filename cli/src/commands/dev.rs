//! `tenantry dev`

use std::path::PathBuf;

use clap::Args;

use super::Common;
use crate::{
    Failed,
    dev::{DevOptions, run},
};

/// Starts a private PostgreSQL, migrates, seeds packages and a super-admin, serves both planes on one port, prints the
/// addresses, and stays; Ctrl-C stops everything that it started.
#[derive(Args)]
#[command(after_help = "Example:\n  tenantry dev --port 9000 --data-dir /tmp/try --reset")]
pub(super) struct Dev {
    /// The port [default: 8080, or that of http.bind]
    #[arg(long)]
    port: Option<u16>,
    /// Delete what it keeps in the data directory first
    #[arg(long)]
    reset: bool,
    /// The folder of PostgreSQL's programs, 15 or newer [default: searched for]
    #[arg(long, value_name = "DIR", env = "TENANTRY_POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
}

impl Dev {
    pub(super) async fn run(self, common: Common) -> Failed<()> {
        run(DevOptions {
            config: common.config,
            port: self.port,
            data_dir: common.data_dir,
            reset: self.reset,
            postgres_bin: self.postgres_bin,
        })
        .await
    }
}
