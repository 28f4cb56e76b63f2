//! A client that refinery can drive.

use std::pin::pin;

use futures_util::TryStreamExt;
use refinery_core::{
    Migration,
    traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction},
};
use tokio_postgres::{
    Client, SimpleQueryMessage,
    error::{ErrorPosition, SqlState},
};

use super::{
    HISTORY_TABLE, LOCK, MigrateError, Place,
    history::{APPLIED, History, HistoryError, applied},
};
use crate::postgres::{Failure, describe, failure};

const NO_TRANSACTION: &str = "-- no-transaction";
/// What comes before a migration's text in what is sent.
const HEAD: &str = "BEGIN;\n";
/// The lock and BEGIN.
const STATEMENTS_BEFORE_HISTORY: usize = 2;

/// Whether a migration runs outside a transaction.
#[must_use]
pub fn is_no_transaction(sql: &str) -> bool {
    sql.trim_start().starts_with(NO_TRANSACTION)
}

/// A client, and what is known already of its database.
pub(super) struct Driver<'a> {
    client: &'a mut Client,
    history: History,
    failed: Option<Failed>,
}

/// Why refinery can't go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum DriverError {
    /// PostgreSQL failed.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The database's history is not what it was taken for; nothing was changed.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl<'a> Driver<'a> {
    pub(super) const fn new(client: &'a mut Client, history: History) -> Self {
        Self { client, history, failed: None }
    }

    /// What a statement failed of, where one did.
    pub(super) fn into_failed(self) -> Option<Failed> {
        self.failed
    }

    /// An index whose concurrent creation was interrupted is there, serves nobody, and is in the way of the next try.
    async fn drop_invalid_indexes(&mut self) -> Result<(), tokio_postgres::Error> {
        let sql = "SELECT format('DROP INDEX %s', i.indexrelid::regclass) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                   WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'";
        for row in Client::query(self.client, sql, &[]).await? {
            self.client.batch_execute(row.get(0)).await?;
        }
        Ok(())
    }

    async fn send(&mut self, sql: &str, text: &str, head: usize) -> Result<(), tokio_postgres::Error> {
        let sent = self.client.batch_execute(text).await;
        sent.inspect_err(|error| self.failed = Some(Failed::of(sql, head, error)))
    }

    /// A transaction in one message: a round trip costs more than most migrations, and a program that is killed now leaves
    /// all of it or nothing.
    async fn in_transaction(&mut self, sql: &str, rest: &str) -> Result<(), DriverError> {
        Ok(self.send(sql, &format!("{HEAD}{sql}\n;\n{rest};\nCOMMIT"), HEAD.chars().count()).await?)
    }

    /// The first change to a database whose history nobody has read: with the lock, the history comes back beside the
    /// change's outcome, and is compared before the commit. Comparing in SQL would cost a fresh session of PostgreSQL more
    /// than the other round trip: it meets the planner and the functions for the first time.
    async fn in_compared_transaction(&mut self, sql: &str, rest: &str) -> Result<(), DriverError> {
        let head = format!("SELECT pg_advisory_lock({LOCK}); BEGIN; {APPLIED};\n");
        let answers = self.client.simple_query_raw(&format!("{head}{sql}\n;\n{rest}")).await?;
        let mut answers = pin!(answers);
        let (mut found, mut statements) = (Vec::new(), 0);
        let outcome = loop {
            match answers.try_next().await {
                Ok(Some(SimpleQueryMessage::CommandComplete(_))) => statements += 1,
                Ok(Some(SimpleQueryMessage::Row(row))) if statements == STATEMENTS_BEFORE_HISTORY => {
                    found.extend(applied(&row));
                }
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let was_read = statements > STATEMENTS_BEFORE_HISTORY;
        found.sort_by_key(Migration::version);
        match outcome {
            _ if was_read && found != self.history.applied => Err(self.history.is_other().into()),
            Err(error) if !was_read && error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                Err(self.history.is_other().into())
            }
            Err(error) => {
                self.failed = Some(Failed::of(sql, head.chars().count(), &error));
                Err(error.into())
            }
            Ok(()) => Ok(self.send(sql, "COMMIT", usize::MAX).await?),
        }
    }
}

impl AsyncTransaction for Driver<'_> {
    type Error = DriverError;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let queries: Vec<&str> = queries.collect();
        match queries.as_slice() {
            [table] if *table == Self::assert_migrations_table_query(HISTORY_TABLE) => {
                if self.history.is_new() {
                    self.client.batch_execute(table).await?;
                }
            }
            [sql, rest @ ..] if is_no_transaction(sql) => {
                // It waits for transactions that nobody waits behind.
                self.client.batch_execute("SET lock_timeout = 0").await?;
                self.drop_invalid_indexes().await?;
                self.send(sql, sql, 0).await?;
                for query in rest {
                    self.send(sql, query, 0).await?;
                }
            }
            [sql, rest @ ..] => {
                let rest = rest.join(";\n");
                let done = match self.history.take_assumed() {
                    true => self.in_compared_transaction(sql, &rest).await,
                    false => self.in_transaction(sql, &rest).await,
                };
                if let Err(error) = done {
                    let _ = self.client.batch_execute("ROLLBACK").await;
                    return Err(error);
                }
            }
            [] => {}
        }
        Ok(queries.len())
    }
}

impl AsyncQuery<Vec<Migration>> for Driver<'_> {
    /// refinery asks for one thing: what was applied.
    async fn query<'a>(&'a mut self, _: &'a str) -> Result<Vec<Migration>, Self::Error> {
        Ok(self.history.applied.clone())
    }
}

impl AsyncMigrate for Driver<'_> {}

/// What a statement failed of.
pub(super) struct Failed {
    place: Option<Place>,
    reason: String,
    code: Option<SqlState>,
    failure: Failure,
}

impl Failed {
    /// Of a migration's text, which began after `head` characters of what was sent.
    pub(super) fn of(sql: &str, head: usize, error: &tokio_postgres::Error) -> Self {
        let position = error.as_db_error().and_then(|db| match db.position() {
            Some(ErrorPosition::Original(place)) => (*place as usize).checked_sub(head.saturating_add(1)),
            _ => None,
        });
        let place = position.map(|position| {
            let line = sql.chars().take(position).filter(|letter| *letter == '\n').count();
            let text = sql.lines().nth(line).unwrap_or_default().trim().chars().take(200).collect();
            Place { line: line + 1, text }
        });
        Self { place, reason: describe(error), code: error.code().cloned(), failure: failure(error) }
    }

    pub(super) fn in_migration(self, migration: String) -> MigrateError {
        let Self { place, reason, code, failure } = self;
        MigrateError::Statement { migration, place, reason, code, failure }
    }
}
