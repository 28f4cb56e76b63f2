//! The tables `tenants` and `memberships`, as the registry uses them.

pub(super) mod keys;
pub(super) mod listing;

use deadpool_postgres::GenericClient;
use futures_util::try_join;
use jiff::Timestamp;
use serde::Serialize;
use tenancy::{DatabaseName, TenantId, TenantSlug, TenantStatus, UserId, ids::ServerId};
use tokio_postgres::{Row, types::ToSql};

use super::{Meant, NewTenant, Preferences, TenantSummary};
use crate::platform::StoreError;

/// A tenant's row before it exists.
pub(super) struct NewRow {
    pub(super) id: TenantId,
    pub(super) slug: TenantSlug,
    pub(super) database: DatabaseName,
    pub(super) status: TenantStatus,
    pub(super) schema_version: i32,
    pub(super) server: ServerId,
    pub(super) owner: UserId,
    pub(super) trial_ends_at: Timestamp,
}

const FIRST_FREE: &str = "SELECT c FROM unnest($1::text[]) WITH ORDINALITY AS candidates (c, place) WHERE NOT EXISTS \
     (SELECT 1 FROM tenants WHERE slug = c AND released_at IS NULL) ORDER BY place LIMIT 1";

/// The first of these that nobody has, at this moment.
pub(super) async fn first_free(
    db: &impl GenericClient,
    candidates: &[TenantSlug],
) -> Result<Option<TenantSlug>, StoreError> {
    let statement = db.prepare_cached(FIRST_FREE).await?;
    Ok(db.query_opt(&statement, &[&candidates]).await?.map(|row| row.get(0)))
}

/// The first of `base`, `base-2`, `base-3`, … that nobody has. Whoever asks for the same base waits until this
/// transaction has ended.
pub(super) async fn free_slug(
    db: &impl GenericClient,
    base: &TenantSlug,
    taken: &[TenantSlug],
) -> Result<TenantSlug, StoreError> {
    let lock = db.prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))").await?;
    let statement = db.prepare_cached(FIRST_FREE).await?;
    let mut from = 1;
    loop {
        let numbers = from..from * 4 + 4;
        let candidates: Vec<TenantSlug> = numbers
            .clone()
            .map(|number| if number == 1 { base.clone() } else { base.numbered(number) })
            .filter(|candidate| !taken.contains(candidate))
            .collect();
        // Together: a statement sees what was committed when its own turn came.
        let (key, candidates): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 1]) = ([base], [&candidates]);
        let (_, free) = try_join!(db.execute(&lock, &key), db.query_opt(&statement, &candidates))?;
        if let Some(row) = free {
            return Ok(row.get(0));
        }
        from = numbers.end;
    }
}

