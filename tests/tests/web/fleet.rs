//! A fleet run, as operators watch it, stop it, and go on with it.

use control_plane::provisioning::Fault;
use serde_json::json;
use tenantry::serving::{Planes, Platform, Serving};
use tests::{
    TestPlatform,
    browser::{Browser, Look},
    eventually,
    migrations::{self, BUILT_IN},
};
use tokio_postgres::Client as Session;

use super::operators::sign_in;

/// Goes on in a database as soon as it has no customer of that name.
const GATE: &str = "CREATE FUNCTION gate() RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
     WHILE EXISTS (SELECT 1 FROM customers WHERE company_name = 'Wait') LOOP PERFORM pg_sleep(0.02); END LOOP; END $$; \
     SELECT gate();";

async fn tenant(platform: &TestPlatform, name: &str, waits: bool) {
    let (_, owner) = platform.tenant(name).await;
    if waits {
        owner.post("/api/v1/customers", &json!({ "company_name": "Wait" })).await.expect(201);
    }
}

async fn let_go(platform: &TestPlatform, slug: &str) {
    platform.tenant_session(slug).await.batch_execute("DELETE FROM customers").await.unwrap();
}

async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(session: &Session, sql: &str) -> T {
    session.query_one(sql, &[]).await.unwrap().get(0)
}

