//! Hourly limits, and what tenants use.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, TestPlatform, eventually};

use crate::signup::problem;

/// Gives a tenant so many requests an hour, and waits until that holds.
async fn allow(platform: &TestPlatform, slug: &str, owner: &Client, calls: i64) {
    let session = platform.platform_session().await;
    let sql = "UPDATE tenants SET limit_overrides = jsonb_build_object('api_rate_limit_per_hour', $1::bigint) WHERE slug = $2";
    session.execute(sql, &[&calls, &slug]).await.unwrap();
    eventually("the limit is known", async || {
        let reply = owner.get("/api/v1/settings").await;
        match reply.headers.get("ratelimit-limit") {
            Some(limit) => *limit == calls.to_string(),
            None => calls < 0,
        }
    })
    .await;
}

/// The count begins again with every hour, and so do those of longer times.
pub(crate) async fn away_from_the_end_of_the_hour() {
    let over = async || (jiff::Timestamp::now().as_second() % 3600 < 3540).then_some(());
    tests::within(std::time::Duration::from_secs(70), "the next hour", over).await;
}

/// In all months: one may have ended meanwhile.
async fn used(platform: &TestPlatform, slug: &str) -> Value {
    let sql = "SELECT coalesce(jsonb_object_agg(metric, value), '{}') FROM (SELECT metric, sum(value) AS value
               FROM usage_records r JOIN tenants t ON t.id = r.tenant_id WHERE slug = $1 GROUP BY metric) AS used";
    platform.platform_session().await.query_one(sql, &[&slug]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_limited_by_the_hour() {
    away_from_the_end_of_the_hour().await;
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let (_, other) = platform.tenant("Beta").await;
    allow(&platform, &slug, &owner, 500).await;
    let left = async || {
        let headers = owner.get("/api/v1/settings").await.expect(200).headers;
        headers["ratelimit-remaining"].to_str().unwrap().parse::<u32>().unwrap()
    };
    let before = left().await;
    assert_eq!(before - left().await, 1);
    allow(&platform, &slug, &owner, 40).await;
    let replies = futures_util::future::join_all((0..60).map(|_| owner.get("/api/v1/settings"))).await;
    let let_through = replies.iter().filter(|reply| reply.status == 200).count();
    assert!(let_through < 40, "{let_through}");
    let refused = replies.into_iter().find(|reply| reply.status != 200).unwrap();
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait));
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
    assert_eq!(refused.headers["ratelimit-reset"], refused.headers["retry-after"]);
    problem(refused, 429, "RATE_LIMITED");
    // It is the tenant's limit, whoever asks, and nobody else's.
    problem(owner.get(&format!("/api/{slug}/customers")).await, 429, "RATE_LIMITED");
    other.get("/api/v1/settings").await.expect(200);
    let session = platform.platform_session().await;
    let sql = "UPDATE tenants SET limit_overrides = '{\"api_rate_limit_per_hour\": -1}' WHERE slug = $1";
    session.execute(sql, &[&slug]).await.unwrap();
    eventually("the higher limit holds", async || owner.get("/api/v1/settings").await.status == 200).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_recorded_once_and_a_restart_forgets_none() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let calls = async |count: usize| {
        let replies = futures_util::future::join_all((0..count).map(|_| owner.get("/api/v1/tasks"))).await;
        assert!(replies.iter().all(|reply| reply.status == 200));
    };
    calls(50).await;
    owner.post("/api/v1/projects", &json!({ "name": "p" })).await.expect(201);
    for _ in 0..2 {
        owner.post("/api/v1/tasks", &json!({ "title": "t" })).await.expect(201);
    }
    owner.post("/api/v1/tasks", &json!({})).await.expect(422);
    owner.get("/api/v1/tasks/nothing").await.expect(404);
    // What people look at is counted apart from it, and what a script reads for them not at all.
    for mode in ["navigate", "navigate", "cors"] {
        let cookie = format!("tenantry_access={}", owner.token().unwrap());
        let page = owner.request(Method::GET, "/app/customers").header("cookie", cookie).header("sec-fetch-mode", mode);
        owner.send(page).await.unwrap().expect(200);
    }
    // The last ones are brought to the record as the runtime stops.
    let (session, sql) =
        (platform.platform_session().await, "SELECT sum(value)::bigint FROM usage_records WHERE metric = $1");
    let runtime = platform.serving.runtime.clone().unwrap();
    runtime.stop().await;
    let known: i64 = session.query_one(sql, &[&"api_calls"]).await.unwrap().get(0);
    // Making the tenant may have asked a few times whether it is there.
    let last = used(&platform, &slug).await;
    assert!((55..75).contains(&known), "{last}");
    assert_eq!((&last["projects"], &last["tasks"], &last["page_views"]), (&json!(1.0), &json!(2.0), &json!(2.0)));
    // A batch that is sent again counts once.
    let again = "WITH one AS (SELECT id FROM tenants WHERE slug = $1) SELECT count(*) FROM one,
                 record_usage('00000000-0000-7000-8000-000000000001', 1, ARRAY[one.id], ARRAY['tasks'], ARRAY[5::numeric])";
    for _ in 0..3 {
        session.query_one(again, &[&slug]).await.unwrap();
    }
    assert_eq!(used(&platform, &slug).await["tasks"], json!(7.0));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_another_runtime_count_in_the_hour() {
    away_from_the_end_of_the_hour().await;
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    allow(&platform, &slug, &owner, 100).await;
    let session = platform.platform_session().await;
    let sql = "SELECT count(*) FROM tenants, record_usage(gen_random_uuid(), extract(epoch FROM now())::bigint / 3600,
               ARRAY[tenants.id], ARRAY['api_calls'], ARRAY[1000::numeric]) WHERE slug = $1";
    session.query_one(sql, &[&slug]).await.unwrap();
    tests::within(std::time::Duration::from_secs(20), "the runtime to hear of them", async || {
        (owner.get("/api/v1/settings").await.status == 429).then_some(())
    })
    .await;
    platform.stop().await;
}
