//! Documents: what is known of them, and their files.

use std::sync::LazyLock;

use tenancy::http::Route;

use crate::modules::resource::{Field, Resource};

static DOCUMENTS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("documents", "document", "doc").in_modules(&["crm"]).fields([
        Field::text("name", 200).required().sorted().searched(),
        Field::text("description", 2000).searched(),
        Field::one_of("category", &["other", "offer", "contract", "invoice", "drawing", "photo"]).filtered(),
        Field::reference("customer_id", "cus").filtered(),
        Field::reference("project_id", "prj").filtered(),
        Field::shown_text("file_name"),
        Field::shown_text("content_type"),
        Field::shown_bytes("size"),
        Field::shown_text("sha256"),
    ])
});

pub(super) fn routes() -> Vec<Route> {
    DOCUMENTS.routes()
}
