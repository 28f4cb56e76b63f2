//! How many connections all tenants together may have to one server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{Figures, Pools};

/// The connections to one server.
pub(crate) struct Budget {
    size: usize,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    leases: AtomicUsize,
    /// Somebody's connection became idle while others wait for room.
    idle: Notify,
}

/// Counts one for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Budget {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            permits: Arc::new(Semaphore::new(size)),
            waiting: AtomicUsize::new(0),
            leases: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }

    /// A permit for one connection. At the budget an idle connection is closed for it; where none is idle, this waits
    /// until one is, in turn. The caller bounds the wait.
    pub(crate) async fn permit(self: &Arc<Self>, pools: &Pools) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        let _counted = Counted::new(&self.waiting);
        let acquire = self.permits.clone().acquire_owned();
        tokio::pin!(acquire);
        loop {
            let idle = self.idle.notified();
            pools.make_room(self);
            tokio::select! {
                permit = &mut acquire => return permit.ok(),
                () = idle => {}
            }
        }
    }

    /// Notes that a connection is lent out.
    pub(crate) fn lent(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a lent connection is back, or closed.
    pub(crate) fn returned(&self) {
        self.leases.fetch_sub(1, Ordering::Relaxed);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.idle.notify_one();
        }
    }

    pub(crate) fn add_to(&self, figures: &mut Figures) {
        figures.open += self.size - self.permits.available_permits();
        figures.waiting += self.waiting.load(Ordering::Relaxed);
        figures.leases += self.leases.load(Ordering::Relaxed);
    }
}
