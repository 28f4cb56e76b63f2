//! Signing a company up: the wizard's API. Open to strangers, so limited, capped, and safe to send twice.

mod access;
mod api;
mod company;
mod countries;
mod description;
mod draft;
mod error;
mod idempotency;
mod limits;
mod offer;
mod pages;
mod request;
mod settings;
mod store;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use api::routes;
pub use company::{Company, CompanyBody};
use deadpool_postgres::Pool;
pub use error::SignupError;
pub use idempotency::IdempotencyKey;
use limits::Unverified;
pub use pages::pages;
pub use request::SignupBody;
use request::Wanted;
use serde::Serialize;
pub use settings::Settings;
use store::Seen;
use tenancy::{EmailAddress, Language, TenantSlug, TenantStatus, UserId, fields::FieldErrors, secrets::MasterKey};

use crate::{
    audit::Origin,
    identity::{Identity, TokenKind, tokens},
    packages::Packages,
    platform::StoreError,
    tenants::{NewOwner, NewTenant, SignupKey, SlugChoice, TenantSummary, Tenants},
};

/// How long somebody waits for a workspace before they are told where to look for it.
const WAIT: Duration = Duration::from_secs(2);

/// Signs companies up.
#[derive(Clone)]
pub struct Signup {
    pool: Pool,
    master: Arc<MasterKey>,
    identity: Identity,
    tenants: Tenants,
    packages: Packages,
    settings: Settings,
    base_domain: String,
    unverified: Unverified,
}

/// What somebody holds who signed up. It holds a secret, and is neither logged nor kept.
#[derive(Serialize)]
pub struct SignedUp {
    /// The tenant, perhaps still in the making.
    pub tenant: TenantSummary,
    /// Its owner.
    pub user: Owner,
    /// With it the wizard is finished.
    pub onboarding_token: String,
}

/// The owner of a new tenant.
#[derive(Debug, Clone, Serialize)]
pub struct Owner {
    /// Their id.
    pub id: UserId,
    /// Their address.
    pub email: EmailAddress,
}

impl Signup {
    /// Signing up with these settings.
    #[must_use]
    pub fn new(
        pool: Pool,
        master: Arc<MasterKey>,
        identity: Identity,
        tenants: Tenants,
        packages: Packages,
        settings: Settings,
        base_domain: String,
    ) -> Self {
        Self { pool, master, identity, tenants, packages, settings, base_domain, unverified: Unverified::default() }
    }

    /// Signs a company up. The same key with the same request is the same signup, with a new onboarding token.
    ///
    /// # Errors
    /// [`SignupError`].
    pub async fn sign_up(
        &self,
        body: SignupBody,
        key: Option<&IdempotencyKey>,
        language: Language,
        origin: &Origin,
    ) -> Result<SignedUp, SignupError> {
        self.sign_up_within(WAIT, body, key, language, origin).await
    }

    /// [`Signup::sign_up`] for somebody who is shown how far their workspace is after this time.
    pub(super) async fn sign_up_within(
        &self,
        wait: Duration,
        body: SignupBody,
        key: Option<&IdempotencyKey>,
        language: Language,
        origin: &Origin,
    ) -> Result<SignedUp, SignupError> {
        let mut errors = FieldErrors::default();
        let package = self.packages.find(body.package()).await?;
        let wanted = body.parse(package.as_ref(), &mut errors);
        errors.finish().map_err(SignupError::Fields)?;
        let wanted = wanted.ok_or(SignupError::Unreadable)?;

        let key = key.map(|key| key.hashed(&self.master, &wanted));
        if let Some(seen) = self.seen_before(key.as_ref()).await? {
            let db = self.pool.get().await.map_err(StoreError::from)?;
            self.admit_network(&db, origin).await?;
            drop(db);
            return self.repeat(wait, seen, wanted.email).await;
        }
        self.admit_stranger(origin).await?;
        match self.make(wait, wanted, key, language, origin).await {
            // Two at once with one key: the other one was first, whichever of its rows this one ran into.
            Err((error, email)) => match self.seen_before(key.as_ref()).await? {
                Some(seen) => self.repeat(wait, seen, email).await,
                None => Err(error),
            },
            Ok(made) => Ok(made),
        }
    }

