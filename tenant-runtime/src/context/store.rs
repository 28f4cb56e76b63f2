//! What the runtime reads of the platform database, as a role that may read these columns alone.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use rust_decimal::Decimal;
use serde_json::Value as Json;
use tenancy::{
    DatabaseName, TenantId, UserId,
    postgres::{ConnectError, Failure, connect, describe, failure},
    token::PublicKey,
};
use tokio_postgres::{Client, Config, Row, types::Type};
use uuid::Uuid;

use super::{
    directory::{Address, Calls, Known, Names, Package, Server, TenantRecord},
    revocations::Change,
};

use crate::usage::Batch;

/// How long one read may take.
const TIMEOUT: Duration = Duration::from_secs(5);

macro_rules! select_tenants {
    ($and:literal) => {
        concat!(
            "SELECT t.id, t.slug, t.name, t.trial_ends_at, t.domain, t.status, t.generation, t.schema_version, t.currency, t.timezone, ",
            "t.database_name, t.limit_overrides, s.host, s.port, b.package_key ",
            "FROM tenants t JOIN servers s ON s.id = t.server_id ",
            "LEFT JOIN subscriptions b ON b.tenant_id = t.id AND b.ended_at IS NULL ",
            "WHERE t.status NOT IN ('failed', 'deleted')",
            $and
        )
    };
}
const TENANTS: &str = select_tenants!("");
const SOME_TENANTS: &str = select_tenants!(" AND t.id = ANY($1)");

const PACKAGES: &str =
    "SELECT key, modules, limits, name_tr, name, price_monthly, currency, is_active AND is_visible, sort_order
    FROM packages";

const MEMBERS: &str = "SELECT m.user_id, u.name FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.tenant_id = $1 AND (cardinality($2) = 0 OR m.user_id = ANY($2)) AND m.status = 'active'
    ORDER BY m.joined_at LIMIT $3";
/// How many members are listed.
pub(crate) const MEMBERS_AT_MOST: i64 = 200;

/// For longer than a token made before the change can be valid: 24 hours, and what clocks may differ by.
const CHANGES: &str = "SELECT tenant_id, user_id, version, status FROM memberships
    WHERE version > 1 AND changed_at > now() - interval '25 hours'";

const KEYS: &str = "SELECT kid, x FROM token_keys WHERE retired_at IS NULL ORDER BY kid";

/// The limit of requests.
const CALLS_PER_HOUR: &str = "api_rate_limit_per_hour";

/// Connections of a runtime to the platform database itself.
const OWN_CONNECTIONS: usize = 2;

/// PostgreSQL's port where a server has none of its own.
const DEFAULT_PORT: u16 = 5432;

/// Why the platform database gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement failed.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// No answer in time.
    #[error("the platform database did not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
}

impl StoreError {
    /// Whether the same may work in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        let error = match self {
            Self::Timeout | Self::Connect(ConnectError::Timeout) => return true,
            Self::Connect(ConnectError::Postgres(error)) | Self::Postgres(error) => error,
        };
        matches!(failure(error), Failure::Unavailable | Failure::TooManyConnections | Failure::Terminated)
    }
}

/// The platform database, on one connection that is opened again when it was lost.
pub(crate) struct Store {
    config: Config,
    client: Option<Arc<Client>>,
    packages: Packages,
}

/// The packages by key.
type Packages = HashMap<String, Arc<Package>>;

