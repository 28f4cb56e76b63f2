//! One tenant's connections.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::managed::{Object, Pool, PoolConfig, PoolError, QueueMode};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio_postgres::{Config, Error};

use super::{
    Budget, Pools, QueryError,
    breaker::Breaker,
    budget::{Counted, Crowd},
    connect::Connector,
    heat::{Heat, Moment},
    lease::Lease,
};
use crate::context::{Address, TenantRecord};

/// A tenant whose connections are all busy for this long gets another at the budget, at somebody else's cost.
const BUSY: Duration = Duration::from_millis(100);

/// One tenant's connections, for as long as the tenant stays where it is.
pub(crate) struct TenantPool {
    generation: i32,
    address: Address,
    pool: Pool<Connector>,
    budget: Arc<Budget>,
    pools: Weak<Pools>,
    room: Arc<Room>,
    heat: Heat,
}

/// What a tenant's new connections wait for: room in the budget, or that one of the tenant's own is free again.
#[derive(Default)]
pub(super) struct Room {
    waiting: AtomicUsize,
    lent: AtomicUsize,
    connecting: AtomicUsize,
    pub(super) open: AtomicUsize,
    idle: Notify,
    pub(super) breaker: Breaker,
}

impl Room {
    /// Counts one that waits for room, for as long as the answer lives.
    pub(super) fn wait(&self) -> Counted<'_> {
        Counted::new(&self.waiting)
    }

    /// Counts one that is being made, for as long as the answer lives.
    pub(super) fn connect(&self) -> Counted<'_> {
        Counted::new(&self.connecting)
    }

    /// Whether the tenant has no connection at all.
    pub(super) fn has_none(&self) -> bool {
        self.open.load(Ordering::SeqCst) == 0
    }

    fn is_connecting(&self) -> bool {
        self.connecting.load(Ordering::SeqCst) > 0
    }

    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

impl TenantPool {
    pub(super) fn new(pools: &Pools, tenant: &TenantRecord) -> Result<Self, QueryError> {
        let budget = pools.budget(&tenant.address.server);
        let room = Arc::new(Room::default());
        let config = pools.config_of(tenant);
        let connector = Connector { config, budget: budget.clone(), pools: pools.this.clone(), room: room.clone() };
        // Last in, first out: what a tenant does not need grows old and is closed.
        let config = PoolConfig {
            max_size: pools.settings.max_connections_per_tenant,
            queue_mode: QueueMode::Lifo,
            ..PoolConfig::default()
        };
        let pool =
            Pool::builder(connector).config(config).build().map_err(|error| QueryError::Pool(error.to_string()))?;
        let (generation, address) = (tenant.generation, tenant.address.clone());
        let heat = Heat::new();
        Ok(Self { generation, address, pool, budget, pools: pools.this.clone(), room, heat })
    }

    /// Whether these are the connections for the tenant as it is described.
    pub(super) fn serves(&self, tenant: &TenantRecord) -> bool {
        self.generation == tenant.generation && self.address == tenant.address
    }

    pub(super) fn is_newer_than(&self, tenant: &TenantRecord) -> bool {
        self.generation > tenant.generation
    }

    /// A connection, within this time.
    pub(super) async fn lease(self: &Arc<Self>, within: Duration) -> Result<Lease, QueryError> {
        self.heat.rise(self.budget.use_now());
        let found = match self.idle_one() {
            Some(found) => found,
            // Boxed, so that every request that finds a connection needs no room for waiting.
            None => Box::pin(tokio::time::timeout(within, self.get())).await.map_err(|_| QueryError::Busy)?,
        };
        match found {
            Ok(object) => {
                self.budget.lent();
                self.room.lent.fetch_add(1, Ordering::SeqCst);
                Ok(Lease::new(object, self.clone()))
            }
            Err(PoolError::Backend(error)) => Err(QueryError::Connect(error)),
            Err(PoolError::Closed) => Err(QueryError::Moved),
            Err(error) => Err(QueryError::Pool(error.to_string())),
        }
    }

