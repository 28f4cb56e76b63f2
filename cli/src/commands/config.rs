//! `tenantry config`

use clap::Subcommand;

use super::Common;
use crate::{
    Failed,
    config::{load, shown},
};

/// Looks at the configuration.
#[derive(Subcommand)]
pub(super) enum Config {
    /// Every key with its value, secrets hidden
    #[command(after_help = "Example:\n  tenantry config show --json")]
    Show,
}

impl Config {
    pub(super) fn run(self, common: &Common) -> Failed<()> {
        let settings = load(common.config.as_deref())?;
        common.output().print(&shown(&settings), |value| {
            let mut lines = Vec::new();
            for (section, keys) in value.as_object().into_iter().flatten() {
                lines.push(format!("[{section}]"));
                for (key, value) in keys.as_object().into_iter().flatten() {
                    lines.push(if value.is_null() {
                        format!("# {key} is not set")
                    } else {
                        format!("{key} = {value}")
                    });
                }
                lines.push(String::new());
            }
            lines.join("\n")
        });
        Ok(())
    }
}
