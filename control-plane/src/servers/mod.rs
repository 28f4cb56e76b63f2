//! PostgreSQL servers that hold tenant databases: where they are, and how the control plane administers them.

mod store;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use deadpool_postgres::{GenericClient, Pool};
use futures_util::future::join_all;
use tenancy::{
    DatabaseName,
    ids::ServerId,
    postgres::{ConnectError, connect, on_database},
    secrets::MasterKey,
};
use tokio_postgres::{Client, Config, config::Host};
use uuid::Uuid;

use crate::{audit, platform::StoreError};

/// What the URLs of other servers are sealed for.
const SEAL: &str = "server-url";

/// Sessions that the control plane needs beside its pool: listening, cloning, dropping, backups, the doctor.
const WORK_ON_PLATFORM: usize = 10;
const WORK_ON_OTHERS: usize = 6;

/// The servers of a platform.
#[derive(Clone)]
pub struct Servers {
    pool: Pool,
    platform: Config,
    master_key: Arc<MasterKey>,
    /// It never changes, and every signup asks for it.
    known_platform: Arc<OnceLock<Server>>,
}

/// One server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// Its name, for people.
    pub name: String,
    /// Whether it holds the platform database: what happens on it can share a transaction with the platform's rows.
    pub is_platform: bool,
    /// An administrator's login on a database that is always there.
    pub admin: Config,
}

/// Why a server could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such server is registered.
    #[error("there is no server {0}")]
    Unknown(ServerId),
    /// Its URL was sealed with another master key.
    #[error("the URL of server {0} was sealed with another master key; add the server again")]
    Sealed(String),
    /// The URL can't be used.
    #[error("the URL must be one of PostgreSQL with a host name and a user: {0}")]
    Url(String),
    /// The server can't be reached.
    #[error("server {name} can't be reached: {reason}")]
    Connect {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// How a server is.
#[derive(Debug, Clone)]
pub struct ServerState {
    /// Its name.
    pub name: String,
    /// What it says of itself; `None` where it can't be reached.
    pub load: Option<Load>,
}

/// What a server says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Connections in use.
    pub connections: i64,
    /// Connections that it allows.
    pub at_most: i32,
    /// How long it took to connect and be answered.
    pub answered_in: Duration,
}

/// How long a server may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

async fn state(server: Server) -> ServerState {
    let asked = tokio::time::timeout(PATIENCE, async {
        let since = Instant::now();
        let client = server.connect().await.ok()?;
        let (connections, at_most) = store::load(&client).await.ok()?;
        Some(Load { connections, at_most, answered_in: since.elapsed() })
    });
    ServerState { load: asked.await.ok().flatten(), name: server.name }
}

impl Servers {
    /// The servers that `pool`'s database lists; `platform` is an administrator's login there.
    #[must_use]
    pub fn new(pool: Pool, platform: Config, master_key: Arc<MasterKey>) -> Self {
        Self { pool, platform, master_key, known_platform: Arc::default() }
    }

