//! The fleet: all tenants' databases, brought to the current schema version.
//!
//! A run goes in waves, canaries first, so many databases at a time, and records each result. It stops at a failure
//! threshold or when asked, and whoever comes next goes on where it stopped. What a tenant's database has had is in that
//! database itself (refinery's history, under an advisory lock): a run that is killed between a migration and its record
//! finds it done.

pub mod api;
mod connections;
mod drift;
mod figures;
mod hold;
mod lint;
mod manners;
mod on_request;
mod patience;
mod plan;
mod policy;
mod progress;
mod queue;
mod recorder;
mod rehearsal;
mod run;
mod status;
mod store;
mod tenant;
mod turns;
mod wanted;

use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::Pool;
pub use drift::{Difference, Drift};
use jiff::Timestamp;
pub use lint::{Finding, lint};
pub use plan::Plan;
pub use policy::{Order, Policy};
pub use progress::{Progress, Stop, Summary};
pub use rehearsal::{Rehearsal, Verdict};
use serde::{Deserialize, Serialize};
pub use status::{Failing, Status};
use tenancy::{TenantId, TenantSlug, ids::Id, text_enum};
use tokio::sync::{Semaphore, watch};
use tokio_postgres::Config;
pub use wanted::Wanted;

use crate::{
    platform::StoreError,
    provisioning::{ProvisionError, Provisioning},
    servers::ServerError,
};

/// Marks ids of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunKind {}

impl tenancy::ids::Kind for RunKind {
    const PREFIX: &'static str = "run";
}

/// A run's id.
pub type RunId = Id<RunKind>;

text_enum! {
    /// How far a run is.
    pub enum RunState {
        /// Somebody is at it, or was when they were killed.
        Running = "running",
        /// It looked at everybody, and found nobody left to be brought up.
        Done = "done",
        /// It was stopped before that.
        Stopped = "stopped",
    }
}

text_enum! {
    /// What became of a tenant in a run.
    pub enum Outcome {
        /// It is at the target version.
        Done = "done",
        /// It is not.
        Failed = "failed",
        /// It is at a version that this program does not know yet.
        Newer = "newer",
        /// It was dropped meanwhile.
        Gone = "gone",
    }
}

text_enum! {
    /// Why a tenant could not be brought up.
    pub enum Failure {
        /// A migration failed on what the tenant has.
        Migration = "migration",
        /// Somebody held a lock for too long.
        Locked = "locked",
        /// A statement ran into the time-out.
        TooSlow = "too_slow",
        /// What was applied before does not fit to this program's migrations.
        History = "history",
        /// The database can't be reached.
        Unreachable = "unreachable",
        /// There is no backup, and a migration may lose data.
        Backup = "backup",
    }
}

text_enum! {
    /// When tenants are brought up.
    pub enum Strategy {
        /// When an operator says so, and never else.
        Full = "full",
        /// Also when somebody asks for one that is behind.
        OnRequest = "on_request",
        /// Also by the control plane itself, politely, one after another.
        Progressive = "progressive",
    }
}

/// What an operator can set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// When tenants are brought up: `full`, `on_request` or `progressive`.
    pub strategy: Strategy,
}

impl Default for Settings {
    fn default() -> Self {
        Self { strategy: Strategy::OnRequest }
    }
}

/// A run, as the platform database has it.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// How far it is.
    pub state: RunState,
    /// The version that it brings everybody to.
    pub target_version: i32,
    /// Who began it.
    pub actor: String,
    /// How many were behind when it began.
    pub tenants: i32,
    /// How many are at the target by its work.
    pub done: i64,
    /// How many are not.
    pub failed: i64,
    /// How many were newer than this program.
    pub newer: i64,
    /// How many were dropped meanwhile.
    pub gone: i64,
    /// Whether somebody is at it; a run that was left is gone on with by the next.
    pub is_held: bool,
    /// Why it stopped.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What one tenant's turn came to.
#[derive(Debug, Clone, Serialize)]
pub struct TenantResult {
    /// The tenant.
    pub tenant: TenantId,
    /// Its slug.
    pub slug: TenantSlug,
    /// What became of it.
    pub outcome: Outcome,
    /// Why not.
    pub failure: Option<Failure>,
    /// Why not, in words.
    pub message: Option<String>,
    /// The version that it was at.
    pub from_version: Option<i32>,
    /// The version that it is at, where that is known.
    pub to_version: Option<i32>,
    /// The backup that was made before, where a migration could lose data.
    pub backup: Option<String>,
    /// How often it was tried.
    pub tries: i32,
    /// How long the last try took, in milliseconds.
    pub milliseconds: i32,
}

