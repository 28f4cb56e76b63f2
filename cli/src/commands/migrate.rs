//! `tenantry migrate`

use clap::Subcommand;
use serde_json::json;

use super::Common;
use crate::Failed;

/// Brings a database to this program's schema version.
#[derive(Subcommand)]
pub(super) enum Migrate {
    /// The platform database; it is made where it is missing
    #[command(after_help = "Example:\n  tenantry migrate platform")]
    Platform,
}

impl Migrate {
    pub(super) async fn run(self, common: Common) -> Failed<()> {
        let platform = common.platform()?;
        let applied = platform.migrate().await?;
        let version = control_plane::platform::migrations().version();
        common.output().print(&json!({ "applied": applied, "version": version }), |_| match applied {
            0 => format!("The platform database is at version {version} already."),
            1 => format!("1 migration was applied; the platform database is at version {version}."),
            many => format!("{many} migrations were applied; the platform database is at version {version}."),
        });
        Ok(())
    }
}
