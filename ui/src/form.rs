//! What a form of ours sends.

use std::pin::Pin;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header, web};
use tenancy::{Code, Problem, TenantId, UserId};

use crate::{Site, page::visitor};

/// The largest form of somebody who is signed in, and of a stranger, in KB: what is far too long for a field is still
/// told so at that field.
const MAX_KB: usize = 2 * 1024;
const MAX_KB_OF_STRANGERS: usize = 512;
/// How many fields a form has at most.
const MAX_FIELDS: usize = 1000;
/// The field that every form has.
const TOKEN: &str = "form_token";

/// Whose forms are taken on this request; put there by whoever checked the sign-in.
pub struct FormOwner(pub(crate) String);

impl FormOwner {
    /// A user where they are: a form of one workspace is none of another, which may be open in the next tab.
    #[must_use]
    pub fn new(user: UserId, tenant: Option<TenantId>) -> Self {
        Self(format!("{user} {}", tenant.map_or_else(String::new, |tenant| tenant.to_string())))
    }
}

/// The fields of a form that one of our own pages sent, in order.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Fields as they are; for what does not come as a usual form.
    #[must_use]
    pub const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a field, without spaces around it, where there is any.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the form may be acted on: it came from one of our pages, in this browser, for whoever is signed in.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn check(&self, request: &HttpRequest) -> Result<(), Problem> {
        let site = request.app_data::<web::Data<Site>>().ok_or_else(|| Problem::internal("a form without a site"))?;
        let owner = request.extensions().get::<FormOwner>().map_or_else(String::new, |owner| owner.0.clone());
        let is_ours = visitor(request)
            .zip(self.get(TOKEN))
            .is_some_and(|(visitor, presented)| site.is_form_token(&visitor, &owner, presented));
        if is_ours && !comes_from_elsewhere(request) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "The form is out of date; load the page again, and send it once more")
            .caused_by("no valid form token"))
    }
}

/// What browsers themselves say of where a request comes from (Fetch Metadata); those that say nothing are old.
pub(crate) fn comes_from_elsewhere(request: &HttpRequest) -> bool {
    let from = request.headers().get(header::HeaderName::from_static("sec-fetch-site"));
    from.is_some_and(|from| from.as_bytes() != b"same-origin")
}

impl FromRequest for Form {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = web::Payload::from_request(&request, &mut { payload }).await.map_err(Problem::internal)?;
            let is_signed_in = request.extensions().contains::<FormOwner>();
            let most = if is_signed_in { MAX_KB } else { MAX_KB_OF_STRANGERS };
            let read = body.to_bytes_limited(most * 1024).await;
            let bytes = match read {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(error)) => return Err(Problem::new(Code::BadRequest, error.to_string())),
                Err(_) => {
                    return Err(Problem::new(Code::PayloadTooLarge, format!("A form must have at most {most} KB")));
                }
            };
            if bytes.iter().filter(|byte| **byte == b'&').count() >= MAX_FIELDS {
                return Err(Problem::new(Code::BadRequest, format!("A form must have at most {MAX_FIELDS} fields")));
            }
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let fields = web::Query::<Vec<(String, String)>>::from_query(text)
                .map_err(|error| Problem::new(Code::BadRequest, format!("The form can't be read: {error}")))?;
            let form = Self(fields.into_inner());
            form.check(&request)?;
            Ok(form)
        })
    }
}
