//! The products: a folder each, a table of routes each. What resources have in common is written here once.

mod crm;
mod fields;
mod list;

use actix_web::HttpRequest;
use tenancy::http::Route;

/// Every route of the runtime, relative to the prefixes that they are served under.
#[must_use]
pub fn routes() -> Vec<Route> {
    crm::routes()
}

/// The address of what was made by a POST to this request's path.
fn location(request: &HttpRequest, id: impl std::fmt::Display) -> String {
    format!("{}/{id}", request.path().trim_end_matches('/'))
}
