//! One tenant's connections.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use deadpool::managed::{Object, Pool, PoolConfig, PoolError, QueueMode};
use futures_util::FutureExt;
use tokio_postgres::{Config, Error};

use super::{
    Budget, Pools, QueryError,
    budget::Crowd,
    connect::Connector,
    heat::{Heat, Moment},
    lease::Lease,
    room::Room,
};
use crate::context::{Address, TenantRecord};

type Found = Result<Object<Connector>, PoolError<Error>>;

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
        let found = match self.at_once() {
            Some(found) => found,
            // Boxed, so that every request that finds a connection needs no room for waiting.
            None => Box::pin(tokio::time::timeout(within, self.in_turn())).await.map_err(|_| QueryError::Busy)?,
        };
        match found {
            Ok(object) => {
                self.budget.lent();
                Ok(Lease::new(object, self.clone()))
            }
            Err(PoolError::Backend(error)) => Err(QueryError::Connect(error)),
            Err(PoolError::Closed) => Err(QueryError::Moved),
            Err(error) => Err(QueryError::Pool(error.to_string())),
        }
    }

    /// How many of the tenant's requests may have a connection, as long as none of them is slow. One that can be waited
    /// for is better than another: quick statements are done sooner one after the other on what is open, and at the budget
    /// another is somebody else's.
    fn limit(&self) -> usize {
        let limit = self.budget.for_each_tenant().min(self.pool.status().max_size);
        if self.budget.is_full() { limit.min(self.room.open().max(1)) } else { limit }
    }

    /// What the pool has at once, where a connection is idle and nobody waits.
    fn at_once(&self) -> Option<Found> {
        // Where fewer are admitted than there are connections, one is idle, and nobody else can take it.
        if !self.room.enter(self.limit().min(self.pool.status().size)) {
            return None;
        }
        let found = self.pool.get().now_or_never();
        if !matches!(found, Some(Ok(_))) {
            self.room.leave(self.limit());
        }
        found
    }

    /// The pool's next connection, in turn. Whoever waits for room for a new one takes one that comes back meanwhile.
    async fn in_turn(&self) -> Found {
        let admitted = self.room.turn(|| self.limit(), self.pool.status().max_size).await;
        let _getting = self.room.get();
        let found = loop {
            tokio::select! {
                biased;
                found = self.pool.get() => break found,
                () = self.room.idle.notified() => {}
            }
        };
        found.inspect(|_| admitted.keep())
    }

    /// A lease has ended, with a connection that can be used again or without one.
    pub(super) fn give_back(&self, object: Option<Object<Connector>>) {
        let crowd = self.budget.returned(&self.room);
        // Whoever is next finds the connection in the pool already.
        let back = |object: Option<Object<Connector>>| {
            drop(object);
            self.room.leave(self.limit());
        };
        match (crowd, self.pools.upgrade()) {
            (Crowd::Others { overdue: true }, Some(pools)) => {
                let lacking = pools.make_room(&self.budget);
                // Where nothing is idle it is this tenant's turn to wait.
                let object = if lacking > 0 { object.map(Object::take).and(None) } else { object };
                back(object);
            }
            (Crowd::Others { overdue: false }, Some(pools)) => {
                back(object);
                if !self.room.is_wanted() {
                    pools.make_room(&self.budget);
                }
            }
            _ => back(object),
        }
        if self.room.is_getting() && self.idle(self.pool.status().size) > 0 {
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

    /// How many of so many connections are idle. The pool itself takes those that wait for a new one for users of the
    /// ones that there are.
    fn idle(&self, size: usize) -> usize {
        size.saturating_sub(self.room.holding())
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
