//! Who may see and finish a tenant's wizard: its owner, by access token or by the onboarding token of the signup.

use tenancy::{Role, TenantId, TenantSlug, UserId};

use super::{Signup, SignupError, company::Company, store};
use crate::{
    audit::{self, Action, Entry, Origin},
    identity::IdentityError,
    platform::StoreError,
    tenants::{StepView, TenantSummary},
};

/// Somebody who may.
pub(super) struct Admitted {
    pub(super) user: UserId,
    pub(super) tenant: TenantId,
    actor: String,
}

impl Signup {
    /// Admits whoever presents a token that is good for this tenant.
    pub(super) async fn admit(&self, slug: &str, presented: Option<&str>) -> Result<Admitted, SignupError> {
        let presented = presented.ok_or(IdentityError::NoToken)?;
        // Only access tokens have dots.
        if presented.contains('.') {
            let caller = self.identity.authenticate(presented).await?;
            let tenant = caller.tenant().ok_or(IdentityError::TenantRequired)?;
            if tenant.tenant_slug.as_str() != slug {
                return Err(IdentityError::OtherTenant.into());
            }
            if tenant.role != Role::Owner {
                return Err(IdentityError::Forbidden.into());
            }
            return Ok(Admitted { user: caller.user(), tenant: tenant.tenant_id, actor: caller.actor().to_owned() });
        }
        let (user, tenant) = self.identity.onboarding(presented).await?;
        if self.tenant(slug).await?.is_none_or(|found| found.id != tenant) {
            return Err(IdentityError::OtherTenant.into());
        }
        Ok(Admitted { user, tenant, actor: "onboarding".to_owned() })
    }

    async fn tenant(&self, slug: &str) -> Result<Option<TenantSummary>, SignupError> {
        match TenantSlug::known(slug) {
            Ok(slug) => Ok(self.tenants.by_slug(&slug).await?),
            Err(_) => Ok(None),
        }
    }

    /// Where the making of a tenant is.
    pub(super) async fn status(
        &self,
        slug: &str,
        presented: Option<&str>,
    ) -> Result<(TenantSummary, Vec<StepView>), SignupError> {
        let admitted = self.admit(slug, presented).await?;
        let tenant = self.tenant(slug).await?.ok_or(SignupError::NoTenant)?;
        Ok((tenant, self.tenants.steps(admitted.tenant).await?))
    }

    /// The same for whoever is known to have made this tenant, also when nothing is left of it.
    pub(super) async fn progress(&self, tenant: TenantId) -> Result<(TenantSummary, Vec<StepView>), SignupError> {
        let summary = self.tenants.by_id(tenant).await?.ok_or(SignupError::NoTenant)?;
        Ok((summary, self.tenants.steps(tenant).await?))
    }

    /// Proves the owner's address.
    pub(super) async fn verify(&self, slug: &str, token: &str, origin: &Origin) -> Result<(), SignupError> {
        // Strangers are not told which slugs there are.
        let tenant = self.tenant(slug).await?.ok_or(IdentityError::MailedToken)?;
        self.identity.verify_email(token, tenant.id, origin).await?;
        Ok(())
    }

    /// Writes what the owner told, and that the wizard is done.
    pub(super) async fn complete(
        &self,
        admitted: &Admitted,
        company: &Company,
        origin: &Origin,
    ) -> Result<store::Completed, SignupError> {
        let mut db = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = db.transaction().await.map_err(StoreError::from)?;
        let tenant = store::complete(&transaction, admitted.tenant, company).await?.ok_or(SignupError::NoTenant)?;
        let entry = Entry::new(Action::OnboardingCompleted, &admitted.actor).user(admitted.user);
        audit::record(&transaction, entry.tenant(Some(admitted.tenant)).from(origin)).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(tenant)
    }
}
