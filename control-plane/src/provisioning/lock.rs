//! Locks that live exactly as long as the session that does the work: when this program is killed, PostgreSQL frees them
//! once the statement that was sent has ended, and not before.

use std::ops::{Deref, DerefMut};

use deadpool_postgres::{Object, Pool};
use futures_util::try_join;
use tokio_postgres::types::ToSql;

use super::ProvisionError;
use crate::platform::StoreError;

/// A connection of the pool that holds an advisory lock. Dropped without [`LockedSession::unlock`] (after an error, a
/// panic, an aborted task) it is closed and never goes back to the pool with the lock.
pub(super) struct LockedSession(Option<Object>);

const TRY: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
const UNLOCK: &str = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";

impl LockedSession {
    /// The lock `name`, or `None` where somebody has it; and what `read` finds under the lock, in the same round trip.
    pub(super) async fn try_lock<T>(
        pool: &Pool,
        name: &str,
        read: impl AsyncFnOnce(&Object) -> Result<T, StoreError>,
    ) -> Result<Option<(Self, T)>, ProvisionError> {
        // Guarded before the lock is asked for: the answer may never be read.
        let mut session = Self(Some(pool.get().await.map_err(StoreError::from)?));
        let statement = session.prepare_cached(TRY).await?;
        let parameters: [&(dyn ToSql + Sync); 1] = [&name];
        let lock = async { Ok(session.query_one(&statement, &parameters).await?) };
        let (locked, found) = try_join!(lock, read(&session))?;
        if locked.get(0) {
            return Ok(Some((session, found)));
        }
        drop(session.0.take());
        Ok(None)
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
