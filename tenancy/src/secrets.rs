//! The master key, and what is derived from it: passwords of roles, the key that signs tokens, seals.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{XChaCha20Poly1305, aead::Aead};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

use crate::{ids::TenantId, naming::PlainLiteral};

/// 32 random bytes from which every other secret of the platform is derived (HKDF-SHA256, RFC 5869).
pub struct MasterKey(SecretBox<[u8; 32]>);

/// Why a text is no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 random bytes in base 64; make one with: openssl rand -base64 32")]
pub struct MasterKeyError;

/// The version of all that is derived; part of each derivation, so that a change of rules changes every secret.
const VERSION: &str = "tenantry/v1";

impl MasterKey {
    /// Reads a key as `openssl rand -base64 32` prints it.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| MasterKeyError)?;
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| MasterKeyError)?;
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// A new key in the form that [`MasterKey::parse`] reads.
    ///
    /// # Errors
    /// The operating system's, when it has no randomness to give.
    pub fn generate() -> Result<String, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(STANDARD.encode(bytes))
    }

    fn derive(&self, purpose: &str, subject: &[u8]) -> [u8; 32] {
        let mut out = [0_u8; 32];
        Hkdf::<Sha256>::new(None, self.0.expose_secret())
            .expand_multi_info(&[VERSION.as_bytes(), b"/", purpose.as_bytes(), b"/", subject], &mut out)
            .expect("32 bytes are within what HKDF can give");
        out
    }

    /// The password of a tenant's role.
    #[must_use]
    pub fn tenant_password(&self, tenant: TenantId) -> RolePassword {
        RolePassword::new(
            &self.derive("tenant-password", tenant.uuid().as_bytes()),
            &self.derive("tenant-salt", tenant.uuid().as_bytes()),
        )
    }

    /// The password of the role with which runtimes read the platform database.
    #[must_use]
    pub fn runtime_password(&self) -> RolePassword {
        RolePassword::new(&self.derive("runtime-password", b""), &self.derive("runtime-salt", b""))
    }

    /// The seed of the Ed25519 key that signs access tokens.
    #[must_use]
    pub fn token_seed(&self) -> SecretBox<[u8; 32]> {
        SecretBox::new(Box::new(self.derive("token-signing", b"")))
    }

    /// Encrypts what must be kept and read again, such as another server's URL (XChaCha20-Poly1305).
    ///
    /// # Errors
    /// The operating system's, when it has no randomness to give.
    pub fn seal(&self, purpose: &str, clear: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0_u8; 24];
        getrandom::fill(&mut nonce)?;
        let cipher = XChaCha20Poly1305::new(&self.derive("seal", purpose.as_bytes()).into());
        let sealed = cipher.encrypt(&nonce.into(), clear).expect("in memory, encryption can't fail");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`MasterKey::seal`] encrypted; `None` when it was sealed with another key or for another purpose.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
        let cipher = XChaCha20Poly1305::new(&self.derive("seal", purpose.as_bytes()).into());
        cipher.decrypt(nonce.into(), sealed).ok()
    }

    /// A keyed hash (HMAC-SHA256), for what must be compared but not kept, such as the body of a signup.
    #[must_use]
    pub fn keyed_hash(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = self.derive("keyed-hash", purpose.as_bytes());
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
        mac.update(data);
        mac.finalize().into_bytes().into()
    }
}

/// A role's password: 256 bits, in the clear only while connecting, in PostgreSQL as a SCRAM verifier made here.
pub struct RolePassword {
    clear: SecretBox<String>,
    verifier: String,
}

impl RolePassword {
    fn new(key: &[u8; 32], salt: &[u8; 32]) -> Self {
        let clear = URL_SAFE_NO_PAD.encode(key);
        let verifier = scram_verifier(clear.as_bytes(), &salt[..16]);
        Self { clear: SecretBox::new(Box::new(clear)), verifier }
    }

    /// The clear text, for a connection's configuration alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.clear.expose_secret()
    }

    /// What `pg_authid.rolpassword` holds for this password.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// The verifier as a literal for `PASSWORD` in CREATE and ALTER ROLE.
    #[must_use]
    pub fn literal(&self) -> PlainLiteral {
        PlainLiteral::new(&self.verifier).expect("base 64, digits, $ and : need no quoting")
    }
}

/// The verifier of RFC 5803 as PostgreSQL stores it, with ONE iteration: iterations slow down guessing, and nobody
/// guesses 256 random bits, while every new connection pays for them.
fn scram_verifier(password: &[u8], salt: &[u8]) -> String {
    let sign = |key: &[u8], data: &[u8]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(data);
        mac.finalize().into_bytes().into()
    };
    let mut first_block = salt.to_vec();
    first_block.extend_from_slice(&1_u32.to_be_bytes());
    let salted = sign(password, &first_block);
    let stored_key = Sha256::digest(sign(&salted, b"Client Key"));
    let server_key = sign(&salted, b"Server Key");
    format!("SCRAM-SHA-256$1:{}${}:{}", STANDARD.encode(salt), STANDARD.encode(stored_key), STANDARD.encode(server_key))
}

/// A random text of 256 bits that is given out once and kept only as its hash.
pub struct OneTimeToken(SecretBox<String>);

impl OneTimeToken {
    /// A new token.
    ///
    /// # Errors
    /// The operating system's, when it has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(SecretBox::new(Box::new(URL_SAFE_NO_PAD.encode(bytes)))))
    }

    /// The text to give out.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Self::hash_of(self.expose())
    }

    /// The hash of a token that somebody presents. Looking a hash up needs no constant-time comparison: its bytes
    /// can't be steered.
    #[must_use]
    pub fn hash_of(presented: &str) -> [u8; 32] {
        Sha256::digest(presented.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_is_the_one_of_the_published_rule() {
        // Computed with PostgreSQL's own pg_be_scram_build_secret rules (RFC 5802), password "secret", salt 16 x 'a'.
        let verifier = scram_verifier(b"secret", &[b'a'; 16]);
        let (head, keys) = verifier.rsplit_once('$').unwrap();
        assert_eq!(head, "SCRAM-SHA-256$1:YWFhYWFhYWFhYWFhYWFhYQ==");
        assert_eq!(keys.len(), 89);
    }

    #[test]
    fn keys_are_read_back_and_secrets_differ() {
        let key = MasterKey::parse(&MasterKey::generate().unwrap()).unwrap();
        let (a, b) = (TenantId::generate(), TenantId::generate());
        assert_eq!(key.tenant_password(a).expose(), key.tenant_password(a).expose());
        assert_ne!(key.tenant_password(a).expose(), key.tenant_password(b).expose());
        let sealed = key.seal("a", b"clear").unwrap();
        assert_eq!(key.open("a", &sealed).as_deref(), Some(&b"clear"[..]));
        assert!(key.open("b", &sealed).is_none() && key.open("a", &sealed[..10]).is_none());
        assert_ne!(key.keyed_hash("x", b"1"), key.keyed_hash("y", b"1"));
        for wrong in ["", "abc", "AAAA"] {
            assert!(MasterKey::parse(wrong).is_err());
        }
    }
}
