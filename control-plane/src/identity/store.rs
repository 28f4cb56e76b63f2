//! Users, memberships and token keys in the platform database.

use deadpool_postgres::GenericClient;
use tenancy::{EmailAddress, Language, TenantId, UserId, token::PublicKey};
use tokio_postgres::Row;

use super::user::{NewUser, Place, User, UserStatus};
use crate::platform::StoreError;

const USER: &str = "id, email, name, email_verified IS NOT NULL, super_admin, status, last_tenant";

fn user(row: &Row) -> User {
    User {
        id: row.get(0),
        email: row.get(1),
        name: row.get(2),
        email_verified: row.get(3),
        super_admin: row.get(4),
        status: row.get(5),
        last_tenant: row.get(6),
    }
}

/// Makes a user. An address that is taken breaks the unique index `users_email_key`.
///
/// # Errors
/// [`StoreError`].
pub async fn insert_user(db: &impl GenericClient, new: &NewUser) -> Result<(), StoreError> {
    let statement = db
        .prepare_cached(
            "INSERT INTO users (id, email, name, password_hash, status, super_admin, email_verified, preferences)
             VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END,
                     jsonb_build_object('language', $8::text,
                                        'notifications', jsonb_build_object('email', true, 'push', false)))",
        )
        .await?;
    let status = if new.password_hash.is_some() { UserStatus::Active } else { UserStatus::Invited };
    let language = new.language.map(Language::as_str);
    db.execute(
        &statement,
        &[&new.id, &new.email, &new.name, &new.password_hash, &status, &new.super_admin, &new.verified, &language],
    )
    .await?;
    Ok(())
}

pub(super) async fn by_id(db: &impl GenericClient, id: UserId) -> Result<Option<User>, StoreError> {
    let statement = db.prepare_cached(&format!("SELECT {USER} FROM users WHERE id = $1")).await?;
    Ok(db.query_opt(&statement, &[&id]).await?.as_ref().map(user))
}

/// The language that a user has chosen.
pub(super) async fn language(db: &impl GenericClient, id: UserId) -> Result<Option<Language>, StoreError> {
    let sql = "SELECT preferences ->> 'language' FROM users WHERE id = $1";
    let row = db.query_opt(sql, &[&id]).await?;
    Ok(row.and_then(|row| row.get::<_, Option<&str>>(0)?.parse().ok()))
}

/// The user for as long as the transaction lasts: sign-ins, rotations and new passwords of one user take turns.
pub(super) async fn lock(db: &impl GenericClient, id: UserId) -> Result<Option<User>, StoreError> {
    let statement = db.prepare_cached(&format!("SELECT {USER} FROM users WHERE id = $1 FOR NO KEY UPDATE")).await?;
    Ok(db.query_opt(&statement, &[&id]).await?.as_ref().map(user))
}

pub(super) async fn by_email(
    db: &impl GenericClient,
    email: &EmailAddress,
) -> Result<Option<(User, Option<String>)>, StoreError> {
    let statement = db.prepare_cached(&format!("SELECT {USER}, password_hash FROM users WHERE email = $1")).await?;
    Ok(db.query_opt(&statement, &[email]).await?.map(|row| (user(&row), row.get(7))))
}

/// Notes a sign-in; `false` when the user was suspended or given another password since `hash` was compared.
pub(super) async fn signed_in(
    db: &impl GenericClient,
    id: UserId,
    tenant: Option<TenantId>,
    hash: &str,
    fresh_hash: Option<&str>,
) -> Result<bool, StoreError> {
    let statement = db
        .prepare_cached(
            "UPDATE users SET last_login = now(), last_tenant = coalesce($2, last_tenant),
                    password_hash = coalesce($4, password_hash)
             WHERE id = $1 AND password_hash = $3 AND status = 'active'",
        )
        .await?;
    Ok(db.execute(&statement, &[&id, &tenant, &hash, &fresh_hash]).await? == 1)
}

pub(super) async fn went_to(db: &impl GenericClient, id: UserId, tenant: TenantId) -> Result<(), StoreError> {
    db.execute("UPDATE users SET last_tenant = $2 WHERE id = $1", &[&id, &tenant]).await?;
    Ok(())
}

/// Sets a password. Whoever got the mail with the token has proven the address.
pub(super) async fn set_password(db: &impl GenericClient, id: UserId, hash: &str) -> Result<(), StoreError> {
    db.execute(
        "UPDATE users SET password_hash = $2, email_verified = coalesce(email_verified, now()), updated_at = now(),
                status = CASE status WHEN 'invited' THEN 'active' ELSE status END
         WHERE id = $1",
        &[&id, &hash],
    )
    .await?;
    Ok(())
}

