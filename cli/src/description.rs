//! The API's description, of the planes that are served here, and a page to try it.

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Path, ServiceConfig},
};
use control_plane::ControlPlane;
use tenancy::{Problem, http::document};
use utoipa_swagger_ui::Config;

use crate::serving::Planes;

/// Where the description is.
const DOCUMENT: &str = "/api/openapi.json";

static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from(DOCUMENT)));

/// The description of what these planes serve.
pub(crate) fn of(planes: Planes) -> Arc<str> {
    let control_plane = if planes.has_control_plane() { ControlPlane::routes() } else { Vec::new() };
    let runtime = if planes.has_runtime() { tenant_runtime::routes() } else { Vec::new() };
    let of_runtime = runtime.iter().map(|route| (tenant_runtime::PREFIXES[0], route));
    document(control_plane.iter().map(|route| ("", route)).chain(of_runtime)).to_string().into()
}

/// Serves the description, and the page.
pub(crate) fn routes(config: &mut ServiceConfig, description: Arc<str>) {
    let answer = move || {
        let text = description.to_string();
        async move { HttpResponse::Ok().content_type("application/json").body(text) }
    };
    config
        .route(DOCUMENT, web::get().to(answer))
        .route("/api/docs", web::get().to(to_page))
        .service(web::scope("/api/docs").route("/{file:.*}", web::get().to(page)));
}

/// The page is on the address of the consoles: nothing from elsewhere runs in it, and it stands in no other page. What it
/// draws with styles is its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The files of the page are beside it.
async fn to_page() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/api/docs/")).finish()
}

async fn page(file: Path<String>) -> Result<HttpResponse, Problem> {
    let file = utoipa_swagger_ui::serve(&file, PAGE.clone()).map_err(Problem::internal)?;
    let file = file.ok_or_else(|| Problem::not_found("page"))?;
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .body(file.bytes.into_owned()))
}
