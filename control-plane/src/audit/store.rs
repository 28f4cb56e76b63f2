//! The log's one statement.

use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::Entry;
use crate::platform::StoreError;

/// Writes a line, in the caller's transaction where there is one.
///
/// # Errors
/// [`StoreError`].
pub async fn record(db: &impl GenericClient, entry: Entry<'_>) -> Result<(), StoreError> {
    let statement = db
        .prepare_cached(
            "INSERT INTO audit_log (id, user_id, actor, action, tenant_id, details, address, request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .await?;
    let address = entry.origin.address.map(|address| address.to_string());
    let request = entry.origin.request.map(|request| request.uuid());
    db.execute(
        &statement,
        &[&Uuid::now_v7(), &entry.user, &entry.actor, &entry.action, &entry.tenant, &entry.details, &address, &request],
    )
    .await?;
    Ok(())
}