    /// The server of the platform database; it is registered at the first start.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn platform(&self) -> Result<Server, ServerError> {
        if let Some(known) = self.known_platform.get() {
            return Ok(known.clone());
        }
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let row = store::ensure_platform(&client, ServerId::generate()).await?;
        let server = self.server(row)?;
        Ok(self.known_platform.get_or_init(|| server).clone())
    }

    /// All servers, the platform's first.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn all(&self) -> Result<Vec<Server>, ServerError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        store::all(&client).await?.into_iter().map(|row| self.server(row)).collect()
    }

    /// How each server is now.
    ///
    /// # Errors
    /// [`ServerError`], when the platform database fails; that a server can't be reached is none.
    pub async fn states(&self) -> Result<Vec<ServerState>, ServerError> {
        Ok(join_all(self.all().await?.into_iter().map(state)).await)
    }

    /// One server.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn get(&self, id: ServerId) -> Result<Server, ServerError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        self.get_on(&client, id).await
    }

    /// [`Servers::get`] for whoever has a connection: waiting for a second one while holding the first can be for ever.
    pub(crate) async fn get_on(&self, db: &impl GenericClient, id: ServerId) -> Result<Server, ServerError> {
        if let Some(known) = self.known_platform.get().filter(|known| known.id == id) {
            return Ok(known.clone());
        }
        let row = store::get(db, id).await?.ok_or(ServerError::Unknown(id))?;
        self.server(row)
    }

    /// Registers another server by an administrator's URL, which is kept sealed, after a connection has worked.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn add(&self, name: &str, url: &str, actor: &str) -> Result<Server, ServerError> {
        let admin: Config = url.parse().map_err(|error: tokio_postgres::Error| ServerError::Url(error.to_string()))?;
        let (Some(Host::Tcp(host)), Some(_)) = (admin.get_hosts().first(), admin.get_user()) else {
            return Err(ServerError::Url("it names no host or no user".to_owned()));
        };
        let port = admin.get_ports().first().copied().unwrap_or(5432);
        let host = host.clone();
        let server = Server { id: ServerId::generate(), name: name.to_owned(), is_platform: false, admin };
        server.connect().await?;
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let sealed = self.master_key.seal(SEAL, url.as_bytes())?;
        store::insert(&client, server.id, name, &host, port, &sealed).await?;
        let details = serde_json::json!({ "name": name, "host": host, "port": port });
        audit::record(&client, audit::Entry::new(audit::Action::ServerAdded, actor).details(details)).await?;
        Ok(server)
    }

    /// Notes what the servers have, and that this control plane has its part of it for the next while.
    ///
    /// # Errors
    /// [`ServerError`], when the platform database fails; a server that can't be reached keeps what is known of it.
    pub(crate) async fn claim_connections(&self, process: Uuid) -> Result<(), ServerError> {
        for server in self.all().await? {
            let own = if server.is_platform { self.pool.status().max_size + WORK_ON_PLATFORM } else { WORK_ON_OTHERS };
            let usable = if server.is_platform { None } else { server.usable_connections().await.ok() };
            let client = self.pool.get().await.map_err(StoreError::from)?;
            store::claim_connections(&client, server.id, process, own, usable).await?;
        }
        Ok(())
    }

    fn server(&self, row: store::ServerRow) -> Result<Server, ServerError> {
        let admin = match &row.admin_url {
            None => self.platform.clone(),
            Some(sealed) => {
                let clear = self.master_key.open(SEAL, sealed).and_then(|clear| String::from_utf8(clear).ok());
                let url = clear.ok_or_else(|| ServerError::Sealed(row.name.clone()))?;
                let application = self.platform.get_application_name().unwrap_or("tenantry");
                tenancy::postgres::parse_url(&url, application).map_err(|error| ServerError::Url(error.to_string()))?
            }
        };
        Ok(Server { id: row.id, name: row.name, is_platform: row.is_platform, admin })
    }
}

impl Server {
    /// A session as administrator.
    ///
    /// # Errors
    /// [`ServerError::Connect`].
    pub async fn connect(&self) -> Result<Client, ServerError> {
        connect(&self.admin).await.map_err(|error| self.out_of_reach(&error))
    }

    /// A session as administrator in one of its databases.
    ///
    /// # Errors
    /// [`ServerError::Connect`].
    pub async fn connect_to(&self, database: &DatabaseName) -> Result<Client, ServerError> {
        connect(&on_database(&self.admin, database)).await.map_err(|error| self.out_of_reach(&error))
    }

    /// What ordinary roles can use of its connections.
    async fn usable_connections(&self) -> Result<i32, ServerError> {
        let sql = "SELECT current_setting('max_connections')::integer - \
                   current_setting('superuser_reserved_connections')::integer - \
                   coalesce(current_setting('reserved_connections', true), '0')::integer";
        let client = self.connect().await?;
        Ok(client.query_one(sql, &[]).await.map_err(StoreError::from)?.get(0))
    }

    fn out_of_reach(&self, error: &ConnectError) -> ServerError {
        ServerError::Connect { name: self.name.clone(), reason: error.to_string() }
    }
}
