//! Without a mouse.

use fantoccini::key::Key;
use tests::{TestPlatform, browser::Browser, client::PASSWORD};

const BUTTON: &str = "main form[method=post] button.primary";

async fn enter(browser: &Browser) {
    browser.led_on(async || browser.key(Key::Enter).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_signing_up_to_the_first_customer_by_keys_alone() {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser().await;
    browser.goto("/signup").await;
    // The first that is offered is to leave out what stands on every page.
    browser.tab_to("*").await;
    assert_eq!(browser.text_of(":focus").await, browser.t("skip-to-content"));
    browser.key(Key::Enter).await;
    browser.find("main:focus").await;
    browser.tab_to("*").await;
    browser.find("main [name=company_name]:focus").await;
    browser.type_here("Quattro Stand").await;
    browser.tab_to(BUTTON).await;
    enter(&browser).await;

    browser.is_at("/signup/package").await;
    browser.tab_to("summary").await;
    browser.key(Key::Enter).await;
    browser.find("details:not([open])").await;
    browser.goto("/signup/package").await;
    browser.tab_to("[name=package_key]").await;
    browser.key(Key::Down).await;
    let chosen = browser.run("return document.querySelector('[name=package_key]:checked').value").await;
    assert_eq!(browser.run("return document.activeElement.value").await, chosen);
    browser.tab_to(BUTTON).await;
    enter(&browser).await;

    browser.is_at("/signup/account").await;
    for (name, text) in [("owner_name", "Ada"), ("owner_email", "ada@example.com"), ("password", PASSWORD)] {
        browser.tab_to(&format!("[name={name}]")).await;
        browser.type_here(text).await;
    }
    enter(&browser).await;
    browser.is_at("/signup/payment").await;
    browser.tab_to(BUTTON).await;
    enter(&browser).await;
    browser.is_at("/app").await;

    browser.tab_to("main a[href='/app/customers/new']").await;
    enter(&browser).await;
    browser.is_at("/app/customers/new").await;
    browser.tab_to(BUTTON).await;
    enter(&browser).await;
    browser.refuses("company_name", browser.t("refusal-empty")).await;
    browser.tab_to("[name=company_name]").await;
    browser.type_here("Ünlü İnşaat").await;
    browser.tab_to("[name=status]").await;
    browser.key(Key::Down).await;
    browser.tab_to(BUTTON).await;
    enter(&browser).await;
    browser.shows(browser.t("done-created")).await;
    browser.has_no_problems_but(&[422]).await;
    let owner = platform.client.sign_in("ada@example.com").await;
    let customer = owner.get("/api/v1/customers").await.body["data"][0].clone();
    assert_eq!((&customer["company_name"], &customer["status"]), (&"Ünlü İnşaat".into(), &"inactive".into()));
    platform.stop().await;
}
