//! Bringing one database to a schema version: refinery, with what it lacks. Used for the platform database and for
//! every tenant's.
//!
//! - An advisory lock per database: two runs at once on one database wait for each other.
//! - Few round trips: one for the lock and what was applied before, one for each migration.
//! - A migration whose first line is `-- no-transaction` runs outside a transaction (CREATE INDEX CONCURRENTLY). It must
//!   hold one statement that can be repeated, because a crash can come between it and its history row.
//! - Errors say which migration, which statement, which line, and why.
//! - A rehearsal: everything that is pending, in a transaction that is rolled back.

mod driver;
mod history;

use std::path::Path;

pub use driver::is_no_transaction;
use driver::{Driver, DriverError, Failed};
use history::History;
pub use history::HistoryError;
use refinery_core::{Migration, Target, error::Kind, traits::r#async::AsyncMigrate};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    RoleName,
    postgres::{Failure, describe, failure},
};

const HISTORY_TABLE: &str = "refinery_schema_history";
/// Any number does, as long as nobody else uses it: advisory locks are counted per database.
const LOCK: i64 = 0x7465_6e61_6e74_7279;

/// The migrations of one kind of database, in order.
#[derive(Debug, Clone)]
pub struct Migrations {
    list: Vec<Migration>,
}

/// Why a database could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A statement failed; what came before this migration stays applied.
    #[error("migration {migration} failed{}: {reason}{}", line_of(.place), text_of(.place))]
    Statement {
        /// `V3__add_leads`.
        migration: String,
        /// Where, as far as PostgreSQL says it.
        place: Option<Place>,
        /// PostgreSQL's words.
        reason: String,
        /// PostgreSQL's code.
        code: Option<SqlState>,
        /// What can be done about it.
        failure: Failure,
    },
    /// What was applied before does not fit to the program's migrations.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// refinery refused the migrations themselves.
    #[error("{0}")]
    Migrations(String),
    /// PostgreSQL failed outside of a migration.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

/// A place in a migration's file.
#[derive(Debug, Clone)]
pub struct Place {
    /// Line in the file, from 1.
    pub line: usize,
    /// The line's text.
    pub text: String,
}

fn line_of(place: &Option<Place>) -> String {
    place.as_ref().map(|place| format!(" at line {}", place.line)).unwrap_or_default()
}

fn text_of(place: &Option<Place>) -> String {
    place.as_ref().map(|place| format!("\n    {}", place.text)).unwrap_or_default()
}

impl MigrateError {
    /// PostgreSQL's code, where it is PostgreSQL that refused.
    #[must_use]
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Statement { code, .. } => code.as_ref(),
            Self::Postgres(error) => error.code(),
            Self::History(_) | Self::Migrations(_) => None,
        }
    }

    /// What can be done about it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Statement { failure, .. } => *failure,
            Self::Postgres(error) => failure(error),
            Self::History(_) | Self::Migrations(_) => Failure::Other,
        }
    }
}

/// What bringing up one database came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// The version that it was at before.
    pub from: i32,
    /// How many migrations were applied.
    pub applied: usize,
}

/// What a rehearsal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The version that the database is at.
    pub from: i32,
    /// How many migrations went well.
    pub passed: usize,
    /// The first migration that can't be rehearsed, because it runs outside a transaction; what comes after it was not
    /// rehearsed either.
    pub beyond: Option<String>,
}

impl Migrations {
    /// The migrations that `embed_migrations!` found.
    #[must_use]
    pub fn new(mut list: Vec<Migration>) -> Self {
        list.sort_by_key(Migration::version);
        Self { list }
    }

