//! The way through the wizard, for tests that begin somewhere on it.

use tests::{browser::Browser, client::PASSWORD};

/// The first three steps, with what anybody would fill in.
pub(super) async fn up_to_payment(browser: &Browser, company: &str, email: &str) {
    browser.goto("/signup").await;
    browser.fill("company_name", company).await;
    browser.press("Continue").await;
    browser.is_at("/signup/package").await;
    browser.press("Continue").await;
    browser.is_at("/signup/account").await;
    browser.fill("owner_name", "Ada Lovelace").await;
    browser.fill("owner_email", email).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Continue").await;
    browser.is_at("/signup/payment").await;
}
