//! How a pool comes by a connection: room in the budget first, kept for as long as the connection lives.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
};

use deadpool_postgres::Connect;
use tenancy::postgres::{Failure, as_role, describe, failure, tls};
use tokio::task::JoinHandle;
use tokio_postgres::{
    CancelToken, Client, Config, Connection, Error, NoTls,
    config::SslMode,
    tls::{MakeTlsConnect, TlsStream},
};

use super::{Budget, Pools, budget::Place, socket::Socket, tenant_pool::Room};
use crate::context::{Server, TenantRecord};

/// What our sessions are called in `pg_stat_activity`.
const APPLICATION: &str = "tenantry-runtime";

/// Connects under a budget.
pub(super) struct BudgetedConnect {
    pub(super) budget: Arc<Budget>,
    pub(super) pools: Weak<Pools>,
    pub(super) room: Arc<Room>,
}

type Connected = Result<(Client, JoinHandle<()>), Error>;

impl Connect for BudgetedConnect {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            if !(self.budget.breaker.admits() && self.room.breaker.admits()) {
                return self.refused(&config).await;
            }
            let _of_tenant = self.room.connect();
            let place = match self.pools.upgrade() {
                Some(pools) => {
                    let _waiting = self.room.wait();
                    self.budget.place(&pools, &self.room).await
                }
                None => None,
            };
            let _connecting = self.budget.connecting();
            let connected = connect(&config, place).await;
            self.note(&connected);
            connected
        })
    }
}

impl BudgetedConnect {
    /// The error of a connection that is not tried.
    async fn refused(&self, config: &Config) -> Connected {
        config
            .connect_raw(Socket::refused(), NoTls)
            .await
            .map(|(client, connection)| (client, tokio::spawn(run(connection))))
    }

    /// Whose fault it is when no connection comes about.
    fn note(&self, connected: &Connected) {
        match connected.as_ref().map_err(failure) {
            Ok(_) => {
                self.budget.breaker.worked();
                self.room.breaker.worked();
            }
            Err(Failure::Unavailable) => self.budget.breaker.failed(),
            Err(Failure::TooManyConnections) => self.budget.squeeze(),
            // The server itself answers.
            Err(_) => {
                self.budget.breaker.worked();
                self.room.breaker.failed();
            }
        }
    }
}

/// A connection that holds its place in the budget for as long as the server counts it.
async fn connect(config: &Config, place: Option<Place>) -> Connected {
    let (socket, host) = Socket::open(config, place).await;
    // A connection without TLS needs no certificates loaded.
    if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect_raw(socket, NoTls).await?;
        return Ok((client, tokio::spawn(run(connection))));
    }
    let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls(), &host).unwrap_or_else(|never| match never {});
    let (client, connection) = config.connect_raw(socket, tls).await?;
    Ok((client, tokio::spawn(run(connection))))
}

async fn run<T: TlsStream + Unpin>(connection: Connection<Socket, T>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = %describe(&error), "a connection to a tenant's database ended");
    }
}

/// Asks a server to cancel what a connection is doing.
pub(super) async fn cancel(server: &Config, token: CancelToken) -> Result<(), Error> {
    let (socket, host) = Socket::open(server, None).await;
    if server.get_ssl_mode() == SslMode::Disable {
        return token.cancel_query_raw(socket, NoTls).await;
    }
    let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls(), &host).unwrap_or_else(|never| match never {});
    token.cancel_query_raw(socket, tls).await
}

impl Pools {
    /// How to reach a tenant's database as the tenant's own role.
    pub(super) fn config_of(&self, tenant: &TenantRecord) -> Config {
        let server = self.server(&tenant.address.server);
        let password = self.master_key.tenant_password(tenant.id);
        let role = self.prefix.tenant_role(tenant.id);
        let mut config = as_role(&server, &tenant.address.database, &role, password.expose());
        config.application_name(APPLICATION).connect_timeout(self.settings.acquire_timeout());
        config
    }

    /// How to reach a server.
    pub(super) fn server(&self, server: &Server) -> Config {
        match server {
            Server::Platform => self.platform.clone(),
            Server::Other { host, port } => {
                let mut config = Config::new();
                config.host(host).port(*port).ssl_mode(self.platform.get_ssl_mode());
                config.keepalives_idle(self.platform.get_keepalives_idle());
                config
            }
        }
    }
}
