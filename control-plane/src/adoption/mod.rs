//! Adoption: an existing single-tenant application becomes a tenant. Its rows are copied into a fresh database by a
//! mapping file and compared with where they came from, table by table; then the tenant is served, or nothing of it is
//! left. The source is only read: the way back is to drop the tenant and go on with the source.

mod copy;
mod extended_json;
mod mapping;
mod source;
mod target;
mod values;

use std::{path::PathBuf, sync::Arc};

use copy::Owner;
pub use copy::TableReport;
use futures_util::FutureExt;
pub use mapping::{Mapping, MappingError};
use serde::Serialize;
pub use source::Source;
use tenancy::{
    DatabaseName,
    postgres::{ConnectError, connect, describe, on_database},
};
use tokio::sync::oneshot;
use tokio_postgres::Client;

use crate::{
    packages::{Package, Packages},
    platform::StoreError,
    provisioning::{ProvisionError, Provisioning},
    servers::Server,
    tenants::{CreateError, NewTenant, TenantSummary, Tenants},
};

/// Adopts tenants.
#[derive(Clone)]
pub struct Adoption {
    tenants: Tenants,
    packages: Packages,
    provisioning: Provisioning,
}

/// A tenant that was adopted.
#[derive(Debug, Clone, Serialize)]
pub struct Adopted {
    /// The tenant; it is served.
    pub tenant: TenantSummary,
    /// What came over, table by table.
    pub tables: Vec<TableReport>,
    /// Collections or tables with something in them that the mapping leaves out.
    pub left_out: Vec<String>,
}

/// Told the table and how many of its rows are over.
pub type Progress = Arc<dyn Fn(&str, u64) + Send + Sync>;

