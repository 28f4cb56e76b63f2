//! Telling a signup that is sent again from another one.

use serde::Serialize;
use tenancy::secrets::MasterKey;

use super::{SignupError, request::Wanted};
use crate::tenants::SignupKey;

/// What a client calls one signup, however often it sends it: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

#[derive(Serialize)]
struct Canonical<'a> {
    company: &'a str,
    email: &'a str,
    name: &'a str,
    password: &'a str,
    package: &'a str,
    cycle: &'a str,
    slug: Option<&'a str>,
}

impl IdempotencyKey {
    /// Checks the value of the header.
    ///
    /// # Errors
    /// [`SignupError::KeyMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SignupError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SignupError::KeyMalformed)?;
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SignupError::KeyMalformed)
        }
    }

    /// What is kept of the key and of the signup. A password is part of it, so the hash is keyed: without the master
    /// key nobody can try passwords on it.
    pub(super) fn hashed(&self, master: &MasterKey, wanted: &Wanted) -> SignupKey {
        let canonical = Canonical {
            company: &wanted.company,
            email: wanted.email.as_str(),
            name: &wanted.name,
            password: wanted.password.expose(),
            package: &wanted.package,
            cycle: wanted.cycle.as_str(),
            slug: wanted.slug.as_ref().map(tenancy::TenantSlug::as_str),
        };
        let body = serde_json::to_vec(&canonical).expect("texts always have a JSON form");
        SignupKey {
            key: master.keyed_hash("signup-key", self.0.as_bytes()),
            request: master.keyed_hash("signup-request", &body),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::signup::request::tests::{body, parse};

    #[test]
    fn the_same_signup_has_the_same_hash_however_it_is_written() {
        let master = MasterKey::parse(&MasterKey::generate().unwrap()).unwrap();
        let key = IdempotencyKey::parse(b"one").unwrap();
        let hash = |body: serde_json::Value| key.hashed(&master, &parse(body).ok().unwrap()).request;
        let mut spelt_out = body(" Acme ");
        spelt_out["billing_cycle"] = json!("monthly");
        spelt_out["owner_email"] = json!("a@example.com");
        assert_eq!(hash(body("Acme")), hash(spelt_out));
        assert_ne!(hash(body("Acme")), hash(body("Acme 2")));
        let mut other_password = body("Acme");
        other_password["password"] = json!("correct horsf");
        assert_ne!(hash(body("Acme")), hash(other_password));
    }

    #[test]
    fn keys_are_visible_ascii() {
        assert!(IdempotencyKey::parse(&[b'a'; 255]).is_ok());
        for wrong in [&b""[..], b"a b", b"\xc3\xa7", b"\xff", &[b'a'; 256]] {
            assert!(IdempotencyKey::parse(wrong).is_err());
        }
    }
}
