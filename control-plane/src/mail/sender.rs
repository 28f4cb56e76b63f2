//! Empties the outbox.

use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::{StreamExt, stream};
use lettre::message::Mailbox;
use tenancy::secrets::OneTimeToken;

use super::{
    Bell, Settings, Template, Transport, TransportError,
    store::{self, Due, Recipient},
    texts::letter,
};
use crate::{
    identity::{TokenKind, UserStatus, tokens},
    platform::StoreError,
};

/// How often the mailer looks by itself, for mail of other processes and mail to be tried again.
const LOOK: Duration = Duration::from_secs(5);
/// How many mails are taken at once, and how many of them are sent side by side.
const BATCH: i64 = 16;
const SIDE_BY_SIDE: usize = 4;
/// Longer than a whole batch can take.
const LEASE: Duration = Duration::from_secs(180);
const MOST_ATTEMPTS: i32 = 10;

/// Sends what is in the outbox. Several may run: each mail is taken by one.
#[derive(Clone)]
pub struct Mailer {
    pool: Pool,
    transport: Transport,
    from: Mailbox,
    public_url: String,
    bell: Bell,
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("the mail can't be written: {0}")]
    Message(Box<dyn std::error::Error + Send + Sync>),
}

impl Mailer {
    /// A mailer with this way out.
    ///
    /// # Errors
    /// When the sender in the settings is no `Name <address>`.
    pub fn new(
        pool: Pool,
        transport: Transport,
        settings: &Settings,
        bell: Bell,
    ) -> Result<Self, lettre::address::AddressError> {
        let from = settings.from.parse()?;
        Ok(Self { pool, transport, from, public_url: settings.public_url.clone(), bell })
    }

    /// Sends until it is dropped. What is under way then is sent again by the next one, after a while.
    pub async fn run(&self) {
        loop {
            match self.send_batch().await {
                // A full batch: there is likely more.
                Ok(sent) if sent >= BATCH as usize => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the outbox could not be read"),
            }
            // Either is a reason to look again.
            let _ = tokio::time::timeout(LOOK, self.bell.heard()).await;
        }
    }

    /// Deletes mails that were sent long ago. To be called now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tend(&self) -> Result<(), StoreError> {
        store::purge(&self.pool.get().await?).await?;
        Ok(())
    }

    /// Sends what is due, at most a batch, and returns how many that were.
    ///
    /// # Errors
    /// [`StoreError`] when the outbox can't be read.
    pub async fn send_batch(&self) -> Result<usize, StoreError> {
        let due = {
            let db = self.pool.get().await?;
            store::claim(&db, BATCH, LEASE).await?
        };
        let many = due.len();
        stream::iter(due).for_each_concurrent(SIDE_BY_SIDE, |due| self.deliver(due)).await;
        Ok(many)
    }

    async fn deliver(&self, due: Due) {
        let outcome = self.send(&due).await;
        let noted = async {
            let db = self.pool.get().await?;
            match &outcome {
                Ok(None) => store::sent(&db, due.id, None).await,
                Ok(Some(remark)) => store::sent(&db, due.id, Some(remark)).await,
                Err(error) => store::failed(&db, due.id, &error.to_string(), pause(due.attempts)).await,
            }
        };
        if let Err(error) = noted.await {
            tracing::warn!(mail = %due.id, %error, "what became of a mail could not be noted; it may be sent twice");
        }
        if let Err(error) = &outcome {
            if pause(due.attempts).is_some() {
                tracing::warn!(mail = %due.id, attempt = due.attempts, %error, "a mail was not sent; trying again later");
            } else {
                tracing::error!(mail = %due.id, %error, "a mail was given up");
            }
        }
    }

    /// `Some` is why there was nothing to send after all.
    async fn send(&self, due: &Due) -> Result<Option<&'static str>, SendError> {
        let db = self.pool.get().await.map_err(StoreError::from)?;
        let Some(to) = store::recipient(&db, due).await? else {
            return Ok(Some("the user is gone"));
        };
        if let Some(reason) = needless(due, &to) {
            return Ok(Some(reason));
        }
        let token = self.token(&db, due).await?;
        // A mail server may be slow, and connections are few.
        drop(db);
        let token = token.as_ref().map(OneTimeToken::expose);
        let letter = letter(due.template, &to, &self.public_url, token);
        let message = letter.message(self.from.clone(), &to.name, &to.email).map_err(SendError::Message)?;
        self.transport.send(due.id, message).await?;
        Ok(None)
    }

    async fn token(&self, db: &deadpool_postgres::Client, due: &Due) -> Result<Option<OneTimeToken>, StoreError> {
        let kind = match due.template {
            Template::Welcome => return Ok(None),
            Template::VerifyEmail => TokenKind::VerifyEmail,
            Template::Invitation => TokenKind::Invitation,
            Template::PasswordReset => TokenKind::PasswordReset,
        };
        tokens::issue(db, kind, due.user, due.tenant).await.map(Some)
    }
}

fn needless(due: &Due, to: &Recipient) -> Option<&'static str> {
    if to.status == UserStatus::Suspended {
        return Some("the user is suspended");
    }
    if due.tenant.is_some() && to.tenant.is_none() {
        return Some("the tenant is gone");
    }
    (due.template == Template::VerifyEmail && to.verified).then_some("the address is proven already")
}

/// How long to wait after so many attempts: twice as long each time, 6 hours at most; `None` is to give up.
fn pause(attempts: i32) -> Option<Duration> {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0);
    let seconds = 30_u64.saturating_mul(2_u64.saturating_pow(doublings)).min(6 * 3600);
    (attempts < MOST_ATTEMPTS).then_some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(1), Some(Duration::from_secs(30)));
        assert_eq!(pause(2), Some(Duration::from_secs(60)));
        assert_eq!(pause(9), Some(Duration::from_secs(30 * 256)));
        assert_eq!(pause(10), None);
        let all: Vec<_> = (1..MOST_ATTEMPTS).filter_map(pause).collect();
        assert!(all.is_sorted() && all.len() == 9);
    }
}
