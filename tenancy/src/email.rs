//! E-mail addresses, as the platform keeps and compares them.

use email_address::{EmailAddress as Rfc, Options};

use crate::text_type::text_type;

/// An e-mail address with a dotted domain, in lower case: two spellings of one address are the same value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// Why a text is not an e-mail address that mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address, like name@example.com")]
pub struct EmailError;

/// Longest address that SMTP can carry in a path (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;

impl EmailAddress {
    /// Checks an address and puts it into lower case; spaces around it are dropped.
    ///
    /// # Errors
    /// [`EmailError`] when it breaks RFC 5321, has no dot in its domain, or has a character that would need quoting.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let address = text.trim();
        let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '"' | '\\' | '<' | '>' | ',' | ';');
        if address.len() > MAX_LENGTH || !address.chars().all(plain) {
            return Err(EmailError);
        }
        Rfc::parse_with_options(address, options).map_err(|_| EmailError)?;
        // Unicode's own lower case maps the Turkish capital İ to two characters; one address must stay one address.
        Ok(Self(address.chars().map(|c| if c == 'İ' { 'i' } else { c.to_lowercase().next().unwrap_or(c) }).collect()))
    }
}

text_type!(EmailAddress, EmailError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_folded() {
        assert_eq!(EmailAddress::parse(" Ayse@Example.COM ").unwrap().as_str(), "ayse@example.com");
    }

    #[test]
    fn wrong_addresses_are_refused() {
        for wrong in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.de",
            "a@b..de",
            "a@[1.2.3.4]",
            "\"x y\"@b.de",
            "A <a@b.de>",
            "a@b.de\r\nBcc: x@y.zz",
        ] {
            assert!(EmailAddress::parse(wrong).is_err(), "{wrong}");
        }
        assert!(EmailAddress::parse(&format!("{}@example.com", "a".repeat(250))).is_err());
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(text in "[a-zA-Z0-9.İIıi+-]{1,20}@[a-zA-Z0-9-]{1,10}\\.[a-zA-Z]{2,5}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address.clone()));
            }
        }
    }
}
