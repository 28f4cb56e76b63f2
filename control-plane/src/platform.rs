//! The platform database: its migrations, and the pool through which the control plane reaches it.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tenancy::{
    Problem,
    migrate::Migrations,
    postgres::{Failure, describe, failure},
};
use tokio_postgres::Config;

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

/// A pool on the platform database. Connections are recycled without a round trip: nothing here sets session state.
///
/// # Errors
/// Never connects, so only when the pool can't be built.
pub fn pool(config: &Config, size: usize) -> Result<Pool, deadpool_postgres::BuildError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_config(config.clone(), tenancy::postgres::tls(), recycling))
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
        .build()
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

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error.failure() {
            Failure::Unavailable | Failure::TooManyConnections | Failure::Terminated | Failure::Serialization | Failure::Cancelled => {
                Self::unavailable(error)
            }
            Failure::StaleAddress | Failure::Duplicate | Failure::BadValue | Failure::Other => Self::internal(error),
        }
    }
}
