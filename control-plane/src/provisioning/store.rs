//! The tables `schema_target`, `stock`, `sagas` and `provisioning_steps`.

use deadpool_postgres::{GenericClient, Pool};
use jiff::Timestamp;
use serde::Serialize;
use tenancy::{DatabaseName, TenantId, TenantStatus, ids::ServerId};

use super::{
    SchemaTarget,
    saga::{Direction, Kind, State, steps as steps_of},
};
use crate::platform::StoreError;

const TARGET: &str = "SELECT version, fingerprint FROM schema_target";

fn target_of(row: &tokio_postgres::Row) -> SchemaTarget {
    // Written from a u32 by `raise_target`.
    SchemaTarget { version: row.get(0), fingerprint: u32::try_from(row.get::<_, i64>(1)).unwrap_or_default() }
}

pub(crate) async fn target(pool: &Pool) -> Result<SchemaTarget, StoreError> {
    let client = pool.get().await?;
    target_on(&client).await
}

pub(super) async fn target_on(db: &impl GenericClient) -> Result<SchemaTarget, StoreError> {
    let statement = db.prepare_cached(TARGET).await?;
    Ok(target_of(&db.query_one(&statement, &[]).await?))
}

/// Whether this program is at least as new as the target.
pub(super) async fn may_raise_target(pool: &Pool, own: SchemaTarget) -> Result<bool, StoreError> {
    let client = pool.get().await?;
    let newer = "SELECT NOT EXISTS (SELECT 1 FROM schema_target WHERE version > $1)";
    Ok(client.query_one(newer, &[&own.version]).await?.get(0))
}

/// Moves the target on to what this program has; an older program leaves it.
pub(super) async fn raise_target(pool: &Pool, own: SchemaTarget) -> Result<(), StoreError> {
    let client = pool.get().await?;
    let sql = "INSERT INTO schema_target (version, fingerprint) VALUES ($1, $2) ON CONFLICT (only_row) DO UPDATE \
               SET version = excluded.version, fingerprint = excluded.fingerprint, changed_at = now() \
               WHERE schema_target.version < excluded.version OR (schema_target.version = excluded.version \
               AND schema_target.fingerprint <> excluded.fingerprint)";
    client.execute(sql, &[&own.version, &i64::from(own.fingerprint)]).await?;
    Ok(())
}

/// The target, kept from moving on until the transaction ends, and ready stock of that version, where there is any.
pub(super) async fn take_stock(
    db: &impl GenericClient,
    server: ServerId,
) -> Result<(SchemaTarget, Option<DatabaseName>), StoreError> {
    let sql = "WITH target AS MATERIALIZED (SELECT version, fingerprint FROM schema_target FOR SHARE), \
               taken AS (DELETE FROM stock WHERE database_name = (SELECT s.database_name FROM target t \
               JOIN stock s ON s.schema_version = t.version AND s.fingerprint = t.fingerprint \
               WHERE s.ready AND s.server_id = $1 ORDER BY s.created_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED) \
               RETURNING database_name) \
               SELECT version, fingerprint, (SELECT database_name FROM taken) FROM target";
    let statement = db.prepare_cached(sql).await?;
    let row = db.query_one(&statement, &[&server]).await?;
    Ok((target_of(&row), row.get(2)))
}

pub(super) async fn stock_size(
    db: &impl GenericClient,
    server: ServerId,
    target: SchemaTarget,
) -> Result<usize, StoreError> {
    let sql = "SELECT count(*) FROM stock WHERE server_id = $1 AND schema_version = $2 AND fingerprint = $3";
    let statement = db.prepare_cached(sql).await?;
    let row = db.query_one(&statement, &[&server, &target.version, &i64::from(target.fingerprint)]).await?;
    Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or_default())
}

pub(super) async fn record_stock(
    db: &impl GenericClient,
    name: &DatabaseName,
    server: ServerId,
    target: SchemaTarget,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO stock (database_name, server_id, schema_version, fingerprint) VALUES ($1, $2, $3, $4)";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[name, &server, &target.version, &i64::from(target.fingerprint)]).await?;
    Ok(())
}

pub(super) async fn stock_is_ready(db: &impl GenericClient, name: &DatabaseName) -> Result<(), StoreError> {
    let statement = db.prepare_cached("UPDATE stock SET ready = true WHERE database_name = $1").await?;
    db.execute(&statement, &[name]).await?;
    Ok(())
}

/// `false` when there is no such stock (any more).
pub(super) async fn withdraw_stock(db: &impl GenericClient, name: &DatabaseName) -> Result<bool, StoreError> {
    Ok(db.execute("UPDATE stock SET ready = false WHERE database_name = $1", &[name]).await? == 1)
}

