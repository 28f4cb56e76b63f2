//! Waiting for a server that is out of reach: a restart of PostgreSQL is no reason to give a run up.

use std::time::Duration;

use tenancy::postgres::Failure;
use tokio::time::Instant;

use super::FleetError;
use crate::{platform::StoreError, servers::ServerError};

/// How long a server may be out of reach.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// How soon something is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(250);

/// Tries again until it works, fails for good, or the patience is over.
pub(super) async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, FleetError>
where
    F: Future<Output = Result<T, FleetError>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(error) if is_passing(&error) && Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
            ended => return ended,
        }
    }
}

fn is_passing(error: &FleetError) -> bool {
    let store = |error: &StoreError| {
        matches!(
            error.failure(),
            Failure::Unavailable | Failure::TooManyConnections | Failure::Terminated | Failure::Serialization
        )
    };
    match error {
        FleetError::Store(error) | FleetError::Server(ServerError::Store(error)) => store(error),
        FleetError::Server(ServerError::Connect { .. }) => true,
        FleetError::Provision(error) => error.is_transient(),
        _ => false,
    }
}
