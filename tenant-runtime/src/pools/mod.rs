//! Connections to tenants' databases: a pool for each tenant in use, all pools of a server under one budget.

mod breaker;
mod budget;
mod connect;
mod error;
mod heat;
mod lease;
mod link;
mod room;
mod socket;
mod tenant_pool;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

pub use error::QueryError;
pub(crate) use error::Violation;
use lease::Lease;
pub use lease::{Parameter, Statement};
use tenancy::{NamePrefix, TenantId, secrets::MasterKey};
use tokio_postgres::{Config, Row};

use self::{budget::Budget, tenant_pool::TenantPool};
use crate::{
    context::{Server, TenantRecord},
    settings::Settings,
};

/// A connection that nobody used for this long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// The connections to a server of which our share is not known yet.
const UNKNOWN_SHARE: usize = 8;
/// How often a tenant was used is remembered also while it has no connection, for this long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// A tenant that was used within this time is one of those that share the machine.
const LATELY: Duration = Duration::from_secs(1);
/// How many idle connections are closed at once, at most.
const TRIES: usize = 8;

/// The pools of all tenants.
pub(crate) struct Pools {
    platform: Config,
    prefix: NamePrefix,
    master_key: Arc<MasterKey>,
    settings: Settings,
    budgets: RwLock<HashMap<Server, Arc<Budget>>>,
    tenants: RwLock<HashMap<TenantId, Arc<TenantPool>>>,
    /// Connections being made look for room among all pools.
    this: Weak<Self>,
}

/// How the pools are doing, all servers together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) pools: usize,
    pub(crate) open: usize,
    pub(crate) waiting: usize,
    pub(crate) leases: usize,
}

impl Pools {
    pub(crate) fn new(
        platform: Config,
        prefix: NamePrefix,
        master_key: Arc<MasterKey>,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            platform,
            prefix,
            master_key,
            settings,
            budgets: RwLock::default(),
            tenants: RwLock::default(),
            this: this.clone(),
        })
    }

    /// Runs one statement on a tenant's database.
    pub(crate) async fn query(
        &self,
        tenant: &TenantRecord,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        let mut lease = self.lease(tenant).await?;
        lease.query(statement, parameters, self.settings.statement_timeout()).await
    }

    async fn lease(&self, tenant: &TenantRecord) -> Result<Lease, QueryError> {
        let pool = self.pool(tenant)?;
        pool.lease(self.settings.acquire_timeout()).await
    }

    fn pool(&self, tenant: &TenantRecord) -> Result<Arc<TenantPool>, QueryError> {
        if let Some(pool) = read(&self.tenants).get(&tenant.id)
            && pool.serves(tenant)
        {
            return Ok(pool.clone());
        }
        let mut pools = write(&self.tenants);
        match pools.get(&tenant.id) {
            Some(pool) if pool.serves(tenant) => return Ok(pool.clone()),
            // A request that was let in before the tenant moved must not bring the old pool back.
            Some(pool) if pool.is_newer_than(tenant) => return Err(QueryError::Moved),
            _ => {}
        }
        let pool = Arc::new(TenantPool::new(self, tenant)?);
        if let Some(old) = pools.insert(tenant.id, pool.clone()) {
            old.close();
        }
        Ok(pool)
    }

    fn budget(&self, server: &Server) -> Arc<Budget> {
        if let Some(budget) = read(&self.budgets).get(server) {
            return budget.clone();
        }
        let size = self.settings.max_connections.unwrap_or(UNKNOWN_SHARE).min(UNKNOWN_SHARE);
        let new = || Arc::new(Budget::new(self.server(server), size));
        write(&self.budgets).entry(server.clone()).or_insert_with(new).clone()
    }

    /// What is open to each server, by which shares are asked for.
    pub(crate) fn open(&self) -> Vec<(Server, usize)> {
        self.budget(&Server::Platform);
        read(&self.budgets).iter().map(|(server, budget)| (server.clone(), budget.taken())).collect()
    }

    /// The most that an operator lets this runtime have of a server.
    pub(crate) const fn at_most(&self) -> Option<usize> {
        self.settings.max_connections
    }

    /// Takes over the share of a server. What is too much is closed as it becomes idle.
    pub(crate) fn share(&self, server: &Server, size: usize) {
        let budget = self.budget(server);
        budget.resize(size);
        self.make_room(&budget);
    }

    /// Closes idle connections for those who wait for room in this budget: the ones least likely to be used again. Says
    /// how many are still lacking.
    fn make_room(&self, budget: &Arc<Budget>) -> usize {
        let _alone = budget.making_room.lock().unwrap_or_else(PoisonError::into_inner);
        let (overdue, now) = (budget.is_overdue(), budget.now());
        for _ in 0..TRIES {
            let lacking = budget.lacking();
            if lacking == 0 {
                return 0;
            }
            let mut least = None::<(f32, Arc<TenantPool>)>;
            for pool in read(&self.tenants).values().filter(|pool| pool.counts_against(budget)) {
                if let Some(worth) = pool.worth_of_idle(now, overdue)
                    && least.as_ref().is_none_or(|(known, _)| worth < *known)
                {
                    least = Some((worth, pool.clone()));
                }
            }
            match least {
                Some((_, pool)) => pool.close_one(),
                None => return lacking,
            }
        }
        budget.lacking()
    }

    /// Drops a tenant's pool unless it still serves the tenant as it is now.
    pub(crate) fn keep_one(&self, id: TenantId, tenant: Option<&TenantRecord>) {
        let mut pools = write(&self.tenants);
        let useful = |pool: &Arc<TenantPool>| tenant.is_some_and(|now| now.status.is_served() && pool.serves(now));
        if pools.get(&id).is_some_and(|pool| !useful(pool))
            && let Some(pool) = pools.remove(&id)
        {
            pool.close();
        }
    }

    /// [`Pools::keep_one`] for all pools.
    pub(crate) fn keep(&self, now: impl Fn(TenantId) -> Option<Arc<TenantRecord>>) {
        let ids: Vec<TenantId> = read(&self.tenants).keys().copied().collect();
        for id in ids {
            self.keep_one(id, now(id).as_deref());
        }
    }

    /// Closes connections that were idle for long, forgets tenants that nobody asks for any more, and counts those that
    /// are asked for now.
    pub(crate) fn sweep(&self) {
        let open: Vec<Arc<TenantPool>> = read(&self.tenants).values().cloned().collect();
        let forgotten = |pool: &TenantPool| pool.close_idle(IDLE) == 0 && pool.last_used().elapsed() > REMEMBERED;
        // Requests wait for whoever writes, so nobody does without a need.
        if open.iter().any(|pool| forgotten(pool)) {
            write(&self.tenants).retain(|_, pool| !forgotten(pool));
        }
        for budget in read(&self.budgets).values() {
            let asks = |pool: &&Arc<TenantPool>| pool.counts_against(budget) && pool.last_used().elapsed() < LATELY;
            budget.divide_among(open.iter().filter(asks).count());
        }
    }

    /// Closes all pools; leases that are out end with their requests.
    pub(crate) fn close(&self) {
        write(&self.tenants).drain().for_each(|(_, pool)| pool.close());
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut figures = Figures { pools: read(&self.tenants).len(), ..Figures::default() };
        for budget in read(&self.budgets).values() {
            budget.add_to(&mut figures);
        }
        figures
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
