//! What a database has had, and whether that fits to what the program has.

use refinery_core::Migration;
use time::OffsetDateTime;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow, error::SqlState};

use super::Migrations;
use crate::RoleName;

/// What was applied before does not fit to the program's migrations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Everything that the program has, and more.
    #[error("the database is at version {found}, newer than this program's {own}; use the newer program")]
    Newer {
        /// The database's version.
        found: i32,
        /// The program's.
        own: i32,
    },
    /// A migration that the program does not have.
    #[error(
        "migration {0} was applied by another program, and this one does not have it; use that program, or put the file back"
    )]
    Unknown(String),
    /// Not what it was taken for; nobody has looked at it closer.
    #[error("the database was not migrated as the record says, to version {known}")]
    Other {
        /// The version that it was taken to have.
        known: i32,
    },
    /// The same number, another name or text.
    #[error("migration {applied} was applied with another text than this program's {own}; restore the file as it was")]
    Divergent {
        /// As the database has it.
        applied: String,
        /// As the program has it.
        own: String,
    },
    /// A migration below what was applied already: it would never run.
    #[error("migration {late} came after {version} was applied; give it a number above {version}")]
    Late {
        /// The migration.
        late: String,
        /// The database's version.
        version: i32,
    },
}

/// What was applied to a database, in order.
pub(super) struct History {
    pub(super) applied: Vec<Migration>,
    is_new: bool,
    /// Nobody has looked: it is to be read in the transaction of the first change, and compared.
    is_assumed: bool,
}

impl History {
    /// Takes the lock of the database, waiting for it, and reads what was applied: one round trip.
    pub(super) async fn read(
        client: &Client,
        lock: i64,
        owner: Option<&RoleName>,
    ) -> Result<Self, tokio_postgres::Error> {
        let role = owner.map(|owner| format!("SET ROLE {owner}; ")).unwrap_or_default();
        let lock = format!("{role}SELECT pg_advisory_lock({lock})");
        let sql = format!("{lock}; {APPLIED} ORDER BY version");
        match client.simple_query(&sql).await {
            Ok(messages) => {
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => applied(row),
                    _ => None,
                });
                Ok(Self { applied: rows.collect(), is_new: false, is_assumed: false })
            }
            // A database that never was migrated has no such table. The statements before that one went with it.
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                client.batch_execute(&lock).await?;
                Ok(Self { applied: Vec::new(), is_new: true, is_assumed: false })
            }
            Err(error) => Err(error),
        }
    }

    /// What a database at this version has had, if it was always migrated with these.
    pub(super) fn assumed(list: &[Migration], version: i32) -> Self {
        let applied = list.iter().filter(|migration| migration.version() <= version).cloned().collect();
        Self { applied, is_new: false, is_assumed: true }
    }

    /// True once, where it is assumed: before the first change.
    pub(super) fn take_assumed(&mut self) -> bool {
        std::mem::take(&mut self.is_assumed)
    }

    /// The error that it is not so.
    pub(super) fn is_other(&self) -> HistoryError {
        HistoryError::Other { known: self.version() }
    }

    /// Whether refinery's table is still to be made.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The newest version; 0 where there is none.
    pub(super) fn version(&self) -> i32 {
        self.applied.last().map_or(0, Migration::version)
    }
}

/// The history as it is read, in no order.
pub(super) const APPLIED: &str = "SELECT version, name, checksum FROM refinery_schema_history";

/// `None` is the row of another statement: that of the lock.
pub(super) fn applied(row: &SimpleQueryRow) -> Option<Migration> {
    let version = row.try_get("version").ok()??.parse().ok()?;
    let (name, checksum) = (row.try_get("name").ok()??, row.try_get("checksum").ok()??);
    // When that was plays no part in any comparison. A checksum that is no number fits to nothing.
    Some(Migration::applied(version, name.to_owned(), OffsetDateTime::UNIX_EPOCH, checksum.parse().unwrap_or_default()))
}

impl Migrations {
    /// What is still to be applied.
    pub(super) fn pending(&self, history: &History) -> Result<Vec<&Migration>, HistoryError> {
        let version = history.version();
        let own = |number: i32| self.list.iter().find(|migration| migration.version() == number);
        let mut unknown = None;
        for applied in &history.applied {
            match own(applied.version()) {
                Some(own) if own != applied => {
                    return Err(HistoryError::Divergent { applied: applied.to_string(), own: own.to_string() });
                }
                Some(_) => {}
                None => unknown = unknown.or(Some(applied)),
            }
        }
        let missing =
            |migration: &&Migration| !history.applied.iter().any(|applied| applied.version() == migration.version());
        let pending: Vec<&Migration> = self.list.iter().filter(missing).collect();
        let late = pending.iter().find(|migration| migration.version() < version);
        match (unknown, late) {
            (Some(unknown), None) if unknown.version() > self.version() => {
                Err(HistoryError::Newer { found: version, own: self.version() })
            }
            (Some(unknown), _) => Err(HistoryError::Unknown(unknown.to_string())),
            (None, Some(late)) => Err(HistoryError::Late { late: late.to_string(), version }),
            (None, None) => Ok(pending),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrations(names: &[&str]) -> Migrations {
        Migrations::new(names.iter().map(|name| Migration::unapplied(name, &format!("-- {name}")).unwrap()).collect())
    }

    fn history(names: &[&str]) -> History {
        let applied = migrations(names).list.into_iter().map(|migration| {
            let (version, name) = (migration.version(), migration.name().to_owned());
            Migration::applied(version, name, OffsetDateTime::UNIX_EPOCH, migration.checksum())
        });
        History { applied: applied.collect(), is_new: false, is_assumed: false }
    }

    fn compared(own: &[&str], applied: &[&str]) -> Result<Vec<i32>, HistoryError> {
        let migrations = migrations(own);
        let pending = migrations.pending(&history(applied))?;
        Ok(pending.iter().map(|migration| migration.version()).collect())
    }

    #[test]
    fn what_is_missing_is_pending() {
        assert_eq!(compared(&["V1__a", "V2__b", "V3__c"], &["V1__a"]), Ok(vec![2, 3]));
        assert_eq!(compared(&["V1__a"], &["V1__a"]), Ok(vec![]));
        assert_eq!(compared(&["V1__a"], &[]), Ok(vec![1]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let ours = ["V1__a", "V3__c"];
        assert_eq!(compared(&ours, &["V1__a", "V3__c", "V4__d"]), Err(HistoryError::Newer { found: 4, own: 3 }));
        assert_eq!(compared(&ours, &["V1__a", "V2__b"]), Err(HistoryError::Unknown("V2__b".to_owned())));
        assert_eq!(compared(&ours, &["V1__a", "V4__d"]), Err(HistoryError::Unknown("V4__d".to_owned())));
        assert_eq!(
            compared(&ours, &["V1__other"]),
            Err(HistoryError::Divergent { applied: "V1__other".to_owned(), own: "V1__a".to_owned() })
        );
        assert_eq!(
            compared(&["V1__a", "V2__late", "V3__c"], &["V1__a", "V3__c"]),
            Err(HistoryError::Late { late: "V2__late".to_owned(), version: 3 })
        );
    }
}
