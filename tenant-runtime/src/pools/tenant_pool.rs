//! One tenant's connections.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolConfig, PoolError, QueueMode, RecyclingMethod};

use super::{Budget, Pools, QueryError, connect::BudgetedConnect, lease::Lease};
use crate::context::{Address, TenantRecord};

/// Times are kept as milliseconds since this moment: an atomic holds them.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// One tenant's connections, for as long as the tenant stays where it is.
pub(crate) struct TenantPool {
    generation: i32,
    address: Address,
    pool: Pool,
    budget: Arc<Budget>,
    used: AtomicU64,
}

impl TenantPool {
    pub(super) fn new(pools: &Pools, tenant: &TenantRecord) -> Result<Self, QueryError> {
        let budget = pools.budget(&tenant.address.server);
        let connect = BudgetedConnect { budget: budget.clone(), pools: pools.this.clone() };
        // Nothing here sets session state, so there is nothing to reset between two requests.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(pools.config_of(tenant), connect, recycling);
        // Last in, first out: what a tenant does not need grows old and is closed.
        let config = PoolConfig {
            max_size: pools.settings.max_connections_per_tenant,
            queue_mode: QueueMode::Lifo,
            ..PoolConfig::default()
        };
        let pool =
            Pool::builder(manager).config(config).build().map_err(|error| QueryError::Pool(error.to_string()))?;
        let (generation, address) = (tenant.generation, tenant.address.clone());
        Ok(Self { generation, address, pool, budget, used: AtomicU64::new(now()) })
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
        self.used.store(now(), Ordering::Relaxed);
        match tokio::time::timeout(within, self.pool.get()).await {
            Ok(Ok(object)) => Ok(Lease::new(object, self.budget.clone(), self.clone())),
            Ok(Err(PoolError::Backend(error))) => Err(QueryError::Connect(error)),
            Ok(Err(PoolError::Closed)) => Err(QueryError::Moved),
            Ok(Err(error)) => Err(QueryError::Pool(error.to_string())),
            Err(_) => Err(QueryError::Busy),
        }
    }

    pub(super) fn last_used(&self) -> Instant {
        *START + Duration::from_millis(self.used.load(Ordering::Relaxed))
    }

    /// Whether a connection that counts against this budget could be closed.
    pub(super) fn has_idle(&self, budget: &Arc<Budget>) -> bool {
        Arc::ptr_eq(&self.budget, budget) && self.pool.status().available > 0
    }

    /// Closes the connection that was idle longest.
    pub(super) fn close_one(&self) -> bool {
        let mut found = false;
        let closed = self.pool.retain(|_, _| std::mem::replace(&mut found, true));
        !closed.removed.is_empty()
    }

    /// Closes what was idle for this long, and says how many connections remain.
    pub(super) fn close_idle(&self, idle: Duration) -> usize {
        self.pool.retain(|_, metrics| metrics.last_used() < idle);
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

fn now() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}
