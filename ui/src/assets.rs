//! The files that pages use, in the program itself. Their addresses change with what is in them, so browsers keep them.

use std::{io::Write, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tenancy::{
    Problem,
    http::{Access, Route},
};

struct File {
    name: &'static str,
    kind: &'static str,
    path: String,
    bytes: &'static [u8],
    compressed: Vec<u8>,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    [
        ("app.css", "text/css; charset=utf-8", include_bytes!("../assets/app.css").as_slice()),
        ("app.js", "text/javascript; charset=utf-8", include_bytes!("../assets/app.js")),
        ("icons.svg", "image/svg+xml", include_bytes!("../assets/icons.svg")),
        ("mark.svg", "image/svg+xml", include_bytes!("../assets/mark.svg")),
    ]
    .into_iter()
    .map(|(name, kind, bytes)| {
        let hash: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        File { name, kind, path: format!("/assets/{hash}/{name}"), bytes, compressed: compressed(bytes) }
    })
    .collect()
});

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to a Vec can't fail; were it to, the file is sent as it is.
    let written = encoder.write_all(bytes);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The address of a file; empty where there is none of that name.
#[must_use]
pub fn asset(name: &str) -> &'static str {
    FILES.iter().find(|file| file.name == name).map_or("", |file| &file.path)
}

/// The routes of the files. Each plane serves them: what one sends is what the other would.
#[must_use]
pub fn asset_routes() -> Vec<Route> {
    vec![Route::page(Method::GET, "/assets/{hash}/{name}", Access::Public, || web::to(send))]
}

/// Whoever asks for an older address has an older page, which works with the newer file: it is sent, but not kept.
async fn send(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("name").unwrap_or_default();
    let file: &'static File = FILES.iter().find(|file| file.name == name).ok_or_else(|| Problem::not_found("file"))?;
    let caching =
        if request.path() == file.path { "public, max-age=31536000, immutable" } else { "public, max-age=60" };
    let mut response = HttpResponse::Ok();
    response
        .content_type(file.kind)
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::VARY, "accept-encoding"));
    if !file.compressed.is_empty() && takes_gzip(request.headers().get(header::ACCEPT_ENCODING)) {
        return Ok(response.insert_header((header::CONTENT_ENCODING, "gzip")).body(file.compressed.as_slice()));
    }
    Ok(response.body(file.bytes))
}

fn takes_gzip(accepted: Option<&HeaderValue>) -> bool {
    let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && !parts.any(|part| part == "q=0")
    })
}
