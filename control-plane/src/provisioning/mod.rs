//! Making and unmaking tenant databases.
//!
//! A tenant is born from stock in one transaction ([`Provisioning::claim`]). What can't be in a transaction is a saga of
//! small steps, each recorded before and after, each repeatable, each with its undo ([`saga`]). An advisory lock in the
//! session that runs the statements keeps two runners apart: PostgreSQL frees it when that session ends, also when a
//! statement outlives the program that sent it.

mod ddl;
mod fault;
mod fence;
mod lock;
mod ownership;
mod repair;
pub(crate) mod roles;
pub mod saga;
mod steps;
mod stock;
pub(crate) mod store;
mod template;

use std::{path::PathBuf, sync::Arc};

use deadpool_postgres::{GenericClient, Pool};
pub use fault::{Fault, Moment};
pub(crate) use stock::Claimed;
use tenancy::{
    DatabaseName, NamePrefix, RoleName, TenantId,
    migrate::{MigrateError, Migrations},
    postgres::{Failure, describe, failure},
    secrets::MasterKey,
};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::{
    backups::{BackupError, Backups},
    platform::StoreError,
    servers::{Server, ServerError, Servers},
};

mod embedded {
    refinery::embed_migrations!("../tenant-migrations");
}

/// The migrations of every tenant database.
#[must_use]
pub fn tenant_migrations() -> Migrations {
    Migrations::new(embedded::migrations::runner().get_migrations().clone())
}

/// How provisioning behaves.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Ready databases kept on the platform's server; about 10 MB of disk each.
    pub stock: usize,
    /// Connections that one tenant's role may have open at once.
    pub connections_per_tenant: u32,
    /// Seconds after which PostgreSQL itself ends a statement of a tenant's role; 0 is never. A runtime cancels what takes
    /// longer than its own limit; this one holds also where no runtime is left to do so.
    pub statement_seconds: u32,
    /// A folder of migrations `V{n}__{what}.sql` in place of those that are built in.
    pub migrations: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stock: 8, connections_per_tenant: 20, statement_seconds: 30, migrations: None }
    }
}

impl Settings {
    /// The setting of a tenant's role, as `pg_db_role_setting` has it.
    pub(crate) fn of_role(&self) -> String {
        format!("statement_timeout={}s", self.statement_seconds)
    }
}

/// Makes and unmakes tenant databases.
#[derive(Clone)]
pub struct Provisioning(Arc<Inner>);

pub(crate) struct Inner {
    pool: Pool,
    servers: Servers,
    prefix: NamePrefix,
    master_key: Arc<MasterKey>,
    migrations: Migrations,
    backups: Backups,
    settings: Settings,
    fault: Fault,
    /// Woken when stock was taken.
    stock_taken: Notify,
    /// Dropping a database can stall a server for a second: one at a time.
    janitor: Mutex<()>,
    /// One template is made at a time.
    template: Mutex<()>,
    /// A saga occupies a connection of the pool for as long as CREATE DATABASE takes: requests must find others.
    sagas: Semaphore,
    /// Sagas that clone, apart from those that take their time over a backup.
    clones: Semaphore,
}

/// Why a database could not be made or unmade.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tenant's server failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A statement failed.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The template or the tenant's database could not be migrated.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The final backup failed.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A database of that name exists, and it is not this tenant's.
    #[error("a database named {0} exists that the platform does not know; tenantry doctor says more")]
    NameTaken(DatabaseName),
    /// Who adopted the tenant died at it, or was cut off.
    #[error("the program that adopted it is gone")]
    Abandoned,
    /// An adopted tenant's rows did not come over.
    #[error("{0}")]
    NotFilled(String),
    /// Sessions did not end in time.
    #[error("sessions in database {0} did not end in time")]
    Busy(DatabaseName),
    /// Another platform has the same prefix on the server.
    #[error(
        "the server holds databases of another platform ({platform}) with the same prefix {prefix}; choose another database.prefix, or the right database.name"
    )]
    ForeignServer {
        /// The prefix.
        prefix: NamePrefix,
        /// The other platform's id.
        platform: String,
    },
    /// Everything was made with another master key.
    #[error("the master key is not the one that this platform was made with; set security.master_key to that one")]
    WrongKey,
    /// A fault that a test asked for.
    #[error("a fault was injected at {at}")]
    Injected {
        /// The moment and the step.
        at: String,
        /// Whether the same may work in a moment.
        passing: bool,
    },
    /// A fault of ours.
    #[error("a saga came to an unexpected end: {0}")]
    Panicked(String),
}

