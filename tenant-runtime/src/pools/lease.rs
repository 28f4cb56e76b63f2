//! A connection that is lent to one request.

use std::{pin::pin, sync::Arc, time::Duration};

use deadpool::managed::Object;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{
    QueryError,
    connect::{Connector, cancel},
    error::is_lost,
    tenant_pool::TenantPool,
};

/// How long cancelling a statement may take before its connection is closed regardless.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a cancelled statement has to end before it is cancelled again; each time twice as long.
const CANCEL_AGAIN: Duration = Duration::from_millis(10);

/// A value for a statement, with its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// The text of a statement, and whether it is one of few.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// One of a handful of texts: kept prepared on warm connections.
    Kept(&'a str),
    /// One of many texts, put together for a request: never kept, so that no client can fill a server's memory.
    Once(&'a str),
}

/// A connection of one tenant, given back when dropped; closed instead when a statement is still running on it.
pub(crate) struct Lease {
    object: Option<Object<Connector>>,
    /// Kept alive, because deadpool closes what comes back to a pool that is gone.
    pool: Arc<TenantPool>,
    running: bool,
    lost: bool,
}

impl Lease {
    pub(super) const fn new(object: Object<Connector>, pool: Arc<TenantPool>) -> Self {
        Self { object: Some(object), pool, running: false, lost: false }
    }

    /// Runs one statement, within this time.
    pub(crate) async fn query(
        &mut self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
        within: Duration,
    ) -> Result<Vec<Row>, QueryError> {
        let Some(object) = &mut self.object else {
            return Err(QueryError::Moved);
        };
        self.running = true;
        let result = tokio::time::timeout(within, object.query(statement, parameters)).await;
        // After a time-out the statement is still running; dropping the lease cancels it.
        self.running = result.is_err();
        self.lost = matches!(&result, Ok(Err(error)) if is_lost(error));
        result.map_err(|_| QueryError::TooSlow)?.map_err(QueryError::Statement)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut object = self.object.take();
        if self.running {
            // The client hung up, or the statement took too long: the next request must not wait behind it.
            object.take().into_iter().for_each(|object| abandon(object, self.pool.clone()));
        } else if self.lost {
            drop(object.take().map(Object::take));
            self.pool.distrust();
        }
        self.pool.give_back(object);
    }
}

fn abandon(object: Object<Connector>, pool: Arc<TenantPool>) {
    let mut link = Object::take(object);
    // On its way out: its place is soon free.
    link.open = None;
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    runtime.spawn(async move {
        let token = link.cancel_token();
        let ended = async {
            let mut end = pin!(link.end());
            let mut pause = CANCEL_AGAIN;
            loop {
                // It reaches what runs at that moment: the statement may still be on its way, and is for the next then.
                let _ = cancel(pool.server(), token.clone()).await;
                if tokio::time::timeout(pause, &mut end).await.is_ok() {
                    return;
                }
                pause *= 2;
            }
        };
        if tokio::time::timeout(CANCEL_TIMEOUT, ended).await.is_err() {
            tracing::debug!("a statement could not be cancelled in time");
        }
    });
}
