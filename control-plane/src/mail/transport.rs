//! The ways out: a mail server, or a folder.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use uuid::Uuid;

use super::{MailUrl, MailUrlError};

/// How long the mail server may take for one command, and for a whole mail.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// A way out for mails.
#[derive(Clone)]
pub enum Transport {
    /// To a mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Into a folder, one `.eml` file each: for development.
    Folder(PathBuf),
}

/// Why a mail did not get out.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The mail server was not reached, or refused.
    #[error("the mail server: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// The file could not be written.
    #[error("the mail could not be written to the folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The mail server took too long.
    #[error("the mail server took longer than {} s", MAIL_TIMEOUT.as_secs())]
    Timeout,
}

impl Transport {
    /// To the server at this address.
    ///
    /// # Errors
    /// [`MailUrlError`].
    pub fn smtp(url: &MailUrl) -> Result<Self, MailUrlError> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()).map_err(|_| MailUrlError)?;
        Ok(Self::Smtp(builder.timeout(Some(COMMAND_TIMEOUT)).build()))
    }

    /// Into this folder, which is made where it is missing.
    #[must_use]
    pub fn folder(path: &Path) -> Self {
        Self::Folder(path.to_owned())
    }

    pub(super) async fn send(&self, id: Uuid, message: Message) -> Result<(), TransportError> {
        match self {
            Self::Smtp(server) => {
                let sent = tokio::time::timeout(MAIL_TIMEOUT, server.send(message)).await;
                sent.map_err(|_| TransportError::Timeout)??;
            }
            Self::Folder(folder) => {
                tokio::fs::create_dir_all(folder).await?;
                // Whoever watches the folder must never read half a mail. Ids sort by time, so the files do.
                let unfinished = folder.join(format!(".{id}.tmp"));
                tokio::fs::write(&unfinished, message.formatted()).await?;
                tokio::fs::rename(&unfinished, folder.join(format!("{id}.eml"))).await?;
            }
        }
        Ok(())
    }
}