impl ProvisionError {
    /// Whether the same may work in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let passing = |what: Failure| {
            !matches!(what, Failure::StaleAddress | Failure::Duplicate | Failure::BadValue | Failure::Other)
        };
        match self {
            Self::Store(error) => passing(error.failure()),
            Self::Postgres(error) => passing(failure(error)),
            Self::Migrate(error) => passing(error.failure()),
            Self::Server(ServerError::Connect { .. } | ServerError::Store(_)) | Self::Busy(_) => true,
            Self::Injected { passing, .. } => *passing,
            _ => false,
        }
    }
}

/// The schema version that new tenants get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaTarget {
    /// Version of the last migration.
    pub version: i32,
    /// Tells two sets of migrations with the same last version apart.
    pub fingerprint: u32,
}

/// Cloning keeps a processor of PostgreSQL's busy; more at once only wait for each other.
const CLONES_AT_ONCE: usize = 4;

impl Provisioning {
    /// Provisioning on these servers, with names that begin with `prefix`, of databases that these migrations make.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is another thing, and there is one caller")]
    pub fn new(
        pool: Pool,
        servers: Servers,
        prefix: NamePrefix,
        master_key: Arc<MasterKey>,
        migrations: Migrations,
        backups: Backups,
        settings: Settings,
        fault: Fault,
    ) -> Self {
        let at_once = (pool.status().max_size / 2).max(1);
        Self(Arc::new(Inner {
            sagas: Semaphore::new(at_once),
            clones: Semaphore::new(CLONES_AT_ONCE),
            pool,
            servers,
            prefix,
            master_key,
            migrations,
            backups,
            settings,
            fault,
            stock_taken: Notify::new(),
            janitor: Mutex::new(()),
            template: Mutex::new(()),
        }))
    }

    /// Gets a platform ready for tenants: the shared roles, the target version, the template. Can be repeated.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn prepare(&self) -> Result<(), ProvisionError> {
        let own = SchemaTarget { version: self.0.migrations.version(), fingerprint: self.0.migrations.fingerprint() };
        let platform = self.0.servers.platform().await?;
        self.prepare_roles(&platform).await?;
        roles::ensure_runtime(&self.0.pool, &self.0.prefix, &self.0.master_key).await?;
        // The template first: whoever reads the new target may clone it at once.
        if store::may_raise_target(&self.0.pool, own).await? {
            self.ensure_template(&platform, own).await?;
            store::raise_target(&self.0.pool, own).await?;
        }
        for server in self.0.servers.all().await?.iter().filter(|server| !server.is_platform) {
            // The tenants of all others are not to wait for a server that is down; whoever makes a tenant there
            // prepares it again.
            if let Err(error) = self.prepare_other(server, own).await {
                tracing::warn!(server = server.name, %error, "a server can't be prepared for tenants now");
            }
        }
        Ok(())
    }

    async fn prepare_other(&self, server: &Server, own: SchemaTarget) -> Result<(), ProvisionError> {
        self.prepare_roles(server).await?;
        self.ensure_template(server, own).await.map(drop)
    }

    /// What every server must have before it has tenants.
    async fn prepare_roles(&self, server: &Server) -> Result<(), ProvisionError> {
        let client = server.connect().await?;
        roles::ensure_shared(&client, &self.0.prefix).await?;
        self.take_ownership(&client).await?;
        roles::close_common(&client).await
    }

    /// The schema version that new tenants get.
    pub(crate) async fn target(&self) -> Result<SchemaTarget, StoreError> {
        store::target(&self.0.pool).await
    }

    /// [`Provisioning::target`], as a transaction sees it.
    pub(crate) async fn target_on(&self, db: &impl GenericClient) -> Result<SchemaTarget, StoreError> {
        store::target_on(db).await
    }

    /// What every name of this platform begins with.
    #[must_use]
    pub fn prefix(&self) -> &NamePrefix {
        &self.0.prefix
    }

    /// Where final backups are kept.
    #[must_use]
    pub fn backups(&self) -> &Backups {
        &self.0.backups
    }

    pub(crate) fn servers(&self) -> &Servers {
        &self.0.servers
    }

    pub(crate) fn master_key(&self) -> &MasterKey {
        &self.0.master_key
    }

    pub(crate) fn migrations(&self) -> &Migrations {
        &self.0.migrations
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn role(&self, tenant: TenantId) -> RoleName {
        self.0.prefix.tenant_role(tenant)
    }
}