    /// What the pool has at once, where a connection is idle.
    fn idle_one(&self) -> Option<Result<Object<Connector>, PoolError<Error>>> {
        if self.idle(self.pool.status().size) == 0 { None } else { self.pool.get().now_or_never() }
    }

    /// The pool's next connection. Whoever waits for room for a new one takes one that comes back meanwhile. At the
    /// budget, another connection of a tenant costs somebody else's: the ones that there are, or the one that is being
    /// made, are waited for before.
    async fn get(&self) -> Result<Object<Connector>, PoolError<Error>> {
        if !self.budget.is_full() {
            return self.pool.get().await;
        }
        while self.budget.is_full() && self.has_some_to_wait_for() {
            let _waiting = self.room.wait();
            let came_back = tokio::time::timeout(BUSY, self.room.idle.notified()).await.is_ok();
            // All are busy for long, and no other is on its way: it is worth another.
            if !came_back && !self.room.is_connecting() {
                break;
            }
        }
        loop {
            tokio::select! {
                biased;
                object = self.pool.get() => return object,
                () = self.room.idle.notified() => {}
            }
        }
    }

    /// A lease has ended, with a connection that can be used again or without one.
    pub(super) fn give_back(&self, object: Option<Object<Connector>>) {
        let crowd = self.budget.returned(&self.room);
        self.room.lent.fetch_sub(1, Ordering::SeqCst);
        let Some(pools) = self.pools.upgrade() else { return };
        match (crowd, object) {
            (Crowd::Others { overdue: true }, object) => {
                let lacking = pools.make_room(&self.budget);
                // Nothing is idle: it is this tenant's turn to wait.
                if lacking > 0 {
                    drop(object.map(Object::take));
                }
            }
            (Crowd::Nobody | Crowd::Own, object) => drop(object),
            (Crowd::Others { overdue: false }, object) => {
                drop(object);
                if !self.room.is_wanted() {
                    pools.make_room(&self.budget);
                }
            }
        }
        if self.room.is_wanted() && self.idle(self.pool.status().size) > 0 {
            self.room.idle.notify_one();
        }
    }

    /// How to reach the server.
    pub(super) fn server(&self) -> &Config {
        &self.budget.server
    }

    pub(super) fn last_used(&self) -> Instant {
        self.heat.last_rise()
    }

    pub(super) fn counts_against(&self, budget: &Arc<Budget>) -> bool {
        Arc::ptr_eq(&self.budget, budget)
    }

    /// How much one of the connections is used, where one could be closed: of several, each has its share.
    pub(super) fn worth_of_idle(&self, now: Moment, overdue: bool) -> Option<f32> {
        let size = self.pool.status().size;
        // What the tenant itself is about to take is idle for others only when they have waited for long, and last of all.
        let wanted = self.room.is_wanted();
        let idle = self.idle(size) > 0 && (overdue || !wanted);
        let worth = || if wanted { f32::MAX } else { self.heat.level(now) / size.max(1) as f32 };
        idle.then(worth)
    }

    /// Whether all connections are busy, and there are some, or will be.
    fn has_some_to_wait_for(&self) -> bool {
        let status = self.pool.status();
        self.idle(status.size) == 0 && status.size < status.max_size && (status.size > 0 || self.room.is_connecting())
    }

    /// How many of so many connections are idle. The pool itself takes those that wait for a new one for users of the
    /// ones that there are.
    fn idle(&self, size: usize) -> usize {
        size.saturating_sub(self.room.lent.load(Ordering::SeqCst))
    }

    /// Closes the connection that was idle longest.
    pub(super) fn close_one(&self) {
        let mut found = false;
        self.pool.retain(|_, _| std::mem::replace(&mut found, true));
    }

    /// Closes what was idle for this long or has ended by itself, and says how many connections remain.
    pub(super) fn close_idle(&self, idle: Duration) -> usize {
        self.pool.retain(|link, metrics| metrics.last_used() < idle && link.is_open());
        self.pool.status().size
    }

    /// Closes all idle connections: one of them turned out to be dead, and the others may be without knowing it yet.
    pub(super) fn distrust(&self) {
        self.pool.retain(|_, _| false);
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}
