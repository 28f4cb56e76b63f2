//! Why a tenant's database gave no answer, and what a client is told: the one place for both.

use tenancy::{
    Code, Problem,
    postgres::{Failure, describe, failure},
};
use tokio_postgres::{Error, error::SqlState};

/// Why a statement gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No connection was free in time.
    #[error("no connection to the tenant's database was free in time")]
    Busy,
    /// The tenant was moved, suspended or dropped while the request was on its way.
    #[error("the tenant's connections were closed")]
    Moved,
    /// The pool is at fault.
    #[error("the pool failed: {0}")]
    Pool(String),
    /// No connection came about; nothing was sent.
    #[error("no connection: {}", describe(.0))]
    Connect(Error),
    /// The statement, or the connection under it, failed.
    #[error("{}", describe(.0))]
    Statement(Error),
    /// The statement took too long and was cancelled.
    #[error("the statement took too long")]
    TooSlow,
    /// The tenant is not what it was.
    #[error("{0}")]
    Refused(#[from] Problem),
}

impl QueryError {
    /// Whether what we know of the tenant may be wrong. Nothing was sent then.
    pub(crate) fn is_stale(&self) -> bool {
        match self {
            Self::Moved => true,
            Self::Connect(error) => failure(error) == Failure::StaleAddress,
            _ => false,
        }
    }

    /// Whether the connection was lost with the statement on it, or the tenant's address is stale.
    pub(crate) fn asks_for_another_look(&self) -> bool {
        self.is_stale() || matches!(self, Self::Statement(error) if is_lost(error))
    }

    /// Whether the statement was in another's way and was rolled back whole: the same may work at once.
    pub(crate) fn was_in_the_way(&self) -> bool {
        matches!(self, Self::Statement(error) if failure(error) == Failure::Serialization)
    }

    /// The constraint that the statement would have violated.
    pub(crate) fn violation(&self) -> Option<(Violation, &str)> {
        let Self::Statement(error) = self else { return None };
        let error = error.as_db_error()?;
        let violation = match *error.code() {
            SqlState::UNIQUE_VIOLATION => Violation::Unique,
            SqlState::FOREIGN_KEY_VIOLATION => Violation::Reference,
            SqlState::CHECK_VIOLATION => Violation::Check,
            _ => return None,
        };
        Some((violation, error.constraint()?))
    }
}

/// What kind of constraint would have been violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    Unique,
    Reference,
    Check,
}

/// Whether the session was ended from outside, or the way to it broke.
pub(super) fn is_lost(error: &Error) -> bool {
    let failure = failure(error);
    failure == Failure::Terminated || (failure == Failure::Unavailable && error.as_db_error().is_none())
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Refused(problem) => return problem.clone(),
            QueryError::Pool(_) => return Self::internal(error),
            QueryError::Busy | QueryError::Moved | QueryError::TooSlow => return Self::unavailable(error),
            QueryError::Connect(cause) | QueryError::Statement(cause) => failure(cause),
        };
        match kind {
            Failure::Unavailable
            | Failure::TooManyConnections
            | Failure::Terminated
            | Failure::Serialization
            | Failure::Cancelled => Self::unavailable(error),
            Failure::StaleAddress if matches!(error, QueryError::Connect(_)) => Self::unavailable(error),
            Failure::BadValue => {
                Self::new(Code::ValidationFailed, "A value is not one that can be stored").caused_by(error)
            }
            Failure::Duplicate => Self::new(Code::Conflict, "There is one like this already").caused_by(error),
            Failure::StaleAddress | Failure::Other => Self::internal(error),
        }
    }
}
