//! Signing up: every company gets a workspace of its own, whatever it is called and whoever else signs up.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenancy::TenantSlug;
use tests::{Client, Reply, TestPlatform, TestSettings, client::PASSWORD, eventually};

pub(crate) const SIGNUP: &str = "/api/onboarding/signup";

/// The body of a signup that goes through.
pub(crate) fn body(company: &str, email: &str) -> Value {
    json!({
        "company_name": company, "owner_email": email, "owner_name": "Ada Lovelace",
        "password": PASSWORD, "package_key": "starter", "billing_cycle": "monthly"
    })
}

/// An answer that is a problem as the contract has it: its shape, and one id in body and header.
#[track_caller]
pub(crate) fn problem(reply: Reply, status: u16, code: &str) -> Reply {
    let reply = reply.expect(status);
    assert_eq!(reply.code(), code, "{}", reply.body);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!(reply.body["status"], status);
    assert!(reply.body["error"].as_str().is_some_and(|text| !text.is_empty()), "{}", reply.body);
    assert_eq!(reply.body["request_id"], reply.headers["x-request-id"].to_str().unwrap());
    assert!(reply.body["request_id"].as_str().unwrap().starts_with("req_"));
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_signups_of_one_name_at_once_are_fifty_workspaces() {
    let platform = TestPlatform::start().await;
    let replies = join_all((0..50).map(|n| {
        let client = platform.client.clone();
        async move { client.sign_up("Çağrı Şirketi A.Ş.", &format!("owner{n}@example.com")).await }
    }))
    .await;

    let mut slugs = HashSet::new();
    for reply in &replies {
        assert!(matches!(reply.status.as_u16(), 201 | 202), "{}", reply.body);
        slugs.insert(reply.body["tenant"]["slug"].as_str().unwrap().to_owned());
    }
    assert_eq!(slugs.len(), 50, "every slug is another one");
    assert!(slugs.contains("cagri-sirketi-a-s"));
    assert!(slugs.iter().all(|slug| slug.starts_with("cagri-sirketi-a-s")), "{slugs:?}");

    let admin = platform.platform_session().await;
    let served = "SELECT count(*) FROM tenants WHERE status = 'trial'";
    eventually("50 workspaces that are served", async || {
        admin.query_one(served, &[]).await.unwrap().get::<_, i64>(0) == 50
    })
    .await;
    let databases = "SELECT count(DISTINCT t.database_name) FROM tenants t JOIN pg_database d ON d.datname = t.database_name \
                     WHERE d.datallowconn";
    assert_eq!(admin.query_one(databases, &[]).await.unwrap().get::<_, i64>(0), 50, "each has its own database");

    // Every one answers its owner, from an empty database of its own, whatever the others write.
    join_all(replies.iter().enumerate().map(|(n, reply)| {
        let (client, slug) = (platform.client.clone(), reply.body["tenant"]["slug"].as_str().unwrap());
        async move {
            let owner = client.sign_in(&format!("owner{n}@example.com")).await;
            owner.post("/api/v1/customers", &json!({ "company_name": slug })).await.expect(201);
            let list = owner.get(&format!("/api/{slug}/customers")).await.expect(200);
            assert_eq!(list.body["total"], 1, "{}", list.body);
            assert_eq!(list.body["data"][0]["company_name"], slug);
        }
    }))
    .await;
    eventually("a doctor that finds nothing", async || platform.findings().await.is_empty()).await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_any_script_gives_a_slug() {
    let platform = TestPlatform::start().await;
    let long = "Ş".repeat(200);
    let names = [
        ("Çağrı Şirketi A.Ş.", Some("cagri-sirketi-a-s")),
        ("  İĞÜŞÖÇ ığüşöç  ", Some("igusoc-igusoc")),
        ("شركة الاختبار", None),
        ("测试公司", None),
        ("🚀🔥", Some("company")),
        ("🎉", Some("company-2")),
        ("--", Some("company-3")),
        ("admin", Some("admin-co")),
        ("'; DROP DATABASE postgres; --", Some("drop-database-postgres")),
        (long.as_str(), None),
    ];
    for (n, (name, expected)) in names.iter().enumerate() {
        let reply = platform.client.sign_up(name, &format!("n{n}@example.com")).await.expect(201);
        let tenant = &reply.body["tenant"];
        let slug = tenant["slug"].as_str().unwrap();
        assert_eq!(tenant["name"], name.trim(), "a name is stored as it was written");
        TenantSlug::parse(slug).unwrap();
        if let Some(expected) = expected {
            assert_eq!(slug, *expected, "{name}");
        } else {
            assert!(!slug.starts_with("company"), "{name} has letters, and {slug} has none of them");
        }
    }
    for (name, word) in [("", "empty"), ("   ", "empty"), ("\u{a0}\u{2003}", "empty"), (&"x".repeat(300), "200")] {
        let reply = problem(platform.client.sign_up(name, "x@example.com").await, 422, "VALIDATION_FAILED");
        let reason = reply.body["errors"]["company_name"][0].as_str().unwrap();
        assert!(reason.contains(word), "{name:?}: {reason}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_has_the_shape_of_the_contract_and_the_workspace_works_at_once() {
    let platform = TestPlatform::start().await;
    let reply = platform.client.sign_up("Acme", "Ada@Example.com").await.expect(201);
    let (tenant, user) = (&reply.body["tenant"], &reply.body["user"]);
    assert!(tenant["id"].as_str().unwrap().starts_with("ten_"));
    assert!(user["id"].as_str().unwrap().starts_with("usr_"));
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!((tenant["slug"].as_str(), tenant["name"].as_str()), (Some("acme"), Some("Acme")));
    assert_eq!(tenant["status"], "trial");
    let ends: jiff::Timestamp = tenant["trial_ends_at"].as_str().unwrap().parse().unwrap();
    let days = ends.duration_since(jiff::Timestamp::now()).as_secs_f64() / 86_400.0;
    assert!((13.9..=14.0).contains(&days), "{days} days of trial");
    assert!(reply.body["onboarding_token"].as_str().unwrap().len() >= 32);
    assert_eq!(reply.headers["cache-control"], "no-store");

    let owner = platform.client.sign_in("ada@example.com").await;
    owner.get("/api/v1/customers").await.expect(200);
    let host = owner.request(reqwest::Method::GET, "/api/v1/customers").header("host", "acme.localhost:8080");
    owner.send(host).await.unwrap().expect(200);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_stock_a_signup_waits_and_says_where_to_look_when_that_takes_long() {
    let mut wanted = TestSettings::default();
    wanted.settings.provisioning.stock = 0;
    let platform = TestPlatform::with(wanted).await;
    platform.client.sign_up("Quick", "quick@example.com").await.expect(201);

    // A comment that is not committed keeps everybody from cloning the template.
    let mut admin = platform.platform_session().await;
    let template = "SELECT datname FROM pg_database WHERE starts_with(datname, $1) AND datistemplate";
    let name: String =
        admin.query_one(template, &[&format!("{}_template_", platform.prefix())]).await.expect("one template").get(0);
    let hold = admin.transaction().await.unwrap();
    hold.batch_execute(&format!("COMMENT ON DATABASE {name} IS 'held'")).await.unwrap();

    let reply = platform.client.sign_up("Slow", "slow@example.com").await.expect(202);
    assert_eq!(reply.body["tenant"]["status"], "provisioning");
    let place = reply.headers["location"].to_str().unwrap().to_owned();
    assert!(reply.headers.contains_key("retry-after"));
    platform.client.get(&place).await.expect(401);
    let wizard = platform.client.with_token(reply.body["onboarding_token"].as_str().unwrap());
    let status = wizard.get(&place).await.expect(200);
    assert_eq!(status.body["tenant"]["status"], "provisioning");
    assert_eq!(states(&status.body), [("database", "doing")], "{}", status.body);

    // Its owner can sign in, and is told why there is nothing to see yet.
    let owner = platform.client.sign_in("slow@example.com").await;
    problem(owner.get("/api/v1/customers").await, 403, "TENANT_INACTIVE");

    hold.rollback().await.unwrap();
    eventually("the workspace", async || wizard.get(&place).await.body["tenant"]["status"] == "trial").await;
    let status = wizard.get(&place).await.expect(200);
    assert_eq!(states(&status.body), [("database", "done"), ("open", "done")], "{}", status.body);
    eventually("its rows", async || owner.get("/api/v1/customers").await.status == 200).await;
    eventually("a doctor that finds nothing", async || platform.findings().await.is_empty()).await;
    platform.stop().await;
}

fn states(body: &Value) -> Vec<(&str, &str)> {
    let steps = body["steps"].as_array().unwrap().iter();
    steps.map(|step| (step["step"].as_str().unwrap(), step["state"].as_str().unwrap())).collect()
}

/// Signs up with a body of one's own.
pub(crate) async fn sign_up_with(client: &Client, body: &Value, key: Option<&str>) -> Reply {
    let mut request = client.request(reqwest::Method::POST, SIGNUP).json(body);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    client.send(request).await.unwrap()
}
