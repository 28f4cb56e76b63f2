//! A runtime that is cut off from the platform database: it serves whom it knows, and PostgreSQL keeps out whom it
//! can't know of.

use std::time::{Duration, Instant};

use control_plane::provisioning::Fault;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tenancy::TenantSlug;
use tenantry::serving::{Planes, Platform, Serving};
use tests::{
    Client, TestPlatform, eventually,
    proxy::{Proxy, Way},
    shared_cluster, within,
};

use crate::{signup::problem, suspend::CUSTOMERS};

/// How long a runtime that is cut off may serve a tenant that was suspended: until PostgreSQL ends its sessions, which
/// happens before suspending returns, and at the latest two seconds after a control plane that died at it.
const BOUND: Duration = Duration::from_secs(2);

/// A runtime that reaches PostgreSQL through a proxy.
struct Far {
    serving: Serving,
    proxy: Proxy,
}

impl Far {
    async fn start(platform: &TestPlatform) -> Self {
        let port = shared_cluster().await.port();
        let proxy = Proxy::start(port, platform.prefix().runtime_role().as_str()).await;
        let mut settings = platform.platform.settings.clone();
        let url = settings.database.url.as_ref().unwrap().expose_secret();
        let through = url.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
        assert_ne!(&through, url, "the way leads through the proxy");
        settings.database.url = Some(SecretString::from(through));
        let serving =
            Serving::start(&Platform::new(settings).unwrap(), Planes::Runtime, Fault::default()).await.unwrap();
        Self { serving, proxy }
    }

    fn client(&self, owner: &Client) -> Client {
        Client::new(format!("http://{}", self.serving.address)).with_token(owner.token().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_is_cut_off_stops_serving_a_suspended_tenant() {
    let platform = TestPlatform::start().await;
    let far = Far::start(&platform).await;
    let (slug, owner) = platform.tenant("Acme").await;
    let (_, neighbour) = platform.tenant("Neighbour").await;
    let slug = TenantSlug::parse(&slug).unwrap();
    let (here, next_door) = (far.client(&owner), far.client(&neighbour));
    let tenants = &platform.control_plane().tenants;
    for way in [Way::Closed, Way::Silent] {
        for client in [&here, &next_door] {
            eventually("both are served", async || client.get(CUSTOMERS).await.status == 200).await;
        }
        far.proxy.set(way);
        here.get(CUSTOMERS).await.expect(200);
        tenants.suspend(&slug, None, "test").await.unwrap();
        let returned = Instant::now();
        let refused_after = within(BOUND, "the refusal", async || {
            let sent = returned.elapsed();
            (here.get(CUSTOMERS).await.status != 200).then_some(sent)
        })
        .await;
        println!("cut off ({way:?}): asked {refused_after:?} after suspending, the tenant was refused");

        // It stays so, for reading and writing, and the neighbour is served all the while, without waiting.
        let mut slowest = Duration::ZERO;
        for n in 0..2 {
            let (read, write) = (here.get(CUSTOMERS).await, json!({ "company_name": "lost" }));
            assert_eq!(read.status, 503, "{}", read.body);
            assert!(read.headers.contains_key("retry-after"));
            let write = here.post(CUSTOMERS, &write).await;
            assert_eq!(write.status, 503, "{}", write.body);
            for _ in 0..10 {
                let asked = Instant::now();
                next_door.get(CUSTOMERS).await.expect(200);
                slowest = slowest.max(asked.elapsed());
            }
            next_door.post(CUSTOMERS, &json!({ "company_name": format!("n{n}") })).await.expect(201);
        }
        println!("cut off ({way:?}): the neighbour waited {slowest:?} at most");
        assert!(slowest < BOUND);

        // The runtime learns what happened as soon as it can hear again, and serves as soon as it may.
        far.proxy.set(Way::Open);
        eventually("the reason", async || here.get(CUSTOMERS).await.code() == "TENANT_INACTIVE").await;
        tenants.activate(&slug, "test").await.unwrap();
        eventually("served again", async || here.get(CUSTOMERS).await.status == 200).await;
    }
    assert_eq!(here.get(CUSTOMERS).await.expect(200).body["total"], 0, "no write came through");
    far.serving.stop().await.unwrap();
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_asks_the_platform_database() {
    let platform = TestPlatform::start().await;
    let far = Far::start(&platform).await;
    let (slug, owner) = platform.tenant("Acme").await;
    let here = far.client(&owner);
    eventually("the tenant is served", async || here.get(CUSTOMERS).await.status == 200).await;
    eventually("the news are read", async || {
        // Nothing new within the time of one sign of life.
        let (beats, before) = far.proxy.sent();
        eventually("a sign of life", async || far.proxy.sent().0 > beats).await;
        far.proxy.sent().1 == before
    })
    .await;

    let (beats, statements) = far.proxy.sent();
    let started = Instant::now();
    for n in 0..200 {
        match n % 3 {
            0 => here.post(CUSTOMERS, &json!({ "company_name": format!("c{n}") })).await.expect(201),
            1 => here.get(&format!("/api/{slug}/customers?search=c")).await.expect(200),
            _ => here.get(CUSTOMERS).await.expect(200),
        };
    }
    let elapsed = started.elapsed();
    let (beats, statements) = (far.proxy.sent().0 - beats, far.proxy.sent().1 - statements);
    println!("200 requests in {elapsed:?}: {statements} statements to the platform database, {beats} signs of life");
    assert_eq!(statements, 0);
    assert!(beats <= elapsed.as_secs() + 2);
    // A token of an unknown key may be of a new one; strangers make us look for it once a second at most.
    let (before, started) = (far.proxy.sent().1, Instant::now());
    for _ in 0..200 {
        here.with_token("made-up").get(CUSTOMERS).await.expect(401);
    }
    assert!(far.proxy.sent().1 - before <= started.elapsed().as_secs() + 1);

    // The proxy would have seen it: a change of the tenant is read at once.
    let slug = TenantSlug::parse(&slug).unwrap();
    let before = far.proxy.sent().1;
    platform.control_plane().tenants.suspend(&slug, None, "test").await.unwrap();
    eventually("the news", async || here.get(CUSTOMERS).await.status == 403).await;
    assert!(far.proxy.sent().1 > before);
    problem(here.get(CUSTOMERS).await, 403, "TENANT_INACTIVE");
    far.serving.stop().await.unwrap();
    platform.stop().await;
}