pub(super) async fn insert(db: &impl GenericClient, row: &NewRow, new: &NewTenant) -> Result<(), StoreError> {
    let sql = "INSERT INTO tenants (id, slug, name, status, server_id, database_name, schema_version, owner_id, trial_ends_at, \
               language) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let statement = db.prepare_cached(sql).await?;
    db.execute(
        &statement,
        &[
            &row.id,
            &row.slug,
            &new.name,
            &row.status,
            &row.server,
            &row.database,
            &row.schema_version,
            &row.owner,
            &row.trial_ends_at,
            &new.owner.language,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn insert_owner(db: &impl GenericClient, tenant: TenantId, user: UserId) -> Result<(), StoreError> {
    let sql = "INSERT INTO memberships (tenant_id, user_id, role, status, joined_at) VALUES ($1, $2, 'owner', 'active', now())";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&tenant, &user]).await?;
    Ok(())
}

/// Whether this server has a database of that name, known to the platform or not.
pub(super) async fn database_exists(db: &impl GenericClient, name: &DatabaseName) -> Result<bool, StoreError> {
    let statement = db.prepare_cached("SELECT 1 FROM pg_database WHERE datname = $1").await?;
    Ok(db.query_opt(&statement, &[name]).await?.is_some())
}

const SUMMARY: &str = "SELECT id, slug, name, status, trial_ends_at FROM tenants";

fn summary_of(row: &Row) -> TenantSummary {
    TenantSummary { id: row.get(0), slug: row.get(1), name: row.get(2), status: row.get(3), trial_ends_at: row.get(4) }
}

pub(crate) async fn summary(db: &impl GenericClient, id: TenantId) -> Result<Option<TenantSummary>, StoreError> {
    let statement = db.prepare_cached(&format!("{SUMMARY} WHERE id = $1")).await?;
    Ok(db.query_opt(&statement, &[&id]).await?.as_ref().map(summary_of))
}

pub(super) async fn by_slug(db: &impl GenericClient, slug: &TenantSlug) -> Result<Option<TenantSummary>, StoreError> {
    let sql = format!("{SUMMARY} WHERE slug = $1 AND released_at IS NULL");
    Ok(db.query_opt(&sql, &[slug]).await?.as_ref().map(summary_of))
}

/// A tenant as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct TenantDetail {
    /// Its id.
    pub id: TenantId,
    /// Its short name.
    pub slug: TenantSlug,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: TenantStatus,
    /// Why it has that state.
    pub status_reason: Option<String>,
    /// The database's name on its server.
    pub database: DatabaseName,
    /// The server.
    #[serde(rename = "server")]
    pub server_id: ServerId,
    /// The schema version that its database has.
    pub schema_version: i32,
    /// The package.
    pub package: Option<String>,
    /// The owner's address.
    pub owner_email: Option<String>,
    /// When the trial ends.
    pub trial_ends_at: Option<Timestamp>,
    /// Whether nothing was paid yet.
    #[serde(skip)]
    pub is_trialing: bool,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// Which tenants to list.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Only those in this state.
    pub status: Option<TenantStatus>,
    /// Only those on this package.
    pub package: Option<String>,
}

const DETAIL: &str = "SELECT t.id, t.slug, t.name, t.status, t.status_reason, t.database_name, t.server_id, t.schema_version, \
     s.package_key, u.email, t.trial_ends_at, coalesce(s.status = 'trialing', false), t.created_at FROM tenants t \
     LEFT JOIN LATERAL (SELECT package_key, status FROM subscriptions WHERE tenant_id = t.id ORDER BY created_at DESC LIMIT 1) s ON true \
     LEFT JOIN users u ON u.id = t.owner_id";

fn detail_of(row: &Row) -> TenantDetail {
    TenantDetail {
        id: row.get(0),
        slug: row.get(1),
        name: row.get(2),
        status: row.get(3),
        status_reason: row.get(4),
        database: row.get(5),
        server_id: row.get(6),
        schema_version: row.get(7),
        package: row.get(8),
        owner_email: row.get(9),
        trial_ends_at: row.get(10),
        is_trialing: row.get(11),
        created_at: row.get(12),
    }
}

pub(super) async fn detail(db: &impl GenericClient, slug: &TenantSlug) -> Result<Option<TenantDetail>, StoreError> {
    // The one that has the slug now; else the last that had it.
    let sql = format!("{DETAIL} WHERE t.slug = $1 ORDER BY t.released_at DESC NULLS FIRST LIMIT 1");
    Ok(db.query_opt(&sql, &[slug]).await?.as_ref().map(detail_of))
}

/// A tenant that still has its name, held until the transaction ends.
pub(super) async fn detail_for_update(
    db: &impl GenericClient,
    meant: &Meant,
) -> Result<Option<TenantDetail>, StoreError> {
    let (column, value): (_, &(dyn ToSql + Sync)) = match meant {
        Meant::Slug(slug) => ("slug", slug),
        Meant::Id(id) => ("id", id),
    };
    let sql = format!("{DETAIL} WHERE t.{column} = $1 AND t.released_at IS NULL FOR UPDATE OF t");
    Ok(db.query_opt(&sql, &[value]).await?.as_ref().map(detail_of))
}

pub(super) async fn detail_by_id(db: &impl GenericClient, id: TenantId) -> Result<Option<TenantDetail>, StoreError> {
    Ok(db.query_opt(&format!("{DETAIL} WHERE t.id = $1"), &[&id]).await?.as_ref().map(detail_of))
}

pub(super) async fn list(db: &impl GenericClient, filter: &ListFilter) -> Result<Vec<TenantDetail>, StoreError> {
    let sql = format!(
        "{DETAIL} WHERE ($1::text IS NULL OR t.status = $1) AND ($2::text IS NULL OR s.package_key = $2) ORDER BY t.created_at DESC, t.id DESC"
    );
    let status = filter.status.map(TenantStatus::as_str);
    Ok(db.query(&sql, &[&status, &filter.package]).await?.iter().map(detail_of).collect())
}

