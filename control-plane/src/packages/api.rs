//! `GET /api/packages`: what the signup wizard offers.

use actix_web::{
    HttpResponse,
    http::Method,
    web::{self, Data},
};
use serde_json::json;
use tenancy::{
    Problem,
    http::{Access, Operation, Route, named, object},
};

use super::Packages;

/// The routes of this capability.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/api/packages", Access::Public, description(), || web::to(offered))]
}

fn description() -> Operation {
    let text = json!({ "type": "string" });
    let price = json!({ "type": ["string", "null"] });
    let map = json!({ "type": "object" });
    let package = object(
        json!({
            "key": text, "name": text, "name_tr": text, "description": text, "description_tr": text,
            "price_monthly": price, "price_yearly": price, "currency": text,
            "modules": { "type": "array", "items": text }, "limits": map, "features": map,
        }),
        &["key", "name", "price_monthly", "price_yearly", "currency", "modules", "limits", "features"],
    );
    let all = object(json!({ "data": { "type": "array", "items": named("Package") } }), &["data"]);
    Operation::new("sign-up", "The packages that can be chosen").schema("Package", package).answers(
        200,
        "All of them",
        all,
    )
}

async fn offered(packages: Data<Packages>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(json!({ "data": packages.offered().await? })))
}
