//! The key that signs access tokens, and its public half.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tenancy::{
    EmailAddress, UserId,
    secrets::MasterKey,
    token::{Claims, ISSUER, PublicKey, TenantClaims},
};
use uuid::Uuid;

/// What comes before the seed in the DER form of an Ed25519 private key (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Signs access tokens (EdDSA) with a key derived from the master key: every replica signs with the same one.
pub struct TokenSigner {
    key: EncodingKey,
    public: PublicKey,
    life: Duration,
}

/// Whom an access token is for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The user.
    pub user: UserId,
    /// Their address.
    pub email: &'a EmailAddress,
    /// Their name.
    pub name: &'a str,
    /// Whether they run the platform.
    pub super_admin: bool,
}

impl TokenSigner {
    /// The signer of this platform; its tokens last for `life`.
    #[must_use]
    pub fn new(master: &MasterKey, life: Duration) -> Self {
        let seed = master.token_seed();
        let point = SigningKey::from_bytes(seed.expose_secret()).verifying_key().to_bytes();
        let mut kid = URL_SAFE_NO_PAD.encode(Sha256::digest(point));
        kid.truncate(16);
        let der = [PKCS8_PREFIX.as_slice(), seed.expose_secret()].concat();
        let public = PublicKey { kid, x: URL_SAFE_NO_PAD.encode(point) };
        Self { key: EncodingKey::from_ed_der(&der), public, life }
    }

    /// The public half, for whoever checks tokens.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// How long a token lasts.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.life
    }

    /// A token that is valid from now on.
    ///
    /// # Errors
    /// jsonwebtoken's, when it can't sign.
    pub fn sign(
        &self,
        subject: Subject<'_>,
        tenant: Option<TenantClaims>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now = jiff::Timestamp::now().as_second();
        let claims = Claims {
            user_id: subject.user,
            email: subject.email.clone(),
            name: subject.name.to_owned(),
            super_admin: subject.super_admin,
            tenant,
            exp: now + i64::try_from(self.life.as_secs()).unwrap_or(i64::MAX / 2),
            iat: now,
            nbf: now,
            jti: Uuid::now_v7().to_string(),
            iss: ISSUER.to_owned(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.public.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.key)
    }
}

#[cfg(test)]
mod tests {
    use tenancy::{Role, TenantId, TenantSlug, token::TokenVerifier};

    use super::*;

    #[test]
    fn what_is_signed_is_verified_and_nothing_else() {
        let master = || MasterKey::parse(&MasterKey::generate().unwrap()).unwrap();
        let signer = TokenSigner::new(&master(), Duration::from_secs(60));
        let email = EmailAddress::parse("a@example.com").unwrap();
        let subject = Subject { user: UserId::generate(), email: &email, name: "Ayşe", super_admin: false };
        let tenant = TenantClaims {
            tenant_id: TenantId::generate(),
            tenant_slug: TenantSlug::parse("acme").unwrap(),
            role: Role::Owner,
            tenant_generation: 1,
            member_version: 2,
        };
        let with_tenant = signer.sign(subject, Some(tenant.clone())).unwrap();
        let without = signer.sign(subject, None).unwrap();
        let verifier = TokenVerifier::new([signer.public_key()]);
        assert_eq!(verifier.verify(&with_tenant).unwrap().tenant, Some(tenant));
        assert_eq!(verifier.verify(&without).unwrap().tenant, None);

        let other = TokenSigner::new(&master(), Duration::from_secs(60));
        assert!(TokenVerifier::new([other.public_key()]).verify(&with_tenant).is_err());
        assert_eq!(signer.public_key().kid.len(), 16);
    }
}
