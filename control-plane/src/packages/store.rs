//! The tables `packages` and `subscriptions`.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tenancy::{TenantId, ids::SubscriptionId};
use tokio_postgres::Row;

use super::{BillingCycle, Package, Sales};
use crate::platform::StoreError;

const COLUMNS: &str = "key, name, name_tr, description, description_tr, price_monthly, price_yearly, currency, modules, \
     limits, features, is_active, is_visible, is_recommended";

fn package(row: &Row) -> Package {
    Package {
        key: row.get(0),
        name: row.get(1),
        name_tr: row.get(2),
        description: row.get(3),
        description_tr: row.get(4),
        price_monthly: row.get(5),
        price_yearly: row.get(6),
        currency: row.get(7),
        modules: row.get(8),
        limits: row.get(9),
        features: row.get(10),
        is_active: row.get(11),
        is_visible: row.get(12),
        is_recommended: row.get(13),
    }
}

pub(super) async fn offered(db: &impl GenericClient) -> Result<Vec<Package>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM packages WHERE is_active AND is_visible ORDER BY sort_order, key");
    Ok(db.query(&sql, &[]).await?.iter().map(package).collect())
}

pub(super) async fn all(db: &impl GenericClient) -> Result<Vec<Package>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM packages ORDER BY sort_order, key");
    Ok(db.query(&sql, &[]).await?.iter().map(package).collect())
}

/// What is sold of each package that somebody is on.
pub(super) async fn sales(db: &impl GenericClient) -> Result<Vec<Sales>, StoreError> {
    let price = "CASE s.billing_cycle WHEN 'yearly' THEN p.price_yearly / 12 ELSE p.price_monthly END";
    let sql = format!(
        "SELECT p.key, p.currency, count(*), \
         round(coalesce(sum({price}) FILTER (WHERE s.status = 'active'), 0), 2), \
         round(coalesce(sum({price}) FILTER (WHERE s.status = 'trialing'), 0), 2) \
         FROM subscriptions s JOIN packages p ON p.key = s.package_key WHERE s.ended_at IS NULL \
         GROUP BY p.key ORDER BY p.sort_order, p.key"
    );
    let sales = |row: &Row| Sales {
        package: row.get(0),
        currency: row.get(1),
        tenants: row.get(2),
        paid: row.get(3),
        in_trial: row.get(4),
    };
    Ok(db.query(&sql, &[]).await?.iter().map(sales).collect())
}

pub(super) async fn find(db: &impl GenericClient, key: &str) -> Result<Option<Package>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM packages WHERE key = $1");
    let statement = db.prepare_cached(&sql).await?;
    Ok(db.query_opt(&statement, &[&key]).await?.as_ref().map(package))
}

/// Puts a tenant on a package; the trial is the first period.
pub(crate) async fn insert_subscription(
    db: &impl GenericClient,
    tenant: TenantId,
    package: &str,
    cycle: BillingCycle,
    start: Timestamp,
    trial_end: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO subscriptions (id, tenant_id, package_key, status, billing_cycle, current_period_start, \
               current_period_end) VALUES ($1, $2, $3, 'trialing', $4, $5, $6)";
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, &[&SubscriptionId::generate(), &tenant, &package, &cycle, &start, &trial_end]).await?;
    Ok(())
}
