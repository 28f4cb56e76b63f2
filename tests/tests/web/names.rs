//! What people call things, and what some call them to do harm: in every field of every form, shown as it was typed.

use serde_json::json;
use tenancy::Language;
use tests::{
    TestPlatform,
    browser::Browser,
    client::PASSWORD,
    pages::{Filled, PAGES, Who},
};

const TEXTS: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus=alert(1) x='",
    "gnp.\u{202e}txt.exe",
    "İstanbul ıIiİ ğĞşŞ 統一 👩‍👩‍👧",
    "{{7*7}} ${7*7} {% raw %}",
    "'; DROP TABLE customers; --",
];

/// The fields of a page's form that take what somebody types.
const FIELDS: &str = "
const form = document.querySelector('main form[method=post]');
return [...form.querySelectorAll('input, textarea')]
  .filter(({ type }) => ['text', 'email', 'tel', 'search', 'textarea', 'password', 'url'].includes(type))
  .map(({ name }) => name);
";

/// What would stand on a page that took a text for something else.
const GROWN: &str = "
return [...document.querySelectorAll('script:not([src^=\"/assets/\"]), img, iframe, [onerror], [onfocus], [autofocus]')]
  .map((one) => one.outerHTML);
";

async fn nothing_grew(browser: &Browser) {
    assert_eq!(browser.run(GROWN).await, json!([]), "at {}", browser.here().await);
}

async fn fields(browser: &Browser) -> Vec<String> {
    let fields = browser.run(FIELDS).await;
    fields.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// All of them in one.
fn all() -> String {
    TEXTS.join(" ")
}

/// Far more than any field takes.
fn long() -> String {
    "ş".repeat(10_000)
}

/// A form with this text in each of its fields: every field says so or keeps what was typed, and the text is nothing but
/// text.
async fn survives(browser: &Browser, path: &str, text: &str) {
    browser.goto(path).await;
    let fields = fields(browser).await;
    assert!(!fields.is_empty(), "{path}");
    for name in &fields {
        browser.paste(name, text).await;
    }
    // What a browser keeps back by itself is sent by others all the same.
    browser.run("document.querySelector('main form[method=post]').noValidate = true").await;
    browser.led_on(async || browser.send().await).await;
    nothing_grew(browser).await;
    let status = browser.run("return performance.getEntriesByType('navigation')[0].responseStatus").await;
    assert!(status.as_u64().unwrap() < 500, "{path}: {status}");
    if browser.count("main form [aria-invalid=true]").await > 0 {
        // A password is not sent back.
        for name in fields.iter().filter(|name| *name != "password") {
            assert_eq!(browser.value(name).await, text, "{path}: {name}");
        }
    }
    browser.has_no_problems_but(&[400, 401, 403, 409, 413, 422, 429]).await;
}

/// Every page of the list that has a form, as whoever looks at it.
async fn every_form_survives(platform: &TestPlatform, filled: &Filled, who: Who) {
    let browser = platform.browser().await;
    filled.become_one(&browser, Language::English, who).await;
    for page in PAGES.iter().filter(|page| page.who == who && page.is_plain()) {
        let path = filled.address(page.path);
        browser.goto(&path).await;
        if browser.count("main form[method=post] button.primary").await == 0 || browser.run(FIELDS).await == json!([]) {
            continue;
        }
        survives(&browser, &path, &all()).await;
        survives(&browser, &path, &long()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_write_what_they_like() {
    let (platform, filled) = Filled::start().await;
    every_form_survives(&platform, &filled, Who::Stranger).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_write_what_they_like() {
    let (platform, filled) = Filled::start().await;
    every_form_survives(&platform, &filled, Who::Operator).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_write_what_they_like() {
    let (platform, filled) = Filled::start().await;
    every_form_survives(&platform, &filled, Who::Owner).await;

    // What was kept is shown everywhere as it was typed.
    let owner = &filled.client;
    let browser = platform.browser().await;
    browser.goto("/language/en?next=/login").await;
    browser.sign_in(filled.owner).await;
    let text = all();
    let customer = owner.post("/api/v1/customers", &json!({ "company_name": text, "tags": TEXTS })).await;
    let customer = customer.expect(201).body["id"].as_str().unwrap().to_owned();
    let project = owner.post("/api/v1/projects", &json!({ "name": text, "customer_id": customer })).await;
    let project = project.expect(201).body["id"].as_str().unwrap().to_owned();
    owner.post(&format!("/api/v1/projects/{project}/tasks"), &json!({ "title": text })).await.expect(201);
    for path in [
        "/app",
        &format!("/app/customers/{customer}"),
        &format!("/app/customers?search={}", urlencoded(&text)),
        "/app/projects",
        &format!("/app/projects/{project}"),
        "/app/tasks?view=board",
    ] {
        browser.goto(path).await;
        let shown = "return document.body.textContent.includes(arguments[0])
            || [...document.querySelectorAll('input')].some(({ value }) => value === arguments[0])";
        assert_eq!(browser.run_with(shown, vec![json!(text)]).await, true, "{path}");
        nothing_grew(&browser).await;
    }
    browser.has_no_problems().await;
    platform.stop().await;
}

fn urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_up_writes_what_they_like() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    for text in [all(), long()] {
        survives(&browser, "/signup", &text).await;
        up_to_account(&browser, "Acme", "acme").await;
        survives(&browser, "/signup/account", &text).await;
    }
    // No company is called what turns the writing round.
    let text = all().replace('\u{202e}', "");
    up_to_account(&browser, &text, "company").await;
    browser.paste("owner_name", &text).await;
    browser.paste("owner_email", "ada@example.com").await;
    browser.paste("password", PASSWORD).await;
    browser.send().await;
    browser.is_at("/signup/payment").await;
    assert_eq!(browser.text_of("main dd bdi").await, text);
    nothing_grew(&browser).await;
    browser.send().await;
    browser.is_at("/app").await;
    nothing_grew(&browser).await;
    assert_eq!(browser.text_of(".side .workspace-name").await, text);
    browser.has_no_problems().await;
    platform.stop().await;
}

async fn up_to_account(browser: &Browser, company: &str, slug: &str) {
    browser.goto("/signup").await;
    browser.paste("company_name", company).await;
    browser.paste("slug", slug).await;
    browser.send().await;
    browser.is_at("/signup/package").await;
    browser.send().await;
    browser.is_at("/signup/account").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_that_fits_is_kept() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    // Four bytes each, the most that a character takes.
    let (name, password) = ("𝔖".repeat(200), "𝔖𝔱".repeat(64));
    up_to_account(&browser, &name, "long").await;
    browser.paste("owner_name", &name).await;
    browser.paste("owner_email", "owner@example.com").await;
    browser.paste("password", &password).await;
    browser.send().await;
    browser.is_at("/signup/payment").await;
    assert_eq!(browser.text_of("main dd bdi").await, name);
    browser.send().await;
    browser.is_at("/app").await;
    assert_eq!(browser.sideways().await, 0);
    platform.stop().await;
}