/// Moves every place of a user on, so that access tokens for it are refused; the runtimes are told by a trigger.
pub(super) async fn outdate_access_tokens(db: &impl GenericClient, id: UserId) -> Result<(), StoreError> {
    db.execute(
        "UPDATE memberships SET version = version + 1, changed_at = now() WHERE user_id = $1 AND status = 'active'",
        &[&id],
    )
    .await?;
    Ok(())
}

/// Takes up the invitation to a tenant, where there is one.
pub(super) async fn join(db: &impl GenericClient, id: UserId, tenant: TenantId) -> Result<(), StoreError> {
    db.execute(
        "UPDATE memberships SET status = 'active', joined_at = now(), changed_at = now(), version = version + 1
         WHERE tenant_id = $2 AND user_id = $1 AND status = 'invited'",
        &[&id, &tenant],
    )
    .await?;
    Ok(())
}

pub(super) async fn verify_email(db: &impl GenericClient, id: UserId) -> Result<Option<EmailAddress>, StoreError> {
    let statement = db
        .prepare_cached(
            "UPDATE users SET email_verified = coalesce(email_verified, now()), updated_at = now()
             WHERE id = $1 RETURNING email",
        )
        .await?;
    Ok(db.query_opt(&statement, &[&id]).await?.map(|row| row.get(0)))
}

/// The places of a user in tenants that are not gone.
pub(super) async fn places(db: &impl GenericClient, user: UserId) -> Result<Vec<Place>, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT t.id, t.slug, t.name, t.status, m.role, t.trial_ends_at, t.generation, m.version
             FROM memberships m JOIN tenants t ON t.id = m.tenant_id
             WHERE m.user_id = $1 AND m.status = 'active' AND t.status NOT IN ('failed', 'deleted')
             ORDER BY t.created_at, t.id",
        )
        .await?;
    let rows = db.query(&statement, &[&user]).await?;
    let place = |row: &Row| Place {
        id: row.get(0),
        slug: row.get(1),
        name: row.get(2),
        status: row.get(3),
        role: row.get(4),
        trial_ends_at: row.get(5),
        generation: row.get(6),
        version: row.get(7),
    };
    Ok(rows.iter().map(place).collect())
}

/// What the platform database says now of the user and place that a token names.
pub(super) struct Standing {
    pub(super) status: UserStatus,
    pub(super) super_admin: bool,
    /// Generation of the tenant and version of the membership; `None` when either is gone.
    pub(super) place: Option<(i32, i32)>,
}

pub(super) async fn standing(
    db: &impl GenericClient,
    user: UserId,
    tenant: Option<TenantId>,
) -> Result<Option<Standing>, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT u.status, u.super_admin, p.generation, p.version
             FROM users u LEFT JOIN LATERAL (
                 SELECT t.generation, m.version FROM memberships m JOIN tenants t ON t.id = m.tenant_id
                 WHERE m.user_id = u.id AND m.tenant_id = $2 AND m.status = 'active'
                   AND t.status NOT IN ('failed', 'deleted')
             ) p ON true
             WHERE u.id = $1",
        )
        .await?;
    let row = db.query_opt(&statement, &[&user, &tenant]).await?;
    Ok(row.map(|row| Standing {
        status: row.get(0),
        super_admin: row.get(1),
        place: row.get::<_, Option<i32>>(2).zip(row.get(3)),
    }))
}

pub(super) async fn publish_key(db: &impl GenericClient, key: &PublicKey) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO token_keys (kid, x) VALUES ($1, $2)
         ON CONFLICT (kid) DO UPDATE SET retired_at = NULL WHERE token_keys.retired_at IS NOT NULL",
        &[&key.kid, &key.x],
    )
    .await?;
    Ok(())
}

/// Retires the keys that came before this one, once no token that they signed is valid: the longest lasts 24 hours.
pub(super) async fn retire_keys_before(db: &impl GenericClient, key: &PublicKey) -> Result<(), StoreError> {
    db.execute(
        "UPDATE token_keys old SET retired_at = now() FROM token_keys new
         WHERE new.kid = $1 AND new.created_at < now() - interval '25 hours'
           AND old.created_at < new.created_at AND old.retired_at IS NULL",
        &[&key.kid],
    )
    .await?;
    Ok(())
}

pub(super) async fn keys(db: &impl GenericClient) -> Result<Vec<PublicKey>, StoreError> {
    let rows = db.query("SELECT kid, x FROM token_keys WHERE retired_at IS NULL ORDER BY created_at DESC", &[]).await?;
    Ok(rows.iter().map(|row| PublicKey { kid: row.get(0), x: row.get(1) }).collect())
}
