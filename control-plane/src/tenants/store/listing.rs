//! Lists of tenants for operators, and what is known of each beside its own row.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use rust_decimal::Decimal;
use tenancy::{TenantId, TenantSlug, TenantStatus};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::super::{Listed, Monthly, PAGE_ROWS, Search};
use crate::platform::StoreError;

/// Whom a search finds. What was deleted is found by those alone who ask for it.
const MATCHING: &str = "FROM tenants t LEFT JOIN users u ON u.id = t.owner_id \
     WHERE (t.status = $1 OR ($1::text IS NULL AND t.status <> 'deleted')) \
     AND ($2::text IS NULL OR t.id IN (SELECT tenant_id FROM subscriptions WHERE package_key = $2 \
     AND (ended_at IS NULL OR t.status = 'deleted'))) \
     AND ($3::text IS NULL OR t.slug ILIKE $3 OR translate(t.name, 'Iİı', 'iii') ILIKE $3 OR u.email ILIKE $3)";

pub(in crate::tenants) async fn search(
    db: &impl GenericClient,
    search: &Search,
) -> Result<(Vec<Listed>, i64), StoreError> {
    let (status, pattern) = (search.status.map(TenantStatus::as_str), search.pattern());
    let matching: [&(dyn ToSql + Sync); 3] = [&status, &search.package, &pattern];
    let total = db.query_one(&format!("SELECT count(*) {MATCHING}"), &matching).await?.get(0);
    let sql = format!(
        "SELECT t.id, t.slug, t.name, t.status, t.database_name, t.schema_version, t.created_at, \
         (SELECT package_key FROM subscriptions WHERE tenant_id = t.id ORDER BY created_at DESC LIMIT 1), \
         (SELECT max(last_at) FROM usage_records WHERE tenant_id = t.id), \
         NOT (SELECT is_platform FROM servers WHERE id = t.server_id) \
         {MATCHING} ORDER BY t.created_at DESC, t.id DESC LIMIT $4 OFFSET $5"
    );
    let offset = i64::from(search.page.saturating_sub(1)) * PAGE_ROWS;
    let rows = db.query(&sql, &[&status, &search.package, &pattern, &PAGE_ROWS, &offset]).await?;
    let listed = rows.iter().map(|row| Listed {
        id: row.get(0),
        slug: row.get(1),
        name: row.get(2),
        status: row.get(3),
        database: row.get(4),
        schema_version: row.get(5),
        created_at: row.get(6),
        package: row.get(7),
        last_use: row.get(8),
        is_elsewhere: row.get(9),
        size: None,
    });
    Ok((listed.collect(), total))
}

/// How large the databases of these tenants are; of those on the platform's own server.
pub(in crate::tenants) async fn sizes(
    db: &impl GenericClient,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, i64>, StoreError> {
    let sql = "SELECT t.id, pg_database_size(d.oid) FROM tenants t JOIN servers s ON s.id = t.server_id AND s.is_platform \
               JOIN pg_database d ON d.datname = t.database_name WHERE t.id = ANY($1) AND t.released_at IS NULL";
    let tenants: Vec<Uuid> = tenants.iter().map(TenantId::uuid).collect();
    let rows = db.query(sql, &[&tenants]).await?;
    Ok(rows.iter().filter_map(|row| Some((row.get(0), row.get::<_, Option<i64>>(1)?))).collect())
}

/// How large all of them are together.
pub(in crate::tenants) async fn total_size(db: &impl GenericClient) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(sum(pg_database_size(d.oid)), 0)::bigint FROM tenants t \
               JOIN servers s ON s.id = t.server_id AND s.is_platform \
               JOIN pg_database d ON d.datname = t.database_name WHERE t.released_at IS NULL";
    Ok(db.query_one(sql, &[]).await?.get(0))
}

/// What a tenant used, the last months first, and when it was used last.
pub(in crate::tenants) async fn usage(
    db: &impl GenericClient,
    tenant: TenantId,
) -> Result<(Vec<Monthly>, Option<Timestamp>), StoreError> {
    let sql = "SELECT period, coalesce(sum(value) FILTER (WHERE metric = 'api_calls'), 0), \
               coalesce(sum(value) FILTER (WHERE metric = 'page_views'), 0), max(last_at) \
               FROM usage_records WHERE tenant_id = $1 GROUP BY period ORDER BY period DESC LIMIT 12";
    let rows = db.query(sql, &[&tenant]).await?;
    let last = rows.iter().map(|row| row.get(3)).max();
    let months = rows.iter().map(|row| Monthly {
        period: row.get(0),
        api_calls: whole(row.get(1)),
        page_views: whole(row.get(2)),
    });
    Ok((months.collect(), last))
}

/// The slugs of these tenants.
pub(in crate::tenants) async fn slugs(
    db: &impl GenericClient,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, TenantSlug>, StoreError> {
    let tenants: Vec<Uuid> = tenants.iter().map(TenantId::uuid).collect();
    let rows = db.query("SELECT id, slug FROM tenants WHERE id = ANY($1)", &[&tenants]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// How many tenants are in each state.
pub(in crate::tenants) async fn by_status(db: &impl GenericClient) -> Result<Vec<(TenantStatus, i64)>, StoreError> {
    let rows = db.query("SELECT status, count(*) FROM tenants GROUP BY status", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// How many tenants came to be on each of the last days (UTC), the oldest first; also those that are gone by now.
pub(in crate::tenants) async fn signups(
    db: &impl GenericClient,
    days: i32,
) -> Result<Vec<(jiff::civil::Date, i64)>, StoreError> {
    let sql = "WITH made AS (SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS many FROM tenants \
               WHERE created_at >= ((now() AT TIME ZONE 'UTC')::date - $1::integer) AT TIME ZONE 'UTC' GROUP BY 1) \
               SELECT d::date, coalesce(made.many, 0) FROM generate_series((now() AT TIME ZONE 'UTC')::date - $1::integer, \
               (now() AT TIME ZONE 'UTC')::date, interval '1 day') d LEFT JOIN made ON made.day = d::date ORDER BY 1";
    let rows = db.query(sql, &[&(days - 1)]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// What all tenants together used in this month (UTC).
pub(in crate::tenants) async fn used(db: &impl GenericClient) -> Result<Monthly, StoreError> {
    let sql = "SELECT p, coalesce(sum(value) FILTER (WHERE metric = 'api_calls'), 0), \
               coalesce(sum(value) FILTER (WHERE metric = 'page_views'), 0) \
               FROM to_char(now() AT TIME ZONE 'UTC', 'YYYYMM') AS now(month), CAST(now.month AS integer) AS p \
               LEFT JOIN usage_records ON period = p AND metric IN ('api_calls', 'page_views') GROUP BY p";
    let row = db.query_one(sql, &[]).await?;
    Ok(Monthly { period: row.get(0), api_calls: whole(row.get(1)), page_views: whole(row.get(2)) })
}

fn whole(value: Decimal) -> i64 {
    i64::try_from(value.trunc()).unwrap_or(i64::MAX)
}
