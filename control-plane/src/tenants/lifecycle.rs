//! A tenant changes its state.

use deadpool_postgres::Transaction;
use serde_json::json;
use tenancy::{Code, Problem, TenantSlug, TenantStatus};

use super::{TenantDetail, Tenants, store};
use crate::{
    audit,
    platform::StoreError,
    provisioning::{self, ProvisionError, saga::Kind},
    servers::ServerError,
};

/// Why a tenant's state did not change.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// There is none.
    #[error("there is no tenant {0}")]
    NotFound(TenantSlug),
    /// Its state does not allow it.
    #[error("a tenant that is {from} can't become {to}")]
    NotAllowed {
        /// What it is.
        from: TenantStatus,
        /// What it should have become.
        to: TenantStatus,
    },
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tenant's server can't be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The database could not be unmade; the control plane goes on trying.
    #[error("{0}; the platform goes on trying")]
    Provision(#[from] ProvisionError),
}

impl From<tokio_postgres::Error> for LifecycleError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<LifecycleError> for Problem {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::NotFound(_) => Self::new(Code::TenantNotFound, "There is no such tenant"),
            LifecycleError::NotAllowed { .. } => Self::new(Code::Conflict, error.to_string()),
            LifecycleError::Store(error) => error.into(),
            LifecycleError::Server(error) => Self::unavailable(error),
            LifecycleError::Provision(error) => Self::unavailable(error),
        }
    }
}

impl Tenants {
    /// Stops serving a tenant; its data stays. When this returns, PostgreSQL lets nobody in as the tenant.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn suspend(
        &self,
        slug: &TenantSlug,
        reason: Option<&str>,
        actor: &str,
    ) -> Result<TenantDetail, LifecycleError> {
        self.change(slug, |_| TenantStatus::Suspended, reason, actor, audit::Action::TenantSuspended).await
    }

    /// Serves a tenant again: in trial as long as that runs, else active.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn activate(&self, slug: &TenantSlug, actor: &str) -> Result<TenantDetail, LifecycleError> {
        let after = |tenant: &TenantDetail| match tenant.trial_ends_at {
            Some(end)
                if tenant.is_trialing && end > jiff::Timestamp::now() && tenant.status == TenantStatus::Suspended =>
            {
                TenantStatus::Trial
            }
            _ => TenantStatus::Active,
        };
        self.change(slug, after, None, actor, audit::Action::TenantActivated).await
    }

    /// Deletes a tenant: refused to everybody at once, then its final backup, its database and its role go. Ends when
    /// all of that is done; what is interrupted goes on in the control plane.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn delete(&self, slug: &TenantSlug, backup: bool, actor: &str) -> Result<TenantDetail, LifecycleError> {
        let tenant = self.begin_delete(slug, backup, actor).await?;
        self.provisioning.run_saga(tenant.id, Kind::Drop).await?;
        Ok(tenant)
    }

    /// The first half of [`Tenants::delete`]: refused to everybody, the rest recorded for the control plane.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn begin_delete(
        &self,
        slug: &TenantSlug,
        backup: bool,
        actor: &str,
    ) -> Result<TenantDetail, LifecycleError> {
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        let tenant = store::detail_for_update(&transaction, slug)
            .await?
            .ok_or_else(|| LifecycleError::NotFound(slug.clone()))?;
        self.mark_deleted(transaction, tenant, backup, actor).await
    }

    /// Deletes tenants whose owners never verified their address within this many days; says how many.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn expire_unverified(&self, days: u16) -> Result<usize, LifecycleError> {
        let expired = {
            let client = self.pool.get().await.map_err(StoreError::from)?;
            store::expired_unverified(&client, days).await?
        };
        let mut deleted = 0;
        for id in expired {
            let mut client = self.pool.get().await.map_err(StoreError::from)?;
            let transaction = client.transaction().await?;
            // Looked at again under a lock: the owner may have verified, or another control plane been quicker.
            if !store::is_expired(&transaction, id, days).await? {
                continue;
            }
            let Some(tenant) = store::detail_by_id(&transaction, id).await? else { continue };
            // Nobody has proven that the address is theirs: it is free for who can.
            store::forget_people(&transaction, id).await?;
            self.mark_deleted(transaction, tenant, true, "expiry").await?;
            drop(client);
            self.provisioning.run_saga(id, Kind::Drop).await?;
            deleted += 1;
        }
        Ok(deleted)
    }

    async fn mark_deleted(
        &self,
        transaction: Transaction<'_>,
        mut tenant: TenantDetail,
        backup: bool,
        actor: &str,
    ) -> Result<TenantDetail, LifecycleError> {
        let server = self.provisioning.servers().get_on(&transaction, tenant.server_id).await?;
        // Asked for again after an interruption: go on.
        if tenant.status != TenantStatus::Deleted {
            allowed(tenant.status, TenantStatus::Deleted)?;
            store::set_status(&transaction, tenant.id, TenantStatus::Deleted, None).await?;
            store::end_subscription(&transaction, tenant.id).await?;
            note(&transaction, &tenant, audit::Action::TenantDeleted, actor, None).await?;
            self.provisioning.set_login(&transaction, &server, tenant.id, false).await?;
        }
        provisioning::store::insert_saga(&transaction, tenant.id, Kind::Drop, backup).await?;
        transaction.commit().await?;
        self.provisioning.enforce_fence(&server, tenant.id, false).await?;
        tenant.status = TenantStatus::Deleted;
        Ok(tenant)
    }

    async fn change(
        &self,
        slug: &TenantSlug,
        next: impl FnOnce(&TenantDetail) -> TenantStatus,
        reason: Option<&str>,
        actor: &str,
        action: audit::Action,
    ) -> Result<TenantDetail, LifecycleError> {
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        let mut tenant = store::detail_for_update(&transaction, slug)
            .await?
            .ok_or_else(|| LifecycleError::NotFound(slug.clone()))?;
        let next = next(&tenant);
        // What is being made becomes what it is to be by its saga alone.
        if tenant.status == TenantStatus::Provisioning {
            return Err(LifecycleError::NotAllowed { from: tenant.status, to: next });
        }
        allowed(tenant.status, next)?;
        let server = self.provisioning.servers().get_on(&transaction, tenant.server_id).await?;
        store::set_status(&transaction, tenant.id, next, reason).await?;
        note(&transaction, &tenant, action, actor, reason).await?;
        self.provisioning.set_login(&transaction, &server, tenant.id, next.is_served()).await?;
        transaction.commit().await?;
        drop(client);
        self.provisioning.enforce_fence(&server, tenant.id, next.is_served()).await?;
        tenant.status = next;
        tenant.status_reason = reason.map(str::to_owned);
        Ok(tenant)
    }
}

async fn note(
    transaction: &Transaction<'_>,
    tenant: &TenantDetail,
    action: audit::Action,
    actor: &str,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let details = json!({ "slug": tenant.slug, "reason": reason });
    audit::record(transaction, audit::Entry::new(action, actor).tenant(Some(tenant.id)).details(details)).await
}

fn allowed(from: TenantStatus, to: TenantStatus) -> Result<(), LifecycleError> {
    if from.may_become(to) { Ok(()) } else { Err(LifecycleError::NotAllowed { from, to }) }
}
