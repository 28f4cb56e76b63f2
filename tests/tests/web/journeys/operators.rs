//! Those who run the platform, and those who work on it meanwhile.

use control_plane::provisioning::Fault;
use serde_json::json;
use tenantry::serving::{Planes, Platform, Serving};
use tests::{
    TestPlatform,
    browser::{Browser, Look},
    eventually, migrations,
};

use super::in_four_looks;
use crate::{operators::sign_in, wizard::make};

const EMAIL: &str = "ada@example.com";

in_four_looks! {
    whoever_works_in_a_tenant_that_is_suspended_is_told
    a_migration_is_watched_to_its_end_with_one_tenant_that_fails
}

async fn whoever_works_in_a_tenant_that_is_suspended_is_told(look: Look) {
    let platform = TestPlatform::stocked().await;
    let worker = platform.browser_with(look).await;
    let speech = &worker.speech;
    worker.sign_up_to_payment("Acme", EMAIL).await;
    make(&worker).await;
    worker.goto("/app/customers/new").await;
    worker.fill("company_name", "Half written").await;
    let owner = platform.client.sign_in(EMAIL).await;

    let operator = platform.browser_with(look).await;
    sign_in(&operator, platform.control_plane()).await;
    operator.follow("/admin/tenants").await;
    operator.is_at("/admin/tenants").await;
    operator.follow("/admin/tenants/acme").await;
    operator.is_at("/admin/tenants/acme").await;
    operator.press(speech.t("admin-suspend")).await;
    operator.fill("reason", "not paid").await;
    operator.click("form[action$='/suspend'] button").await;
    operator.shows(speech.t("done-suspended")).await;
    operator.shows("not paid").await;
    eventually("the runtime hears of it", async || owner.get("/api/v1/customers").await.status == 403).await;

    worker.press(speech.t("create")).await;
    worker.shows(speech.t("problem-tenant-inactive-title")).await;
    worker.shows(speech.t("problem-tenant-inactive-text")).await;
    for path in ["/app/customers", "/account/settings"] {
        worker.goto(path).await;
        worker.shows(speech.t("problem-tenant-inactive-title")).await;
    }

    operator.click("form[action$='/activate'] button").await;
    operator.shows(speech.t("done-activated")).await;
    worker
        .until("the workspace again", async || {
            worker.goto("/app/customers").await;
            Ok((worker.count(".empty").await == 1).then_some(()))
        })
        .await;
    // What was pressed meanwhile was not done.
    worker.shows(speech.t("nothing-yet")).await;
    operator.has_no_problems().await;
    worker.has_no_problems_but(&[403]).await;
    platform.stop().await;
}

/// What the rows of one tenant don't allow; in others it waits for as long as somebody has this lock there.
const MORE: &str =
    "DO $$ BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(5) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;
CREATE UNIQUE INDEX customers_names ON customers (company_name);";
const LOCK: &str = "SELECT pg_advisory_lock(5)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(5)";

async fn a_migration_is_watched_to_its_end_with_one_tenant_that_fails(look: Look) {
    let older = TestPlatform::start().await;
    for name in ["Aa", "Bb", "Cc", "Dd", "Ee"] {
        let (_, owner) = older.tenant(name).await;
        for _ in 0..if name == "Cc" { 2 } else { 1 } {
            owner.post("/api/v1/customers", &json!({ "company_name": "Same" })).await.expect(201);
        }
    }
    let folder = migrations::with(&[MORE]);
    let mut settings = older.platform.settings.clone();
    settings.provisioning.migrations = Some(folder.path().to_path_buf());
    let newer = Serving::start(&Platform::new(settings).unwrap(), Planes::All, Fault::default()).await.unwrap();
    let browser = Browser::open(&format!("http://{}", newer.address), look).await;
    let speech = &browser.speech;
    sign_in(&browser, newer.control_plane.as_ref().unwrap()).await;

    browser.follow("/admin/fleet").await;
    browser.is_at("/admin/fleet").await;
    browser.shows("V5__more_5").await;
    browser.press(speech.t("admin-rehearse")).await;
    browser.shows(speech.t("done-rehearsal-begun")).await;
    browser.find("#rehearsal table a").await;
    assert_eq!(browser.text_of("#rehearsal table a").await, "cc");
    assert_eq!(browser.text_of("#rehearsal td .badge").await, speech.t("admin-verdict-fails"));
    assert!(browser.text_of("#rehearsal table").await.contains("customers_names"));

    let (second, fourth) = (older.tenant_session("bb").await, older.tenant_session("dd").await);
    for session in [&second, &fourth] {
        session.batch_execute(LOCK).await.unwrap();
    }
    // As it is now nothing of it moves by itself, and takes away what is typed.
    browser.goto("/admin/fleet").await;
    browser.fill("concurrency", "1").await;
    browser.press(speech.t("admin-start")).await;
    browser.shows(speech.t("done-run-begun")).await;
    // It moves by itself: one is done, and the second at it.
    let bar = async || {
        let bar = browser.try_run("const { value, max } = document.getElementById('run-bar'); return [value, max]");
        bar.await.map(Some)
    };
    let is_at = async |turns: u32| {
        let reached = async || Ok(bar().await?.filter(|bar| *bar == json!([turns, 5])));
        browser.until(&format!("{turns} of 5"), reached).await;
    };
    is_at(1).await;
    assert_eq!(browser.text_of("#run h2").await, speech.t("admin-under-way"));
    assert_eq!(browser.count("#run-failures:not([hidden])").await, 0);
    second.batch_execute(UNLOCK).await.unwrap();
    // The third has failed, and the fourth is at it all the same.
    is_at(3).await;
    assert_eq!(browser.text_of("#run td a").await, "cc");
    assert_eq!(browser.text_of("#run td .badge").await, speech.t("admin-failure-migration"));
    assert!(browser.text_of("#run table").await.contains("customers_names"));
    fourth.batch_execute(UNLOCK).await.unwrap();
    browser.until("the run's end", async || Ok((browser.count("#run").await == 0).then_some(()))).await;

    browser.click("#fleet td a[href^='/admin/fleet/runs/']").await;
    browser.find(".crumbs a[href='/admin/fleet']").await;
    assert_eq!(browser.text_of("h1 .badge").await, speech.t("admin-run-done-but"));
    assert_eq!(bar().await.unwrap(), Some(json!([5, 5])));
    let links = "return [...document.querySelectorAll('#run td a')].map((one) => one.textContent)";
    assert_eq!(browser.run(links).await, json!(["cc"]));
    assert!(browser.text_of("#run table").await.contains("customers_names"));
    browser.has_no_problems().await;

    let session = older.platform_session().await;
    let rows = session.query("SELECT slug, schema_version FROM tenants ORDER BY slug", &[]).await.unwrap();
    let versions: Vec<(String, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [("aa", 5), ("bb", 5), ("cc", migrations::BUILT_IN), ("dd", 5), ("ee", 5)];
    assert_eq!(versions, expected.map(|(slug, version)| (slug.to_owned(), version)));
    newer.stop().await.unwrap();
    older.stop().await;
}
