//! What is done with a token from a mail: proving an address, setting a password.

use tenancy::{EmailAddress, TenantId, UserId};
use tracing::Instrument;

use super::{
    Identity, IdentityError, Password, TokenKind,
    attempts::{self, What},
    store,
    tokens::{self, Holder},
    user::UserStatus,
};
use crate::{
    audit::{self, Action, Entry, Origin},
    mail::{self, Template},
};

impl Identity {
    /// Sends a mail with which a forgotten password can be replaced. Nobody learns whether there is such an account.
    ///
    /// # Errors
    /// [`IdentityError::TooMany`] for the client, not for the account.
    pub async fn forgot_password(&self, email: &EmailAddress, origin: &Origin) -> Result<(), IdentityError> {
        let db = self.db().await?;
        let asked = attempts::count(&db, What::ForgottenPasswordFrom, &origin.network()).await?;
        if is_over(asked, self.settings.password_mails_per_address) {
            return Err(IdentityError::TooMany);
        }
        let asked = attempts::count(&db, What::ForgottenPasswordOf, email.as_str()).await?;
        if is_over(asked, self.settings.password_mails_per_account) {
            return Ok(());
        }
        let (identity, email, origin) = (self.clone(), email.clone(), origin.clone());
        let mail = async move {
            if let Err(error) = identity.mail_reset(&email, &origin).await {
                tracing::error!(%error, "the mail for a new password could not be written");
            }
        };
        // Nobody waits for it, because there is more to do for an account that exists, and the time would tell.
        tokio::spawn(mail.in_current_span());
        Ok(())
    }

    async fn mail_reset(&self, email: &EmailAddress, origin: &Origin) -> Result<(), IdentityError> {
        let mut db = self.db().await?;
        let Some((user, _)) = store::by_email(&db, email).await? else {
            return Ok(());
        };
        if user.status == UserStatus::Suspended {
            return Ok(());
        }
        let transaction = db.transaction().await?;
        mail::enqueue(&transaction, Template::PasswordReset, user.id, None).await?;
        let entry = Entry::new(Action::PasswordForgotten, email.as_str()).user(user.id).from(origin);
        audit::record(&transaction, entry).await?;
        transaction.commit().await?;
        self.bell.ring();
        Ok(())
    }

    /// Sends the mail with which somebody proves their address once more, unless they have, or one was written within
    /// the last ten minutes.
    ///
    /// # Errors
    /// [`IdentityError`], when the platform database gives no answer.
    pub async fn mail_verification(&self, user: UserId, tenant: Option<TenantId>) -> Result<(), IdentityError> {
        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        store::lock(&transaction, user).await?;
        let is_due = store::by_id(&transaction, user).await?.is_some_and(|user| !user.email_verified);
        if is_due && !mail::is_recent(&transaction, Template::VerifyEmail, user).await? {
            mail::enqueue(&transaction, Template::VerifyEmail, user, tenant).await?;
        }
        transaction.commit().await?;
        self.bell.ring();
        Ok(())
    }

    /// Sets a password with the token of an invitation or of a forgotten one. Proves the address, takes up the
    /// invitation, and ends every sign-in with the access tokens that came of it. Returns the address, to sign in with.
    ///
    /// # Errors
    /// [`IdentityError::MailedToken`], [`IdentityError::Password`].
    pub async fn set_password(
        &self,
        presented: &str,
        password: String,
        origin: &Origin,
    ) -> Result<EmailAddress, IdentityError> {
        let kind = TokenKind::PasswordReset;
        // Looked at before it is used up: a password that may not be chosen leaves the token good, and nobody makes
        // us hash without one.
        let db = self.db().await?;
        let holder = unused(tokens::peek(&db, kind, presented).await?)?;
        let user = store::by_id(&db, holder.user).await?.ok_or(IdentityError::MailedToken)?;
        drop(db);
        let password = Password::parse(password, Some(&user.email))?;
        let hash = self.passwords.hash(password).await?;

        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        store::lock(&transaction, user.id).await?;
        let holder = unused(tokens::consume(&transaction, kind, presented).await?)?;
        store::set_password(&transaction, user.id, &hash).await?;
        store::outdate_access_tokens(&transaction, user.id).await?;
        if let Some(tenant) = holder.tenant {
            store::join(&transaction, user.id, tenant).await?;
        }
        tokens::end_all(&transaction, user.id, &[TokenKind::Refresh, TokenKind::Browser, TokenKind::Operator, kind])
            .await?;
        let entry = Entry::new(Action::PasswordSet, user.email.as_str()).user(user.id).tenant(holder.tenant);
        audit::record(&transaction, entry.from(origin)).await?;
        transaction.commit().await?;
        Ok(user.email)
    }

    /// Proves the address of a user with the token of a mail that was sent for this tenant. The same token again,
    /// while it lasts, changes nothing and is no error: people open links twice.
    ///
    /// # Errors
    /// [`IdentityError::MailedToken`].
    pub async fn verify_email(
        &self,
        presented: &str,
        tenant: TenantId,
        origin: &Origin,
    ) -> Result<UserId, IdentityError> {
        let mut db = self.db().await?;
        let transaction = db.transaction().await?;
        let holder = tokens::consume(&transaction, TokenKind::VerifyEmail, presented).await?;
        let holder = holder.filter(|holder| holder.tenant == Some(tenant)).ok_or(IdentityError::MailedToken)?;
        if holder.used {
            return Ok(holder.user);
        }
        let email = store::verify_email(&transaction, holder.user).await?.ok_or(IdentityError::MailedToken)?;
        let entry = Entry::new(Action::EmailVerified, email.as_str()).user(holder.user).tenant(Some(tenant));
        audit::record(&transaction, entry.from(origin)).await?;
        transaction.commit().await?;
        Ok(holder.user)
    }

    /// Whom an onboarding token was given to, and for which tenant.
    ///
    /// # Errors
    /// [`IdentityError::Onboarding`].
    pub async fn onboarding(&self, presented: &str) -> Result<(UserId, TenantId), IdentityError> {
        let holder = tokens::peek(&self.db().await?, TokenKind::Onboarding, presented).await?;
        let holder = holder.ok_or(IdentityError::Onboarding)?;
        Ok((holder.user, holder.tenant.ok_or(IdentityError::Onboarding)?))
    }
}

const fn is_over(counted: u32, limit: u32) -> bool {
    limit > 0 && counted > limit
}

fn unused(holder: Option<Holder>) -> Result<Holder, IdentityError> {
    holder.filter(|holder| !holder.used).ok_or(IdentityError::MailedToken)
}
