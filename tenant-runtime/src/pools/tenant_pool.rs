//! One tenant's connections.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolConfig, PoolError, QueueMode, RecyclingMethod};

use super::{Budget, Pools, QueryError, connect::BudgetedConnect, heat::Heat, lease::Lease};
use crate::context::{Address, TenantRecord};

/// One tenant's connections, for as long as the tenant stays where it is.
pub(crate) struct TenantPool {
    generation: i32,
    address: Address,
    pool: Pool,
    budget: Arc<Budget>,
    heat: Heat,
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
        let heat = Heat::new();
        heat.rise();
        Ok(Self { generation, address, pool, budget, heat })
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
        self.heat.rise();
        match tokio::time::timeout(within, self.pool.get()).await {
            Ok(Ok(object)) => Ok(Lease::new(object, self.budget.clone(), self.clone())),
            Ok(Err(PoolError::Backend(error))) => Err(QueryError::Connect(error)),
            Ok(Err(PoolError::Closed)) => Err(QueryError::Moved),
            Ok(Err(error)) => Err(QueryError::Pool(error.to_string())),
            Err(_) => Err(QueryError::Busy),
        }
    }

    pub(super) fn last_used(&self) -> Instant {
        self.heat.last_rise()
    }

    /// How much the tenant was used lately.
    pub(super) fn heat(&self) -> f32 {
        self.heat.level()
    }

    /// How much one of its connections is used, where one that counts against this budget could be closed: of several,
    /// each has its share.
    pub(super) fn worth_of_idle(&self, budget: &Arc<Budget>) -> Option<f32> {
        let status = self.pool.status();
        let idle = Arc::ptr_eq(&self.budget, budget) && status.available > 0;
        idle.then(|| self.heat.level() / status.size.max(1) as f32)
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
