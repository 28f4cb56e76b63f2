//! Locks that live exactly as long as the session that does the work: when this program is killed, PostgreSQL frees them
//! once the statement that was sent has ended, and not before.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use deadpool_postgres::{Object, Pool};

use super::ProvisionError;
use crate::platform::StoreError;

/// A connection of the pool that holds an advisory lock. Dropped without [`LockedSession::unlock`] (after an error, a
/// panic, an aborted task) it is closed and never goes back to the pool with the lock.
pub(super) struct LockedSession(Option<Object>);

/// How often a lock that somebody holds is asked for again. Waiting inside PostgreSQL would occupy a connection.
const AGAIN: Duration = Duration::from_millis(50);

const TRY: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
const UNLOCK: &str = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";

impl LockedSession {
    /// The lock `name`, or `None` where somebody has it.
    pub(super) async fn try_lock(pool: &Pool, name: &str) -> Result<Option<Self>, ProvisionError> {
        // Guarded before the lock is asked for: the answer may never be read.
        let mut session = Self(Some(pool.get().await.map_err(StoreError::from)?));
        let statement = session.prepare_cached(TRY).await?;
        if session.query_one(&statement, &[&name]).await?.get(0) {
            return Ok(Some(session));
        }
        drop(session.0.take());
        Ok(None)
    }

    /// The lock `name`, once nobody else has it.
    pub(super) async fn lock(pool: &Pool, name: &str) -> Result<Self, ProvisionError> {
        loop {
            if let Some(session) = Self::try_lock(pool, name).await? {
                return Ok(session);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Frees the lock and gives the connection back.
    pub(super) async fn unlock(mut self, name: &str) -> Result<(), ProvisionError> {
        let statement = self.prepare_cached(UNLOCK).await?;
        self.execute(&statement, &[&name]).await?;
        drop(self.0.take());
        Ok(())
    }
}

impl Deref for LockedSession {
    type Target = Object;
    fn deref(&self) -> &Object {
        self.0.as_ref().expect("taken only by the methods that consume it")
    }
}

impl DerefMut for LockedSession {
    fn deref_mut(&mut self) -> &mut Object {
        self.0.as_mut().expect("taken only by the methods that consume it")
    }
}

impl Drop for LockedSession {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}
