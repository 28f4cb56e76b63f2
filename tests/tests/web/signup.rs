//! The wizard.

use serde_json::json;
use tenancy::Language;
use tests::{TestPlatform, browser::Look, client::PASSWORD};

use super::wizard::{account, go_on, make, slug_is};

const EMAIL: &str = "ada@example.com";

async fn slug_of(platform: &TestPlatform, email: &str) -> String {
    let owner = platform.client.sign_in(email).await;
    owner.get("/api/v1/customers").await.expect(200);
    owner.get("/api/auth/me").await.body["tenant"]["slug"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn how_strong_a_password_is_is_said_while_somebody_types() {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser().await;
    browser.sign_up_to_payment("Acme", EMAIL).await;
    browser.goto("/signup/account").await;
    let level = "const meter = document.getElementById('strength-meter'); return meter.hidden ? -1 : meter.value";
    for (password, words, said) in [
        ("aaaaaaaaaaaa", "Too easy to guess", 0),
        (EMAIL, "Too easy to guess", 0),
        ("four unrelated words of somebody 7", "Very good", 4),
    ] {
        browser.fill("password", password).await;
        assert_eq!((browser.text_of("#strength-text").await.as_str(), browser.run(level).await), (words, json!(said)));
    }
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_turkish_by_telephone_and_without_scripts() {
    let platform = TestPlatform::stocked().await;
    let look = Look { width: Look::NARROW, language: Language::Turkish, dark: true };
    let browser = platform.browser_with(look).await.without_scripts().await;
    browser.goto("/signup").await;
    browser.runs_no_scripts().await;
    browser.press("Devam").await;
    browser.shows("Bir alanı düzeltmeniz").await;
    browser.refuses_somehow("company_name").await;
    browser.fill("company_name", "Çağrı Şirketi").await;
    browser.press("Devam").await;
    browser.is_at("/signup/package").await;
    browser.press("Devam").await;
    browser.is_at("/signup/account").await;
    account(&browser, "Ada", EMAIL, PASSWORD).await;
    browser.press("Devam").await;
    browser.is_at("/signup/payment").await;
    browser.click("main form button").await;
    browser.is_at("/app").await;
    assert_eq!(slug_of(&platform, EMAIL).await, "cagri-sirketi");
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_loses_nothing_and_the_password_is_kept() {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser().await;
    browser.goto("/signup").await;
    browser.fill("company_name", "Acme").await;
    slug_is(&browser, "acme", "This address is free.").await;
    browser.fill("slug", "acme-stands").await;
    go_on(&browser, "/signup/package").await;
    browser.click("[name=package_key][value=professional]").await;
    browser.click(".segmented input[value=yearly]").await;
    go_on(&browser, "/signup/account").await;
    // Half of it, and on second thoughts back to the packages.
    account(&browser, "Ad", "ada@", "short").await;
    browser.press("Back").await;
    browser.is_at("/signup/package").await;
    go_on(&browser, "/signup/account").await;
    assert_eq!((browser.value("owner_name").await, browser.value("owner_email").await), ("Ad".into(), "ada@".into()));
    account(&browser, "Ada", EMAIL, PASSWORD).await;
    go_on(&browser, "/signup/payment").await;

    browser.press("Back").await;
    browser.is_at("/signup/account").await;
    assert_eq!((browser.value("owner_name").await, browser.value("owner_email").await), ("Ada".into(), EMAIL.into()));
    // It is not sent back to the page, but kept.
    assert_eq!(browser.value("password").await, "");
    browser.shows("Your password is kept.").await;
    browser.press("Back").await;
    browser.is_at("/signup/package").await;
    let chosen = "return [...document.querySelectorAll('input:checked')].map((one) => one.value).join(' ')";
    assert_eq!(browser.run(chosen).await, "yearly professional");
    browser.press("Back").await;
    browser.is_at("/signup").await;
    assert_eq!(
        (browser.value("company_name").await, browser.value("slug").await),
        ("Acme".into(), "acme-stands".into())
    );

    go_on(&browser, "/signup/package").await;
    go_on(&browser, "/signup/account").await;
    go_on(&browser, "/signup/payment").await;
    browser.back().await;
    browser.is_at("/signup/account").await;
    assert_eq!(browser.value("owner_email").await, EMAIL);
    browser.goto("/signup/payment").await;
    make(&browser).await;
    assert_eq!(slug_of(&platform, EMAIL).await, "acme-stands");
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_suggested_while_somebody_types() {
    let platform = TestPlatform::stocked().await;
    platform.tenant_of("Acme", "first@example.com").await;
    let browser = platform.browser().await;
    browser.goto("/signup").await;
    browser.fill("company_name", "Işık Fuarcılık Ltd. Şti.").await;
    slug_is(&browser, "isik-fuarcilik-ltd-sti", "This address is free.").await;
    browser.fill("company_name", "Acme").await;
    slug_is(&browser, "acme-2", "This address is free.").await;
    browser.fill("slug", "acme").await;
    slug_is(&browser, "acme", "This one is taken.").await;
    browser.fill("slug", "admin").await;
    slug_is(&browser, "admin", "This one is reserved; choose another.").await;
    browser.has_no_problems().await;

    // What somebody has chosen is not overwritten: nobody is asked, also when it would be time.
    browser.fill("slug", "acme-of-ada").await;
    slug_is(&browser, "acme-of-ada", "This address is free.").await;
    browser.run("window.asked = []; const ask = fetch; window.fetch = (to) => (asked.push(to), ask(to));").await;
    browser.fill("company_name", "Acme Inc").await;
    browser.run("window.isTime = false; setTimeout(() => window.isTime = true, 500)").await;
    browser.read("the time that a suggestion takes", "return window.isTime || null", vec![]).await;
    assert_eq!(browser.run("return asked").await, json!([]));
    assert_eq!(browser.value("slug").await, "acme-of-ada");
    go_on(&browser, "/signup/package").await;
    browser.press("Back").await;
    browser.is_at("/signup").await;
    assert_eq!(browser.value("slug").await, "acme-of-ada");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_the_mail_proves_the_address_once() {
    let platform = TestPlatform::stocked().await;
    platform.tenant_of("Acme", EMAIL).await;
    let token = platform.mail(EMAIL, "token=").await.token();
    let browser = platform.browser().await;
    browser.goto(&format!("/verify?slug=acme&token=x{token}")).await;
    browser.press("Confirm my address").await;
    browser.shows("This link is not valid, or no longer").await;
    browser.goto("/verify").await;
    browser.shows("This link is not valid, or no longer").await;
    browser.goto(&format!("/verify?slug=acme&token={token}")).await;
    // Who only looks at the link proves nothing: programs that examine mails do.
    let session = platform.platform_session().await;
    let sql = "SELECT email_verified IS NOT NULL FROM users WHERE email = $1";
    assert!(!session.query_one(sql, &[&EMAIL]).await.unwrap().get::<_, bool>(0));
    browser.press("Confirm my address").await;
    browser.shows("Your address is confirmed").await;
    assert!(session.query_one(sql, &[&EMAIL]).await.unwrap().get::<_, bool>(0));
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_to_prove_an_address_is_sent_again_now_and_then() {
    let platform = TestPlatform::stocked().await;
    platform.tenant_of("Acme", EMAIL).await;
    let session = platform.platform_session().await;
    let mails = async || {
        let sql = "SELECT count(*) FROM mails WHERE template = 'verify_email'";
        session.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let browser = platform.browser().await;
    browser.sign_in(EMAIL).await;
    for all in [1, 2] {
        browser.goto("/account").await;
        browser.click("form[action='/verify/again'] button").await;
        browser.find(".flash").await;
        assert_eq!(mails().await, all, "the first one was written a moment ago");
        session.batch_execute("UPDATE mails SET created_at = created_at - interval '11 minutes'").await.unwrap();
    }
    session.batch_execute("UPDATE users SET email_verified = now()").await.unwrap();
    browser.goto("/account").await;
    assert_eq!(browser.count("form[action='/verify/again']").await, 0);
    browser.has_no_problems().await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_pressed_twice_makes_one_workspace() {
    let platform = TestPlatform::stocked().await;
    let tenants = async || {
        let session = platform.platform_session().await;
        session.query_one("SELECT count(*) FROM tenants", &[]).await.unwrap().get::<_, i64>(0)
    };
    let browser = platform.browser().await;
    browser.sign_up_to_payment("Acme", EMAIL).await;
    browser.click_twice("main form button").await;
    browser.is_at("/app").await;
    assert_eq!(tenants().await, 1);

    // Nothing in the page holds the second one back here.
    let plain = platform.browser().await.without_scripts().await;
    plain.sign_up_to_payment("Other", "other@example.com").await;
    plain.runs_no_scripts().await;
    plain.click_twice("main form button").await;
    plain.is_at("/app").await;
    assert_eq!(tenants().await, 2);

    // At the same time, from two tabs.
    let visitor = platform.visitor();
    visitor.fill("/signup", &[("company_name", "Third")]).await.expect(303);
    visitor.fill("/signup/package", &[("package_key", "starter"), ("billing_cycle", "monthly")]).await.expect(303);
    let account = [("owner_name", "Eve"), ("owner_email", "eve@example.com"), ("password", PASSWORD)];
    visitor.fill("/signup/account", &account).await.expect(303);
    platform.restocked().await;
    let page = visitor.get("/signup/payment").await.expect(200);
    let token = [("form_token", page.form_token())];
    let (one, other) = tokio::join!(visitor.post("/signup/payment", &token), visitor.post("/signup/payment", &token));
    for seen in [one, other] {
        assert_eq!(seen.expect(303).location(), "/session?next=/app%3Fdone%3Dwelcome");
    }
    assert_eq!(tenants().await, 3);
    platform.stop().await;
}
