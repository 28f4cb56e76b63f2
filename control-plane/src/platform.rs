//! The platform database: its migrations, and the pool through which the control plane reaches it.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime, Timeouts};
use futures_util::future::{BoxFuture, join_all};
use tenancy::{
    DatabaseName, Problem,
    migrate::{MigrateError, Migrations},
    postgres::{ConnectError, Failure, connect, describe, failure},
};
use tokio_postgres::{Config, error::SqlState};

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// The migrations of the platform database.
#[must_use]
pub fn migrations() -> Migrations {
    Migrations::new(embedded::migrations::runner().get_migrations().clone())
}

/// How long a request waits for a free connection to the platform database.
const WAIT: Duration = Duration::from_secs(5);

/// No statement of ours runs for longer, CREATE and DROP DATABASE under a checkpoint included, and no transaction lies open.
const LIMITS: &str = "-c statement_timeout=60s -c idle_in_transaction_session_timeout=60s";

/// A pool on the platform database. Connections are recycled without a round trip: nothing here sets session state.
///
/// # Errors
/// Never connects, so only when the pool can't be built.
pub fn pool(config: &Config, size: usize) -> Result<Pool, deadpool_postgres::BuildError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let mut config = config.clone();
    config.options(format!("{} {LIMITS}", config.get_options().unwrap_or_default()));
    Pool::builder(Manager::from_config(config, tenancy::postgres::tls(), recycling))
        .max_size(size)
        // Last in, first out: a few connections are warm, with their plans made, rather than all of them lukewarm.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
        .build()
}

/// Makes the platform database where it is missing, open to nobody but administrators.
///
/// # Errors
/// [`PlatformError`].
pub async fn ensure_database(server: &Config, name: &DatabaseName) -> Result<(), PlatformError> {
    let client = connect(server).await?;
    let there = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[name]).await?;
    if there.is_some() {
        return Ok(());
    }
    match client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await {
        // Another program was quicker.
        Err(error) if failure(&error) == Failure::Duplicate => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(client.batch_execute(&format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC")).await?),
    }
}

/// Brings the platform database to this program's version; says how many migrations that took.
///
/// # Errors
/// [`PlatformError`].
pub async fn migrate(admin: &Config) -> Result<usize, PlatformError> {
    let mut client = connect(admin).await?;
    Ok(migrations().run(&mut client, None).await?.applied)
}

/// The version that the platform database is at.
pub(crate) async fn version(pool: &Pool) -> Result<i32, StoreError> {
    let client = pool.get().await?;
    Ok(Migrations::version_of(&client).await?)
}

/// Why the platform database could not be made or migrated.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The server can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement failed.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// A migration failed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Why the platform database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had.
    #[error("the platform database can't be reached: {0}")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// PostgreSQL refused a statement.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

impl StoreError {
    /// What can be done about it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Pool(deadpool_postgres::PoolError::Backend(error)) | Self::Postgres(error) => failure(error),
            Self::Pool(_) => Failure::Unavailable,
        }
    }

    /// Whether a statement broke this constraint or unique index.
    #[must_use]
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Postgres(error) if error.as_db_error().and_then(|db| db.constraint()) == Some(constraint))
    }
}

/// Statements of one transaction that go out without waiting for each other: a round trip costs more than most of them.
/// Where one fails, those behind it only say that the transaction has failed; the error is that of the one.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn together<const N: usize>(
    statements: [BoxFuture<'_, Result<(), StoreError>>; N],
) -> Result<(), StoreError> {
    let mut errors: Vec<StoreError> = join_all(statements).await.into_iter().filter_map(Result::err).collect();
    let consequence = |error: &StoreError| matches!(error, StoreError::Postgres(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    let cause = errors.iter().position(|error| !consequence(error)).unwrap_or(0);
    if errors.is_empty() { Ok(()) } else { Err(errors.swap_remove(cause)) }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error.failure() {
            Failure::Unavailable
            | Failure::TooManyConnections
            | Failure::Terminated
            | Failure::Serialization
            | Failure::Cancelled => Self::unavailable(error),
            Failure::StaleAddress | Failure::Duplicate | Failure::BadValue | Failure::Other => Self::internal(error),
        }
    }
}