/// Writes a state that [`TenantStatus::may_become`] was asked about. Deleting moves the generation on, so that nothing
/// made for the tenant is used for a later one of the same slug.
pub(super) async fn set_status(
    db: &impl GenericClient,
    id: TenantId,
    status: TenantStatus,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "UPDATE tenants SET status = $2, status_reason = $3, updated_at = now(), \
               deleted_at = CASE WHEN $2 = 'deleted' THEN now() END, \
               generation = generation + CASE WHEN $2 = 'deleted' THEN 1 ELSE 0 END WHERE id = $1";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&id, &status.as_str(), &reason]).await?;
    Ok(())
}

/// The end of making a tenant, one way or the other, and who owns it; `None` when it was deleted meanwhile.
pub(crate) async fn finish_making(
    db: &impl GenericClient,
    id: TenantId,
    status: TenantStatus,
    reason: Option<&str>,
) -> Result<Option<Option<UserId>>, StoreError> {
    let sql = "UPDATE tenants SET status = $2, status_reason = $3, updated_at = now() \
               WHERE id = $1 AND status = 'provisioning' RETURNING owner_id";
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, &[&id, &status.as_str(), &reason]).await?.map(|row| row.get(0)))
}

/// `false`: there is no such tenant.
pub(super) async fn set_label(db: &impl GenericClient, slug: &TenantSlug, label: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE tenants SET label = $2, updated_at = now() WHERE slug = $1 AND released_at IS NULL";
    Ok(db.execute(sql, &[slug, &label]).await? == 1)
}

pub(crate) async fn set_schema_version(db: &impl GenericClient, id: TenantId, version: i32) -> Result<(), StoreError> {
    db.execute("UPDATE tenants SET schema_version = $2, updated_at = now() WHERE id = $1", &[&id, &version]).await?;
    Ok(())
}

/// What a tenant that is served prefers.
pub(super) async fn preferences(db: &impl GenericClient, id: TenantId) -> Result<Option<Preferences>, StoreError> {
    let sql = "SELECT name, language, timezone, currency FROM tenants WHERE id = $1 AND status IN ('trial', 'active')";
    let row = db.query_opt(sql, &[&id]).await?;
    Ok(row.map(|row| Preferences {
        name: row.get(0),
        language: row.get(1),
        timezone: row.get(2),
        currency: row.get(3),
    }))
}

/// `false`: there is no such tenant that is served.
pub(super) async fn prefer(
    db: &impl GenericClient,
    id: TenantId,
    preferences: &Preferences,
) -> Result<bool, StoreError> {
    let sql = "UPDATE tenants SET name = $2, language = $3, timezone = $4, currency = $5, updated_at = now() \
               WHERE id = $1 AND status IN ('trial', 'active')";
    let Preferences { name, language, timezone, currency } = preferences;
    Ok(db.execute(sql, &[&id, name, language, timezone, currency]).await? == 1)
}

/// Frees the slug and the database's name.
pub(crate) async fn release(db: &impl GenericClient, id: TenantId) -> Result<(), StoreError> {
    db.execute("UPDATE tenants SET released_at = coalesce(released_at, now()) WHERE id = $1", &[&id]).await?;
    Ok(())
}

pub(crate) async fn is_released(db: &impl GenericClient, id: TenantId) -> Result<bool, StoreError> {
    Ok(db.query_one("SELECT released_at IS NOT NULL FROM tenants WHERE id = $1", &[&id]).await?.get(0))
}

/// Ends the subscription in force.
pub(super) async fn end_subscription(db: &impl GenericClient, id: TenantId) -> Result<(), StoreError> {
    db.execute(
        "UPDATE subscriptions SET status = 'cancelled', ended_at = now() WHERE tenant_id = $1 AND ended_at IS NULL",
        &[&id],
    )
    .await?;
    Ok(())
}

