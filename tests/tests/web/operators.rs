//! Those who run the platform, at work in their console.

use control_plane::{ControlPlane, provisioning::Fault};
use tenancy::TenantSlug;
use tests::{TestPlatform, TestSettings, browser::Browser, client::PASSWORD};

const OPERATOR: &str = "operator@example.com";

/// Makes somebody who may, and signs them in.
pub(super) async fn sign_in(browser: &Browser, plane: &ControlPlane) {
    plane.ensure_super_admin(OPERATOR, PASSWORD).await.unwrap();
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
    // A browser without scripts sends what is not the slug: it is refused, and nothing of it is lost.
    browser.fill("confirm", "kisa").await;
    browser.click("[name=without_backup]").await;
    browser.run("document.querySelector(\"form[action$='/drop'] button\").disabled = false").await;
    browser.click("form[action$='/drop'] button").await;
    browser.shows("This is not the tenant's address.").await;
    assert_eq!(browser.value("confirm").await, "kisa");
    assert_eq!(browser.count("details[open] [name=without_backup]:checked").await, 1);

    browser.fill("confirm", "kisa-is-ltd").await;
    assert_eq!(browser.run(refused).await, false);
    browser.click("[name=without_backup]").await;
    browser.click("form[action$='/drop'] button").await;
    browser.shows("The tenant is being dropped.").await;
    platform.settled().await;
    let slug = TenantSlug::parse("kisa-is-ltd").unwrap();
    assert!(platform.control_plane().tenants.by_slug(&slug).await.unwrap().is_none());
    browser.has_no_problems_but(&[422]).await;
    platform.stop().await;
}

/// Sends the form of that address as it stands on the page, without leaving it: where that led, and how it was answered.
const SEND: &str = "const form = document.querySelector(`form[action$='${arguments[0]}']`);
const { url, status } = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
return `${status} ${new URL(url).pathname}`;";

