//! What somebody holds after signing in: a short access token, and a refresh token that is rotated on every use.

use deadpool_postgres::Transaction;
use serde::Serialize;
use tenancy::{TenantId, secrets::OneTimeToken, token::Claims};

use super::{
    Identity, IdentityError, TokenKind,
    signer::Subject,
    store,
    tokens::{self, Holder},
    user::{Place, User, UserStatus},
};
use crate::audit::{self, Action, Entry, Origin};

/// The answer to a sign-in. It holds secrets, and is neither logged nor kept.
#[derive(Serialize)]
pub struct Session {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
    user: User,
    tenant: Option<Place>,
    tenants: Vec<Place>,
}

impl Identity {
    pub(super) fn session(
        &self,
        user: User,
        places: Vec<Place>,
        place: Option<Place>,
        refresh: &OneTimeToken,
    ) -> Result<Session, IdentityError> {
        let access_token = self.sign(&user, place.as_ref())?;
        Ok(Session {
            access_token,
            refresh_token: refresh.expose().to_owned(),
            token_type: "Bearer",
            expires_in: self.signer.life().as_secs(),
            user,
            tenant: place,
            tenants: places,
        })
    }

    /// An access token for somebody, in a place of theirs.
    pub(super) fn sign(&self, user: &User, place: Option<&Place>) -> Result<String, IdentityError> {
        let subject = Subject { user: user.id, email: &user.email, name: &user.name, super_admin: user.super_admin };
        Ok(self.signer.sign(subject, place.map(Place::claims))?)
    }

    /// A new access token and the next refresh token, for the same tenant. Somebody who lost their place in it gets a
    /// token without a tenant rather than one for another, into which they would write unawares.
    ///
    /// # Errors
    /// [`IdentityError::SessionOver`]; when a used token comes back, somebody copied it, and the whole sign-in ends.
    pub async fn refresh(&self, presented: &str, origin: &Origin) -> Result<Session, IdentityError> {
        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        let seen = tokens::peek(&transaction, TokenKind::Refresh, presented).await?;
        let seen = seen.ok_or(IdentityError::SessionOver)?;
        let user = active(store::lock(&transaction, seen.user).await?)?;
        let holder = tokens::consume(&transaction, TokenKind::Refresh, presented).await?;
        let holder = holder.ok_or(IdentityError::SessionOver)?;
        if holder.used {
            end_copied(transaction, &user, holder, origin).await?;
            return Err(IdentityError::SessionOver);
        }
        let places = store::places(&transaction, user.id).await?;
        let place = places.iter().find(|place| Some(place.id) == holder.tenant).cloned();
        let next = tokens::issue_in(&transaction, TokenKind::Refresh, user.id, holder.tenant, holder.family).await?;
        transaction.commit().await?;
        self.session(user, places, place, &next)
    }

    /// Ends the sign-in that a refresh token came from; one that is not known has ended already.
    ///
    /// # Errors
    /// [`IdentityError`], when the platform database gives no answer.
    pub async fn sign_out(&self, presented: &str, origin: &Origin) -> Result<(), IdentityError> {
        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        let Some(holder) = tokens::peek(&transaction, TokenKind::Refresh, presented).await? else {
            return Ok(());
        };
        // A rotation that runs at the same time is waited for, so that its new token ends as well.
        let Some(user) = store::lock(&transaction, holder.user).await? else {
            return Ok(());
        };
        if let Some(family) = holder.family {
            tokens::end_family(&transaction, family).await?;
        }
        let entry = Entry::new(Action::SignedOut, user.email.as_str()).user(user.id).tenant(holder.tenant);
        audit::record(&transaction, entry.from(origin)).await?;
        Ok(transaction.commit().await?)
    }

    /// Who somebody is, and where they have a place.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn me(&self, claims: &Claims) -> Result<(User, Option<Place>, Vec<Place>), IdentityError> {
        let db = self.db().await?;
        let user = active(store::by_id(&db, claims.user_id).await?)?;
        let places = store::places(&db, user.id).await?;
        let place = places.iter().find(|place| Some(place.id) == tenant_of(claims)).cloned();
        Ok((user, place, places))
    }

    /// A session in another tenant.
    ///
    /// # Errors
    /// [`IdentityError::NoPlace`] when there is none for the user.
    pub async fn switch(&self, claims: &Claims, slug: &str, origin: &Origin) -> Result<Session, IdentityError> {
        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        let user = active(store::lock(&transaction, claims.user_id).await?)?;
        let places = store::places(&transaction, user.id).await?;
        let place = places.iter().find(|place| place.slug.as_str() == slug).ok_or(IdentityError::NoPlace)?.clone();
        store::went_to(&transaction, user.id, place.id).await?;
        let refresh = tokens::issue(&transaction, TokenKind::Refresh, user.id, Some(place.id)).await?;
        let entry = Entry::new(Action::TenantSwitched, user.email.as_str()).user(user.id).tenant(Some(place.id));
        audit::record(&transaction, entry.from(origin)).await?;
        transaction.commit().await?;
        self.session(user, places, Some(place), &refresh)
    }
}

fn tenant_of(claims: &Claims) -> Option<TenantId> {
    claims.tenant.as_ref().map(|tenant| tenant.tenant_id)
}

pub(super) fn active(user: Option<User>) -> Result<User, IdentityError> {
    match user {
        Some(user) if user.status == UserStatus::Suspended => Err(IdentityError::Suspended),
        Some(user) => Ok(user),
        None => Err(IdentityError::SessionOver),
    }
}

async fn end_copied(
    transaction: Transaction<'_>,
    user: &User,
    holder: Holder,
    origin: &Origin,
) -> Result<(), IdentityError> {
    if let Some(family) = holder.family {
        tokens::end_family(&transaction, family).await?;
    }
    let entry = Entry::new(Action::RefreshReused, user.email.as_str()).user(user.id).tenant(holder.tenant);
    audit::record(&transaction, entry.from(origin)).await?;
    tracing::warn!(user = %user.id, "a used refresh token came back; the sign-in that it came from was ended");
    Ok(transaction.commit().await?)
}