pub(super) async fn forget_stock(db: &impl GenericClient, name: &DatabaseName) -> Result<(), StoreError> {
    db.execute("DELETE FROM stock WHERE database_name = $1", &[name]).await?;
    Ok(())
}

/// Forgets ready stock of the platform's server that the server does not have.
pub(super) async fn forget_lost_stock(db: &impl GenericClient) -> Result<(), StoreError> {
    let sql = "DELETE FROM stock s USING servers v WHERE v.id = s.server_id AND v.is_platform AND s.ready \
               AND NOT EXISTS (SELECT 1 FROM pg_database d WHERE d.datname = s.database_name)";
    db.execute(sql, &[]).await?;
    Ok(())
}

/// Stock that will not be claimed: of another version, or never finished. None while the fleet is migrated: every DROP
/// DATABASE makes the server write out all that was changed, and that is a thousand catalogs then.
pub(super) async fn old_stock(db: &impl GenericClient) -> Result<Vec<DatabaseName>, StoreError> {
    let sql = "SELECT s.database_name FROM stock s, schema_target t WHERE (NOT s.ready OR s.schema_version <> t.version \
               OR s.fingerprint <> t.fingerprint) \
               AND NOT EXISTS (SELECT 1 FROM fleet_runs WHERE state = 'running' AND lease_until > now())";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// What a saga works on.
pub(super) struct SagaRow {
    pub(super) state: State,
    pub(super) backup: bool,
    pub(super) attempts: i32,
    pub(super) database: DatabaseName,
    pub(super) server: ServerId,
    pub(super) schema_version: i32,
    pub(super) status: TenantStatus,
    /// What new databases are made of now.
    pub(super) target: SchemaTarget,
}

/// Whoever begins to make a tenant goes on with it at once, and others leave it to them for so many seconds: two at it
/// would only wait for each other.
const HEAD_START: f64 = 1.0;
/// What another program finds in hand of nobody it undoes.
const LONG_HEAD_START: f64 = 30.0;

pub(crate) async fn insert_saga(
    db: &impl GenericClient,
    tenant: TenantId,
    kind: Kind,
    backup: bool,
) -> Result<(), StoreError> {
    // A drop that is asked for again goes on where it was; whoever then wants no backup gets past one that fails.
    // Its first step begins with it.
    let sql = "WITH saga AS (INSERT INTO sagas (tenant_id, kind, state, backup, next_attempt_at) \
               VALUES ($1, $2, 'doing', $3, now() + make_interval(secs => $4)) ON CONFLICT (tenant_id, kind) DO UPDATE \
               SET backup = sagas.backup AND excluded.backup, next_attempt_at = now() WHERE sagas.finished_at IS NULL) \
               INSERT INTO provisioning_steps (tenant_id, kind, step, direction) VALUES ($1, $2, $5, 'do') \
               ON CONFLICT DO NOTHING";
    let head_start = match kind {
        Kind::Create => HEAD_START,
        Kind::Adopt => LONG_HEAD_START,
        Kind::Drop => 0.0,
    };
    let first = steps_of(kind).next();
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&tenant, &kind, &backup, &head_start, &first]).await?;
    Ok(())
}

pub(super) async fn saga(db: &impl GenericClient, tenant: TenantId, kind: Kind) -> Result<Option<SagaRow>, StoreError> {
    let sql = "SELECT g.version, g.fingerprint, s.state, s.backup, s.attempts, t.database_name, t.server_id, \
               t.schema_version, t.status FROM schema_target g, sagas s JOIN tenants t ON t.id = s.tenant_id \
               WHERE s.tenant_id = $1 AND s.kind = $2";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, &[&tenant, &kind]).await?.map(|row| SagaRow {
        target: target_of(&row),
        state: row.get(2),
        backup: row.get(3),
        attempts: row.get(4),
        database: row.get(5),
        server: row.get(6),
        schema_version: row.get(7),
        status: row.get(8),
    }))
}

/// Whether a tenant was whole once: from stock, or by a saga that was done.
pub(super) async fn was_made(db: &impl GenericClient, tenant: TenantId) -> Result<bool, StoreError> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM sagas WHERE tenant_id = $1 AND kind IN ('create', 'adopt') AND state <> 'done')";
    Ok(db.query_one(sql, &[&tenant]).await?.get(0))
}

