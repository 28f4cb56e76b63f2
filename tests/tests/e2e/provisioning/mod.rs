//! Tenants are born and go: whatever fails on the way, and however often, each is whole or gone in the end.

mod create_fails;
mod drop_fails;
mod drops;
mod faults;
mod second_server;
mod stock;

use serde_json::json;
use tests::{Client, TestPlatform};
use tokio_postgres::Client as Session;

/// Whether the server has a database of this name.
async fn has_database(session: &Session, name: &str) -> bool {
    session.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await.unwrap().is_some()
}

/// Whether the server has a role of this name.
async fn has_role(session: &Session, name: &str) -> bool {
    session.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&name]).await.unwrap().is_some()
}

/// Makes a customer, which only a whole tenant can.
async fn make_customer(owner: &Client, name: &str) {
    owner.post("/api/v1/customers", &json!({ "company_name": name })).await.expect(201);
}

/// The one final backup of a tenant's database.
fn final_backup(platform: &TestPlatform, database: &str) -> Option<std::path::PathBuf> {
    let folder = &platform.platform.settings.backups.folder;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_it = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&format!("{database}-")) && name.ends_with("-final.dump")
    };
    let mut found: Vec<_> = entries.filter(is_it).collect();
    assert!(found.len() <= 1, "{found:?}");
    found.pop()
}