    /// The migrations in a folder of files `V{n}__{what}.sql`.
    ///
    /// # Errors
    /// When the folder can't be read, holds none, or two of one number.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let at = |reason: String| format!("the migrations in {} can't be used: {reason}", folder.display());
        let mut list = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| at(error.to_string()))? {
            let path = entry.map_err(|error| at(error.to_string()))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".sql"))
            else {
                continue;
            };
            let text = std::fs::read_to_string(&path).map_err(|error| at(format!("{name}.sql: {error}")))?;
            list.push(Migration::unapplied(name, &text).map_err(|error| at(format!("{name}.sql: {error}")))?);
        }
        let migrations = Self::new(list);
        if migrations.list.is_empty() {
            return Err(at("there are no files V1__what.sql".to_owned()));
        }
        match migrations.list.windows(2).find(|pair| pair[0].version() == pair[1].version()) {
            Some(pair) => Err(at(format!("{} and {} have the same number", pair[0], pair[1]))),
            None => Ok(migrations),
        }
    }

    /// The newest version; 0 where there is none.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.list.last().map_or(0, Migration::version)
    }

    /// A number that differs when any migration's name or text does.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        // Folding refinery's own checksums keeps one definition of "the same migration".
        let all = self.list.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, migration| {
            (hash ^ migration.checksum()).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
        });
        (all >> 32) as u32 ^ all as u32
    }

    /// The names of the migrations above a version, in order.
    pub fn after(&self, version: i32) -> impl Iterator<Item = String> {
        self.list.iter().filter(move |migration| migration.version() > version).map(ToString::to_string)
    }

    /// Versions and texts of the migrations, in order.
    pub fn texts(&self) -> impl Iterator<Item = (i32, &str)> {
        self.list.iter().map(|migration| (migration.version(), migration.sql().unwrap_or_default()))
    }

    /// Applies what is missing. With a role, the objects belong to it.
    ///
    /// # Errors
    /// [`MigrateError`].
    pub async fn run(&self, client: &mut Client, owner: Option<&RoleName>) -> Result<Ran, MigrateError> {
        let result = self.run_locked(client, owner).await;
        // The session may be broken by now; its end frees the lock as well.
        let _ = client.batch_execute(&format!("RESET ROLE; SELECT pg_advisory_unlock({LOCK})")).await;
        result
    }

    /// [`Migrations::run`] on a session that ends with it, and already has the role that is to own the objects; `known` is
    /// the version that the database is taken to have. Where it has that, its history is not read but made sure of in the
    /// transaction that changes it: a round trip less for each of a thousand databases.
    ///
    /// # Errors
    /// [`MigrateError`].
    pub async fn run_last(&self, client: &mut Client, known: i32) -> Result<Ran, MigrateError> {
        let next = self.list.iter().find(|migration| migration.version() > known).and_then(Migration::sql);
        if known == 0 || next.is_none_or(is_no_transaction) {
            return self.run_locked(client, None).await;
        }
        match self.apply(client, History::assumed(&self.list, known)).await {
            Err(MigrateError::History(HistoryError::Other { .. })) => self.run_locked(client, None).await,
            other => other,
        }
    }

    async fn run_locked(&self, client: &mut Client, owner: Option<&RoleName>) -> Result<Ran, MigrateError> {
        let history = History::read(client, LOCK, owner).await?;
        let from = history.version();
        if self.pending(&history)?.is_empty() && !history.is_new() {
            return Ok(Ran { from, applied: 0 });
        }
        self.apply(client, history).await
    }

    /// Lets refinery apply what this history lacks.
    async fn apply(&self, client: &mut Client, history: History) -> Result<Ran, MigrateError> {
        let from = history.version();
        let mut driver = Driver::new(client, history);
        let done = driver.migrate(&self.list, true, true, false, Target::Latest, HISTORY_TABLE).await;
        match done {
            Ok(report) => Ok(Ran { from, applied: report.applied_migrations().len() }),
            Err(error) => Err(explain(&error, driver.into_failed())),
        }
    }

    /// Runs what is pending in a transaction that is rolled back, on a session that ends with it.
    ///
    /// # Errors
    /// [`MigrateError`]: what the migrations would fail of.
    pub async fn rehearse(&self, client: &mut Client) -> Result<Rehearsed, MigrateError> {
        let history = History::read(client, LOCK, None).await?;
        let mut rehearsed = Rehearsed { from: history.version(), passed: 0, beyond: None };
        let pending = self.pending(&history)?;
        let transaction = client.transaction().await?;
        for migration in pending {
            let sql = migration.sql().unwrap_or_default();
            if is_no_transaction(sql) {
                rehearsed.beyond = Some(migration.to_string());
                break;
            }
            if let Err(error) = transaction.batch_execute(sql).await {
                return Err(Failed::of(sql, 0, &error).in_migration(migration.to_string()));
            }
            rehearsed.passed += 1;
        }
        // What waits for the end of the transaction is checked as well.
        transaction.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
        transaction.rollback().await?;
        Ok(rehearsed)
    }

    /// The version that a database is at; 0 for one that never was migrated.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn version_of(client: &Client) -> Result<i32, tokio_postgres::Error> {
        let known = client.query_one("SELECT to_regclass('public.refinery_schema_history') IS NOT NULL", &[]).await?;
        if !known.get::<_, bool>(0) {
            return Ok(0);
        }
        let row = client.query_one("SELECT coalesce(max(version), 0) FROM public.refinery_schema_history", &[]).await?;
        Ok(row.get(0))
    }
}

fn explain(error: &refinery_core::Error, failed: Option<Failed>) -> MigrateError {
    let text = error.to_string();
    match (error.kind(), failed) {
        (Kind::Connection(what, _), Some(failed)) => {
            failed.in_migration(what.rsplit("migration ").next().unwrap_or(what).to_owned())
        }
        (Kind::Connection(what, source), None) => match source.downcast_ref() {
            Some(DriverError::History(error)) => error.clone().into(),
            Some(DriverError::Postgres(error)) => MigrateError::Migrations(format!("{what}: {}", describe(error))),
            None => MigrateError::Migrations(text),
        },
        _ => MigrateError::Migrations(text),
    }
}
