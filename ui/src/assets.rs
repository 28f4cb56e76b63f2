//! The files that pages use, in the program itself. Their address changes with what is in them, so browsers keep them.

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

/// One style sheet, each part after those that it changes.
const STYLES: &str = concat!(
    include_str!("../assets/styles/tokens.css"),
    include_str!("../assets/styles/base.css"),
    include_str!("../assets/styles/frame.css"),
    include_str!("../assets/styles/parts.css"),
    include_str!("../assets/styles/buttons.css"),
    include_str!("../assets/styles/forms.css"),
    include_str!("../assets/styles/tables.css"),
    include_str!("../assets/styles/states.css"),
    include_str!("../assets/styles/charts.css"),
    include_str!("../assets/styles/packages.css"),
    include_str!("../assets/styles/board.css"),
    include_str!("../assets/styles/calendar.css"),
    include_str!("../assets/styles/confirm.css"),
    include_str!("../assets/styles/narrow.css"),
    include_str!("../assets/styles/preferences.css"),
);

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let files: [(&str, &str, &str); 10] = [
        ("app.css", CSS, STYLES),
        ("app.js", SCRIPT, include_str!("../assets/scripts/app.js")),
        ("address.js", SCRIPT, include_str!("../assets/scripts/address.js")),
        ("board.js", SCRIPT, include_str!("../assets/scripts/board.js")),
        ("choices.js", SCRIPT, include_str!("../assets/scripts/choices.js")),
        ("filters.js", SCRIPT, include_str!("../assets/scripts/filters.js")),
        ("live.js", SCRIPT, include_str!("../assets/scripts/live.js")),
        ("password.js", SCRIPT, include_str!("../assets/scripts/password.js")),
        ("icons.svg", SVG, include_str!("../assets/icons.svg")),
        ("mark.svg", SVG, include_str!("../assets/mark.svg")),
    ];
    // One for all of them: a script that takes something from another one finds it beside itself.
    let mut digest = Sha256::new();
    files.iter().for_each(|(_, _, text)| digest.update(text));
    let hash: String = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    files
        .into_iter()
        .map(|(name, kind, text)| {
            let bytes = text.as_bytes();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_takes_from_another_one_is_there() {
        for file in FILES.iter().filter(|file| file.kind == SCRIPT) {
            let text = std::str::from_utf8(file.bytes).unwrap();
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let (names, from) = line.split_once(" from './").unwrap();
                let other = FILES.iter().find(|other| from == format!("{}';", other.name)).expect(line);
                let given = std::str::from_utf8(other.bytes).unwrap();
                for name in names.trim_start_matches("import { ").trim_end_matches(" }").split(", ") {
                    let is_given =
                        ["const", "function"].iter().any(|kind| given.contains(&format!("export {kind} {name}")));
                    assert!(is_given, "{}: {name}", file.name);
                    assert!(text.contains(&format!("{name}(")), "{} does not use {name}", file.name);
                }
            }
        }
    }
}