pub(super) async fn unfinished(db: &impl GenericClient) -> Result<Vec<(TenantId, Kind)>, StoreError> {
    let sql = "SELECT tenant_id, kind FROM sagas WHERE finished_at IS NULL AND next_attempt_at <= now() ORDER BY next_attempt_at";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub(super) async fn saga_failed(
    db: &impl GenericClient,
    tenant: TenantId,
    kind: Kind,
    next: State,
    error: &str,
    pause_seconds: f64,
) -> Result<(), StoreError> {
    let sql = "UPDATE sagas SET state = $3, error = $4, attempts = CASE WHEN state = $3 THEN attempts + 1 ELSE 0 END, \
               next_attempt_at = now() + make_interval(secs => $5) WHERE tenant_id = $1 AND kind = $2 \
               AND finished_at IS NULL";
    db.execute(sql, &[&tenant, &kind, &next, &error, &pause_seconds]).await?;
    Ok(())
}

pub(super) async fn saga_finished(
    db: &impl GenericClient,
    tenant: TenantId,
    kind: Kind,
    state: State,
) -> Result<(), StoreError> {
    let sql = "UPDATE sagas SET state = $3, error = NULL, finished_at = now() WHERE tenant_id = $1 AND kind = $2";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&tenant, &kind, &state]).await?;
    Ok(())
}

/// Records that a step begins, and with it that the one before has ended: one commit and not two.
pub(super) async fn step_started(
    db: &impl GenericClient,
    tenant: TenantId,
    kind: Kind,
    step: &str,
    direction: Direction,
    before: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "WITH ended AS (UPDATE provisioning_steps SET finished_at = now(), error = NULL \
               WHERE tenant_id = $1 AND kind = $2 AND step = $5 AND direction = $4) \
               INSERT INTO provisioning_steps (tenant_id, kind, step, direction) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (tenant_id, kind, step, direction) DO UPDATE SET tries = provisioning_steps.tries + 1, \
               started_at = now(), finished_at = NULL";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&tenant, &kind, &step, &direction, &before]).await?;
    Ok(())
}

pub(super) async fn step_ended(
    db: &impl GenericClient,
    tenant: TenantId,
    kind: Kind,
    step: &str,
    direction: Direction,
    error: Option<&str>,
) -> Result<(), StoreError> {
    // A step that records itself did not get so far when it failed.
    let sql = "INSERT INTO provisioning_steps (tenant_id, kind, step, direction, finished_at, error) \
               VALUES ($1, $2, $3, $4, CASE WHEN $5::text IS NULL THEN now() END, $5) \
               ON CONFLICT (tenant_id, kind, step, direction) DO UPDATE SET finished_at = excluded.finished_at, \
               error = excluded.error";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&tenant, &kind, &step, &direction, &error]).await?;
    Ok(())
}

/// A step as people see it.
#[derive(Debug, Clone, Serialize)]
pub struct StepView {
    /// Its name.
    pub step: String,
    /// `do` or `undo`.
    pub direction: Direction,
    /// When it was last begun.
    pub started_at: Timestamp,
    /// When it was done.
    pub finished_at: Option<Timestamp>,
    /// How often it was begun.
    pub tries: i32,
    /// Why it failed last.
    pub error: Option<String>,
}

pub(crate) async fn steps(db: &impl GenericClient, tenant: TenantId) -> Result<Vec<StepView>, StoreError> {
    let sql = "SELECT step, direction, started_at, finished_at, tries, error FROM provisioning_steps \
               WHERE tenant_id = $1 ORDER BY started_at";
    let rows = db.query(sql, &[&tenant]).await?;
    Ok(rows
        .iter()
        .map(|row| StepView {
            step: row.get(0),
            direction: row.get(1),
            started_at: row.get(2),
            finished_at: row.get(3),
            tries: row.get(4),
            error: row.get(5),
        })
        .collect())
}

/// A saga as people see it.
#[derive(Debug, Clone)]
pub struct SagaView {
    /// What it is for.
    pub kind: Kind,
    /// How far it is.
    pub state: State,
    /// Why it failed last; it goes on by itself.
    pub error: Option<String>,
    /// When it was done with.
    pub finished_at: Option<Timestamp>,
}

pub(crate) async fn last_saga(db: &impl GenericClient, tenant: TenantId) -> Result<Option<SagaView>, StoreError> {
    let sql = "SELECT kind, state, error, finished_at FROM sagas WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT 1";
    Ok(db.query_opt(sql, &[&tenant]).await?.map(|row| SagaView {
        kind: row.get(0),
        state: row.get(1),
        error: row.get(2),
        finished_at: row.get(3),
    }))
}

/// How much stock is ready for tenants that are born now.
pub(super) async fn ready_stock(db: &impl GenericClient) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM stock s JOIN servers v ON v.id = s.server_id AND v.is_platform \
               JOIN schema_target t ON t.version = s.schema_version AND t.fingerprint = s.fingerprint WHERE s.ready";
    Ok(db.query_one(sql, &[]).await?.get(0))
}
