//! How a pool comes by a connection: room in the budget first, kept for as long as the connection lives.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use tenancy::postgres::{Failure, as_role, failure, tls};
use tokio_postgres::{CancelToken, Config, Error, NoTls, config::SslMode, tls::MakeTlsConnect};

use super::{Budget, Pools, budget::Place, link::Link, room::Room, socket::Socket};
use crate::context::{Server, TenantRecord};

/// What our sessions are called in `pg_stat_activity`.
const APPLICATION: &str = "tenantry-runtime";

/// So long a server may take to answer before it counts as silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Connects to one tenant's database, under a budget.
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) budget: Arc<Budget>,
    pub(super) pools: Weak<Pools>,
    pub(super) room: Arc<Room>,
}

impl Manager for Connector {
    type Type = Link;
    type Error = Error;

    async fn create(&self) -> Result<Link, Error> {
        // Boxed, so that every request that finds a connection needs no room for making one.
        Box::pin(self.make()).await
    }

    // Nothing here sets session state, so there is nothing to reset between two requests.
    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<Error> {
        if link.is_open() { Ok(()) } else { Err(RecycleError::message("the connection has ended")) }
    }
}

impl Connector {
    async fn make(&self) -> Result<Link, Error> {
        // The tenant's own first: what it refuses must not use up the one try that a server gets.
        if !(self.room.breaker.admits() && self.budget.breaker.admits()) {
            return connect_through(Socket::refused(), "", &self.config).await;
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
        let mut attempt = Attempt { connector: self, since: Instant::now(), answered: false };
        let mut connected = connect(&self.config, place).await;
        attempt.answered = true;
        self.note(&connected);
        if let Ok(link) = &mut connected {
            link.open = Some(self.budget.opened(&self.room));
        }
        connected
    }

    /// Whose fault it is when no connection comes about.
    fn note(&self, connected: &Result<Link, Error>) {
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

/// An attempt to connect. Requests give up after a while, and the attempt with them.
struct Attempt<'a> {
    connector: &'a Connector,
    since: Instant,
    answered: bool,
}

impl Drop for Attempt<'_> {
    /// A server that takes connections and says nothing is as good as none.
    fn drop(&mut self) {
        if !self.answered && self.since.elapsed() >= SILENCE {
            self.connector.room.breaker.silent(self.since);
            self.connector.budget.breaker.silent(self.since);
        }
    }
}

/// A connection that holds its place in the budget for as long as the server counts it.
async fn connect(config: &Config, place: Option<Place>) -> Result<Link, Error> {
    let (socket, host) = Socket::open(config, place).await;
    connect_through(socket, &host, config).await
}

async fn connect_through(socket: Socket, host: &str, config: &Config) -> Result<Link, Error> {
    // A connection without TLS needs no certificates loaded.
    if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect_raw(socket, NoTls).await?;
        return Ok(Link::new(client, connection));
    }
    let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls(), host).unwrap_or_else(|never| match never {});
    let (client, connection) = config.connect_raw(socket, tls).await?;
    Ok(Link::new(client, connection))
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
