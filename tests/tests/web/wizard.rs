//! The way through the wizard, for tests that begin somewhere on it. In English.

use tests::{browser::Browser, client::PASSWORD};

pub(super) async fn company(browser: &Browser, name: &str) {
    browser.goto("/signup").await;
    browser.fill("company_name", name).await;
    go_on(browser, "/signup/package").await;
}

pub(super) async fn account(browser: &Browser, name: &str, email: &str, password: &str) {
    browser.fill("owner_name", name).await;
    browser.fill("owner_email", email).await;
    browser.fill("password", password).await;
}

/// To the next step.
pub(super) async fn go_on(browser: &Browser, path: &str) {
    browser.press("Continue").await;
    browser.is_at(path).await;
}

/// The first three steps, with what anybody would fill in.
pub(super) async fn up_to_payment(browser: &Browser, name: &str, email: &str) {
    company(browser, name).await;
    go_on(browser, "/signup/account").await;
    account(browser, "Ada Lovelace", email, PASSWORD).await;
    go_on(browser, "/signup/payment").await;
}
