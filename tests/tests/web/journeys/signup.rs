//! From the first page to a workspace with something in it.

use rust_decimal::Decimal;
use tests::{TestPlatform, browser::Look, client::PASSWORD};

use super::in_four_looks;
use crate::wizard::{account, company, go_on, make, slug_is};

const EMAIL: &str = "ada@example.com";

in_four_looks! {
    from_signing_up_to_the_first_customer_and_its_row
    an_error_at_each_field
    a_slug_that_is_taken
}

async fn from_signing_up_to_the_first_customer_and_its_row(look: Look) {
    let platform = TestPlatform::stocked().await;
    let browser = platform.browser_with(look).await;
    let speech = &browser.speech;
    company(&browser, "Quattro Stand A.Ş.").await;
    go_on(&browser, "/signup/account").await;
    account(&browser, "Ada Lovelace", EMAIL, PASSWORD).await;
    go_on(&browser, "/signup/payment").await;
    browser.shows("Quattro Stand A.Ş.").await;
    browser.shows(EMAIL).await;
    make(&browser).await;
    browser.shows(speech.t("done-welcome")).await;
    assert!(browser.text_of(".banner").await.contains("14"), "the days that are left");

    browser.follow("/app/customers").await;
    browser.is_at("/app/customers").await;
    browser.shows(speech.t("nothing-yet")).await;
    browser.follow("/app/customers/new").await;
    browser.is_at("/app/customers/new").await;
    // What is wrong is said at its field, and nothing that was typed is lost.
    let revenue = speech.number(&Decimal::new(125_050, 2));
    browser.fill("email", "nobody").await;
    browser.fill("city", "İstanbul").await;
    browser.fill("total_revenue", &revenue).await;
    browser.press(speech.t("create")).await;
    browser.shows(&speech.t1("form-wrong", "count", 2)).await;
    browser.refuses("company_name", speech.t("refusal-empty")).await;
    browser.refuses("email", speech.t("refusal-email")).await;
    assert_eq!((browser.value("city").await, browser.value("total_revenue").await), ("İstanbul".into(), revenue));

    browser.fill("company_name", "Ünlü İnşaat").await;
    browser.fill("email", "info@example.com").await;
    browser.press(speech.t("create")).await;
    browser.shows(speech.t("done-created")).await;
    browser.shows("Ünlü İnşaat").await;
    browser.follow("/app/customers").await;
    browser.is_at("/app/customers").await;
    browser.shows("Ünlü İnşaat").await;

    let session = platform.tenant_session("quattro-stand-a-s").await;
    let sql = "SELECT company_name, city, total_revenue::text, created_by_name FROM customers";
    let rows = session.query(sql, &[]).await.unwrap();
    let texts: Vec<Vec<String>> = rows.iter().map(|row| (0..4).map(|at| row.get(at)).collect()).collect();
    assert_eq!(texts, [["Ünlü İnşaat", "İstanbul", "1250.5000", "Ada Lovelace"].map(str::to_owned)]);

    // What was filled in to sign up is gone with it.
    browser.goto("/signup/payment").await;
    browser.is_at("/signup").await;
    assert_eq!(browser.value("company_name").await, "");
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

async fn an_error_at_each_field(look: Look) {
    let platform = TestPlatform::start().await;
    let browser = platform.browser_with(look).await;
    let speech = &browser.speech;
    let go_wrong = async || browser.press(speech.t("continue")).await;
    let one_is_wrong = speech.t1("form-wrong", "count", 1);
    browser.goto("/signup").await;
    go_wrong().await;
    browser.shows(&one_is_wrong).await;
    browser.refuses("company_name", speech.t("refusal-empty")).await;
    assert_eq!(browser.error_of("slug").await, "");

    browser.fill("company_name", "Acme").await;
    slug_is(&browser, "acme", speech.t("signup-slug-free")).await;
    for (slug, said) in
        [("Not A Slug", "refusal-slug-characters"), ("a", "refusal-slug-length"), ("admin", "refusal-reserved")]
    {
        browser.fill("slug", slug).await;
        go_wrong().await;
        browser.refuses("slug", speech.t(said)).await;
        assert_eq!((browser.value("company_name").await, browser.value("slug").await), ("Acme".into(), slug.into()));
    }
    browser.fill("slug", "acme").await;
    go_on(&browser, "/signup/package").await;

    // No page lets somebody choose none; but a page is no law.
    browser.run("document.querySelectorAll('[name=package_key]').forEach((one) => one.checked = false)").await;
    go_wrong().await;
    browser.shows(speech.t("refusal-no-package")).await;
    go_on(&browser, "/signup/account").await;

    go_wrong().await;
    browser.shows(&speech.t1("form-wrong", "count", 3)).await;
    for name in ["owner_name", "owner_email", "password"] {
        browser.refuses(name, speech.t("refusal-empty")).await;
    }
    let short = speech.refusal("must have at least 8 characters");
    for (email, password, wrong, said) in [
        ("nobody", PASSWORD, "owner_email", speech.t("refusal-email")),
        (EMAIL, "short", "password", &short),
        (EMAIL, "aaaaaaaaaaaa", "password", speech.t("refusal-one-character")),
        (EMAIL, EMAIL, "password", speech.t("refusal-is-email")),
    ] {
        account(&browser, "Ada", email, password).await;
        go_wrong().await;
        browser.refuses(wrong, said).await;
        browser.shows(&one_is_wrong).await;
        let kept = (browser.value("owner_name").await, browser.value("owner_email").await);
        assert_eq!(kept, ("Ada".into(), email.into()));
    }
    account(&browser, "Ada", EMAIL, PASSWORD).await;
    go_on(&browser, "/signup/payment").await;
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

/// By others before, and by others meanwhile.
async fn a_slug_that_is_taken(look: Look) {
    let platform = TestPlatform::stocked().await;
    platform.tenant_of("Acme", "first@example.com").await;
    let browser = platform.browser_with(look).await;
    let speech = &browser.speech;
    browser.goto("/signup").await;
    browser.fill("company_name", "Acme").await;
    slug_is(&browser, "acme-2", speech.t("signup-slug-free")).await;
    browser.fill("slug", "acme").await;
    slug_is(&browser, "acme", speech.t("refusal-taken")).await;
    browser.press(speech.t("continue")).await;
    browser.refuses("slug", speech.t("refusal-taken")).await;
    assert_eq!(browser.value("company_name").await, "Acme");

    browser.fill("slug", "fuar").await;
    go_on(&browser, "/signup/package").await;
    go_on(&browser, "/signup/account").await;
    account(&browser, "Ada", "first@example.com", PASSWORD).await;
    go_on(&browser, "/signup/payment").await;
    platform.tenant_of("Fuar", "second@example.com").await;
    browser.press(speech.t("signup-make")).await;
    browser.refuses("slug", speech.t("refusal-taken")).await;
    assert_eq!(browser.value("company_name").await, "Acme");

    browser.fill("slug", "fuarcilik").await;
    go_on(&browser, "/signup/package").await;
    go_on(&browser, "/signup/account").await;
    go_on(&browser, "/signup/payment").await;
    browser.press(speech.t("signup-make")).await;
    browser.refuses("owner_email", speech.t("signup-email-taken")).await;
    assert_eq!(browser.value("owner_name").await, "Ada");
    browser.fill("owner_email", EMAIL).await;
    go_on(&browser, "/signup/payment").await;
    platform.restocked().await;
    make(&browser).await;
    let owner = platform.client.sign_in(EMAIL).await;
    assert_eq!(owner.get("/api/auth/me").await.body["tenant"]["slug"], "fuarcilik");
    browser.has_no_problems_but(&[409, 422]).await;
    platform.stop().await;
}
