//! Mail to people: written down in the transaction that causes it, sent afterwards, tried again until it is through.

mod letter;
mod sender;
mod settings;
mod store;
mod texts;
mod transport;

use std::sync::Arc;

pub use sender::Mailer;
pub use settings::{MailUrl, MailUrlError, Settings};
pub use store::enqueue;
use tenancy::text_enum;
use tokio::sync::Notify;
pub use transport::{Transport, TransportError};

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
