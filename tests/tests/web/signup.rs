//! The wizard.

use serde_json::json;
use tenancy::Language;
use tests::{
    TestPlatform,
    browser::{Browser, Look},
    client::PASSWORD,
};

use super::wizard::{account, go_on, up_to_payment};

const EMAIL: &str = "ada@example.com";

async fn slug_of(platform: &TestPlatform, email: &str) -> String {
    let owner = platform.client.sign_in(email).await;
    owner.get("/api/v1/customers").await.expect(200);
    owner.get("/api/auth/me").await.body["tenant"]["slug"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_signs_up_page_by_page() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    up_to_payment(&browser, "Quattro Stand A.Ş.", EMAIL).await;
    browser.shows("Quattro Stand A.Ş.").await;
    browser.shows(EMAIL).await;
    browser.shows("Professional").await;
    browser.has_no_problems().await;
    browser.press("Create workspace").await;
    browser.is_at("/app").await;
    assert_eq!(slug_of(&platform, EMAIL).await, "quattro-stand-a-s");

    // What was filled in is gone with it.
    browser.goto("/signup/payment").await;
    browser.is_at("/signup").await;
    assert_eq!(browser.value("company_name").await, "");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_strong_a_password_is_is_said_while_somebody_types() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    up_to_payment(&browser, "Acme", EMAIL).await;
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
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_turkish_by_telephone_and_without_scripts() {
    let platform = TestPlatform::start().await;
    let look = Look { width: Look::NARROW, language: Language::Turkish, dark: true };
    let browser = platform.browser_with(look).await.without_scripts().await;
    browser.goto("/signup").await;
    browser.press("Devam").await;
    browser.shows("Bir alana").await;
    assert!(!browser.error_of("company_name").await.is_empty());
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
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_at_its_field_and_the_rest_is_kept() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    browser.goto("/signup").await;
    browser.press("Continue").await;
    browser.shows("One field needs another look.").await;
    assert_eq!(browser.error_of("company_name").await, "Please fill this in.");
    assert_eq!(browser.error_of("slug").await, "");

    browser.fill("company_name", "Acme").await;
    slug_is(&browser, "acme", "This address is free.").await;
    for (slug, said) in [
        ("Not A Slug", "Use lower-case letters a–z, digits, and single dashes between them."),
        ("a", "Use 2 to 40 characters."),
        ("admin", "This one is reserved; choose another."),
    ] {
        browser.fill("slug", slug).await;
        browser.press("Continue").await;
        browser.until(said, async || Ok((browser.error_of("slug").await == said).then_some(()))).await;
        assert_eq!((browser.value("company_name").await, browser.value("slug").await), ("Acme".into(), slug.into()));
    }
    browser.fill("slug", "acme").await;
    go_on(&browser, "/signup/package").await;

    // No page lets somebody choose none; but a page is no law.
    browser.run("document.querySelectorAll('[name=package_key]').forEach((one) => one.checked = false)").await;
    browser.press("Continue").await;
    browser.shows("Choose a package.").await;
    go_on(&browser, "/signup/account").await;

    browser.press("Continue").await;
    browser.shows("3 fields need another look.").await;
    for name in ["owner_name", "owner_email", "password"] {
        assert_eq!(browser.error_of(name).await, "Please fill this in.", "{name}");
    }
    for (email, password, wrong, said) in [
        ("nobody", PASSWORD, "owner_email", "Write an e-mail address, like name@example.com."),
        (EMAIL, "short", "password", "Use at least 8 characters."),
        (EMAIL, "aaaaaaaaaaaa", "password", "Don't repeat one character."),
        (EMAIL, EMAIL, "password", "Don't use your e-mail address."),
    ] {
        account(&browser, "Ada", email, password).await;
        browser.press("Continue").await;
        browser.until(said, async || Ok((browser.error_of(wrong).await == said).then_some(()))).await;
        browser.shows("One field needs another look.").await;
        assert_eq!(
            (browser.value("owner_name").await, browser.value("owner_email").await),
            ("Ada".into(), email.into())
        );
    }
    account(&browser, "Ada", EMAIL, PASSWORD).await;
    go_on(&browser, "/signup/payment").await;
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_loses_nothing_and_the_password_is_kept() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    browser.goto("/signup").await;
    browser.fill("company_name", "Acme").await;
    slug_is(&browser, "acme", "This address is free.").await;
    browser.fill("slug", "acme-stands").await;
    go_on(&browser, "/signup/package").await;
    browser.click("[name=package_key][value=professional]").await;
    browser.click(".segmented input[value=yearly]").await;
    go_on(&browser, "/signup/account").await;
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
    browser.press("Create workspace").await;
    browser.is_at("/app").await;
    assert_eq!(slug_of(&platform, EMAIL).await, "acme-stands");
    platform.stop().await;
}

async fn slug_is(browser: &Browser, slug: &str, status: &str) {
    let what = format!("the address {slug:?} with {status:?}");
    browser
        .until(&what, async || {
            let said = browser.text_of("[data-slug-status]").await;
            Ok((browser.value("slug").await == slug && said == status).then_some(()))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_suggested_while_somebody_types() {
    let platform = TestPlatform::start().await;
    platform.client.sign_up("Acme", "first@example.com").await.expect(201);
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

    // What somebody has chosen is not overwritten.
    browser.fill("slug", "acme-of-ada").await;
    slug_is(&browser, "acme-of-ada", "This address is free.").await;
    browser.fill("company_name", "Acme Inc").await;
    go_on(&browser, "/signup/package").await;
    browser.press("Back").await;
    browser.is_at("/signup").await;
    assert_eq!(browser.value("slug").await, "acme-of-ada");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_took_meanwhile_is_said_and_nothing_is_lost() {
    let platform = TestPlatform::start().await;
    platform.client.sign_up("Acme", "first@example.com").await.expect(201);
    let browser = platform.browser().await;
    browser.goto("/signup").await;
    browser.fill("company_name", "Acme").await;
    browser.fill("slug", "acme").await;
    browser.press("Continue").await;
    browser
        .until("it is taken", async || Ok((browser.error_of("slug").await == "This one is taken.").then_some(())))
        .await;
    assert_eq!(browser.value("company_name").await, "Acme");

    browser.fill("slug", "fuar").await;
    go_on(&browser, "/signup/package").await;
    go_on(&browser, "/signup/account").await;
    account(&browser, "Ada", "first@example.com", PASSWORD).await;
    go_on(&browser, "/signup/payment").await;
    platform.client.sign_up("Fuar", "second@example.com").await.expect(201);
    browser.press("Create workspace").await;
    browser
        .until("it is taken", async || Ok((browser.error_of("slug").await == "This one is taken.").then_some(())))
        .await;
    assert_eq!(browser.value("company_name").await, "Acme");

    browser.fill("slug", "fuarcilik").await;
    go_on(&browser, "/signup/package").await;
    go_on(&browser, "/signup/account").await;
    go_on(&browser, "/signup/payment").await;
    browser.press("Create workspace").await;
    browser.shows("There is an account with this address.").await;
    assert!(!browser.error_of("owner_email").await.is_empty());
    assert_eq!(browser.value("owner_name").await, "Ada");
    browser.fill("owner_email", EMAIL).await;
    go_on(&browser, "/signup/payment").await;
    browser.press("Create workspace").await;
    browser.is_at("/app").await;
    assert_eq!(slug_of(&platform, EMAIL).await, "fuarcilik");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_the_mail_proves_the_address_once() {
    let platform = TestPlatform::start().await;
    platform.client.sign_up("Acme", EMAIL).await.expect(201);
    let token = platform.mail(EMAIL, "token=").await.token();
    let browser = platform.browser().await;
    browser.goto(&format!("/verify?slug=acme&token=x{token}")).await;
    browser.shows("This link is not valid, or no longer").await;
    browser.goto("/verify").await;
    browser.shows("This link is not valid, or no longer").await;
    browser.goto(&format!("/verify?slug=acme&token={token}")).await;
    browser.shows("Your address is confirmed").await;
    let session = platform.platform_session().await;
    let sql = "SELECT email_verified IS NOT NULL FROM users WHERE email = $1";
    assert!(session.query_one(sql, &[&EMAIL]).await.unwrap().get::<_, bool>(0));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_pressed_twice_makes_one_workspace() {
    let platform = TestPlatform::start().await;
    let tenants = async || {
        let session = platform.platform_session().await;
        session.query_one("SELECT count(*) FROM tenants", &[]).await.unwrap().get::<_, i64>(0)
    };
    let browser = platform.browser().await;
    up_to_payment(&browser, "Acme", EMAIL).await;
    browser.click_twice("main form button").await;
    browser.is_at("/app").await;
    assert_eq!(tenants().await, 1);

    // Nothing in the page holds the second one back here.
    let plain = platform.browser().await.without_scripts().await;
    up_to_payment(&plain, "Other", "other@example.com").await;
    plain.click_twice("main form button").await;
    plain.is_at("/app").await;
    assert_eq!(tenants().await, 2);

    // At the same time, from two tabs.
    let visitor = platform.visitor();
    visitor.fill("/signup", &[("company_name", "Third")]).await.expect(303);
    visitor.fill("/signup/package", &[("package_key", "starter"), ("billing_cycle", "monthly")]).await.expect(303);
    let account = [("owner_name", "Eve"), ("owner_email", "eve@example.com"), ("password", PASSWORD)];
    visitor.fill("/signup/account", &account).await.expect(303);
    let page = visitor.get("/signup/payment").await.expect(200);
    let token = [("form_token", page.form_token())];
    let (one, other) = tokio::join!(visitor.post("/signup/payment", &token), visitor.post("/signup/payment", &token));
    for seen in [one, other] {
        assert_eq!(seen.expect(303).location(), "/session?next=/app%3Fdone%3Dwelcome");
    }
    assert_eq!(tenants().await, 3);
    platform.stop().await;
}
