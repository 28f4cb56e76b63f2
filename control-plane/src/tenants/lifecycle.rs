//! A tenant changes its state.

use std::fmt;

use deadpool_postgres::Transaction;
use serde_json::{Value, json};
use tenancy::{Code, Problem, TenantId, TenantSlug, TenantStatus};

use super::{TenantDetail, Tenants, store};
use crate::{
    audit::{self, By},
    platform::StoreError,
    provisioning::{self, ProvisionError, saga::Kind},
    servers::ServerError,
};

/// Which tenant is meant: a slug may be given up and taken by another one, an id stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// The one that has this slug now.
    Slug(TenantSlug),
    /// This one.
    Id(TenantId),
}

impl Meant {
    /// Reads what stands in an address: an id, else a slug.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        text.parse().map(Self::Id).ok().or_else(|| TenantSlug::known(text).map(Self::Slug).ok())
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slug(slug) => slug.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl From<&TenantSlug> for Meant {
    fn from(slug: &TenantSlug) -> Self {
        Self::Slug(slug.clone())
    }
}

impl From<TenantId> for Meant {
    fn from(id: TenantId) -> Self {
        Self::Id(id)
    }
}

/// Why a tenant's state did not change.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// There is none, or none any more.
    #[error("there is no tenant {0}")]
    NotFound(Meant),
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
        tenant: impl Into<Meant>,
        reason: Option<&str>,
        by: impl Into<By>,
    ) -> Result<TenantDetail, LifecycleError> {
        let (tenant, by) = (tenant.into(), by.into());
        self.change(tenant, |_| TenantStatus::Suspended, reason, by, audit::Action::TenantSuspended).await
    }

    /// Serves a tenant again: in trial as long as that runs, else active.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn activate(&self, tenant: impl Into<Meant>, by: impl Into<By>) -> Result<TenantDetail, LifecycleError> {
        let after = |tenant: &TenantDetail| match tenant.trial_ends_at {
            Some(end)
                if tenant.is_trialing && end > jiff::Timestamp::now() && tenant.status == TenantStatus::Suspended =>
            {
                TenantStatus::Trial
            }
            _ => TenantStatus::Active,
        };
        self.change(tenant.into(), after, None, by.into(), audit::Action::TenantActivated).await
    }

    /// Deletes a tenant: refused to everybody at once, then its final backup, its database and its role go. Ends when
    /// all of that is done; what is interrupted goes on in the control plane.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn delete(
        &self,
        tenant: impl Into<Meant>,
        backup: bool,
        by: impl Into<By>,
    ) -> Result<TenantDetail, LifecycleError> {
        let tenant = self.begin_delete(tenant, backup, by).await?;
        self.provisioning.run_saga(tenant.id, Kind::Drop).await?;
        Ok(tenant)
    }

    /// The first half of [`Tenants::delete`]: refused to everybody, the rest recorded for the control plane.
    ///
    /// # Errors
    /// [`LifecycleError`].
    pub async fn begin_delete(
        &self,
        tenant: impl Into<Meant>,
        backup: bool,
        by: impl Into<By>,
    ) -> Result<TenantDetail, LifecycleError> {
        let (tenant, by) = (tenant.into(), by.into());
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        let tenant = held(&transaction, tenant).await?;
        self.mark_deleted(transaction, tenant, backup, &by).await
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
            self.mark_deleted(transaction, tenant, true, &"expiry".into()).await?;
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
        by: &By,
    ) -> Result<TenantDetail, LifecycleError> {
        let server = self.provisioning.servers().get_on(&transaction, tenant.server_id).await?;
        // Asked for again after an interruption: go on.
        if tenant.status != TenantStatus::Deleted {
            allowed(tenant.status, TenantStatus::Deleted)?;
            store::set_status(&transaction, tenant.id, TenantStatus::Deleted, None).await?;
            store::end_subscription(&transaction, tenant.id).await?;
            note(&transaction, &tenant, audit::Action::TenantDeleted, by, json!({ "backup": backup })).await?;
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
        tenant: Meant,
        next: impl FnOnce(&TenantDetail) -> TenantStatus,
        reason: Option<&str>,
        by: By,
        action: audit::Action,
    ) -> Result<TenantDetail, LifecycleError> {
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        let mut tenant = held(&transaction, tenant).await?;
        let next = next(&tenant);
        // What is being made becomes what it is to be by its saga alone.
        if tenant.status == TenantStatus::Provisioning {
            return Err(LifecycleError::NotAllowed { from: tenant.status, to: next });
        }
        allowed(tenant.status, next)?;
        let server = self.provisioning.servers().get_on(&transaction, tenant.server_id).await?;
        store::set_status(&transaction, tenant.id, next, reason).await?;
        note(&transaction, &tenant, action, &by, json!({ "reason": reason })).await?;
        self.provisioning.set_login(&transaction, &server, tenant.id, next.is_served()).await?;
        transaction.commit().await?;
        drop(client);
        self.provisioning.enforce_fence(&server, tenant.id, next.is_served()).await?;
        tenant.status = next;
        tenant.status_reason = reason.map(str::to_owned);
        Ok(tenant)
    }
}

/// The tenant that is meant, which nobody else changes before the transaction has ended.
async fn held(transaction: &Transaction<'_>, meant: Meant) -> Result<TenantDetail, LifecycleError> {
    store::detail_for_update(transaction, &meant).await?.ok_or(LifecycleError::NotFound(meant))
}

async fn note(
    transaction: &Transaction<'_>,
    tenant: &TenantDetail,
    action: audit::Action,
    by: &By,
    mut details: Value,
) -> Result<(), StoreError> {
    details["slug"] = json!(tenant.slug);
    audit::record(transaction, audit::Entry::by(action, by).tenant(Some(tenant.id)).details(details)).await
}

fn allowed(from: TenantStatus, to: TenantStatus) -> Result<(), LifecycleError> {
    if from.may_become(to) { Ok(()) } else { Err(LifecycleError::NotAllowed { from, to }) }
}
