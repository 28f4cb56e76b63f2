//! Tenants that are asked for while they are behind, and two programs on one fleet.

use std::time::{Duration, Instant};

use control_plane::{fleet::Strategy, provisioning::Fault};
use serde_json::json;
use tenantry::serving::{Planes, Platform, Serving};
use tests::{
    Client, TestPlatform, TestSettings, eventually,
    migrations::{self, BUILT_IN},
};

const CUSTOMERS: &str = "/api/v1/customers";
const COLUMN: &str = "ALTER TABLE customers ADD COLUMN nickname text;";

/// A newer program beside the one that serves: it has more migrations, and its runtime needs them.
async fn newer(platform: &TestPlatform, folder: &std::path::Path, strategy: Strategy) -> (Serving, Client) {
    let mut settings = platform.platform.settings.clone();
    settings.provisioning.migrations = Some(folder.to_path_buf());
    settings.fleet.strategy = strategy;
    settings.runtime.serves = BUILT_IN + 1..=i32::MAX;
    let newer = Platform::new(settings).unwrap();
    let serving = Serving::start(&newer, Planes::All, Fault::default()).await.unwrap();
    let client = Client::new(format!("http://{}", serving.address));
    (serving, client)
}

async fn version(platform: &TestPlatform, slug: &str) -> i32 {
    let sql = "SELECT schema_version FROM tenants WHERE slug = $1";
    platform.platform_session().await.query_one(sql, &[&slug]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_tenant_that_is_behind_waits_a_moment() {
    let platform = TestPlatform::with(TestSettings::default()).await;
    let (slug, owner) = platform.tenant("Acme").await;
    let (other, _) = platform.tenant("Globex").await;
    let folder = migrations::with(&[COLUMN]);
    let (serving, client) = newer(&platform, folder.path(), Strategy::OnRequest).await;
    let owner = client.with_token(owner.token().unwrap());
    let began = Instant::now();
    let mut put_off = 0;
    // On a busy machine the first may come back for it.
    eventually("the tenant to be served", async || {
        let served = owner.get(CUSTOMERS).await.is_or_put_off(200);
        put_off += usize::from(!served);
        served
    })
    .await;
    println!("the first caller waited for {:?}, put off {put_off} times", began.elapsed());
    assert_eq!(version(&platform, &slug).await, BUILT_IN + 1);
    assert_eq!(version(&platform, &other).await, BUILT_IN, "nobody asked for it");
    serving.stop().await.unwrap();
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_locked_is_put_off_and_served_later() {
    let platform = TestPlatform::with(TestSettings::default()).await;
    let (slug, owner) = platform.tenant("Acme").await;
    let folder = migrations::with(&[COLUMN]);
    let (serving, client) = newer(&platform, folder.path(), Strategy::OnRequest).await;
    let owner = client.with_token(owner.token().unwrap());
    let lock = platform.tenant_session(&slug).await;
    lock.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reply = owner.get(CUSTOMERS).await.expect(503);
    assert_eq!((reply.code(), reply.headers["retry-after"].to_str().unwrap()), ("TENANT_UPGRADING", "1"));
    drop(lock);
    eventually("the tenant to be served", async || owner.get(CUSTOMERS).await.status == 200).await;
    serving.stop().await.unwrap();
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_programs_serve_one_fleet() {
    let platform = TestPlatform::with(TestSettings::default()).await;
    let tenants = [platform.tenant("Acme").await, platform.tenant("Globex").await];
    let folder = migrations::with(&[COLUMN]);
    // Blue serves everybody; green, which needs more, waits for an operator.
    let (green, client) = newer(&platform, folder.path(), Strategy::Full).await;
    for (_, owner) in &tenants {
        owner.get(CUSTOMERS).await.expect(200);
        let there = client.with_token(owner.token().unwrap());
        assert_eq!(there.get(CUSTOMERS).await.expect(503).code(), "TENANT_UPGRADING");
    }
    let fleet = &green.control_plane.as_ref().unwrap().fleet;
    let progress = tokio::sync::watch::channel(control_plane::fleet::Progress::default()).0;
    let stop = control_plane::fleet::Stop::default();
    let summary = fleet.migrate(&control_plane::fleet::Policy::default(), "test", &progress, &stop).await.unwrap();
    assert_eq!(summary.run.done, 2);
    for (slug, owner) in &tenants {
        let there = client.with_token(owner.token().unwrap());
        eventually("green to hear of it", async || there.get(CUSTOMERS).await.status == 200).await;
        there.post(CUSTOMERS, &json!({ "company_name": "by green" })).await.expect(201);
        // The way back is open: blue still serves, and sees what green wrote.
        let list = owner.get(CUSTOMERS).await.expect(200);
        assert_eq!(list.body["data"][0]["company_name"], "by green", "{slug}");
    }
    green.stop().await.unwrap();
    for (_, owner) in &tenants {
        owner.post(CUSTOMERS, &json!({ "company_name": "by blue" })).await.expect(201);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_brings_everybody_up_where_that_is_wanted() {
    let platform = TestPlatform::with(TestSettings::default()).await;
    let (slug, _) = platform.tenant("Acme").await;
    let folder = migrations::with(&[COLUMN]);
    let (serving, _) = newer(&platform, folder.path(), Strategy::Progressive).await;
    let up = async || (version(&platform, &slug).await == BUILT_IN + 1).then_some(());
    tests::within(Duration::from_secs(40), "the tenant to be brought up", up).await;
    serving.stop().await.unwrap();
    platform.stop().await;
}