/// Why the fleet can't be brought up.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A server can't be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The template of the new version could not be made.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// Another program has moved the platform to a newer version.
    #[error(
        "the platform is at schema version {target}, and this program only knows up to {own}; use the newer program"
    )]
    OldProgram {
        /// The platform's.
        target: i32,
        /// This program's.
        own: i32,
    },
    /// A run is under way.
    #[error("{} is under way, begun by {} at {}", .0.id, .0.actor, .0.started_at.strftime("%H:%M:%S UTC"))]
    Busy(Box<Run>),
    /// A run was left, and is to be gone on with first.
    #[error("{} was left, begun by {} at {}; it is to be gone on with first", .0.id, .0.actor, .0.started_at.strftime("%H:%M:%S UTC"))]
    Left(Box<Run>),
    /// There is nothing left of the run.
    #[error("{0} is over: nothing of it is left to be done")]
    Over(RunId),
    /// Somebody else took the run over.
    #[error("another program has taken the run over; this one has stopped")]
    LostHold,
    /// A migration begins or ends transactions.
    #[error(
        "migration {0} begins or ends a transaction; take BEGIN, COMMIT and ROLLBACK out of it: it has a transaction of its own"
    )]
    TransactionControl(String),
    /// There are no such tenants.
    #[error("there is no tenant {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Unknown(Vec<TenantSlug>),
}

impl From<tokio_postgres::Error> for FleetError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Brings tenants' databases to the current schema version.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    pool: Pool,
    admin: Config,
    provisioning: Provisioning,
    settings: Settings,
    /// Tenants that are waited for, and brought up at once.
    answers: Semaphore,
    /// The versions of migrations that can lose data.
    losing: Vec<i32>,
    /// The first migration that begins or ends transactions.
    unusable: Option<String>,
    /// Where the last run is that this process began for somebody.
    seen: Mutex<Option<watch::Receiver<Progress>>>,
}

impl Fleet {
    /// The fleet of a platform; `admin` is an administrator's login in the platform database.
    #[must_use]
    pub fn new(pool: Pool, admin: Config, provisioning: Provisioning, settings: Settings) -> Self {
        let losing = provisioning.migrations().texts().filter(|(_, text)| lint::loses_data(text));
        let losing = losing.map(|(version, _)| version).collect();
        let mut named = provisioning.migrations().after(0).zip(provisioning.migrations().texts());
        let unusable = named.find(|(_, (_, text))| lint::controls_transactions(text)).map(|(name, _)| name);
        drop(named);
        let answers = Semaphore::new(on_request::AT_ONCE);
        let seen = Mutex::default();
        Self(Arc::new(Inner { pool, admin, provisioning, settings, answers, losing, unusable, seen }))
    }

    /// The version that this program brings tenants to.
    fn own_version(&self) -> i32 {
        self.0.provisioning.migrations().version()
    }

    /// The run that is under way, or was left by a program that was killed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn running(&self) -> Result<Option<Run>, StoreError> {
        store::running(&self.0.pool.get().await?).await
    }

    fn follow(&self, progress: watch::Receiver<Progress>) {
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// Where the run is that this process is at; `None` where another is, or nobody.
    #[must_use]
    pub fn progress_here(&self) -> Option<Progress> {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Its other end is gone when the run has ended.
        seen.as_ref().filter(|progress| progress.has_changed().is_ok()).map(|progress| progress.borrow().clone())
    }

    /// One run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        store::run(&self.0.pool.get().await?, id).await
    }

    /// A page of those whom a run did not bring up, and why.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn failures(&self, id: RunId, rows: i64, offset: i64) -> Result<Vec<TenantResult>, StoreError> {
        store::failures(&self.0.pool.get().await?, id, Some((rows, offset))).await
    }

    /// How a run goes about it, or went.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn policy(&self, id: RunId) -> Result<Option<Policy>, StoreError> {
        store::policy(&self.0.pool.get().await?, id).await
    }

    /// The migrations can be used.
    fn check_migrations(&self) -> Result<(), FleetError> {
        self.0.unusable.clone().map_or(Ok(()), |migration| Err(FleetError::TransactionControl(migration)))
    }

    /// The migrations can be used, and every tenant that a policy names exists.
    async fn check(&self, policy: &Policy) -> Result<(), FleetError> {
        self.check_migrations()?;
        let named: Vec<TenantSlug> = policy.only.iter().chain(&policy.exclude).cloned().collect();
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        let unknown = store::unknown(&client, &named).await?;
        if unknown.is_empty() { Ok(()) } else { Err(FleetError::Unknown(unknown)) }
    }
}
