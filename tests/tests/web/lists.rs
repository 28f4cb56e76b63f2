//! Lists, as somebody looks for something in them.

use serde_json::json;
use tests::{TestPlatform, browser::Browser};

use super::work::{EMAIL, at_work};

async fn rows(browser: &Browser, titles: &[&str]) {
    let script =
        "return [...document.querySelectorAll('#rows tbody td:first-child a')].map(({ textContent }) => textContent)";
    browser
        .until(&format!("{titles:?}"), async || Ok((browser.try_run(script).await? == json!(titles)).then_some(())))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_narrows_while_somebody_types() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    for (name, status) in [("Ünlü İnşaat", "active"), ("Ünlü Fuar", "inactive"), ("Acme", "active")] {
        let customer = json!({ "company_name": name, "status": status });
        owner.post("/api/v1/customers", &customer).await.expect(201);
    }
    browser.goto("/app/customers").await;
    browser.run("window.isTheSame = true").await;
    let search = browser.find("[type=search]").await;
    search.send_keys("ünlü").await.unwrap();
    rows(&browser, &["Ünlü Fuar", "Ünlü İnşaat"]).await;
    // Whoever types goes on typing.
    assert_eq!(browser.run("return document.activeElement.name").await, "search");
    search.send_keys(" f").await.unwrap();
    rows(&browser, &["Ünlü Fuar"]).await;
    search.send_keys("\u{e003}\u{e003}").await.unwrap();
    browser.click("[name=status] option[value=active]").await;
    rows(&browser, &["Ünlü İnşaat"]).await;
    assert_eq!(browser.text_of("#shown").await, "1–1 of 1");
    assert_eq!(browser.run("return window.isTheSame").await, true);
    let narrowed = browser.here().await;
    browser.goto(&narrowed).await;
    rows(&browser, &["Ünlü İnşaat"]).await;
    assert_eq!((browser.value("search").await, browser.value("status").await), ("ünlü".into(), "active".into()));
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_does_not_know_is_left_out() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    owner.post("/api/v1/customers", &json!({ "company_name": "Acme" })).await.expect(201);
    browser.goto("/app/customers?fbclid=1&sort=colour&page=none&status=unheard").await;
    rows(&browser, &["Acme"]).await;
    let long = "a".repeat(201);
    browser.goto(&format!("/app/customers?search={long}")).await;
    browser.refuses("search", "Use 1 to 200 characters.").await;
    assert_eq!(browser.value("search").await, long);
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_list_is_narrowed_to_is_said_and_can_be_taken_away() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    let project = owner.post("/api/v1/projects", &json!({ "name": "Stand" })).await.expect(201).body;
    let project = project["id"].as_str().unwrap();
    owner.post("/api/v1/tasks", &json!({ "title": "Alone" })).await.expect(201);
    owner.post(&format!("/api/v1/projects/{project}/tasks"), &json!({ "title": "Drawn" })).await.expect(201);
    browser.goto(&format!("/app/tasks?view=list&project_id={project}")).await;
    rows(&browser, &["Drawn"]).await;
    let said = "return document.querySelector('[name=project_id]').selectedOptions[0].text";
    assert_eq!(browser.run(said).await, "Stand");
    // In every way of looking at them.
    browser.press("Board").await;
    browser.until("the board", async || Ok((browser.count(".board .task-card").await == 1).then_some(()))).await;
    assert_eq!(browser.run(said).await, "Stand");
    browser.click("[name=project_id] option[value='']").await;
    browser.until("all of them", async || Ok((browser.count(".board .task-card").await == 2).then_some(()))).await;
    browser.has_no_problems().await;
    platform.stop().await;
}