async fn send(browser: &Browser, action: &str) -> String {
    let script = format!("return (async (...arguments) => {{ {SEND} }})(...arguments)");
    browser.run_with(&script, vec![action.into()]).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_twice_makes_one_tenant() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    sign_in(&browser, platform.control_plane()).await;
    browser.goto("/admin/tenants/new").await;
    for (field, value) in [("name", "Acme"), ("owner_name", "Ada"), ("owner_email", "ada@example.com")] {
        browser.fill(field, value).await;
    }
    assert_eq!(send(&browser, "/tenants/new").await, "200 /admin/tenants/acme");
    let again = send(&browser, "/tenants/new").await;
    assert!(again.starts_with("200 /admin/tenants/ten_"), "{again}");
    // Something else in the same form is another tenant.
    browser.fill("owner_email", "bea@example.com").await;
    assert_eq!(send(&browser, "/tenants/new").await, "200 /admin/tenants/acme-2");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_a_slug_over_is_another_tenant() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    sign_in(&browser, platform.control_plane()).await;
    let (slug, _) = platform.tenant("Acme").await;
    browser.goto("/admin/tenants/acme").await;
    let tenants = &platform.control_plane().tenants;
    let slug = TenantSlug::parse(&slug).unwrap();
    tenants.delete(&slug, false, "test").await.unwrap();
    assert_eq!(platform.tenant("Acme").await.0, "acme");
    // What the page of the first one sends is about that one, and no other.
    for action in ["/suspend", "/drop"] {
        browser.run("for (const field of document.querySelectorAll('[name=confirm]')) field.value = 'acme'").await;
        let answer = send(&browser, action).await;
        assert!(answer.starts_with("409 /admin/tenants/ten_"), "{action}: {answer}");
    }
    assert!(tenants.by_slug(&slug).await.unwrap().unwrap().status.is_served());
    browser.goto("/admin/tenants?status=deleted").await;
    browser.click("tbody a").await;
    browser.shows("Deleted").await;
    assert_eq!(browser.count("#suspend, #drop").await, 0);
    browser.has_no_problems_but(&[409]).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_made_can_be_dropped_while_its_page_moves() {
    // Made step by step, and neither finished nor taken back.
    let fault = Fault::passing(|_, taken, _| taken == "do open" || taken.starts_with("undo"));
    let mut wanted = TestSettings { fault, ..TestSettings::default() };
    wanted.settings.provisioning.stock = 0;
    let platform = TestPlatform::with(wanted).await;
    let browser = platform.browser().await;
    sign_in(&browser, platform.control_plane()).await;
    browser.goto("/admin/tenants/new").await;
    for (field, value) in [("name", "Acme"), ("owner_name", "Ada"), ("owner_email", "ada@example.com")] {
        browser.fill(field, value).await;
    }
    browser.click("main form button.primary").await;
    browser.is_at("/admin/tenants/acme").await;
    browser.click("#drop summary").await;
    browser.fill("confirm", "ac").await;
    browser.run("document.querySelector('#making').dataset.before = 'yes'").await;
    browser.until("another look", async || Ok((browser.count("#making[data-before]").await == 0).then_some(()))).await;
    assert_eq!(browser.value("confirm").await, "ac");
    // Without scripts it does not reload by itself either: that would empty the field.
    let without = "return [...document.querySelectorAll('noscript')].map((one) => one.textContent).join()";
    let without = browser.run(without).await.as_str().unwrap().to_owned();
    assert!(without.contains("Look again") && !without.contains("refresh"), "{without}");
    browser.fill("confirm", "acme").await;
    browser.click("[name=without_backup]").await;
    browser.click("#drop button").await;
    browser.shows("The tenant is being dropped, without a backup.").await;
    browser.has_no_problems().await;
    let sql =
        "SELECT details ->> 'backup' = 'false' AND address IS NOT NULL FROM audit_log WHERE action = 'tenant.deleted'";
    let logged: bool = platform.platform_session().await.query_one(sql, &[]).await.unwrap().get(0);
    assert!(logged, "that it was without a backup, and from where");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_mended_after_it_was_asked_back() {
    let platform = TestPlatform::start().await;
    let session = platform.platform_session().await;
    let orphan = async |slug: &str| {
        let name = platform.prefix().tenant_database(&TenantSlug::parse(slug).unwrap());
        session.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    };
    orphan("nobody").await;
    let browser = platform.browser().await;
    sign_in(&browser, platform.control_plane()).await;
    browser.goto("/admin/doctor").await;
    browser.press("Examine").await;
    browser.shows("Databases of nobody").await;
    assert!(browser.axe("html").await.is_empty());

    // Somebody looks again, and finds another one: that was not shown here.
    orphan("nobody-else").await;
    send(&browser, "/doctor/examine").await;
    browser
        .until("the other examination", async || {
            let reply = browser.run("return fetch('/admin/doctor').then((page) => page.text())").await;
            Ok(reply.as_str().is_some_and(|page| page.contains("nobody_else")).then_some(()))
        })
        .await;
    browser.click("#mend-orphan_database summary").await;
    browser.click("#mend-orphan_database button").await;
    browser.shows("Nothing was mended").await;
    browser.shows("nobody_else").await;

    browser.click("#mend-orphan_database summary").await;
    browser.click("#mend-orphan_database button").await;
    browser.is_at("/admin/doctor").await;
    browser
        .until("the databases to be gone", async || {
            Ok((browser.count("#kind-orphan_database").await == 0).then_some(()))
        })
        .await;
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE '%nobody%' AND starts_with(datname, $1)";
    let left: i64 = session.query_one(left, &[&platform.prefix().to_string()]).await.unwrap().get(0);
    let logged = "SELECT count(*) FROM audit_log WHERE action = 'doctor.mended' AND actor = $1 AND address IS NOT NULL";
    let logged: i64 = session.query_one(logged, &[&OPERATOR]).await.unwrap().get(0);
    assert_eq!((left, logged), (0, 2));
    browser.has_no_problems_but(&[409]).await;
    platform.stop().await;
}
