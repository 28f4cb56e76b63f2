//! Who does something.

use actix_web::HttpRequest;

use super::Origin;

/// Who does something, and from where.
#[derive(Debug, Clone, Default)]
pub struct By {
    /// An e-mail address, `platform`, or `cli`.
    pub actor: String,
    /// From where, where that is known.
    pub origin: Origin,
}

impl By {
    /// Somebody, from where this request comes.
    #[must_use]
    pub fn of(actor: &str, request: &HttpRequest) -> Self {
        Self { actor: actor.to_owned(), origin: Origin::of(request) }
    }
}

impl From<&str> for By {
    fn from(actor: &str) -> Self {
        Self { actor: actor.to_owned(), origin: Origin::default() }
    }
}
