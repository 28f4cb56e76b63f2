//! What was kept is shown as it was typed, wherever it is shown.

use serde_json::{Value, json};
use tenancy::Language;
use tests::{
    Client, TestPlatform,
    pages::{Filled, PAGES, Who},
};

use super::{TEXTS, all, nothing_grew};

/// The pages on which the text must stand, in the writing of the page and not in a field alone.
const SHOWN: [&str; 30] = [
    "dashboard",
    "customers",
    "customer",
    "leads-board",
    "leads-list",
    "lead",
    "products",
    "product",
    "calendar",
    "calendar-list",
    "event",
    "documents",
    "document",
    "projects",
    "project",
    "tasks-board",
    "tasks-list",
    "task",
    "time-entries",
    "time-entry",
    "event-new",
    "task-new",
    "time-entry-new",
    "workspaces",
    "admin-tenants",
    "admin-tenants-found",
    "admin-tenant",
    "admin-tenant-suspended",
    "admin-fleet",
    "admin-run",
];

const IS_SHOWN: &str = "
const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
while (walker.nextNode()) if (walker.currentNode.data.includes(arguments[0])) return true;
return false;
";

async fn make(owner: &Client, filled: &mut Filled, resource: &'static str, body: Value) -> String {
    let made = owner.post(&format!("/api/v1/{resource}"), &body).await.expect(201).body;
    let id = made["id"].as_str().unwrap().to_owned();
    filled.look_at(resource, &id);
    id
}

/// One of each resource, with the text wherever one can be.
async fn keep(platform: &TestPlatform, filled: &mut Filled) {
    let text = all();
    let session = platform.platform_session().await;
    session.execute("UPDATE tenants SET name = $1 WHERE slug = 'quattro-stand-a-s'", &[&text]).await.unwrap();
    session.execute("UPDATE users SET name = $1 WHERE email = $2", &[&text, &filled.owner]).await.unwrap();
    let told = "UPDATE fleet_results SET message = $1 WHERE failure IS NOT NULL";
    session.execute(told, &[&text]).await.unwrap();
    session.execute("UPDATE fleet_runs SET reason = $1, actor = $1", &[&text]).await.unwrap();
    let reason = "UPDATE tenants SET status_reason = $1 WHERE status = 'suspended'";
    session.execute(reason, &[&text]).await.unwrap();

    let owner = platform.client.sign_in(filled.owner).await;
    let customer = json!({
        "company_name": text, "company_title": text, "contact_person": text, "city": &text[..90], "country": &text[..90],
        "sector": &text[..90], "address": text, "tags": TEXTS,
    });
    let customer = make(&owner, filled, "customers", customer).await;
    let lead = json!({ "company_name": text, "contact_person": text, "fair": text, "notes": text });
    make(&owner, filled, "leads", lead).await;
    make(&owner, filled, "products", json!({ "name": text, "description": text, "tags": TEXTS })).await;
    let project = json!({ "name": text, "description": text, "fair": text, "customer_id": customer });
    let project = make(&owner, filled, "projects", project).await;
    let now = jiff::Timestamp::now().to_string();
    let event = json!({
        "title": text, "description": text, "location": text, "starts_at": now, "customer_id": customer, "project_id": project,
    });
    make(&owner, filled, "calendar_events", event).await;
    let document = json!({ "name": text, "description": text, "customer_id": customer, "project_id": project });
    make(&owner, filled, "documents", document).await;
    let task = json!({ "title": text, "description": text, "project_id": project, "customer_id": customer });
    let task = make(&owner, filled, "tasks", task).await;
    let entry = json!({ "task_id": task, "description": text, "hours": "1.5" });
    make(&owner, filled, "time-entries", entry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_shown_everywhere_as_it_was_typed() {
    let (platform, mut filled) = Filled::start().await;
    keep(&platform, &mut filled).await;
    let browser = platform.browser().await;
    let mut missing = Vec::new();
    for who in [Who::Owner, Who::Operator] {
        filled.become_one(&browser, Language::English, who).await;
        for page in PAGES.iter().filter(|page| page.who == who && page.is_plain()) {
            browser.goto(&filled.address(page.path)).await;
            nothing_grew(&browser).await;
            let is_shown = browser.run_with(IS_SHOWN, vec![json!(all())]).await == true;
            if SHOWN.contains(&page.name) && !is_shown {
                missing.push(page.name);
            }
        }
    }
    assert!(missing.is_empty(), "not shown on {missing:?}");
    browser.has_no_problems().await;
    platform.stop().await;
}
