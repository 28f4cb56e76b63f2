//! Access tokens (JWT, RFC 7519, signed with EdDSA, RFC 8037): what they say, and how both planes check them.

use std::collections::HashMap;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};

use crate::{EmailAddress, Role, TenantId, TenantSlug, UserId};

/// Who issued a token; tokens of others are refused.
pub const ISSUER: &str = "tenantry";

/// Seconds by which the clocks of two of our machines may differ.
const LEEWAY_SECONDS: u64 = 5;

/// What an access token says. A user of no tenant has a token without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who asks.
    pub user_id: UserId,
    /// Their address when the token was made.
    pub email: EmailAddress,
    /// Their name when the token was made; rows that they create keep it.
    pub name: String,
    /// Whether they run the platform.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub super_admin: bool,
    /// The tenant that they ask for.
    #[serde(flatten)]
    pub tenant: Option<TenantClaims>,
    /// End of validity, in seconds since 1970.
    pub exp: i64,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// Not valid before, in seconds since 1970.
    pub nbf: i64,
    /// This token's own id.
    pub jti: String,
    /// [`ISSUER`].
    pub iss: String,
}

/// The tenant that a token is for. The generation and the membership's version make an old token worthless once the
/// tenant was made anew or the member removed, whatever the clocks say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantClaims {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its slug, which decides the database.
    pub tenant_slug: TenantSlug,
    /// The user's role in it.
    pub role: Role,
    /// How often the tenant was moved when the token was made.
    pub tenant_generation: i32,
    /// The version of the membership when the token was made.
    pub member_version: i32,
}

/// The public half of a signing key (JWK, RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The key's id, as tokens name it in their header.
    pub kid: String,
    /// The 32 bytes of the public key, base 64 for URLs.
    pub x: String,
}

/// Why a token does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is over.
    #[error("The access token has expired; refresh it or sign in again")]
    Expired,
    /// It begins later.
    #[error("The access token is not valid yet")]
    NotYetValid,
    /// It is no token of ours: wrong shape, algorithm, key, issuer or signature.
    #[error("The access token is not valid")]
    Invalid,
}

/// Checks tokens against the platform's public keys.
pub struct TokenVerifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl TokenVerifier {
    /// A verifier for these keys. Keys that can't be read are left out: tokens signed with them are refused.
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss"]);
        let keys = keys
            .into_iter()
            .filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?)))
            .collect();
        Self { keys, validation }
    }

    /// Whether the token names a key that is known here; says nothing of its signature.
    #[must_use]
    pub fn knows_key_of(&self, token: &str) -> bool {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| self.keys.contains_key(&kid))
    }

    /// What a token says, if it holds.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let key = header.kid.and_then(|kid| self.keys.get(&kid)).ok_or(TokenError::Invalid)?;
        jsonwebtoken::decode::<Claims>(token, key, &self.validation).map(|data| data.claims).map_err(
            |error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                ErrorKind::ImmatureSignature => TokenError::NotYetValid,
                _ => TokenError::Invalid,
            },
        )
    }
}

impl Claims {
    /// Whether the token is over at this time, in seconds since 1970; for answers kept from an earlier check.
    #[must_use]
    pub const fn is_over(&self, now: i64) -> bool {
        self.exp + (LEEWAY_SECONDS as i64) < now
    }
}
