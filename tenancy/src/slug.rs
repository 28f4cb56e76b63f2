//! The name of a tenant in addresses, and the one that its database is named after.

use crate::text_type::text_type;

/// A tenant's short name: `[a-z0-9]` first and last, `[a-z0-9-]` between, 2 to 40 characters, no double dash; a new one
/// is also not a word that the platform needs for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantSlug(String);

/// Why a text is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    /// Fewer than 2 or more than 40 characters.
    #[error("must be 2 to 40 characters long")]
    Length,
    /// A character other than `a`-`z`, `0`-`9` and `-`, or a dash at an end or next to another.
    #[error("may have lower-case letters a-z, digits, and single dashes between them")]
    Characters,
    /// A word that the platform needs for itself.
    #[error("is reserved; choose another")]
    Reserved,
}

const MIN_LENGTH: usize = 2;
const MAX_LENGTH: usize = 40;

/// Words that are no slugs: every segment that the platform serves first in a path or right after `/api/`, and those
/// that people take for the platform itself. Sorted, for the search below.
pub const RESERVED: &[&str] = &[
    "about",
    "account",
    "accounts",
    "admin",
    "administrator",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "autoconfig",
    "autodiscover",
    "billing",
    "blog",
    "cdn",
    "console",
    "dashboard",
    "dev",
    "docs",
    "download",
    "email",
    "favicon",
    "feature-flags",
    "ftp",
    "global",
    "health",
    "help",
    "host",
    "hostmaster",
    "imap",
    "info",
    "internal",
    "invite",
    "jobs",
    "language",
    "legal",
    "localhost",
    "login",
    "logout",
    "mail",
    "metrics",
    "mx",
    "noreply",
    "ns1",
    "ns2",
    "oauth",
    "onboarding",
    "openapi",
    "openapi-json",
    "packages",
    "password",
    "platform",
    "pop",
    "postmaster",
    "pricing",
    "privacy",
    "public",
    "register",
    "robots",
    "root",
    "security",
    "session",
    "signin",
    "signup",
    "smtp",
    "ssl",
    "staging",
    "static",
    "status",
    "support",
    "system",
    "tenant",
    "tenants",
    "terms",
    "test",
    "user",
    "users",
    "v1",
    "v2",
    "v3",
    "verify",
    "webhooks",
    "webmaster",
    "well-known",
    "www",
];

impl TenantSlug {
    /// Checks a text that is to be a new tenant's slug; nothing is changed on the way.
    ///
    /// # Errors
    /// [`SlugError`] says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        if RESERVED.binary_search(&text).is_ok() {
            return Err(SlugError::Reserved);
        }
        Self::known(text)
    }

    /// Checks a text that claims to be the slug of a tenant that there is, which may be older than a reserved word.
    ///
    /// # Errors
    /// [`SlugError::Length`] and [`SlugError::Characters`].
    pub fn known(text: &str) -> Result<Self, SlugError> {
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&text.len()) {
            return Err(SlugError::Length);
        }
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain || text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return Err(SlugError::Characters);
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a slug from a company's name: letters of any script are transliterated (`Çağrı Şirketi A.Ş.` becomes
    /// `cagri-sirketi-a-s`), all else becomes a dash. A name of which nothing remains gives `company`, a reserved one
    /// gets `-co` behind it.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let mut slug = String::with_capacity(MAX_LENGTH);
        let latin = name.chars().filter(|c| !is_symbol(*c)).take(4 * MAX_LENGTH).collect::<String>();
        for c in deunicode::deunicode(&latin).chars() {
            if slug.len() == MAX_LENGTH {
                break;
            }
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if c != '\'' && !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches('-');
        Self::parse(slug).or_else(|_| Self::parse(&format!("{slug}-co"))).unwrap_or_else(|_| Self("company".to_owned()))
    }

    /// This slug with `-{number}` behind it, shortened where it would grow too long; for names that are taken.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        let tail = format!("-{number}");
        let head = &self.0[..self.0.len().min(MAX_LENGTH - tail.len())];
        Self(format!("{}{tail}", head.trim_end_matches('-')))
    }
}

/// Emoji and other pictures: a transliteration would spell out their names, which nobody means by them.
fn is_symbol(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x2BFF | 0x1F000..=0x1FAFF | 0xFE00..=0xFE0F | 0x200D | 0xE0000..=0xE01EF)
}

text_type!(TenantSlug, SlugError, kept as known);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_words_are_sorted_and_well_formed() {
        assert!(RESERVED.is_sorted());
        for word in RESERVED {
            assert_eq!(TenantSlug::parse(word), Err(SlugError::Reserved), "{word}");
            TenantSlug::known(word).unwrap();
        }
    }

    #[test]
    fn a_tenant_whose_slug_was_reserved_later_can_be_read() {
        let slug: TenantSlug = serde_json::from_str(r#""admin""#).unwrap();
        assert_eq!(slug.as_str(), "admin");
        assert!("admin".parse::<TenantSlug>().is_err());
        assert!(serde_json::from_str::<TenantSlug>(r#""a--b""#).is_err());
    }

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("Çağrı Şirketi A.Ş.", "cagri-sirketi-a-s"),
            ("IŞIK İnşaat", "isik-insaat"),
            ("Quattro Stand", "quattro-stand"),
            ("  --  ", "company"),
            ("🚀🎉", "company"),
            ("", "company"),
            ("Admin", "admin-co"),
            ("北京", "bei-jing"),
            ("x", "x-co"),
        ] {
            assert_eq!(TenantSlug::from_name(name).as_str(), slug, "{name}");
        }
    }

    #[test]
    fn wrong_slugs_are_refused() {
        for wrong in ["", "a", "a--b", "-a", "a-", "A1", "a_b", "a.b", "ı1", "a b", "a'b", "a\"; DROP DATABASE x"] {
            assert!(TenantSlug::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(TenantSlug::parse(&"a".repeat(41)), Err(SlugError::Length));
    }

    proptest! {
        #[test]
        fn any_name_gives_a_slug(name in ".*", number in any::<u64>()) {
            let slug = TenantSlug::from_name(&name);
            prop_assert_eq!(TenantSlug::parse(slug.as_str()), Ok(slug.clone()));
            let numbered = slug.numbered(number);
            prop_assert_eq!(TenantSlug::parse(numbered.as_str()), Ok(numbered.clone()));
        }

        #[test]
        fn any_text_is_a_slug_or_an_error(text in "[a-zA-Z0-9-]{0,45}") {
            if let Ok(slug) = TenantSlug::parse(&text) {
                prop_assert_eq!(slug.as_str(), text.as_str());
                prop_assert!(!text.contains("--") && text.len() <= 40 && text.len() >= 2);
            }
        }
    }
}
