//! Does what `docs/adding-a-module.md` says, on a copy of the project, and uses what came of it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "test code: a panic is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::json;
use tests::{ground, program::Dev};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A code block of the page, by its language and what stands in it.
fn block(page: &str, language: &str, contains: &str) -> String {
    let fence = format!("```{language}\n");
    let mut blocks = page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(contains)).expect(contains).to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        if name == "target" || name.to_str().is_some_and(|name| name.starts_with('.')) {
            continue;
        }
        let to = to.join(name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn change(path: &Path, before: &str, more: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(before), "{} has no {before}", path.display());
    fs::write(path, text.replace(before, &format!("{more}{before}"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_adds_a_resource_that_works() {
    let page = fs::read_to_string(root().join("docs/adding-a-module.md")).unwrap();
    // Always the same place: what was built of it before is replaced, and not added to.
    let place = root().join("target/adding-a-module");
    let project = place.join("project");
    if project.exists() {
        fs::remove_dir_all(&project).unwrap();
    }
    copy(&root(), &project);
    change(&project.join("Cargo.toml"), concat!(env!("CARGO_PKG_VERSION"), "\"\nedition"), "10");

    fs::write(project.join("tenant-migrations/V5__fairs.sql"), block(&page, "sql", "CREATE TABLE fairs")).unwrap();
    let crm = project.join("tenant-runtime/src/modules/crm");
    fs::write(crm.join("fairs.rs"), block(&page, "rust", "static FAIRS")).unwrap();
    change(&crm.join("mod.rs"), "mod leads;", "mod fairs;\n");
    change(&crm.join("mod.rs"), "        documents::resource()", &block(&page, "rust", "&fairs::FAIRS"));
    for (language, word) in [("en", "Fairs"), ("tr", "Fuarlar")] {
        let words = project.join(format!("ui/texts/{language}/words.ftl"));
        let more = block(&page, "ftl", &format!("resource-fairs = {word}"));
        fs::write(&words, fs::read_to_string(&words).unwrap() + &more).unwrap();
    }
    let permission = block(&page, "rust", "fairs.*");
    change(&project.join("tenancy/src/role.rs"), "                \"leads.*\",\n", &permission);

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // What others wrote is built already, as long as it is to have the same features (hence the whole workspace) and its
    // build scripts see nothing of the package whose test this is. What is ours is kept apart by the version.
    let of_this_package = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in of_this_package.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        build.env_remove(name);
    }
    let build = build
        .args(["build", "--workspace", "--bin", "tenantry", "--target-dir"])
        .arg(&place)
        .env("CARGO_BUILD_BUILD_DIR", root().join("target"))
        .current_dir(&project)
        .output()
        .unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));

    let folder = ground::folder();
    let mut dev = Dev::of(&place.join("debug/tenantry"), folder.path(), &[]).await;
    dev.client.sign_up("Acme", "ada@example.com").await.expect(201);
    let owner = dev.client.sign_in("ada@example.com").await;
    let customer = owner.post("/api/v1/customers", &json!({ "company_name": "x" })).await.expect(201).body;
    let body = json!({ "name": "Hannover Messe", "opens_on": "2027-04-19", "customer_id": customer["id"] });
    let made = owner.post("/api/v1/fairs", &body).await.expect(201);
    assert!(made.body["id"].as_str().unwrap().starts_with("fai_"));
    let place = made.headers["location"].to_str().unwrap().to_owned();
    owner.patch(&place, &json!({ "status": "open" })).await.expect(200);
    let list = owner.get("/api/v1/fairs?status=open&sort=-opens_on&search=messe").await.expect(200).body;
    assert_eq!((&list["total"], &list["data"][0]["name"]), (&json!(1), &json!("Hannover Messe")));
    assert_eq!(owner.post("/api/v1/fairs", &json!({ "status": "maybe" })).await.status, 422);
    let document = owner.get("/api/openapi.json").await.expect(200).body;
    assert!(document["paths"]["/api/v1/fairs/{id}"]["patch"].is_object());
    let cookie = format!("tenantry_access={}", owner.token().unwrap());
    let pages = owner.request(reqwest::Method::GET, "/app/fairs").header("cookie", cookie);
    let page = owner.send(pages.header("accept-language", "tr")).await.unwrap().expect(200).body;
    let page = page.as_str().unwrap();
    assert!(page.contains("Fuarlar") && page.contains("Hannover Messe") && page.contains("Yeni fuar"), "{page}");
    owner.delete(&place).await.expect(204);
    assert!(dev.end(Signal::INT).await.success());
}
