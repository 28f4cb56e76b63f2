//! What is handed out once and kept as its hash: refresh tokens, and those in mails.

use deadpool_postgres::{GenericClient, Transaction};
use tenancy::{TenantId, UserId, secrets::OneTimeToken};
use uuid::Uuid;

use crate::platform::StoreError;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Gets a new access token and the next refresh token.
    Refresh,
    /// Gets a browser new access tokens for as long as the sign-in lasts. It is not rotated: two tabs ask at once, and
    /// scripts can't read it.
    Browser,
    /// Lets a browser into the console of those who run the platform.
    Operator,
    /// Proves an e-mail address.
    VerifyEmail,
    /// Lets whoever signed a company up finish the wizard.
    Onboarding,
    /// Lets somebody who was invited set their first password.
    Invitation,
    /// Lets somebody who forgot their password set another.
    PasswordReset,
}

/// Whom a token was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user: UserId,
    /// The tenant, where it is for one.
    pub tenant: Option<TenantId>,
    /// The sign-in that a refresh token came from.
    pub family: Option<Uuid>,
    /// Whether it was used before.
    pub used: bool,
}

impl TokenKind {
    /// The word for it in the database. An invitation and a reset differ only in how long they last.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Browser => "browser",
            Self::Operator => "operator",
            Self::VerifyEmail => "verify_email",
            Self::Onboarding => "onboarding",
            Self::Invitation | Self::PasswordReset => "set_password",
        }
    }

    /// How many hours it lasts.
    #[must_use]
    pub const fn hours(self) -> i32 {
        match self {
            Self::Refresh | Self::Browser => 30 * 24,
            Self::Operator => 12,
            Self::VerifyEmail => 48,
            Self::Onboarding => 24,
            Self::Invitation => 7 * 24,
            Self::PasswordReset => 1,
        }
    }
}

/// A new token; what is kept of it becomes valid with the caller's transaction.
///
/// # Errors
/// [`StoreError`].
pub async fn issue(
    db: &impl GenericClient,
    kind: TokenKind,
    user: UserId,
    tenant: Option<TenantId>,
) -> Result<OneTimeToken, StoreError> {
    let family = (kind == TokenKind::Refresh).then(Uuid::now_v7);
    issue_in(db, kind, user, tenant, family).await
}

/// A new token in place of those of this kind that its user has not used.
///
/// # Errors
/// [`StoreError`].
pub async fn replace(
    db: &Transaction<'_>,
    kind: TokenKind,
    user: UserId,
    tenant: Option<TenantId>,
) -> Result<OneTimeToken, StoreError> {
    let unused = "DELETE FROM tokens WHERE user_id = $1 AND kind = $2 AND used_at IS NULL";
    db.execute(unused, &[&user, &kind.as_str()]).await?;
    issue(db, kind, user, tenant).await
}

/// The next refresh token of a sign-in.
pub(super) async fn issue_in(
    db: &impl GenericClient,
    kind: TokenKind,
    user: UserId,
    tenant: Option<TenantId>,
    family: Option<Uuid>,
) -> Result<OneTimeToken, StoreError> {
    let token = fresh();
    keep(db, &token, kind, user, tenant, family).await?;
    Ok(token)
}

/// A token that is not kept yet.
pub(crate) fn fresh() -> OneTimeToken {
    // The kernel's generator can't fail once it is seeded, and making an id relies on that as well.
    OneTimeToken::generate().expect("the system's random numbers")
}

/// Keeps a token's hash; the token becomes valid with the caller's transaction.
pub(crate) async fn keep(
    db: &impl GenericClient,
    token: &OneTimeToken,
    kind: TokenKind,
    user: UserId,
    tenant: Option<TenantId>,
    family: Option<Uuid>,
) -> Result<(), StoreError> {
    let statement = db
        .prepare_cached(
            "INSERT INTO tokens (hash, kind, user_id, tenant_id, family, expires_at)
             VALUES ($1, $2, $3, $4, $5, now() + make_interval(hours => $6))",
        )
        .await?;
    let hash = token.hash();
    db.execute(&statement, &[&hash.as_slice(), &kind.as_str(), &user, &tenant, &family, &kind.hours()]).await?;
    Ok(())
}

/// Whom a token that somebody presents was made for; `None` when there is none such, or it is over.
///
/// # Errors
/// [`StoreError`].
pub async fn peek(db: &impl GenericClient, kind: TokenKind, presented: &str) -> Result<Option<Holder>, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT user_id, tenant_id, family, used_at IS NOT NULL FROM tokens
             WHERE hash = $1 AND kind = $2 AND expires_at > now()",
        )
        .await?;
    let hash = OneTimeToken::hash_of(presented);
    let row = db.query_opt(&statement, &[&hash.as_slice(), &kind.as_str()]).await?;
    Ok(row.map(|row| Holder { user: row.get(0), tenant: row.get(1), family: row.get(2), used: row.get(3) }))
}

/// Uses a token up. [`Holder::used`] tells whether somebody had used it before; of two at once, one is the first.
///
/// # Errors
/// [`StoreError`].
pub async fn consume(db: &Transaction<'_>, kind: TokenKind, presented: &str) -> Result<Option<Holder>, StoreError> {
    let hash = OneTimeToken::hash_of(presented);
    let lock = db.prepare_cached("SELECT 1 FROM tokens WHERE hash = $1 FOR UPDATE").await?;
    db.execute(&lock, &[&hash.as_slice()]).await?;
    // Read in a statement of its own, which sees what the one that held the lock before has committed.
    let holder = peek(db, kind, presented).await?;
    if holder.is_some_and(|holder| !holder.used) {
        let mark = db.prepare_cached("UPDATE tokens SET used_at = now() WHERE hash = $1").await?;
        db.execute(&mark, &[&hash.as_slice()]).await?;
    }
    Ok(holder)
}

/// Has a browser's token lead to another tenant.
pub(super) async fn lead_to(db: &impl GenericClient, presented: &str, tenant: TenantId) -> Result<(), StoreError> {
    let hash = OneTimeToken::hash_of(presented);
    db.execute("UPDATE tokens SET tenant_id = $2 WHERE hash = $1", &[&hash.as_slice(), &tenant]).await?;
    Ok(())
}

/// Ends one token.
pub(super) async fn end(db: &impl GenericClient, presented: &str) -> Result<(), StoreError> {
    db.execute("DELETE FROM tokens WHERE hash = $1", &[&OneTimeToken::hash_of(presented).as_slice()]).await?;
    Ok(())
}

/// Ends every refresh token that came from one sign-in.
pub(super) async fn end_family(db: &impl GenericClient, family: Uuid) -> Result<(), StoreError> {
    db.execute("DELETE FROM tokens WHERE family = $1", &[&family]).await?;
    Ok(())
}

/// Ends every token of these kinds that a user has.
pub(super) async fn end_all(db: &impl GenericClient, user: UserId, kinds: &[TokenKind]) -> Result<(), StoreError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    db.execute("DELETE FROM tokens WHERE user_id = $1 AND kind = ANY ($2)", &[&user, &kinds]).await?;
    Ok(())
}

/// Deletes those that are over. Used ones stay until then: that one comes back must be noticed.
pub(super) async fn purge(db: &impl GenericClient) -> Result<u64, StoreError> {
    Ok(db.execute("DELETE FROM tokens WHERE expires_at < now()", &[]).await?)
}
