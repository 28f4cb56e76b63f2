//! `GET /api/packages`: what the signup wizard offers.

use actix_web::{
    HttpResponse,
    http::Method,
    web::{self, Data},
};
use serde_json::json;
use tenancy::{
    Problem,
    http::{Access, Route},
};

use super::Packages;

/// The routes of this capability.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/api/packages", Access::Public, || web::to(offered))]
}

async fn offered(packages: Data<Packages>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(json!({ "data": packages.offered().await? })))
}
