//! How a pool comes by a connection: room in the budget first, kept for as long as the connection lives.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Weak},
};

use deadpool_postgres::Connect;
use tenancy::postgres::{ConnectError, as_role, connect_task};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

use super::{Budget, Pools};
use crate::context::{Server, TenantRecord};

/// What our sessions are called in `pg_stat_activity`.
const APPLICATION: &str = "tenantry-runtime";

/// Connects under a budget.
pub(super) struct BudgetedConnect {
    pub(super) budget: Arc<Budget>,
    pub(super) pools: Weak<Pools>,
}

type Connected = Result<(Client, JoinHandle<()>), Error>;

impl Connect for BudgetedConnect {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let permit = match self.pools.upgrade() {
                Some(pools) => self.budget.permit(&pools).await,
                None => None,
            };
            match connect_task(&config).await {
                Ok((client, task)) => {
                    let task = tokio::spawn(async move {
                        task.await;
                        drop(permit);
                    });
                    Ok((client, task))
                }
                Err(ConnectError::Postgres(error)) => Err(error),
                // An error of tokio-postgres can't be made here; whoever waits has a time limit of their own.
                Err(ConnectError::Timeout) => pending().await,
            }
        })
    }
}

impl Pools {
    /// How to reach a tenant's database as the tenant's own role.
    pub(super) fn config_of(&self, tenant: &TenantRecord) -> Config {
        let server = match &tenant.address.server {
            Server::Platform => self.platform.clone(),
            Server::Other { host, port } => {
                let mut config = Config::new();
                config.host(host).port(*port).ssl_mode(self.platform.get_ssl_mode());
                config.keepalives_idle(self.platform.get_keepalives_idle());
                config
            }
        };
        let password = self.master_key.tenant_password(tenant.id);
        let role = self.prefix.tenant_role(tenant.id);
        let mut config = as_role(&server, &tenant.address.database, &role, password.expose());
        config.application_name(APPLICATION).connect_timeout(self.settings.acquire_timeout());
        config
    }
}
