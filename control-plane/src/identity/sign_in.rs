//! Signing in with a password.

use secrecy::SecretString;
use serde_json::json;
use tenancy::{EmailAddress, secrets::OneTimeToken};

use super::{
    Identity, IdentityError, TokenKind,
    attempts::{self, What},
    hasher::Checked,
    session::Session,
    store, tokens,
    user::{Place, User, UserStatus, usual_place},
};
use crate::audit::{self, Action, Entry, Origin};

/// Somebody who showed the right password.
pub(super) struct LetIn {
    pub(super) user: User,
    pub(super) places: Vec<Place>,
    pub(super) place: Option<Place>,
    pub(super) token: OneTimeToken,
}

impl Identity {
    /// Signs somebody in, into the tenant that they name or else the usual one.
    ///
    /// # Errors
    /// [`IdentityError`]; that an account is suspended, or no member, is told only after the right password.
    pub async fn sign_in(
        &self,
        email: &str,
        password: SecretString,
        tenant: Option<&str>,
        origin: &Origin,
    ) -> Result<Session, IdentityError> {
        let let_in = self.let_in(email, password, tenant, TokenKind::Refresh, origin).await?;
        self.session(let_in.user, let_in.places, let_in.place, &let_in.token)
    }

    /// Checks a password, and gives a token of this kind for it.
    pub(super) async fn let_in(
        &self,
        email: &str,
        password: SecretString,
        tenant: Option<&str>,
        kind: TokenKind,
        origin: &Origin,
    ) -> Result<LetIn, IdentityError> {
        let email = EmailAddress::parse(email).ok();
        self.refuse_after_too_many(email.as_ref(), origin).await?;
        let known = match &email {
            Some(email) => store::by_email(&self.db().await?, email).await?,
            None => None,
        };
        // No connection is held while hashing: that takes long, and connections are few.
        let hash = known.as_ref().and_then(|(_, hash)| hash.clone());
        let checked = self.passwords.check(password.clone(), hash.clone()).await?;
        let (Some((user, _)), Some(hash), Checked::Right | Checked::RightButOutdated) = (known, hash, checked) else {
            self.count_failure(email.as_ref(), "wrong credentials", origin).await?;
            return Err(IdentityError::WrongCredentials);
        };
        if user.status == UserStatus::Suspended {
            self.count_failure(email.as_ref(), "suspended", origin).await?;
            return Err(IdentityError::Suspended);
        }
        if kind == TokenKind::Operator && !user.super_admin {
            self.count_failure(email.as_ref(), "no operator", origin).await?;
            return Err(IdentityError::WrongCredentials);
        }
        let places = store::places(&self.db().await?, user.id).await?;
        let place = match tenant {
            Some(slug) => Some(places.iter().find(|place| place.slug.as_str() == slug).ok_or(IdentityError::NoPlace)?),
            None => usual_place(&places, user.last_tenant),
        }
        .cloned();
        let tenant = place.as_ref().map(|place| place.id);

        let fresh_hash = match checked {
            Checked::RightButOutdated => Some(self.passwords.hash_secret(password).await?),
            Checked::Right | Checked::Wrong => None,
        };

        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        if !store::signed_in(&transaction, user.id, tenant, &hash, fresh_hash.as_deref()).await? {
            return Err(IdentityError::WrongCredentials);
        }
        let token = tokens::issue(&transaction, kind, user.id, tenant).await?;
        let entry = Entry::new(Action::SignedIn, user.email.as_str()).user(user.id).tenant(tenant).from(origin);
        audit::record(&transaction, entry).await?;
        transaction.commit().await?;
        Ok(LetIn { user, places, place, token })
    }

    /// Asked before hashing, so that a flood of guesses costs little. Guesses that are already in the queue may still
    /// pass: the limit is exceeded at most by what the queue holds, once an hour.
    async fn refuse_after_too_many(&self, email: Option<&EmailAddress>, origin: &Origin) -> Result<(), IdentityError> {
        let db = self.db().await?;
        for (what, who, limit) in self.failure_counters(email, origin) {
            if limit > 0 && attempts::counted(&db, what, &who).await? >= limit {
                return Err(IdentityError::TooMany);
            }
        }
        Ok(())
    }

    async fn count_failure(
        &self,
        email: Option<&EmailAddress>,
        reason: &str,
        origin: &Origin,
    ) -> Result<(), IdentityError> {
        let db = self.db().await?;
        for (what, who, _) in self.failure_counters(email, origin) {
            attempts::count(&db, what, &who).await?;
        }
        let actor = email.map_or("unknown", EmailAddress::as_str);
        let entry = Entry::new(Action::SignInFailed, actor).details(json!({ "reason": reason })).from(origin);
        audit::record(&db, entry).await?;
        Ok(())
    }

    /// A stranger far away must not be able to lock somebody out with a few guesses; many from many networks are
    /// stopped all the same.
    fn failure_counters(&self, email: Option<&EmailAddress>, origin: &Origin) -> Vec<(What, String, u32)> {
        let (network, limits) = (origin.network(), &self.settings);
        let mut counters = Vec::with_capacity(3);
        if let Some(email) = email {
            let both = format!("{email} {network}");
            counters.push((What::FailedSignInOfAccountFrom, both, limits.failed_sign_ins_per_account));
            let in_all = limits.failed_sign_ins_per_account_in_all;
            counters.push((What::FailedSignInOfAccount, email.to_string(), in_all));
        }
        counters.push((What::FailedSignInFrom, network, limits.failed_sign_ins_per_address));
        counters
    }
}
