//! Access tokens that nobody issued.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::Value;
use tenancy::secrets::MasterKey;

/// What comes before the seed in the DER form of an Ed25519 private key (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Signs whatever it is given, with a platform's own key.
pub struct Forge {
    key: EncodingKey,
    kid: String,
}

impl Forge {
    /// A forge with this platform's key; `model` is a token of it, whose key id is taken.
    pub fn new(master: &MasterKey, model: &str) -> Self {
        let der = [PKCS8_PREFIX.as_slice(), master.token_seed().expose_secret()].concat();
        let kid = jsonwebtoken::decode_header(model).unwrap().kid.unwrap();
        Self { key: EncodingKey::from_ed_der(&der), kid }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A token with these claims and the platform's signature.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// What a token says, unchecked.
pub fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Base 64 of a JSON value, as the parts of a token are.
pub fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