impl Store {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, client: None, packages: Packages::new() }
    }

    /// Everything that is kept in memory.
    pub(crate) async fn all(&mut self) -> Result<(Known, Vec<PublicKey>), StoreError> {
        let (known, packages, keys) = self
            .within(|client| async move {
                let packages = packages(&client).await?;
                let tenants = client.query_typed(TENANTS, &[]).await?;
                let changes = client.query_typed(CHANGES, &[]).await?;
                let changes = changes.iter().map(change).collect::<Result<_, _>>()?;
                let mut in_order: Vec<Arc<Package>> = packages.values().cloned().collect();
                in_order.sort_by_key(|package| package.place);
                Ok((Known::new(records(&tenants, &packages), changes, in_order), packages, keys(&client).await?))
            })
            .await?;
        self.packages = packages;
        Ok((known, keys))
    }

    /// These tenants, as far as they exist.
    pub(crate) async fn tenants(&mut self, ids: &[TenantId]) -> Result<Vec<TenantRecord>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(TenantId::uuid).collect();
        let rows = self
            .within(|client| {
                let ids = ids.clone();
                async move { Ok(client.query_typed(SOME_TENANTS, &[(&ids, Type::UUID_ARRAY)]).await?) }
            })
            .await?;
        Ok(records(&rows, &self.packages))
    }

    /// Our share of a server's connections, where `held` are open now; `None` while nobody knows what the server has.
    pub(crate) async fn share(
        &mut self,
        server: &Server,
        process: Uuid,
        held: usize,
        at_most: Option<usize>,
    ) -> Result<Option<usize>, StoreError> {
        const SQL: &str = "SELECT share_connections($1, $2, $3, $4, $5)";
        let (host, port) = match server {
            Server::Platform => (None, None),
            Server::Other { host, port } => (Some(host.clone()), Some(i32::from(*port))),
        };
        // Listening and reading take two of the platform's.
        let own = if *server == Server::Platform { OWN_CONNECTIONS } else { 0 };
        let number = |number: usize| i32::try_from(number + own).unwrap_or(i32::MAX);
        let (held, at_most) = (number(held), at_most.map_or(i32::MAX, number));
        let share = self
            .within(|client| {
                let host = host.clone();
                async move {
                    let parameters: [crate::Parameter<'_>; 5] = [
                        (&host, Type::TEXT),
                        (&port, Type::INT4),
                        (&process, Type::UUID),
                        (&held, Type::INT4),
                        (&at_most, Type::INT4),
                    ];
                    Ok(client.query_typed(SQL, &parameters).await?[0].try_get::<_, Option<i32>>(0)?)
                }
            })
            .await?;
        Ok(share.and_then(|share| usize::try_from(share).ok()).map(|share| share.saturating_sub(own).max(1)))
    }

    /// Adds to what tenants use; says how many calls each has made in this hour.
    pub(crate) async fn record(&mut self, batch: &Batch) -> Result<Calls, StoreError> {
        const SQL: &str = "SELECT tenant, calls FROM record_usage($1, $2, $3, $4, $5)";
        let hour = i64::from(batch.hour);
        let tenants: Vec<Uuid> = batch.lines.iter().map(|line| line.tenant.uuid()).collect();
        let metrics: Vec<&str> = batch.lines.iter().map(|line| line.metric.word()).collect();
        let values: Vec<Decimal> = batch.lines.iter().map(crate::usage::Line::value).collect();
        let lines = &(hour, tenants, metrics, values);
        self.within(|client| async move {
            let (hour, tenants, metrics, values) = lines;
            let parameters: [crate::Parameter<'_>; 5] = [
                (&batch.id, Type::UUID),
                (hour, Type::INT8),
                (tenants, Type::UUID_ARRAY),
                (metrics, Type::TEXT_ARRAY),
                (values, Type::NUMERIC_ARRAY),
            ];
            let rows = client.query_typed(SQL, &parameters).await?;
            let calls = |row: &Row| {
                let calls: i64 = row.try_get(1)?;
                Ok((row.try_get(0)?, u32::try_from(calls).unwrap_or(u32::MAX)))
            };
            Ok(rows.iter().map(calls).collect::<Result<_, tokio_postgres::Error>>()?)
        })
        .await
    }

    /// What these members of a tenant are called.
    pub(crate) async fn members(&mut self, tenant: TenantId, users: &[UserId]) -> Result<Names, StoreError> {
        let users: Vec<Uuid> = users.iter().map(UserId::uuid).collect();
        self.within(|client| {
            let users = users.clone();
            async move {
                let rows = client
                    .query_typed(
                        MEMBERS,
                        &[(&tenant, Type::UUID), (&users, Type::UUID_ARRAY), (&MEMBERS_AT_MOST, Type::INT8)],
                    )
                    .await?;
                let name = |row: &Row| Ok((row.try_get(0)?, row.try_get::<_, &str>(1)?.into()));
                Ok(rows.iter().map(name).collect::<Result<_, tokio_postgres::Error>>()?)
            }
        })
        .await
    }

    /// Asks for a tenant to be brought up to the current schema version.
    pub(crate) async fn request_upgrade(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let sql = "SELECT request_upgrade($1)";
        self.within(|client| async move { Ok(client.query_typed(sql, &[(&tenant, Type::UUID)]).await.map(drop)?) })
            .await
    }

    /// The keys that tokens may be signed with.
    pub(crate) async fn keys(&mut self) -> Result<Vec<PublicKey>, StoreError> {
        self.within(|client| async move { Ok(keys(&client).await?) }).await
    }

    /// Runs a read, a second time when the connection turns out to be a dead one from before.
    async fn within<T, F>(&mut self, read: impl Fn(Arc<Client>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        if let Some(client) = self.client.take().filter(|client| !client.is_closed()) {
            match self.once(client, &read).await {
                Err(error) if error.is_transient() => {}
                result => return result,
            }
        }
        let client = Arc::new(connect(&self.config).await?);
        self.once(client, &read).await
    }

    async fn once<T, F>(&mut self, client: Arc<Client>, read: impl Fn(Arc<Client>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let result = tokio::time::timeout(TIMEOUT, read(client.clone())).await.map_err(|_| StoreError::Timeout)??;
        self.client = Some(client);
        Ok(result)
    }
}

async fn keys(client: &Client) -> Result<Vec<PublicKey>, tokio_postgres::Error> {
    let rows = client.query_typed(KEYS, &[]).await?;
    rows.iter().map(|row| Ok(PublicKey { kid: row.try_get(0)?, x: row.try_get(1)? })).collect()
}

async fn packages(client: &Client) -> Result<Packages, tokio_postgres::Error> {
    let rows = client.query_typed(PACKAGES, &[]).await?;
    let package = |row: &Row| {
        let key: String = row.try_get(0)?;
        let package = Package {
            key: key.clone(),
            modules: row.try_get(1)?,
            limits: limits(&row.try_get(2)?),
            names: [row.try_get(3)?, row.try_get(4)?],
            price: row.try_get(5)?,
            currency: row.try_get(6)?,
            is_offered: row.try_get(7)?,
            place: row.try_get(8)?,
        };
        Ok((key, Arc::new(package)))
    };
    rows.iter().map(package).collect()
}

/// Limits as they are kept: integers by name.
fn limits(json: &Json) -> BTreeMap<String, i64> {
    let limit = |(name, value): (&String, &Json)| Some((name.clone(), value.as_i64()?));
    json.as_object().into_iter().flatten().filter_map(limit).collect()
}

/// One row that can't be read must not keep all others out.
fn records(rows: &[Row], packages: &Packages) -> Vec<TenantRecord> {
    let read = |row: &Row| {
        record(row, packages)
            .inspect_err(|error| tracing::error!(error = %describe(error), "a tenant's record can't be read"))
    };
    rows.iter().filter_map(|row| read(row).ok()).collect()
}

fn record(row: &Row, packages: &Packages) -> Result<TenantRecord, tokio_postgres::Error> {
    let server = match row.try_get::<_, Option<String>>("host")? {
        None => Server::Platform,
        Some(host) => {
            let port = row.try_get::<_, Option<i32>>("port")?.and_then(|port| u16::try_from(port).ok());
            Server::Other { host, port: port.unwrap_or(DEFAULT_PORT) }
        }
    };
    let package: Option<&str> = row.try_get("package_key")?;
    let mut record = TenantRecord {
        id: row.try_get("id")?,
        slug: row.try_get("slug")?,
        name: row.try_get("name")?,
        trial_ends_at: row.try_get("trial_ends_at")?,
        domain: row.try_get("domain")?,
        status: row.try_get("status")?,
        generation: row.try_get("generation")?,
        schema_version: row.try_get("schema_version")?,
        currency: row.try_get("currency")?,
        timezone: row.try_get("timezone")?,
        package: package.and_then(|key| packages.get(key).cloned()).unwrap_or_default(),
        limit_overrides: limits(&row.try_get("limit_overrides")?),
        meter: Arc::default(),
        address: Address { server, database: row.try_get::<_, DatabaseName>("database_name")? },
        calls_per_hour: 0,
    };
    record.calls_per_hour = record.limit(CALLS_PER_HOUR);
    Ok(record)
}

fn change(row: &Row) -> Result<Change, tokio_postgres::Error> {
    Ok(Change {
        tenant: row.try_get::<_, TenantId>(0)?,
        user: row.try_get::<_, UserId>(1)?,
        version: row.try_get(2)?,
        active: row.try_get::<_, &str>(3)? == "active",
    })
}
