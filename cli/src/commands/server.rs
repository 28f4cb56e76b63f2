//! `tenantry server`

use clap::Subcommand;
use control_plane::provisioning::Fault;
use serde_json::json;

use super::{ACTOR, Common};
use crate::{Failed, output::table};

/// Registers the PostgreSQL servers that hold tenant databases.
#[derive(Subcommand)]
pub(super) enum Server {
    /// Register another server
    #[command(
        after_help = "Example:\n  tenantry server add --name second --url postgres://admin:password@10.0.0.2:5432/postgres"
    )]
    Add {
        /// Its name: a-z, 0-9 and dashes
        #[arg(long)]
        name: String,
        /// An administrator's URL; it is kept sealed
        #[arg(long, env = "TENANTRY_SERVER_URL", hide_env_values = true)]
        url: String,
    },
    /// List the servers
    #[command(after_help = "Example:\n  tenantry server list")]
    List,
}

impl Server {
    pub(super) async fn run(self, common: Common) -> Failed<()> {
        let control_plane = common.platform()?.control_plane(Fault::default())?;
        if let Self::Add { name, url } = &self {
            control_plane.servers.add(name, url, ACTOR).await?;
            control_plane.provisioning.prepare().await?;
        }
        let servers = control_plane.servers.all().await?;
        let listed: Vec<_> = servers
            .iter()
            .map(|server| json!({ "id": server.id, "name": server.name, "is_platform": server.is_platform }))
            .collect();
        common.output().print(&listed, |_| {
            let rows = servers.iter().map(|server| {
                [
                    server.name.clone(),
                    server.id.to_string(),
                    if server.is_platform { "platform" } else { "" }.to_owned(),
                ]
            });
            table(["NAME", "ID", "HOLDS"], rows)
        });
        Ok(())
    }
}
