//! A workspace that is not there at once: the page shows how far it is, and what becomes of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use control_plane::provisioning::Fault;
use tests::{TestPlatform, TestSettings, browser::Browser};

/// Without stock every workspace is made step by step.
async fn platform(fault: Fault) -> TestPlatform {
    let mut wanted = TestSettings { fault, ..TestSettings::default() };
    wanted.settings.provisioning.stock = 0;
    TestPlatform::with(wanted).await
}

/// A step that can't be taken while this is true.
fn held(is_held: &Arc<AtomicBool>, step: &'static str) -> Fault {
    let is_held = is_held.clone();
    Fault::passing(move |_, taken, _| taken == step && is_held.load(Ordering::SeqCst))
}

async fn states(browser: &Browser) -> String {
    let script = "return [...document.querySelectorAll('#progress li')].map((one) => one.dataset.state).join(' ')";
    browser.run(script).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_each_step_and_leads_into_the_workspace() {
    let is_held = Arc::new(AtomicBool::new(true));
    let platform = platform(held(&is_held, "do open")).await;
    let browser = platform.browser().await;
    browser.sign_up_to_payment("Acme", "ada@example.com").await;
    browser.press("Create workspace").await;
    browser.is_at("/signup/done").await;
    browser.until("a database", async || Ok((states(&browser).await == "done done doing").then_some(()))).await;
    browser.shows("Make the database").await;
    assert!(browser.axe("html").await.is_empty());

    is_held.store(false, Ordering::SeqCst);
    browser.is_at("/app").await;
    browser.has_no_problems_but(&[404]).await;
    platform.client.sign_in("ada@example.com").await.get("/api/v1/customers").await.expect(200);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_page_looks_again_by_itself() {
    let is_held = Arc::new(AtomicBool::new(true));
    let platform = platform(held(&is_held, "do open")).await;
    let browser = platform.browser().await.without_scripts().await;
    browser.sign_up_to_payment("Acme", "ada@example.com").await;
    browser.press("Create workspace").await;
    browser.is_at("/signup/done").await;
    browser.runs_no_scripts().await;
    browser.shows("Make the database").await;
    is_held.store(false, Ordering::SeqCst);
    browser.is_at("/app").await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_made_is_said_and_can_be_tried_again() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = fails.clone();
    let fault = Fault::when(move |_, taken, _| taken == "do open" && failing.swap(false, Ordering::SeqCst));
    let platform = platform(fault).await;
    let browser = platform.browser().await;
    browser.sign_up_to_payment("Acme", "ada@example.com").await;
    browser.press("Create workspace").await;
    browser.shows("could not be made").await;
    assert!(browser.axe("html").await.is_empty());
    platform.settled().await;

    browser.press("Try again").await;
    browser.is_at("/signup").await;
    assert_eq!(browser.value("company_name").await, "Acme");
    browser.goto("/signup/payment").await;
    browser.press("Create workspace").await;
    browser.is_at("/app").await;
    let owner = platform.client.sign_in("ada@example.com").await;
    assert_eq!(owner.get("/api/auth/me").await.body["tenant"]["slug"], "acme");
    platform.stop().await;
}
