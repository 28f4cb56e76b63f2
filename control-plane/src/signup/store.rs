//! Signup keys, and what the wizard writes about a tenant.

use deadpool_postgres::GenericClient;
use serde::Serialize;
use subtle::ConstantTimeEq;
use tenancy::{TenantId, UserId};

use super::company::Company;
use crate::{platform::StoreError, tenants::TenantSummary};

/// A signup that was made before.
pub(super) struct Seen {
    request: Vec<u8>,
    pub(super) user: UserId,
    pub(super) tenant: TenantSummary,
}

impl Seen {
    /// Whether it was this request.
    pub(super) fn is_of(&self, request: &[u8; 32]) -> bool {
        self.request.ct_eq(request).into()
    }
}

pub(super) async fn by_key(db: &impl GenericClient, key: &[u8; 32]) -> Result<Option<Seen>, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT k.request, k.user_id, t.id, t.slug, t.name, t.status, t.trial_ends_at
             FROM signup_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.key = $1",
        )
        .await?;
    let row = db.query_opt(&statement, &[&key.as_slice()]).await?;
    Ok(row.map(|row| Seen {
        request: row.get(0),
        user: row.get(1),
        tenant: TenantSummary {
            id: row.get(2),
            slug: row.get(3),
            name: row.get(4),
            status: row.get(5),
            trial_ends_at: row.get(6),
        },
    }))
}

pub(super) async fn purge_keys(db: &impl GenericClient) -> Result<u64, StoreError> {
    Ok(db.execute("DELETE FROM signup_keys WHERE created_at < now() - interval '7 days'", &[]).await?)
}

/// How many tenants wait for their owner to prove an address; not counted further than `most`.
pub(super) async fn count_unverified(db: &impl GenericClient, most: u32) -> Result<u32, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT count(*) FROM (
                 SELECT FROM users u WHERE u.email_verified IS NULL AND u.status = 'active' AND EXISTS (
                     SELECT FROM tenants t WHERE t.owner_id = u.id AND t.status IN ('provisioning', 'trial'))
                 LIMIT $1) AS waiting",
        )
        .await?;
    let counted: i64 = db.query_one(&statement, &[&i64::from(most)]).await?.get(0);
    Ok(u32::try_from(counted).unwrap_or(u32::MAX))
}

/// A tenant after its wizard.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Completed {
    #[serde(flatten)]
    pub(super) summary: TenantSummary,
    pub(super) onboarding_completed: bool,
    pub(super) timezone: String,
    pub(super) language: String,
    pub(super) currency: String,
}

/// Writes what was filled in; what was left out stays as it is.
pub(super) async fn complete(
    db: &impl GenericClient,
    tenant: TenantId,
    company: &Company,
) -> Result<Option<Completed>, StoreError> {
    let row = db
        .query_opt(
            "UPDATE tenants SET onboarding_completed = true, updated_at = now(),
                 industry = coalesce($2, industry), company_size = coalesce($3, company_size),
                 website = coalesce($4, website), referral_source = coalesce($5, referral_source),
                 billing_company_name = coalesce($6, billing_company_name), tax_number = coalesce($7, tax_number),
                 tax_office = coalesce($8, tax_office), billing_address = coalesce($9, billing_address),
                 billing_country = coalesce($10, billing_country), timezone = coalesce($11, timezone),
                 language = coalesce($12, language), currency = coalesce($13, currency)
             WHERE id = $1 AND status NOT IN ('failed', 'deleted')
             RETURNING id, slug, name, status, trial_ends_at, onboarding_completed, timezone, language, currency",
            &[
                &tenant,
                &company.industry,
                &company.company_size,
                &company.website,
                &company.referral_source,
                &company.billing_company_name,
                &company.tax_number,
                &company.tax_office,
                &company.billing_address,
                &company.billing_country,
                &company.timezone,
                &company.language,
                &company.currency,
            ],
        )
        .await?;
    Ok(row.map(|row| Completed {
        summary: TenantSummary {
            id: row.get(0),
            slug: row.get(1),
            name: row.get(2),
            status: row.get(3),
            trial_ends_at: row.get(4),
        },
        onboarding_completed: row.get(5),
        timezone: row.get(6),
        language: row.get(7),
        currency: row.get(8),
    }))
}
