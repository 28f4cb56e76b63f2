//! Documents: what is known of them, and their files.

mod api;
mod kinds;
mod pages;
mod store;

use std::sync::LazyLock;

use actix_web::{http::Method, web};
use serde_json::json;
use tenancy::http::{Operation, Route, named};

use crate::modules::resource::{Action, Field, Resource};

/// Deleting takes the file along, so it has a handler of its own.
static DOCUMENTS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("documents", "document", "doc")
        .in_modules(&["crm"])
        .with_a_file()
        .only(&[Action::Read, Action::Create, Action::Update])
        .fields([
            Field::text("name", 200).required().sorted().searched(),
            Field::text("description", 2000).searched(),
            Field::one_of("category", &["other", "offer", "contract", "invoice", "drawing", "photo"])
                .filtered()
                .listed(),
            Field::reference("customer_id", "cus").filtered().listed(),
            Field::reference("project_id", "prj").filtered(),
            Field::shown_text("file_name").listed(),
            Field::shown_text("content_type"),
            Field::shown_bytes("size").listed(),
            Field::shown_text("sha256"),
        ])
});

pub(super) fn resource() -> &'static Resource {
    &DOCUMENTS
}

/// The pages that documents have beside those of every resource.
pub(super) fn pages() -> Vec<Route> {
    vec![
        Route::page(Method::GET, "/app/documents/{id}/file", DOCUMENTS.access(Action::Read), || web::to(api::download)),
        Route::page(Method::POST, "/app/documents/{id}/file", DOCUMENTS.access(Action::Update), || {
            web::to(pages::upload)
        }),
        Route::page(Method::POST, "/app/documents/{id}/delete", DOCUMENTS.access(Action::Delete), || {
            web::to(pages::delete)
        }),
    ]
}

/// The routes that documents have beside those of every resource.
pub(super) fn routes() -> Vec<Route> {
    let bytes = || json!({ "type": "string", "format": "binary" });
    let operation = |summary: &str| Operation::new("documents", summary);
    let upload = operation("Sends a document's file")
        .query("name", json!({ "type": "string", "minLength": 1, "maxLength": 200 }), "The file's name")
        .takes_content(&kinds::all(), bytes())
        .answers(200, "The document, with its file", named("Document"));
    let download = operation("A document's file").answers_content(200, "The file", &kinds::all(), bytes());
    vec![
        Route::new(
            Method::DELETE,
            "/documents/{id}",
            DOCUMENTS.access(Action::Delete),
            DOCUMENTS.delete_operation(),
            || web::to(api::delete),
        ),
        Route::new(Method::PUT, "/documents/{id}/file", DOCUMENTS.access(Action::Update), upload, || {
            web::to(api::upload)
        }),
        Route::new(Method::GET, "/documents/{id}/file", DOCUMENTS.access(Action::Read), download, || {
            web::to(api::download)
        }),
    ]
}
