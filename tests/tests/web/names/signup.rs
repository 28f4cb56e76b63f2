//! Signing up under names that few have.

use tests::{TestPlatform, browser::Browser, client::PASSWORD};

use super::{all, nothing_grew};

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
async fn a_company_is_called_what_it_is_called() {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser().await;
    let text = all();
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
    assert_eq!(browser.text_of(".side .who").await, text);
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_that_fits_is_kept() {
    let platform = TestPlatform::stocked().await;
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
    browser.has_no_problems().await;
    platform.stop().await;
}
