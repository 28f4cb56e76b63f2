//! The seam to HTTP: tables of routes, what surrounds every request, health.

mod figures;
mod health;
mod observe;
mod openapi;
mod routes;

use actix_web::{HttpRequest, http::header, web};
pub use health::{Readiness, health_routes};
pub use observe::{ErrorPage, observe, request_id};
pub use openapi::{Operation, document, named, object};
pub use routes::{Access, Route, register, register_pages};

use crate::problem::{Code, Problem};

/// The largest JSON body, in bytes; files have limits of their own.
pub const MAX_JSON_BYTES: usize = 256 * 1024;

/// The token of an `Authorization: Bearer` header (RFC 6750).
#[must_use]
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = std::str::from_utf8(request.headers().get(header::AUTHORIZATION)?.as_bytes()).ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// How JSON bodies are read, and what is said of those that can't be.
#[must_use]
pub fn json_config() -> web::JsonConfig {
    web::JsonConfig::default().limit(MAX_JSON_BYTES).error_handler(|error, _| {
        use actix_web::error::JsonPayloadError::{ContentType, Overflow, OverflowKnownLength, Payload};
        let problem = match &error {
            Overflow { .. } | OverflowKnownLength { .. } => {
                Problem::new(Code::PayloadTooLarge, format!("The body must be at most {} KB", MAX_JSON_BYTES / 1024))
            }
            ContentType => Problem::new(Code::InvalidJson, "Send JSON, with Content-Type: application/json"),
            Payload(actix_web::error::PayloadError::Overflow) => {
                Problem::new(Code::PayloadTooLarge, format!("The body must be at most {} KB", MAX_JSON_BYTES / 1024))
            }
            other => Problem::new(Code::InvalidJson, format!("The body is not the expected JSON: {other}")),
        };
        problem.into()
    })
}

/// What is said of a query string that can't be read.
#[must_use]
pub fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| {
        Problem::new(Code::BadRequest, format!("The query string can't be read: {error}")).into()
    })
}

/// What is said of a path that can't be read: there is nothing there.
#[must_use]
pub fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|_, _| Problem::not_found("page").into())
}
