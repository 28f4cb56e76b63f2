//! Mail to people: written down in the transaction that causes it, sent afterwards, tried again until it is through.

mod letter;
mod sender;
mod settings;
mod store;
mod texts;
mod transport;

use std::sync::Arc;

use deadpool_postgres::Pool;
pub use sender::Mailer;
pub use settings::{MailUrl, MailUrlError, Settings};
pub use store::{enqueue, is_recent};
use tenancy::text_enum;
use tokio::sync::Notify;
pub use transport::{Transport, TransportError};

use crate::platform::StoreError;

text_enum! {
    /// What a mail is about.
    pub enum Template {
        /// A workspace is there.
        Welcome = "welcome",
        /// An address is to be proven.
        VerifyEmail = "verify_email",
        /// Somebody is invited, and sets their first password.
        Invitation = "invitation",
        /// Somebody forgot their password.
        PasswordReset = "password_reset",
    }
}

/// Mails that were not sent.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    /// They wait for their turn, or for another try.
    pub waiting: i64,
    /// They were given up.
    pub failed: i64,
}

/// How many mails were not sent.
///
/// # Errors
/// [`StoreError`].
pub async fn backlog(pool: &Pool) -> Result<Backlog, StoreError> {
    let (waiting, failed) = store::backlog(&pool.get().await?).await?;
    Ok(Backlog { waiting, failed })
}

/// Tells the mailer of this process that there is mail. Rung after the commit; whoever forgets to, or dies before,
/// only delays the mail until the mailer looks by itself.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// There is mail.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    async fn heard(&self) {
        self.0.notified().await;
    }
}
