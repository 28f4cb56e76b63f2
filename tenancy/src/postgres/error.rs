//! What an error of PostgreSQL means to us.

use std::error::Error;

use tokio_postgres::error::SqlState;

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The server is down, starting, or too busy: the same may work in a moment.
    Unavailable,
    /// The server has no connection left for us.
    TooManyConnections,
    /// The database, role or password is not what we took it for: what we know of the tenant is stale.
    StaleAddress,
    /// The session was ended from outside.
    Terminated,
    /// A unique value exists already.
    Duplicate,
    /// Two transactions were in each other's way: the same may work at once.
    Serialization,
    /// A value that PostgreSQL can't hold.
    BadValue,
    /// The statement took too long and was cancelled.
    Cancelled,
    /// Anything else: a fault of ours.
    Other,
}

/// Sorts an error.
#[must_use]
pub fn failure(error: &tokio_postgres::Error) -> Failure {
    if error.is_closed() {
        return Failure::Unavailable;
    }
    let Some(state) = error.code() else {
        // Without an SQLSTATE it is the way to the server that failed.
        let io = error.source().is_some_and(|source| source.downcast_ref::<std::io::Error>().is_some());
        return if io || error.to_string().contains("connect") { Failure::Unavailable } else { Failure::Other };
    };
    match *state {
        SqlState::CANNOT_CONNECT_NOW
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CONNECTION_FAILURE
        | SqlState::DISK_FULL
        | SqlState::OUT_OF_MEMORY
        | SqlState::READ_ONLY_SQL_TRANSACTION
        | SqlState::CONNECTION_EXCEPTION => Failure::Unavailable,
        SqlState::TOO_MANY_CONNECTIONS => Failure::TooManyConnections,
        SqlState::INVALID_CATALOG_NAME
        | SqlState::INVALID_PASSWORD
        | SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        | SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
        | SqlState::INSUFFICIENT_PRIVILEGE => Failure::StaleAddress,
        SqlState::ADMIN_SHUTDOWN | SqlState::DATABASE_DROPPED => Failure::Terminated,
        SqlState::UNIQUE_VIOLATION
        | SqlState::DUPLICATE_DATABASE
        | SqlState::DUPLICATE_OBJECT
        | SqlState::EXCLUSION_VIOLATION => Failure::Duplicate,
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Failure::Serialization,
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => Failure::Cancelled,
        _ if state.code().starts_with("22") => Failure::BadValue,
        _ if state.code().starts_with("53") || state.code().starts_with("58") => Failure::Unavailable,
        _ => Failure::Other,
    }
}

/// The whole error in one line: tokio-postgres prints only "db error".
#[must_use]
pub fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let mut text = format!("{} ({})", db.message(), db.code().code());
        for more in [db.detail(), db.hint()].into_iter().flatten() {
            text.push_str(": ");
            text.push_str(more);
        }
        return text;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
