//! Working in a workspace: from signing up to the first customer, and on.

use serde_json::json;
use tests::{TestPlatform, browser::Browser};

use super::wizard::make;

pub(super) const EMAIL: &str = "ada@example.com";

/// A browser that is signed in to a new workspace, and its slug.
pub(super) async fn at_work(platform: &TestPlatform) -> (Browser, String) {
    let browser = platform.browser().await;
    browser.sign_up_to_payment("Quattro Stand", EMAIL).await;
    make(&browser).await;
    (browser, "quattro-stand".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_found_whichever_letter_i_is_typed() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    owner.post("/api/v1/customers", &json!({ "company_name": "Ünlü İnşaat" })).await.expect(201);
    browser.goto("/app/customers?search=UNLU").await;
    browser.shows("Nothing fits").await;
    browser.goto("/app/customers").await;
    browser.fill("search", "INSAAT").await;
    browser.until("the list without it", async || Ok(browser.here().await.contains("INSAAT").then_some(()))).await;
    browser.shows("Nothing fits").await;
    browser.fill("search", "inşaat").await;
    browser.shows("Ünlü İnşaat").await;
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_one_row_are_told_of_each_other() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    let made = owner.post("/api/v1/customers", &json!({ "company_name": "Acme" })).await.expect(201).body;
    let id = made["id"].as_str().unwrap();
    browser.goto(&format!("/app/customers/{id}")).await;
    owner.patch(&format!("/api/v1/customers/{id}"), &json!({ "city": "Ankara" })).await.expect(200);
    browser.fill("city", "Berlin").await;
    browser.press("Save").await;
    browser.shows("This was changed meanwhile.").await;
    assert_eq!(browser.error_of("city").await, "It now says: Ankara");
    assert_eq!(browser.error_of("company_name").await, "");
    assert_eq!(browser.value("city").await, "Berlin");
    // Whoever has read that, and sends it again, means it.
    browser.press("Save").await;
    browser.shows("Saved.").await;
    assert_eq!(owner.get(&format!("/api/v1/customers/{id}")).await.body["city"], "Berlin");

    browser.press("Delete").await;
    browser.press("Yes, delete it").await;
    browser.shows("Deleted.").await;
    owner.get(&format!("/api/v1/customers/{id}")).await.expect(404);
    browser.has_no_problems_but(&[412]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_package_says_what_the_next_would_give() {
    let platform = TestPlatform::stocked().await;
    let (browser, slug) = at_work(&platform).await;
    let session = platform.platform_session().await;
    let sql = "UPDATE tenants SET limit_overrides = '{\"max_customers\": 1}' WHERE slug = $1";
    session.execute(sql, &[&slug]).await.unwrap();
    let owner = platform.client.sign_in(EMAIL).await;
    tests::eventually("the limit is known", async || {
        let reply = owner.post("/api/v1/customers", &json!({ "company_name": "One" })).await;
        reply.code() == "LIMIT_REACHED"
    })
    .await;
    // Before somebody fills a form in for nothing, and where they see what they use.
    for path in ["/app/customers", "/app/customers/new", "/app"] {
        browser.goto(path).await;
        browser.shows("Customers: at most 1 in your package, Professional.").await;
    }
    browser.shows("1 of 10").await;
    browser.goto("/app/customers/new").await;
    browser.fill("company_name", "Two").await;
    browser.press("Create").await;
    browser.shows("Customers: at most 1 in your package, Professional.").await;
    browser.shows("Enterprise has Unlimited, for ₺999.00 a month.").await;
    assert_eq!(browser.value("company_name").await, "Two");
    browser.has_no_problems_but(&[402]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_over_the_board_with_and_without_scripts() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    let made = owner.post("/api/v1/tasks", &json!({ "title": "Draw the stand" })).await.expect(201).body;
    let path = format!("/api/v1/tasks/{}", made["id"].as_str().unwrap());
    browser.goto("/app/tasks?view=board").await;
    let card = ".column[data-value=todo] .task-card";
    // Nothing can be dropped where nobody says that it may.
    let drag = "const [card, column] = [document.querySelector(arguments[0]), document.querySelector(arguments[1])];
        const data = new DataTransfer();
        const fire = (at, kind) => at.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
        fire(card, 'dragstart');
        const mayDrop = !fire(column, 'dragover');
        if (mayDrop) fire(column, 'drop');
        fire(card, 'dragend');
        return mayDrop || null;";
    browser.read("a column that takes it", drag, vec![json!(card), json!(".column[data-value=review]")]).await;
    browser.find(".column[data-value=review] .task-card").await;
    assert_eq!(owner.get(&path).await.body["status"], "review");

    let browser = browser.without_scripts().await;
    browser.goto("/app/tasks?view=board").await;
    browser.runs_no_scripts().await;
    browser.click(".task-card option[value=done]").await;
    browser.press("Move").await;
    browser.find(".column[data-value=done] .task-card").await;
    assert_eq!(owner.get(&path).await.body["status"], "done");
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stands_on_its_day_by_the_clock_of_the_place() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    let owner = platform.client.sign_in(EMAIL).await;
    // In Istanbul it is the next day already.
    let event = json!({
        "title": "Fair opens", "starts_at": "2027-03-09T22:30:00Z", "ends_at": "2027-03-12T15:00:00Z",
    });
    let long = json!({
        "title": "A long one", "all_day": true, "starts_at": "2027-06-29T21:00:00Z", "ends_at": "2027-08-01T21:00:00Z",
    });
    owner.post("/api/v1/calendar_events", &long).await.expect(201);
    owner.post("/api/v1/calendar_events", &event).await.expect(201);
    browser.goto("/app/calendar_events?month=2027-03").await;
    browser.shows("March 2027").await;
    let places = "return [...document.querySelectorAll('.event')]
        .map((one) => one.closest('td').querySelector('time').dateTime)";
    assert_eq!(browser.run(places).await, json!(["2027-03-10", "2027-03-11", "2027-03-12"]));
    // What began before the month, and goes on through its first days; a whole day ends with itself.
    browser.goto("/app/calendar_events?month=2027-08").await;
    browser.shows("August 2027").await;
    let shown = browser.run(places).await;
    let shown = shown.as_array().unwrap();
    assert_eq!((shown.len(), &shown[0], &shown[7]), (8, &json!("2027-07-26"), &json!("2027-08-02")));
    browser.goto("/app/calendar_events?month=2027-09").await;
    browser.shows("September 2027").await;
    assert_eq!(browser.run(places).await, json!([]));
    browser.goto("/app/calendar_events?month=2027-03").await;
    browser.shows("01:30").await;
    browser.click(".event").await;
    browser.shows("Starts").await;
    assert_eq!(browser.value("starts_at").await, "2027-03-10T01:30");
    browser.press("Save").await;
    browser.shows("Saved.").await;
    let kept = owner.get("/api/v1/calendar_events").await.body["data"][0]["starts_at"].clone();
    assert_eq!(kept, "2027-03-09T22:30:00Z");
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_many_is_found() {
    let platform = TestPlatform::stocked().await;
    let (browser, slug) = at_work(&platform).await;
    let sql = "INSERT INTO customers (id, company_name, created_by, created_by_name, created_at)
        SELECT gen_random_uuid(), 'Customer ' || n, gen_random_uuid(), 'Ada', now() - n * interval '1 minute'
        FROM generate_series(1, 150) n";
    platform.tenant_session(&slug).await.batch_execute(sql).await.unwrap();
    browser.goto("/app/projects/new").await;
    browser.shows("The newest 100 are listed.").await;
    let options = "return [...document.getElementById('customer_id').options].map(({ text }) => text)";
    assert!(!browser.run(options).await.as_array().unwrap().contains(&json!("Customer 149")));
    browser.fill("name", "Stand").await;
    let finder = browser.find("[data-finds=customer_id]").await;
    finder.send_keys("customer 149\u{e007}").await.unwrap();
    browser
        .until("one found", async || {
            let options = browser.try_run(options).await?;
            Ok((options == json!(["None", "Customer 149"])).then_some(()))
        })
        .await;
    browser.run("document.getElementById('customer_id').selectedIndex = 1").await;
    finder.send_keys("9").await.unwrap();
    browser.shows("Nothing fits").await;
    assert_eq!(browser.run(options).await, json!(["None", "Customer 149"]), "what is chosen stays so");
    assert!(browser.axe("html").await.is_empty());
    // Of those that are listed again none is chosen instead.
    let chosen = "return document.getElementById('customer_id').selectedOptions[0].text";
    let all_again = async || {
        // Control and A, then the backspace.
        finder.send_keys("\u{e009}a\u{e000}\u{e003}").await.unwrap();
        browser.shows("The newest 100 are listed.").await;
    };
    all_again().await;
    assert_eq!(browser.run(chosen).await, "Customer 149");
    browser.run("document.getElementById('customer_id').selectedIndex = 0").await;
    finder.send_keys("customer 14").await.unwrap();
    browser.shows("1–11 of 11").await;
    all_again().await;
    assert_eq!(browser.run(chosen).await, "None");
    assert!(browser.run(options).await.as_array().unwrap().contains(&json!("Customer 1")));
    finder.send_keys("customer 149").await.unwrap();
    browser.shows("1–1 of 1").await;
    browser.run("document.getElementById('customer_id').selectedIndex = 1").await;
    browser.press("Create").await;
    browser.shows("Created.").await;
    let owner = platform.client.sign_in(EMAIL).await;
    let project = owner.get("/api/v1/projects").await.body["data"][0].clone();
    let customer = owner.get(&format!("/api/v1/customers/{}", project["customer_id"].as_str().unwrap())).await.body;
    assert_eq!(customer["company_name"], "Customer 149");
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_takes_its_file() {
    let platform = TestPlatform::stocked().await;
    let (browser, _) = at_work(&platform).await;
    browser.goto("/app/documents/new").await;
    browser.fill("name", "Offer").await;
    browser.press("Create").await;
    browser.shows("No file yet.").await;
    // What the browser keeps back by itself, others send.
    browser.run("document.querySelector('form[enctype]').noValidate = true").await;
    browser.press("Upload").await;
    browser.shows("Please fill this in.").await;
    let file = platform.folder().join("teklif çizimi.pdf");
    std::fs::write(&file, b"%PDF-1.7 an offer").unwrap();
    browser.find("[name=file]").await.send_keys(file.to_str().unwrap()).await.unwrap();
    browser.press("Upload").await;
    browser.shows("The file is stored.").await;
    browser.shows("teklif çizimi.pdf").await;
    browser.has_no_problems_but(&[422]).await;
    let owner = platform.client.sign_in(EMAIL).await;
    let document = owner.get("/api/v1/documents").await.body["data"][0].clone();
    assert_eq!((&document["content_type"], &document["size"]), (&json!("application/pdf"), &json!(17)));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_for_everybody_is_changed_on_a_page() {
    let platform = TestPlatform::stocked().await;
    let (browser, slug) = at_work(&platform).await;
    browser.goto("/account/settings").await;
    browser.fill("name", " ").await;
    browser.press("Save").await;
    browser.refuses("name", "Please fill this in.").await;
    browser.fill("name", "Quattro İnşaat").await;
    browser.click("[name=timezone] option[value='Europe/Berlin']").await;
    browser.click("[name=currency] option[value='EUR']").await;
    browser.press("Save").await;
    browser.shows("Saved.").await;
    let session = platform.platform_session().await;
    let sql = "SELECT name, timezone, currency FROM tenants WHERE slug = $1";
    let row = session.query_one(sql, &[&slug]).await.unwrap();
    let now: [String; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(now, ["Quattro İnşaat", "Europe/Berlin", "EUR"]);
    browser
        .until("the console has the new name", async || {
            browser.goto("/app").await;
            Ok(browser.text().await.contains("Quattro İnşaat").then_some(()))
        })
        .await;
    browser.goto("/account").await;
    browser.shows("You are here").await;
    browser.click(".side .side-foot button").await;
    browser.is_at("/login").await;
    browser.shows("You are signed out.").await;
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}
