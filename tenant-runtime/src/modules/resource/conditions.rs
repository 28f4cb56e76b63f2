//! Conditional requests (RFC 9110, 13): a row's version is its ETag.

use actix_web::{HttpRequest, http::header};

/// The versions that a conditional request names (RFC 9110, 13.1).
pub(crate) enum Versions {
    Any,
    Some(Vec<i32>),
}

impl Versions {
    pub(super) fn holds(&self, version: i32) -> bool {
        match self {
            Self::Any => true,
            Self::Some(versions) => versions.contains(&version),
        }
    }

    pub(super) fn numbers(&self) -> Option<&[i32]> {
        match self {
            Self::Any => None,
            Self::Some(versions) => Some(versions),
        }
    }
}

/// The versions that `If-Match` names: a change or deletion is for these alone.
pub(crate) fn if_match(request: &HttpRequest) -> Option<Versions> {
    versions(request, &header::IF_MATCH)
}

/// The versions that `If-None-Match` names: the client has these already.
pub(super) fn if_none_match(request: &HttpRequest) -> Option<Versions> {
    versions(request, &header::IF_NONE_MATCH)
}

/// A row's ETag.
pub(super) fn etag(version: i32) -> String {
    format!("\"{version}\"")
}

/// A tag that is none of ours names no version.
fn versions(request: &HttpRequest, name: &header::HeaderName) -> Option<Versions> {
    let mut values = request.headers().get_all(name).peekable();
    values.peek()?;
    let weak = *name == header::IF_NONE_MATCH;
    let mut versions = Vec::new();
    for value in values {
        for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            if tag == "*" {
                return Some(Versions::Any);
            }
            // A weak tag is good enough to save a body, not to protect a change.
            let tag = if weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
            let quoted = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            versions.extend(quoted.and_then(|tag| tag.parse::<i32>().ok()));
        }
    }
    Some(Versions::Some(versions))
}