/// Why nothing was adopted. Nothing of the tenant is left, or the platform is taking it away.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// A file or folder can't be read.
    #[error("{path} can't be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database to adopt can't be reached.
    #[error("the database to adopt can't be reached: {0}")]
    SourceAway(ConnectError),
    /// The database to adopt failed.
    #[error("the database to adopt failed: {}", describe(.0))]
    Source(tokio_postgres::Error),
    /// The mapping does not fit the source or the tenant's tables, or rows don't: each with where it is.
    #[error("{}", .0.join("\n  "))]
    Unfit(Vec<String>),
    /// The package allows fewer.
    #[error("the package {package} allows {limit} {table}, and there are {rows}; choose another with --package")]
    Limit {
        /// The package's key.
        package: String,
        /// The table that has too many rows.
        table: String,
        /// How many it may have.
        limit: i64,
        /// How many there are.
        rows: u64,
    },
    /// The tenant's new database can't be reached.
    #[error("the tenant's database can't be reached: {0}")]
    TargetAway(#[from] ConnectError),
    /// The tenant's new database failed.
    #[error("the tenant's database failed: {}", describe(.0))]
    Target(#[from] tokio_postgres::Error),
    /// Whoever asked for it does not want it any more.
    #[error("interrupted")]
    Interrupted,
    /// The tenant could not be written down.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The tenant's database could not be made.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AdoptError {
    /// For the platform's record, which is no place for a tenant's rows.
    fn summary(&self) -> String {
        match self {
            Self::Unfit(problems) => format!("what was to be adopted does not fit: {} problems", problems.len()),
            other => other.to_string(),
        }
    }
}

impl Adoption {
    /// Adoption into this platform.
    #[must_use]
    pub fn new(tenants: Tenants, packages: Packages, provisioning: Provisioning) -> Self {
        Self { tenants, packages, provisioning }
    }

    /// Adopts a source as a new tenant. `interrupted` ends it early, and takes everything back.
    ///
    /// # Errors
    /// [`AdoptError`].
    pub async fn adopt(
        &self,
        new: NewTenant,
        source: Source,
        mapping: Mapping,
        progress: Progress,
        interrupted: impl Future<Output = ()> + Send + Sync + 'static,
    ) -> Result<Adopted, AdoptError> {
        let opened = source.open().await?;
        let left_out = named(&opened, &mapping).await?;
        let package = self.packages.find(&new.package).await?;
        let package = package.ok_or_else(|| CreateError::UnknownPackage(new.package.clone()))?;
        let name = new.owner.name.clone();
        let born = self.tenants.begin_adoption(new).await?;
        let owner = Owner { tenant: born.tenant.id, user: born.owner_id, name };
        let (report, reported) = oneshot::channel();
        let provisioning = self.provisioning.clone();
        let fill = move |server: Server, database: DatabaseName| {
            async move {
                let work = async {
                    let target = session(&provisioning, &server, &database).await?;
                    let tables = target::tables(&target, &mapping).await?;
                    let (source, mapping) = (&opened, &mapping);
                    let copy = copy::Copy { source, target: &target, mapping, owner, progress: &*progress };
                    let reports = copy.run(&tables).await?;
                    within_limits(&package, &reports)?;
                    Ok(reports)
                };
                let result = tokio::select! {
                    result = work => result,
                    () = interrupted => Err(AdoptError::Interrupted),
                };
                let said = result.as_ref().map(drop).map_err(AdoptError::summary);
                // Nobody hears it only when whoever asked is gone.
                drop(report.send(result));
                said
            }
            .boxed()
        };
        let made = self.provisioning.adopt(born.tenant.id, Box::new(fill)).await;
        match (made, reported.await) {
            (Ok(_), Ok(Ok(tables))) => {
                let tenant = self.tenants.made(born.tenant.id).await?.unwrap_or(born.tenant);
                // Somebody deleted it meanwhile.
                if !tenant.status.is_live() {
                    return Err(AdoptError::Interrupted);
                }
                Ok(Adopted { tenant, tables, left_out })
            }
            // It says more than the saga does.
            (_, Ok(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(_), Err(_)) => Err(ProvisionError::Abandoned.into()),
        }
    }
}

/// What has something in it and is left out, where the mapping names everything.
async fn named(source: &source::Opened, mapping: &Mapping) -> Result<Vec<String>, AdoptError> {
    let mut wrong: Vec<String> = Vec::new();
    for (table, of) in mapping.tables.iter().filter(|(_, of)| !source.has(&of.from)) {
        wrong.push(format!("[tables.{table}]: the source has no {}", of.from));
    }
    let (left_out, rest): (Vec<String>, Vec<String>) =
        source.filled().await?.into_iter().partition(|name| mapping.leave_out.contains(name));
    let unnamed: Vec<String> =
        rest.into_iter().filter(|name| mapping.tables.values().all(|table| table.from != *name)).collect();
    if !unnamed.is_empty() {
        let unnamed = unnamed.join(", ");
        wrong.push(format!("the mapping does not name {unnamed}; map them, or list them under leave_out"));
    }
    if wrong.is_empty() { Ok(left_out) } else { Err(AdoptError::Unfit(wrong)) }
}

/// A session of the owner in the new database.
async fn session(provisioning: &Provisioning, server: &Server, database: &DatabaseName) -> Result<Client, AdoptError> {
    let mut config = on_database(&server.admin, database);
    config.application_name("tenantry-adopt").options(format!(
        "-c role={} -c TimeZone=UTC -c DateStyle=ISO -c statement_timeout=600s",
        provisioning.prefix().owner_role()
    ));
    Ok(connect(&config).await?)
}

/// A tenant that has more than its package allows could not add a row, nor learn why before it tries.
fn within_limits(package: &Package, tables: &[TableReport]) -> Result<(), AdoptError> {
    for TableReport { table, rows, .. } in tables {
        let limit = package.limits.get(format!("max_{table}")).and_then(serde_json::Value::as_i64);
        if let Some(limit) = limit.filter(|limit| u64::try_from(*limit).is_ok_and(|limit| *rows > limit)) {
            return Err(AdoptError::Limit { package: package.key.clone(), table: table.clone(), limit, rows: *rows });
        }
    }
    Ok(())
}

/// A name of the catalog as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
