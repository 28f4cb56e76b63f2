//! Passwords as people choose them.

use secrecy::{ExposeSecret, SecretString};
use tenancy::EmailAddress;

/// A password that may be chosen. Nothing is trimmed or changed.
pub struct Password(SecretString);

/// Why a text may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer characters than can withstand guessing.
    #[error("must have at least {MIN_CHARS} characters")]
    TooShort,
    /// More than anybody types.
    #[error("must have at most {MAX_CHARS} characters")]
    TooLong,
    /// The same character again and again.
    #[error("must not be one character repeated")]
    OneCharacter,
    /// What an attacker tries first.
    #[error("must not be the e-mail address")]
    IsEmail,
}

const MIN_CHARS: usize = 8;
const MAX_CHARS: usize = 128;
/// What is hashed is bounded in bytes too, whatever the script.
pub(super) const MAX_BYTES: usize = 512;

impl Password {
    /// Checks a password that somebody chose for the account of this address.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn parse(text: String, email: Option<&EmailAddress>) -> Result<Self, PasswordError> {
        let text = SecretString::from(text);
        let clear = text.expose_secret();
        let length = clear.chars().count();
        if length < MIN_CHARS {
            return Err(PasswordError::TooShort);
        }
        if length > MAX_CHARS || clear.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        let mut chars = clear.chars();
        let first = chars.next();
        if chars.all(|c| Some(c) == first) {
            return Err(PasswordError::OneCharacter);
        }
        if email.is_some_and(|email| clear.trim().to_lowercase() == email.as_str()) {
            return Err(PasswordError::IsEmail);
        }
        Ok(Self(text))
    }

    pub(super) fn into_secret(self) -> SecretString {
        self.0
    }

    /// The clear text, for what is derived from it at once.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_kept() {
        let email = EmailAddress::parse("ayse@example.com").unwrap();
        let check = |text: &str| Password::parse(text.to_owned(), Some(&email)).map(|_| ());
        assert_eq!(check("1234567"), Err(PasswordError::TooShort));
        assert_eq!(check(&"ab".repeat(65)), Err(PasswordError::TooLong));
        assert_eq!(check("aaaaaaaaaa"), Err(PasswordError::OneCharacter));
        assert_eq!(check("Ayse@Example.COM"), Err(PasswordError::IsEmail));
        assert_eq!(check("şifre-çok-gizli"), Ok(()));
        assert_eq!(check(&"ab".repeat(64)), Ok(()));
        assert_eq!(check(&format!("{}a", "🚀".repeat(127))), Ok(()));
    }

    #[test]
    fn spaces_are_part_of_it() {
        assert_eq!(Password::parse("  8 chars  ".to_owned(), None).unwrap().expose(), "  8 chars  ");
    }
}
