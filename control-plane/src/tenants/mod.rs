//! The registry of tenants: how they come to be, change state, and go.

mod create;
mod lifecycle;
mod listing;
mod pages;
mod preferences;
pub(crate) mod store;

use std::time::Duration;

pub use create::{Born, CreateError, NewOwner, NewTenant, SignupKey, SlugChoice};
use deadpool_postgres::Pool;
use jiff::Timestamp;
pub use lifecycle::{LifecycleError, Meant};
pub use listing::{Census, Found, Listed, Monthly, PAGE_ROWS, Search};
pub use pages::pages;
pub use preferences::{FIRST_ZONE, Preferences, time_zone};
use serde::Serialize;
pub use store::{ListFilter, TenantDetail};
use tenancy::{TenantId, TenantSlug, TenantStatus};

pub use crate::provisioning::store::{SagaView, StepView};
use crate::{
    mail::Bell,
    platform::StoreError,
    provisioning::{
        self, Provisioning,
        saga::{Kind, State},
    },
};

/// The tenants of a platform.
#[derive(Clone)]
pub struct Tenants {
    pool: Pool,
    provisioning: Provisioning,
    bell: Bell,
    trial_days: u16,
}

/// A tenant as its own people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantSummary {
    /// Its id.
    pub id: TenantId,
    /// Its short name.
    pub slug: TenantSlug,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: TenantStatus,
    /// When the trial ends.
    pub trial_ends_at: Option<Timestamp>,
}

impl Tenants {
    /// The registry in the platform database; new tenants have `trial_days` of trial.
    #[must_use]
    pub fn new(pool: Pool, provisioning: Provisioning, bell: Bell, trial_days: u16) -> Self {
        Self { pool, provisioning, bell, trial_days }
    }

    /// Labels a tenant; an empty label is none. `false`: there is no such tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_label(&self, slug: &TenantSlug, label: &str) -> Result<bool, StoreError> {
        let client = self.pool.get().await?;
        store::set_label(&client, slug, label).await
    }

    /// Takes a tenant's making as far as it goes within `limit`; it goes on in the background after that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wait_until_made(&self, tenant: TenantSummary, limit: Duration) -> Result<TenantSummary, StoreError> {
        let id = tenant.id;
        let run = self.provisioning.run_saga(id, Kind::Create);
        match tokio::time::timeout(limit, run).await {
            Ok(Ok(State::Done)) if tenant.status == TenantStatus::Provisioning => {
                self.bell.ring();
                return Ok(TenantSummary { status: TenantStatus::Trial, ..tenant });
            }
            // A failure is recorded with the saga; what counts for the caller is the tenant's state.
            Ok(Err(error)) => {
                tracing::warn!(tenant = %id, %error, "making a tenant failed and will be tried again or undone");
            }
            _ => {}
        }
        Ok(self.made(id).await?.unwrap_or(tenant))
    }

    /// A tenant as its making left it; its mails may go now.
    pub(crate) async fn made(&self, id: TenantId) -> Result<Option<TenantSummary>, StoreError> {
        let client = self.pool.get().await?;
        let summary = store::summary(&client, id).await?;
        self.bell.ring();
        Ok(summary)
    }

    pub(crate) async fn by_id(&self, id: TenantId) -> Result<Option<TenantSummary>, StoreError> {
        let client = self.pool.get().await?;
        store::summary(&client, id).await
    }

    /// The tenant that has this slug now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_slug(&self, slug: &TenantSlug) -> Result<Option<TenantSummary>, StoreError> {
        let client = self.pool.get().await?;
        store::by_slug(&client, slug).await
    }

    /// The first of these slugs that nobody has just now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_free(&self, candidates: &[TenantSlug]) -> Result<Option<TenantSlug>, StoreError> {
        let client = self.pool.get().await?;
        store::first_free(&client, candidates).await
    }

    /// The tenant that was made with this key before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn made_with(&self, key: &SignupKey) -> Result<Option<TenantSummary>, StoreError> {
        store::keys::made_with(&self.pool.get().await?, key).await
    }

    /// Everything about a tenant, for operators; by its slug the one that has it now, else the last that had it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn detail(&self, tenant: impl Into<Meant>) -> Result<Option<TenantDetail>, StoreError> {
        let tenant = tenant.into();
        let client = self.pool.get().await?;
        match tenant {
            Meant::Slug(slug) => store::detail(&client, &slug).await,
            Meant::Id(id) => store::detail_by_id(&client, id).await,
        }
    }

    /// Tenants, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, filter: &ListFilter) -> Result<Vec<TenantDetail>, StoreError> {
        let client = self.pool.get().await?;
        store::list(&client, filter).await
    }

    /// What was done to make and unmake a tenant, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn steps(&self, id: TenantId) -> Result<Vec<StepView>, StoreError> {
        let client = self.pool.get().await?;
        provisioning::store::steps(&client, id).await
    }
}
