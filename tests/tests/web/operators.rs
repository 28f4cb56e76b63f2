//! Those who run the platform, at work in their console.

use control_plane::ControlPlane;
use tenancy::TenantSlug;
use tests::{TestPlatform, browser::Browser, client::PASSWORD};

const OPERATOR: &str = "operator@example.com";

/// Makes somebody who may, and signs them in.
pub(super) async fn sign_in(browser: &Browser, plane: &ControlPlane) {
    plane.ensure_super_admin(OPERATOR, PASSWORD).await.unwrap();
    // Whoever is made like this is taken to have chosen English.
    browser.goto(&format!("/language/{}?next=/admin", browser.speech.language)).await;
    browser.is_at("/admin/login").await;
    browser.fill("email", OPERATOR).await;
    browser.fill("password", PASSWORD).await;
    browser.press(browser.t("sign-in")).await;
    browser.is_at("/admin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_made_and_dropped_with_its_slug_typed() {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser().await;
    sign_in(&browser, platform.control_plane()).await;
    browser.goto("/admin/tenants/new").await;
    browser.click("main form button.primary").await;
    browser.refuses("name", browser.t("refusal-empty")).await;
    browser.fill("name", "Kısa İş Ltd.").await;
    browser.fill("owner_name", "Ada").await;
    browser.fill("owner_email", "ada@example.com").await;
    browser.click("main form button.primary").await;
    browser.is_at("/admin/tenants/kisa-is-ltd").await;
    browser.shows("Kısa İş Ltd.").await;

    browser.click("details.confirm:has([action$='/drop']) summary").await;
    let refused = "return document.querySelector(\"form[action$='/drop'] button\").disabled";
    assert_eq!(browser.run(refused).await, true);
    browser.fill("confirm", "kisa-is-ltd").await;
    assert_eq!(browser.run(refused).await, false);
    browser.click("form[action$='/drop'] button").await;
    browser.shows("The tenant is being dropped.").await;
    platform.settled().await;
    let slug = TenantSlug::parse("kisa-is-ltd").unwrap();
    assert!(platform.control_plane().tenants.by_slug(&slug).await.unwrap().is_none());
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}
