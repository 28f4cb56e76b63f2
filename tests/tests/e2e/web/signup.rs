//! The wizard.

use tests::TestPlatform;

use super::wizard::up_to_payment;

#[tokio::test(flavor = "multi_thread")]
async fn a_company_signs_up_page_by_page() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    up_to_payment(&browser, "Quattro Stand A.Ş.", "ada@example.com").await;
    browser.shows("Quattro Stand A.Ş.").await;
    browser.shows("ada@example.com").await;
    browser.has_no_problems().await;
    browser.press("Create workspace").await;
    browser.is_at("/app").await;

    let owner = platform.client.sign_in("ada@example.com").await;
    owner.get("/api/v1/customers").await.expect(200);
    assert_eq!(owner.get("/api/auth/me").await.body["tenant"]["slug"], "quattro-stand-a-s");
    platform.stop().await;
}
