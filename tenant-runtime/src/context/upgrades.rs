//! Tenants whose schema this program can't serve yet. Whoever asks for one puts it at the head of the queue of those who
//! may change schemas, and waits a moment: most migrations are done sooner than a client would be back.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use moka::sync::Cache;
use tenancy::TenantId;
use tokio::{sync::Semaphore, time::Instant};

use super::{Directory, TenantRecord};

/// How long a request waits.
const PATIENCE: Duration = Duration::from_millis(900);
/// How many requests wait at once; the others are answered at once.
const WAITING: usize = 256;
/// How long a tenant that was asked for is not asked for again.
const ASKED_FOR: Duration = Duration::from_secs(1);
const ASKED_AT_MOST: u64 = 10_000;

/// Who was asked for, and who waits.
pub(crate) struct Upgrades {
    serves: RangeInclusive<i32>,
    asked: Cache<TenantId, ()>,
    waiting: Semaphore,
}

impl Upgrades {
    /// For a program that can serve these versions of a schema.
    pub(crate) fn new(serves: RangeInclusive<i32>) -> Self {
        let asked = Cache::builder().max_capacity(ASKED_AT_MOST).time_to_live(ASKED_FOR).build();
        Self { serves, asked, waiting: Semaphore::new(WAITING) }
    }

    /// Whether this program can serve the tenant as it is.
    pub(crate) fn can_serve(&self, record: &TenantRecord) -> bool {
        self.serves.contains(&record.schema_version)
    }

    /// The tenant, in the state in which it can be served if that comes soon, else as it is.
    pub(crate) async fn ready(&self, record: Arc<TenantRecord>, directory: &Directory) -> Arc<TenantRecord> {
        if self.can_serve(&record) || !record.status.is_served() || record.schema_version > *self.serves.end() {
            return record;
        }
        let id = record.id;
        if !self.asked.contains_key(&id) {
            self.asked.insert(id, ());
            if directory.request_upgrade(id).await.is_err() {
                return record;
            }
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return record };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let changed = directory.changed();
            match directory.get(id) {
                Some(now) if self.can_serve(&now) => return now,
                _ if tokio::time::timeout_at(deadline, changed).await.is_err() => return record,
                _ => {}
            }
        }
    }
}
