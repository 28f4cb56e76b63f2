//! The table `servers`.

use deadpool_postgres::GenericClient;
use tenancy::ids::ServerId;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::platform::StoreError;

/// A row.
pub(super) struct ServerRow {
    pub(super) id: ServerId,
    pub(super) name: String,
    pub(super) is_platform: bool,
    pub(super) admin_url: Option<Vec<u8>>,
}

impl From<Row> for ServerRow {
    fn from(row: Row) -> Self {
        Self { id: row.get(0), name: row.get(1), is_platform: row.get(2), admin_url: row.get(3) }
    }
}

pub(super) async fn ensure_platform(db: &impl GenericClient, id: ServerId) -> Result<ServerRow, StoreError> {
    db.execute(
        "INSERT INTO servers (id, name, is_platform) VALUES ($1, 'platform', true) ON CONFLICT DO NOTHING",
        &[&id],
    )
    .await?;
    let row = db.query_one("SELECT id, name, is_platform, admin_url FROM servers WHERE is_platform", &[]).await?;
    Ok(row.into())
}

pub(super) async fn all(db: &impl GenericClient) -> Result<Vec<ServerRow>, StoreError> {
    let sql = "SELECT id, name, is_platform, admin_url FROM servers ORDER BY is_platform DESC, created_at";
    Ok(db.query(sql, &[]).await?.into_iter().map(Into::into).collect())
}

pub(super) async fn get(db: &impl GenericClient, id: ServerId) -> Result<Option<ServerRow>, StoreError> {
    let statement = db.prepare_cached("SELECT id, name, is_platform, admin_url FROM servers WHERE id = $1").await?;
    Ok(db.query_opt(&statement, &[&id]).await?.map(Into::into))
}

pub(super) async fn insert(
    db: &impl GenericClient,
    id: ServerId,
    name: &str,
    host: &str,
    port: u16,
    sealed_url: &[u8],
) -> Result<(), StoreError> {
    let sql = "INSERT INTO servers (id, name, host, port, admin_url) VALUES ($1, $2, $3, $4, $5)";
    db.execute(sql, &[&id, &name, &host, &i32::from(port), &sealed_url]).await?;
    Ok(())
}

/// Notes what a server has, where that is known, and what a control plane needs of it.
pub(super) async fn claim_connections(
    db: &impl GenericClient,
    server: ServerId,
    process: Uuid,
    own: usize,
    usable: Option<i32>,
) -> Result<(), StoreError> {
    let own = i32::try_from(own).unwrap_or(i32::MAX);
    let sql = "WITH noted AS (UPDATE servers SET connections = $4 WHERE id = $1 AND connections IS DISTINCT FROM $4 \
               AND $4 IS NOT NULL) \
               INSERT INTO connection_shares VALUES ($1, $2, 'control_plane', $3, now() + interval '60 seconds') \
               ON CONFLICT (server_id, process) DO UPDATE SET connections = excluded.connections, \
               expires_at = excluded.expires_at";
    db.execute(sql, &[&server, &process, &own, &usable]).await?;
    Ok(())
}

/// How many connections a server has, and allows.
pub(super) async fn load(server: &Client) -> Result<(i64, i32), StoreError> {
    let sql = "SELECT count(*), current_setting('max_connections')::integer FROM pg_stat_activity \
               WHERE backend_type = 'client backend'";
    let row = server.query_one(sql, &[]).await?;
    Ok((row.get(0), row.get(1)))
}
