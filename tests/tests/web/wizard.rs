//! The way through the wizard, for tests that begin somewhere on it.

use tests::browser::Browser;

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
    browser.press(browser.t("continue")).await;
    browser.is_at(path).await;
}

/// The last button.
pub(super) async fn make(browser: &Browser) {
    browser.press(browser.t("signup-make")).await;
    browser.is_at("/app").await;
}

/// Waits until this address stands there with what is said of it. Whoever types one before the suggestion has come is
/// overtaken by it.
pub(super) async fn slug_is(browser: &Browser, slug: &str, status: &str) {
    let what = format!("the address {slug:?} with {status:?}");
    browser
        .until(&what, async || {
            let said = browser.text_of("[data-slug-status]").await;
            Ok((browser.value("slug").await == slug && said == status).then_some(()))
        })
        .await;
}
