//! What an operator can set about identity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of identity. In all limits, 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long an access token lasts, in seconds: 1 to 86400.
    pub access_token_seconds: AccessTokenSeconds,
    /// Failed sign-ins per e-mail address and hour, from one client address.
    pub failed_sign_ins_per_account: u32,
    /// Failed sign-ins per e-mail address and hour, from all client addresses together.
    pub failed_sign_ins_per_account_in_all: u32,
    /// Failed sign-ins per client address and hour.
    pub failed_sign_ins_per_address: u32,
    /// Mails for a new password per e-mail address and hour.
    pub password_mails_per_account: u32,
    /// Mails for a new password asked for per client address and hour.
    pub password_mails_per_address: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_seconds: AccessTokenSeconds(15 * 60),
            failed_sign_ins_per_account: 10,
            failed_sign_ins_per_account_in_all: 100,
            failed_sign_ins_per_address: 100,
            password_mails_per_account: 5,
            password_mails_per_address: 20,
        }
    }
}

/// The life of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct AccessTokenSeconds(u32);

impl AccessTokenSeconds {
    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl TryFrom<u32> for AccessTokenSeconds {
    type Error = &'static str;
    fn try_from(seconds: u32) -> Result<Self, Self::Error> {
        if (1..=24 * 3600).contains(&seconds) { Ok(Self(seconds)) } else { Err("must be 1 to 86400 seconds") }
    }
}

impl From<AccessTokenSeconds> for u32 {
    fn from(seconds: AccessTokenSeconds) -> Self {
        seconds.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_last_a_day_at_most() {
        let read = |text: &str| serde_json::from_str::<Settings>(text);
        assert_eq!(read("{}").unwrap(), Settings::default());
        assert!(read(r#"{"access_token_seconds":86400}"#).is_ok());
        assert!(read(r#"{"access_token_seconds":86401}"#).is_err());
        assert!(read(r#"{"access_token_seconds":0}"#).is_err());
        assert!(read(r#"{"acces_token_seconds":60}"#).is_err());
    }
}
