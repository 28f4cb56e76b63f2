//! What the dashboard reads of the tenant's database.

use std::collections::HashMap;

use jiff::civil::Date;
use tokio_postgres::types::Type;

use crate::{Parameter, QueryError, Statement, Tenant};

/// How many rows each table has, and how many bytes the files.
pub(super) async fn tallies(tenant: &Tenant) -> Result<HashMap<String, i64>, QueryError> {
    let rows = tenant.read(Statement::Kept("SELECT name, value FROM tallies"), &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(QueryError::Statement)
}

/// How much was done on each of the last days, by the clock of the tenant; the oldest first.
pub(super) async fn days(tenant: &Tenant, zone: &str, days: i32) -> Result<Vec<(Date, i64)>, QueryError> {
    const SQL: &str =
        "WITH days AS (SELECT generate_series(0, $2 - 1) AS back, (now() AT TIME ZONE $1)::date AS today),
        done AS (SELECT (created_at AT TIME ZONE $1)::date AS day, count(*) AS deeds FROM activities
            WHERE created_at > now() - make_interval(days => $2) GROUP BY 1)
        SELECT today - back, coalesce(deeds, 0) FROM days LEFT JOIN done ON day = today - back ORDER BY back DESC";
    let parameters: [Parameter<'_>; 2] = [(&zone, Type::TEXT), (&days, Type::INT4)];
    let rows = tenant.read(Statement::Kept(SQL), &parameters).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(QueryError::Statement)
}

/// How many tasks there are in each state.
pub(super) async fn tasks(tenant: &Tenant) -> Result<HashMap<String, i64>, QueryError> {
    by_state(tenant, "SELECT status, count(*) FROM tasks GROUP BY status").await
}

/// How many leads there are in each state.
pub(super) async fn leads(tenant: &Tenant) -> Result<HashMap<String, i64>, QueryError> {
    by_state(tenant, "SELECT status, count(*) FROM leads GROUP BY status").await
}

async fn by_state(tenant: &Tenant, sql: &'static str) -> Result<HashMap<String, i64>, QueryError> {
    let rows = tenant.read(Statement::Kept(sql), &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()
        .map_err(QueryError::Statement)
}