/// After a tenant could not be made, or was never confirmed: its owner can sign up again with the same address, and
/// the signup key is free.
pub(crate) async fn forget_people(db: &impl GenericClient, id: TenantId) -> Result<(), StoreError> {
    db.execute("UPDATE tenants SET owner_id = NULL WHERE id = $1", &[&id]).await?;
    db.execute("DELETE FROM signup_keys WHERE tenant_id = $1", &[&id]).await?;
    db.execute("DELETE FROM mails WHERE tenant_id = $1", &[&id]).await?;
    db.execute("DELETE FROM tokens WHERE tenant_id = $1", &[&id]).await?;
    end_subscription(db, id).await?;
    let sql = "DELETE FROM memberships WHERE tenant_id = $1 RETURNING user_id";
    for row in db.query(sql, &[&id]).await? {
        let user: UserId = row.get(0);
        let sql = "DELETE FROM users u WHERE id = $1 AND (last_login IS NULL OR email_verified IS NULL) AND NOT super_admin \
                   AND NOT EXISTS (SELECT 1 FROM memberships WHERE user_id = u.id) \
                   AND NOT EXISTS (SELECT 1 FROM tenants WHERE owner_id = u.id)";
        db.execute(sql, &[&user]).await?;
    }
    Ok(())
}

const EXPIRED: &str = "SELECT t.id FROM tenants t JOIN users u ON u.id = t.owner_id WHERE t.status = 'trial' \
     AND u.email_verified IS NULL AND u.status = 'active' AND t.created_at < now() - make_interval(days => $1)";

/// Tenants whose owners never verified their address, the oldest first.
pub(super) async fn expired_unverified(db: &impl GenericClient, days: u16) -> Result<Vec<TenantId>, StoreError> {
    let sql = format!("{EXPIRED} ORDER BY t.created_at");
    Ok(db.query(&sql, &[&i32::from(days)]).await?.iter().map(|row| row.get(0)).collect())
}

/// Whether one of them still is one; nobody changes that before the transaction has ended.
pub(super) async fn is_expired(db: &impl GenericClient, id: TenantId, days: u16) -> Result<bool, StoreError> {
    let sql = format!("{EXPIRED} AND t.id = $2 FOR UPDATE");
    Ok(db.query_opt(&sql, &[&i32::from(days), &id]).await?.is_some())
}

/// Where a tenant is, and whether it is served.
pub(crate) struct Address {
    pub(crate) database: DatabaseName,
    pub(crate) status: TenantStatus,
}

pub(crate) async fn address(db: &impl GenericClient, id: TenantId) -> Result<Option<Address>, StoreError> {
    let row =
        db.query_opt("SELECT database_name, status FROM tenants WHERE id = $1 AND released_at IS NULL", &[&id]).await?;
    Ok(row.map(|row| Address { database: row.get(0), status: row.get(1) }))
}

/// Keeps a tenant's state as it is until the transaction ends.
pub(crate) async fn hold(db: &impl GenericClient, id: TenantId) -> Result<(), StoreError> {
    db.execute("SELECT 1 FROM tenants WHERE id = $1 FOR SHARE", &[&id]).await?;
    Ok(())
}

/// What the doctor wants to know of a tenant.
pub(crate) struct Health {
    pub(crate) id: TenantId,
    pub(crate) status: TenantStatus,
    pub(crate) server: ServerId,
    pub(crate) database: DatabaseName,
    pub(crate) schema_version: i32,
    /// An unfinished saga that failed before: its kind and error.
    pub(crate) stuck: Option<(String, String)>,
    /// Provisioning without a saga.
    pub(crate) half_made: bool,
}

pub(crate) async fn health(db: &impl GenericClient) -> Result<Vec<Health>, StoreError> {
    let sql = "SELECT t.id, t.status, t.server_id, t.database_name, t.schema_version, s.kind, s.error, \
               t.status = 'provisioning' AND s.kind IS NULL FROM tenants t LEFT JOIN sagas s ON s.tenant_id = t.id \
               AND s.finished_at IS NULL WHERE t.released_at IS NULL OR s.kind IS NOT NULL ORDER BY t.created_at";
    let rows = db.query(sql, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Health {
            id: row.get(0),
            status: row.get(1),
            server: row.get(2),
            database: row.get(3),
            schema_version: row.get(4),
            stuck: row.get::<_, Option<String>>(5).zip(row.get(6)),
            half_made: row.get(7),
        })
        .collect())
}
