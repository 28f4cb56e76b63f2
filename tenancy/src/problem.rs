//! Errors as programs see them over HTTP: `application/problem+json` (RFC 9457) with the members of our contract.

use std::{collections::BTreeMap, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;

use crate::ids::RequestId;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident $text:literal;)*) => {
        /// What went wrong, as a word that programs can rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name),* }
        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The HTTP status that it is sent with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }
            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

codes! {
    /// A field is wrong; `errors` says which and why.
    ValidationFailed = UNPROCESSABLE_ENTITY "VALIDATION_FAILED";
    /// No token, or one that does not hold.
    Unauthorized = UNAUTHORIZED "UNAUTHORIZED";
    /// The role does not allow it.
    Forbidden = FORBIDDEN "FORBIDDEN";
    /// The token names no tenant.
    TenantRequired = BAD_REQUEST "TENANT_REQUIRED";
    /// There is no such tenant.
    TenantNotFound = NOT_FOUND "TENANT_NOT_FOUND";
    /// The tenant is suspended, cancelled or not ready.
    TenantInactive = FORBIDDEN "TENANT_INACTIVE";
    /// The user is no member of that tenant.
    TenantAccessDenied = FORBIDDEN "TENANT_ACCESS_DENIED";
    /// The request names another tenant than its token.
    TenantMismatch = FORBIDDEN "TENANT_MISMATCH";
    /// The tenant's database is being brought to a newer schema.
    TenantUpgrading = SERVICE_UNAVAILABLE "TENANT_UPGRADING";
    /// The slug belongs to another tenant.
    DuplicateSlug = CONFLICT "DUPLICATE_SLUG";
    /// The e-mail address belongs to another user.
    EmailTaken = CONFLICT "EMAIL_TAKEN";
    /// What is to be made exists already, or has changed meanwhile.
    Conflict = CONFLICT "CONFLICT";
    /// The row is not in the version that If-Match names.
    PreconditionFailed = PRECONDITION_FAILED "PRECONDITION_FAILED";
    /// The Idempotency-Key was used for another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "IDEMPOTENCY_KEY_REUSED";
    /// The package does not have the module.
    ModuleNotIncluded = PAYMENT_REQUIRED "MODULE_NOT_INCLUDED";
    /// A limit of the package is reached.
    LimitReached = PAYMENT_REQUIRED "LIMIT_REACHED";
    /// The month's quota is used up.
    QuotaExhausted = PAYMENT_REQUIRED "QUOTA_EXHAUSTED";
    /// Too many requests.
    RateLimited = TOO_MANY_REQUESTS "RATE_LIMITED";
    /// There is no such thing.
    NotFound = NOT_FOUND "NOT_FOUND";
    /// There is no such project.
    ProjectNotFound = NOT_FOUND "PROJECT_NOT_FOUND";
    /// The path exists, but not with this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED "METHOD_NOT_ALLOWED";
    /// The body is no JSON of the expected shape.
    InvalidJson = BAD_REQUEST "INVALID_JSON";
    /// A part of the address or a header can't be read.
    BadRequest = BAD_REQUEST "BAD_REQUEST";
    /// The body is too large.
    PayloadTooLarge = PAYLOAD_TOO_LARGE "PAYLOAD_TOO_LARGE";
    /// A database can't be reached, or is too busy; worth trying again.
    Unavailable = SERVICE_UNAVAILABLE "UNAVAILABLE";
    /// A fault of ours; the log has the cause under the request id.
    Internal = INTERNAL_SERVER_ERROR "INTERNAL";
}

/// An error on its way to a client. `cause` is for the log and never leaves the process.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    message: String,
    errors: BTreeMap<String, Vec<String>>,
    retry_after_seconds: Option<u32>,
    cause: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    status: u16,
    code: &'static str,
    error: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
}

impl Problem {
    /// A problem with a sentence for a person.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: BTreeMap::new(), retry_after_seconds: None, cause: None }
    }

    /// `VALIDATION_FAILED` with what is wrong, by field.
    #[must_use]
    pub fn validation(errors: BTreeMap<String, Vec<String>>) -> Self {
        Self { errors, ..Self::new(Code::ValidationFailed, "Validation failed") }
    }

    /// A fault of ours: the client learns nothing but the request id, the log has the cause.
    #[must_use]
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "Something went wrong on our side; please try again, or tell support the request id")
            .caused_by(cause)
    }

    /// Something that we need does not answer now.
    #[must_use]
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::new(Code::Unavailable, "The service is busy or restarting; please try again in a moment")
            .retry_after(1)
            .caused_by(cause)
    }

    /// No token, or one that does not hold.
    #[must_use]
    pub fn unauthorized(message: &str) -> Self {
        Self::new(Code::Unauthorized, message)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}"))
    }

    /// The same under another code, with another sentence.
    #[must_use]
    pub fn with_code(self, code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), ..self }
    }

    /// The same with a `Retry-After` header.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The same with a cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// What went wrong, as a word.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What went wrong by field, for `VALIDATION_FAILED`.
    #[must_use]
    pub const fn errors(&self) -> &BTreeMap<String, Vec<String>> {
        &self.errors
    }

    /// The cause, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The answer to send, with the request's id.
    #[must_use]
    pub fn response(&self, request: Option<RequestId>) -> HttpResponse {
        let upgrade = matches!(self.code, Code::LimitReached | Code::QuotaExhausted | Code::ModuleNotIncluded);
        let mut response = HttpResponse::build(self.code.status());
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.code == Code::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let body = Body {
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            error: &self.message,
            errors: &self.errors,
            upgrade_required: upgrade.then_some(true),
            request_id: request,
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        response.content_type("application/problem+json").body(text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }
    fn error_response(&self) -> HttpResponse {
        self.response(None)
    }
}