    async fn make(
        &self,
        wait: Duration,
        wanted: Wanted,
        signup_key: Option<SignupKey>,
        language: Language,
        origin: &Origin,
    ) -> Result<SignedUp, (SignupError, EmailAddress)> {
        let email = wanted.email.clone();
        let made = async {
            let hash = self.identity.passwords().hash(wanted.password).await?;
            let new = NewTenant {
                slug: wanted.slug.map_or(SlugChoice::FromName, SlugChoice::Exact),
                name: wanted.company,
                actor: email.to_string(),
                owner: NewOwner {
                    email: wanted.email,
                    name: wanted.name,
                    verified: false,
                    password_hash: Some(hash),
                    language,
                },
                package: wanted.package,
                billing_cycle: wanted.cycle,
                signup_key,
                origin: origin.clone(),
            };
            let born = self.tenants.create(new).await?;
            let tenant = if born.finished { born.tenant } else { self.wait_for(wait, born.tenant).await? };
            let user = Owner { id: born.owner_id, email: email.clone() };
            Ok(SignedUp { tenant, user, onboarding_token: born.onboarding_token.expose().to_owned() })
        };
        made.await.map_err(|error| (error, email.clone()))
    }

    async fn wait_for(&self, wait: Duration, tenant: TenantSummary) -> Result<TenantSummary, SignupError> {
        let tenant = self.tenants.wait_until_made(tenant, wait).await?;
        if tenant.status == TenantStatus::Failed { Err(SignupError::NotMade) } else { Ok(tenant) }
    }

    /// The signup that was made with this key before, if it was the same one.
    async fn seen_before(&self, key: Option<&SignupKey>) -> Result<Option<Seen>, SignupError> {
        let Some(key) = key else { return Ok(None) };
        let db = self.pool.get().await.map_err(StoreError::from)?;
        match store::by_key(&db, &key.key).await? {
            Some(seen) if !seen.is_of(&key.request) => Err(SignupError::KeyReused),
            seen => Ok(seen),
        }
    }

    /// The answer to a signup once more. The onboarding token of before is not kept, so there is a new one in its place.
    async fn repeat(&self, wait: Duration, seen: Seen, email: EmailAddress) -> Result<SignedUp, SignupError> {
        match seen.tenant.status {
            // On its way out; the key is free as soon as nothing is left.
            TenantStatus::Failed => return Err(SignupError::NotMade),
            // A retry that comes late must not bring back what was deleted meanwhile, nor say that it lives.
            TenantStatus::Deleted => return Err(SignupError::Deleted),
            _ => {}
        }
        let mut db = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = db.transaction().await.map_err(StoreError::from)?;
        let token = tokens::replace(&transaction, TokenKind::Onboarding, seen.user, Some(seen.tenant.id)).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        drop(db);
        let tenant = match seen.tenant.status {
            TenantStatus::Provisioning => self.wait_for(wait, seen.tenant).await?,
            _ => seen.tenant,
        };
        let user = Owner { id: seen.user, email };
        Ok(SignedUp { tenant, user, onboarding_token: token.expose().to_owned() })
    }

    /// What is wrong with a signup as far as it is filled in, by field; nothing is made.
    pub(super) async fn check(&self, body: SignupBody) -> Result<BTreeMap<String, Vec<String>>, SignupError> {
        let mut errors = FieldErrors::default();
        let package = self.packages.find(body.package()).await?;
        body.parse(package.as_ref(), &mut errors);
        Ok(errors.problem().errors().clone())
    }

    /// A slug for a company of this name that nobody has just now; `None` where too many are called so.
    pub(super) async fn suggest(&self, name: &str) -> Result<Option<TenantSlug>, SignupError> {
        let base = TenantSlug::from_name(name);
        // Names that many have get a number when the signup is made; here it is a suggestion.
        let candidates: Vec<TenantSlug> =
            std::iter::once(base.clone()).chain((2..20).map(|n| base.numbered(n))).collect();
        Ok(self.tenants.first_free(&candidates).await?)
    }

    /// Whether nobody has a slug just now.
    pub(super) async fn is_free(&self, slug: &TenantSlug) -> Result<bool, SignupError> {
        Ok(self.tenants.by_slug(slug).await?.is_none())
    }

    /// Forgets keys of long ago. To be called now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tend(&self) -> Result<(), StoreError> {
        store::purge_keys(&self.pool.get().await?).await?;
        Ok(())
    }
}
