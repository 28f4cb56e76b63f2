//! Bringing one database to a schema version: refinery, with what it lacks. Used for the platform database and for
//! every tenant's.
//!
//! - An advisory lock per database: two runs at once on one database wait for each other.
//! - A migration whose first line is `-- no-transaction` runs outside a transaction (CREATE INDEX CONCURRENTLY). It must
//!   hold one statement that can be repeated, because a crash can come between it and its history row.
//! - Errors say which migration, which statement, which line, and why.

use refinery_core::{
    Migration, Target,
    error::Kind,
    traits::r#async::{self as driver, AsyncMigrate},
};
use tokio_postgres::{Client, error::ErrorPosition};

use crate::{RoleName, postgres::describe};

const HISTORY_TABLE: &str = "refinery_schema_history";
const NO_TRANSACTION: &str = "-- no-transaction";
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
    #[error("migration {migration} failed at line {line}: {reason}\n    {statement}")]
    Statement {
        /// `V3__add_leads`.
        migration: String,
        /// Line in the file, from 1.
        line: usize,
        /// The line's text.
        statement: String,
        /// PostgreSQL's words.
        reason: String,
    },
    /// The database has a migration that the program does not have, or another text of it.
    #[error("{0}; the database was migrated by another program: use that one, or restore the file as it was")]
    History(String),
    /// PostgreSQL failed outside of a migration.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

impl Migrations {
    /// The migrations that `embed_migrations!` found.
    #[must_use]
    pub fn new(mut list: Vec<Migration>) -> Self {
        list.sort_by_key(Migration::version);
        Self { list }
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

    /// Applies what is missing and returns how many that were. With a role, the objects belong to it.
    ///
    /// # Errors
    /// [`MigrateError`].
    pub async fn run(&self, client: &mut Client, owner: Option<&RoleName>) -> Result<usize, MigrateError> {
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
        let result = self.run_locked(client, owner).await;
        // The session may be broken by now; its end frees the lock as well.
        let _ = client.batch_execute("RESET ROLE").await;
        let _ = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await;
        result
    }

    async fn run_locked(&self, client: &mut Client, owner: Option<&RoleName>) -> Result<usize, MigrateError> {
        if let Some(owner) = owner {
            client.batch_execute(&format!("SET ROLE {owner}")).await?;
        }
        let mut database = Database { client, failed: None };
        let done = database.migrate(&self.list, true, true, false, Target::Latest, HISTORY_TABLE).await;
        match done {
            Ok(report) => Ok(report.applied_migrations().len()),
            Err(error) => Err(explain(&error, database.failed)),
        }
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

/// A client that refinery can drive.
struct Database<'a> {
    client: &'a mut Client,
    failed: Option<Failed>,
}

struct Failed {
    line: usize,
    statement: String,
    reason: String,
}

impl driver::AsyncTransaction for Database<'_> {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let queries: Vec<&str> = queries.collect();
        let outside = queries.first().is_some_and(|first| first.trim_start().starts_with(NO_TRANSACTION));
        if outside {
            for query in &queries {
                self.client
                    .batch_execute(query)
                    .await
                    .inspect_err(|error| self.failed = Some(Failed::new(query, error)))?;
            }
        } else {
            let transaction = self.client.transaction().await?;
            for query in &queries {
                transaction
                    .batch_execute(query)
                    .await
                    .inspect_err(|error| self.failed = Some(Failed::new(query, error)))?;
            }
            transaction.commit().await?;
        }
        Ok(queries.len())
    }
}

impl driver::AsyncQuery<Vec<Migration>> for Database<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, Self::Error> {
        driver::AsyncQuery::query(self.client, query).await
    }
}

impl AsyncMigrate for Database<'_> {}

impl Failed {
    fn new(query: &str, error: &tokio_postgres::Error) -> Self {
        let position = error.as_db_error().and_then(|db| match db.position() {
            Some(ErrorPosition::Original(place)) => Some(*place as usize),
            _ => None,
        });
        let before: String = query.chars().take(position.unwrap_or(1).saturating_sub(1)).collect();
        let line = before.matches('\n').count();
        let statement = query.lines().nth(line).unwrap_or_default().trim().chars().take(200).collect();
        Self { line: line + 1, statement, reason: describe(error) }
    }
}

fn explain(error: &refinery_core::Error, failed: Option<Failed>) -> MigrateError {
    let history = error.to_string();
    match (error.kind(), failed) {
        (Kind::Connection(what, _), Some(failed)) => MigrateError::Statement {
            migration: what.rsplit("migration ").next().unwrap_or(what).to_owned(),
            line: failed.line,
            statement: failed.statement,
            reason: failed.reason,
        },
        (Kind::Connection(what, source), None) => match source.downcast_ref::<tokio_postgres::Error>() {
            Some(error) => MigrateError::History(format!("{what}: {}", describe(error))),
            None => MigrateError::History(history),
        },
        _ => MigrateError::History(history),
    }
}