/// The mouse, over the first of these elements.
async fn mouse(browser: &Browser, css: &str, what: &str) {
    let middle = "const { x, y, width, height } = document.querySelector(arguments[0]).getBoundingClientRect();
        return [x + width / 2, y + height / 2];";
    let at = browser.run_with(middle, vec![json!(css)]).await;
    let event = json!({ "type": what, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
    browser.devtools("Input.dispatchMouseEvent", event).await;
}

/// How often the page was read anew since it was loaded.
async fn looks(browser: &Browser) -> i64 {
    let looks =
        "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/admin/fleet')).length";
    browser.run(looks).await.as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_and_gone_on_with_as_it_was_begun() {
    let older = TestPlatform::start().await;
    for (name, waits) in [("Aa", true), ("Bb", true), ("Cc", false), ("Dd", false)] {
        tenant(&older, name, waits).await;
    }
    let folder = migrations::with(&[GATE]);
    let mut settings = older.platform.settings.clone();
    settings.provisioning.migrations = Some(folder.path().to_path_buf());
    let newer = Serving::start(&Platform::new(settings).unwrap(), Planes::All, Fault::default()).await.unwrap();
    let browser = Browser::open(&format!("http://{}", newer.address), Look::default()).await;
    sign_in(&browser, newer.control_plane.as_ref().unwrap()).await;
    let session = older.platform_session().await;

    browser.goto("/admin/fleet").await;
    for (field, value) in [("concurrency", "1"), ("canaries", "0"), ("max_failures", "2"), ("only", "aa bb cc")] {
        browser.paste(field, value).await;
    }
    browser.press("Start").await;
    browser.shows("A run is under way").await;
    browser.shows("0 / 3").await;
    assert_eq!(browser.count("#new-run").await, 0);

    // The page is read anew between the button being pressed and let go: it is pressed all the same.
    browser.run("document.querySelector('#run form button').scrollIntoView({ block: 'center' })").await;
    mouse(&browser, "#run form button", "mousePressed").await;
    let before = looks(&browser).await;
    let_go(&older, "aa").await;
    browser.until("another look", async || Ok((looks(&browser).await > before).then_some(()))).await;
    mouse(&browser, "#run form button", "mouseReleased").await;
    browser.shows("The run stops after the databases in hand.").await;
    browser.shows("1 / 3").await;

    // Whoever is at the run hears of it when it says that it is still there.
    let lease = "SELECT lease_until::text FROM fleet_runs WHERE stop_requested";
    let asked: String = one(&session, lease).await;
    eventually("the run to hear of it", async || one::<String>(&session, lease).await != asked).await;
    let_go(&older, "bb").await;
    browser.shows("A run was stopped").await;
    browser.shows("It was asked to stop.").await;
    // Once, to those who listen.
    let said = browser.run("return document.querySelector('main > [role=status].hidden').textContent").await;
    assert_eq!(said, "Run: Stopped. Done: 2, Failed: 0.");
    browser.has_no_problems().await;

    // Its own page says how it went about it, and goes on with it.
    browser.click("#run a[href^='/admin/fleet/runs/']").await;
    browser.shows("aa, bb, cc").await;
    assert_eq!(browser.text_of("h1 .badge").await, "Stopped");
    assert!(browser.axe("html").await.is_empty());
    browser.press("Resume").await;
    browser.shows("The run has begun.").await;
    let ended = "SELECT count(*) FROM fleet_runs WHERE state = 'done'";
    eventually("the run to end", async || one::<i64>(&session, ended).await == 1).await;
    browser.until("the form of a new run", async || Ok((browser.count("#new-run").await == 1).then_some(()))).await;
    let is_alike =
        "SELECT count(DISTINCT policy) = 1 AND count(*) = 2 FROM fleet_runs WHERE policy ->> 'max_failures' = '2'";
    assert!(one::<bool>(&session, is_alike).await, "it went about it another way");
    let versions = "SELECT string_agg(slug || schema_version, ' ' ORDER BY slug) FROM tenants";
    let (at, target) = (BUILT_IN, BUILT_IN + 1);
    assert_eq!(one::<String>(&session, versions).await, format!("aa{target} bb{target} cc{target} dd{at}"));

    // What was left is gone on with before anything new is begun.
    let left = "UPDATE fleet_runs SET state = 'running', finished_at = NULL, reason = NULL, lease_until = now()
                WHERE state = 'stopped'";
    session.batch_execute(left).await.unwrap();
    browser.goto("/admin/fleet").await;
    browser.shows("A run was left").await;
    assert_eq!(browser.count("#new-run").await, 0);
    browser.press("Resume").await;
    browser.shows("The run has begun.").await;
    eventually("the run to end", async || one::<i64>(&session, ended).await == 2).await;
    assert_eq!(one::<String>(&session, versions).await, format!("aa{target} bb{target} cc{target} dd{at}"));
    let logged = "SELECT string_agg(action, ' ' ORDER BY at, id) FROM audit_log WHERE action LIKE 'fleet.%'
                  AND (address IS NULL) = (actor = 'platform')";
    let told = "fleet.begun fleet.stopped fleet.migrated fleet.begun fleet.migrated fleet.resumed fleet.migrated";
    eventually("the last line of the log", async || one::<String>(&session, logged).await == told).await;
    browser.has_no_problems().await;
    newer.stop().await.unwrap();
    older.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_filled_in_for_a_run_is_not_lost_where_another_is_under_way() {
    let older = TestPlatform::start().await;
    tenant(&older, "Aa", true).await;
    let folder = migrations::with(&[GATE]);
    let mut settings = older.platform.settings.clone();
    settings.provisioning.migrations = Some(folder.path().to_path_buf());
    let newer = Serving::start(&Platform::new(settings).unwrap(), Planes::All, Fault::default()).await.unwrap();
    let browser = Browser::open(&format!("http://{}", newer.address), Look::default()).await;
    sign_in(&browser, newer.control_plane.as_ref().unwrap()).await;
    browser.goto("/admin/fleet").await;
    browser.paste("concurrency", "3").await;
    browser.paste("exclude", "aa").await;
    // Somebody else begins one meanwhile.
    let fleet = &newer.control_plane.as_ref().unwrap().fleet;
    fleet.begin(control_plane::fleet::Policy::default(), "somebody").await.unwrap();
    browser.press("Start").await;
    browser.shows("A run is under way already, begun by somebody.").await;
    assert_eq!((browser.value("concurrency").await, browser.value("exclude").await), ("3".to_owned(), "aa".to_owned()));
    let_go(&older, "aa").await;
    browser.until("the run's end", async || Ok((browser.count("#run").await == 0).then_some(()))).await;
    assert_eq!((browser.value("concurrency").await, browser.value("exclude").await), ("3".to_owned(), "aa".to_owned()));
    browser.has_no_problems_but(&[409]).await;
    newer.stop().await.unwrap();
    older.stop().await;
}
