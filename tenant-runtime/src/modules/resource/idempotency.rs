//! Idempotency-Keys: a create that is sent again is the same create.

use actix_web::HttpRequest;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use tenancy::{Code, Problem};

use super::Resource;

/// The longest key.
const MAX_KEY: usize = 255;

/// A key, with a hash of the request that it came with.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(super) key: String,
    pub(super) request: Vec<u8>,
}

impl Key {
    pub(super) fn new(key: &str, resource: &Resource, body: &Map<String, Json>) -> Self {
        let mut hash = Sha256::new();
        hash.update(resource.name);
        hash.update([0]);
        // Keys of an object are in order, however they were sent.
        hash.update(Json::Object(body.clone()).to_string());
        Self { key: key.to_owned(), request: hash.finalize().to_vec() }
    }
}

/// The request's Idempotency-Key.
pub(super) fn key(
    request: &HttpRequest,
    resource: &Resource,
    body: &Map<String, Json>,
) -> Result<Option<Key>, Problem> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::new(Code::BadRequest, format!("The Idempotency-Key must have 1 to {MAX_KEY} printable characters"))
    })?;
    Ok(Some(Key::new(key, resource, body)))
}
