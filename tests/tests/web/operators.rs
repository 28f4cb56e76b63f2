//! Those who run the platform, at work in their console.

use control_plane::{ControlPlane, provisioning::Fault};
use tenancy::TenantSlug;
use tenantry::serving::{Planes, Platform, Serving};
use tests::{
    TestPlatform,
    browser::{Browser, Look},
    client::PASSWORD,
    migrations,
};

use super::wizard::up_to_payment;

const OPERATOR: &str = "operator@example.com";

async fn sign_in(browser: &Browser, plane: &ControlPlane) {
    plane.ensure_super_admin(OPERATOR, PASSWORD).await.unwrap();
    browser.goto("/admin").await;
    browser.is_at("/admin/login").await;
    browser.fill("email", OPERATOR).await;
    browser.fill("password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.is_at("/admin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_works_in_a_tenant_that_is_suspended_is_told() {
    let platform = TestPlatform::start().await;
    let worker = platform.browser().await;
    up_to_payment(&worker, "Acme", "ada@example.com").await;
    worker.press("Create workspace").await;
    worker.is_at("/app").await;
    worker.goto("/app/customers/new").await;
    worker.fill("company_name", "Half written").await;

    let operator = platform.browser().await;
    sign_in(&operator, platform.control_plane()).await;
    operator.goto("/admin/tenants?search=acme").await;
    operator.click("a[href='/admin/tenants/acme']").await;
    operator.click("details.confirm summary").await;
    operator.fill("reason", "not paid").await;
    operator.click("form[action$='/suspend'] button").await;
    operator.shows("The tenant is suspended. Nothing is lost.").await;
    operator.has_no_problems().await;

    worker.press("Create").await;
    worker.shows("This workspace is suspended").await;
    worker.shows("All data is safe").await;
    worker.goto("/account/settings").await;
    worker.shows("This workspace is suspended").await;

    operator.click("form[action$='/activate'] button").await;
    operator.shows("The tenant is served again.").await;
    worker.goto("/app/customers").await;
    worker.shows("Nothing here yet").await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_made_and_dropped_with_its_slug_typed() {
    let platform = TestPlatform::start().await;
    let browser = platform.browser().await;
    sign_in(&browser, platform.control_plane()).await;
    browser.goto("/admin/tenants/new").await;
    browser.click("main form button.primary").await;
    assert!(!browser.error_of("name").await.is_empty());
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

/// What some tenants' rows don't allow; and slow enough that somebody sees it.
const MORE: &str = "SELECT pg_sleep(0.4); CREATE UNIQUE INDEX customers_names ON customers (company_name);";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_watched_to_its_end_with_one_tenant_that_fails() {
    let older = TestPlatform::start().await;
    for name in ["Aa", "Bb", "Cc", "Dd", "Ee"] {
        let (_, owner) = older.tenant(name).await;
        for _ in 0..if name == "Cc" { 2 } else { 1 } {
            owner.post("/api/v1/customers", &serde_json::json!({ "company_name": "Same" })).await.expect(201);
        }
    }
    let folder = migrations::with(&[MORE]);
    let mut settings = older.platform.settings.clone();
    settings.provisioning.migrations = Some(folder.path().to_path_buf());
    let newer = Serving::start(&Platform::new(settings).unwrap(), Planes::All, Fault::default()).await.unwrap();
    let browser = Browser::open(&format!("http://{}", newer.address), Look::default()).await;
    sign_in(&browser, newer.control_plane.as_ref().unwrap()).await;

    browser.goto("/admin/fleet").await;
    browser.shows("V5__more_5").await;
    browser.press("Rehearse").await;
    browser.shows("The rehearsal has begun. It changes nothing.").await;
    browser
        .until("the rehearsal's verdicts", async || Ok((browser.count("#rehearsal table a").await > 0).then_some(())))
        .await;
    assert_eq!(browser.text_of("#rehearsal table a").await, "cc");
    browser.has_no_problems().await;

    // The part of the page that it stands in was just replaced.
    browser.paste("concurrency", "1").await;
    browser.press("Start").await;
    browser.shows("The run has begun.").await;
    // It moves by itself: what was done is seen before it has ended.
    let turns = "return document.querySelector('#run progress')?.value ?? -1";
    let mut seen = Vec::new();
    browser
        .until("the run's end", async || {
            let now = browser.run(turns).await.as_f64().unwrap_or(-1.0);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
            Ok((browser.count("#run").await == 0).then_some(()))
        })
        .await;
    assert!(seen.len() >= 3, "the bar was seen at {seen:?}");
    browser.shows("cc").await;
    browser.shows("customers_names").await;
    browser.has_no_problems().await;
    let session = older.platform_session().await;
    let sql = "SELECT count(*) FROM tenants WHERE schema_version = 5";
    let at_five: i64 = session.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(at_five, 4);
    newer.stop().await.unwrap();
    older.stop().await;
}
