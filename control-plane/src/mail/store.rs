//! The outbox, in the table `mails`.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use tenancy::{Language, TenantId, TenantSlug, UserId};
use uuid::Uuid;

use super::Template;
use crate::{identity::UserStatus, platform::StoreError};

/// Writes a mail down, in the caller's transaction; it is sent after the commit.
///
/// # Errors
/// [`StoreError`].
pub async fn enqueue(
    db: &impl GenericClient,
    template: Template,
    user: UserId,
    tenant: Option<TenantId>,
) -> Result<(), StoreError> {
    let statement =
        db.prepare_cached("INSERT INTO mails (id, template, user_id, tenant_id) VALUES ($1, $2, $3, $4)").await?;
    db.execute(&statement, &[&Uuid::now_v7(), &template, &user, &tenant]).await?;
    Ok(())
}

/// Whether somebody was written this within the last ten minutes.
///
/// # Errors
/// [`StoreError`].
pub async fn is_recent(db: &impl GenericClient, template: Template, user: UserId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM mails
        WHERE user_id = $1 AND template = $2 AND created_at > now() - interval '10 minutes')";
    Ok(db.query_one(sql, &[&user, &template]).await?.get(0))
}

/// A mail to send now.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) id: Uuid,
    pub(super) template: Template,
    pub(super) user: UserId,
    pub(super) tenant: Option<TenantId>,
    pub(super) attempts: i32,
}

/// Takes mails that are due, for as long as `lease`: whoever dies while sending them leaves them to the next. Nobody is
/// written to about a tenant that may still come to nothing.
pub(super) async fn claim(db: &impl GenericClient, many: i64, lease: Duration) -> Result<Vec<Due>, StoreError> {
    let statement = db
        .prepare_cached(
            "UPDATE mails SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $2)
             WHERE id IN (SELECT id FROM mails m WHERE sent_at IS NULL AND next_attempt_at <= now()
                          AND NOT EXISTS (SELECT 1 FROM tenants t WHERE t.id = m.tenant_id AND t.status = 'provisioning')
                          ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED)
             RETURNING id, template, user_id, tenant_id, attempts",
        )
        .await?;
    let rows = db.query(&statement, &[&many, &lease.as_secs_f64()]).await?;
    let due = rows.iter().map(|row| Due {
        id: row.get(0),
        template: row.get(1),
        user: row.get(2),
        tenant: row.get(3),
        attempts: row.get(4),
    });
    Ok(due.collect())
}

/// Whom a mail goes to, and what it says of them.
#[derive(Debug)]
pub(super) struct Recipient {
    pub(super) email: String,
    pub(super) name: String,
    pub(super) verified: bool,
    pub(super) status: UserStatus,
    /// That of the tenant which it is about, else that of the user.
    pub(super) language: Language,
    /// Slug and name of the tenant; `None` also when that is gone.
    pub(super) tenant: Option<(TenantSlug, String)>,
}

pub(super) async fn recipient(db: &impl GenericClient, due: &Due) -> Result<Option<Recipient>, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT u.email, u.name, u.email_verified IS NOT NULL, u.status,
                    coalesce(t.language, u.preferences ->> 'language'), t.slug, t.name
             FROM users u LEFT JOIN tenants t ON t.id = $2 AND t.status NOT IN ('failed', 'deleted')
             WHERE u.id = $1",
        )
        .await?;
    let row = db.query_opt(&statement, &[&due.user, &due.tenant]).await?;
    Ok(row.map(|row| Recipient {
        email: row.get(0),
        name: row.get(1),
        verified: row.get(2),
        status: row.get(3),
        language: row.get::<_, Option<&str>>(4).and_then(|word| word.parse().ok()).unwrap_or(Language::English),
        tenant: row.get::<_, Option<TenantSlug>>(5).zip(row.get(6)),
    }))
}

pub(super) async fn sent(db: &impl GenericClient, id: Uuid, remark: Option<&str>) -> Result<(), StoreError> {
    let statement = db.prepare_cached("UPDATE mails SET sent_at = now(), error = $2 WHERE id = $1").await?;
    db.execute(&statement, &[&id, &remark]).await?;
    Ok(())
}

/// Notes a failure; without a pause the mail is given up, and stays for whoever looks.
pub(super) async fn failed(
    db: &impl GenericClient,
    id: Uuid,
    error: &str,
    pause: Option<Duration>,
) -> Result<(), StoreError> {
    db.execute(
        "UPDATE mails SET error = $2,
                next_attempt_at = coalesce(now() + make_interval(secs => $3), 'infinity')
         WHERE id = $1",
        &[&id, &error, &pause.map(|pause| pause.as_secs_f64())],
    )
    .await?;
    Ok(())
}

/// Deletes mails that were sent long ago.
pub(super) async fn purge(db: &impl GenericClient) -> Result<u64, StoreError> {
    Ok(db.execute("DELETE FROM mails WHERE sent_at < now() - interval '30 days'", &[]).await?)
}

/// How many mails wait to be sent, and how many were given up.
pub(super) async fn backlog(db: &impl GenericClient) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT count(*) FILTER (WHERE next_attempt_at < 'infinity'), count(*) FILTER (WHERE next_attempt_at = 'infinity') \
               FROM mails WHERE sent_at IS NULL";
    let row = db.query_one(sql, &[]).await?;
    Ok((row.get(0), row.get(1)))
}
