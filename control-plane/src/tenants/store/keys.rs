//! The table `signup_keys`: what was made with which key.

use deadpool_postgres::GenericClient;
use tenancy::{TenantId, UserId};

use super::{
    super::{SignupKey, TenantSummary},
    SUMMARY, summary_of,
};
use crate::platform::StoreError;

pub(in crate::tenants) async fn insert(
    db: &impl GenericClient,
    key: &SignupKey,
    tenant: TenantId,
    user: UserId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO signup_keys (key, request, tenant_id, user_id) VALUES ($1, $2, $3, $4)";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&key.key.as_slice(), &key.request.as_slice(), &tenant, &user]).await?;
    Ok(())
}

/// The tenant that was made with this key.
pub(in crate::tenants) async fn made_with(
    db: &impl GenericClient,
    key: &SignupKey,
) -> Result<Option<TenantSummary>, StoreError> {
    let sql = format!("{SUMMARY} WHERE id = (SELECT tenant_id FROM signup_keys WHERE key = $1 AND request = $2)");
    let row = db.query_opt(&sql, &[&key.key.as_slice(), &key.request.as_slice()]).await?;
    Ok(row.as_ref().map(summary_of))
}
