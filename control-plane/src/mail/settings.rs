//! What an operator can set about mail.

use lettre::{AsyncSmtpTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Settings of mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mail server; without one, mails wait in the platform database.
    pub url: Option<MailUrl>,
    /// The sender, `Name <address>`.
    pub from: String,
    /// The address under which people reach the platform, for links in mails.
    pub public_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            from: "Tenantry <no-reply@tenantry.localhost>".to_owned(),
            public_url: "http://localhost:8080".to_owned(),
        }
    }
}

/// A mail server's address, with login: `smtp://user:password@host:587?tls=required`, `smtps://…`.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct MailUrl(SecretString);

/// Why a text is no address of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be smtp://user:password@host:port, with ?tls=required where the server has TLS, or smtps://…")]
pub struct MailUrlError;

impl MailUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// [`MailUrlError`].
    pub fn parse(text: &str) -> Result<Self, MailUrlError> {
        // lettre's own error is not passed on: it may repeat the password.
        AsyncSmtpTransport::<Tokio1Executor>::from_url(text).map_err(|_| MailUrlError)?;
        Ok(Self(SecretString::from(text.to_owned())))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The address without its login.
    fn public(&self) -> String {
        let text = self.expose();
        let (scheme, rest) = text.split_once("://").unwrap_or(("smtp", text));
        format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
    }
}

impl TryFrom<String> for MailUrl {
    type Error = MailUrlError;
    fn try_from(text: String) -> Result<Self, MailUrlError> {
        Self::parse(&text)
    }
}

impl std::fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.public())
    }
}

/// For showing a configuration: without the login.
impl Serialize for MailUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_never_shown() {
        let url = MailUrl::parse("smtp://someone:s3cret@mail.example.com:2525").unwrap();
        assert_eq!(format!("{url:?}"), "smtp://mail.example.com:2525");
        assert_eq!(serde_json::to_string(&url).unwrap(), r#""smtp://mail.example.com:2525""#);
        for wrong in ["", "mail.example.com", "http://mail.example.com"] {
            assert!(MailUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
