//! `tenantry tenant adopt`

use std::{fs, path::PathBuf, sync::Arc};

use clap::Args;
use control_plane::{
    ControlPlane,
    adoption::{Adopted, Mapping, Source},
};
use tenancy::postgres::parse_url;

use super::{Common, tenant::Create};
use crate::{CliError, Failed, output::table, progress};

#[derive(Args)]
pub(super) struct Adopt {
    #[command(flatten)]
    pub(super) tenant: Create,
    /// postgres://… of the application's database, or a folder of {collection}.ndjson files as mongoexport writes them
    #[arg(long, env = "TENANTRY_ADOPT_FROM", hide_env_values = true, value_name = "SOURCE", value_parser = source)]
    from: Source,
    /// What goes where: a TOML file
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
}

fn source(text: &str) -> Result<Source, String> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        // The URL may have a password: it is not said again.
        let config =
            parse_url(text, "tenantry-adopt").map_err(|_| "is no URL like postgres://user@host/database".to_owned())?;
        return Ok(Source::Postgres(Box::new(config)));
    }
    Ok(Source::Folder(PathBuf::from(text)))
}

impl Adopt {
    pub(super) async fn run(self, common: &Common, control_plane: &ControlPlane) -> Failed<()> {
        let file = self.mapping.display().to_string();
        let text = fs::read_to_string(&self.mapping).map_err(|error| CliError::new(format!("{file}: {error}")))?;
        let mapping = Mapping::parse(&text).map_err(|error| CliError::new(format!("{file}: {error}")))?;
        let wanted = self.tenant.wanted(control_plane).await?;
        let counter = progress::counter();
        let drawn = counter.clone();
        let over = Arc::new(move |table: &str, rows: u64| drawn.set_message(format!("{table}: {rows} rows")));
        let interrupted = async {
            // Where no signal can be waited for, the second Ctrl-C of the terminal ends the program anyway.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let adopted = control_plane.adoption.adopt(wanted, self.from, mapping, over, interrupted).await;
        counter.finish_and_clear();
        common.output().print(&adopted?, report);
        Ok(())
    }
}

fn report(adopted: &Adopted) -> String {
    let rows = adopted
        .tables
        .iter()
        .map(|table| [table.table.clone(), table.from.clone(), table.rows.to_string(), table.checksum.clone()]);
    let mut text = table(["TABLE", "FROM", "ROWS", "CHECKSUM, BOTH SIDES"], rows);
    if !adopted.left_out.is_empty() {
        text.push_str(&format!("\nleft out: {}", adopted.left_out.join(", ")));
    }
    let tenant = &adopted.tenant;
    let back = "the way back: tenantry tenant drop, the source is as it was";
    text.push_str(&format!("\n{} is {}; {back}", tenant.slug, tenant.status));
    text
}
