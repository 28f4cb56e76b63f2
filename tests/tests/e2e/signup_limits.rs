//! Signing up is open to strangers: what is taken is refused, what is sent twice happens once, floods end.

use futures_util::future::join_all;
use serde_json::json;
use tenancy::TenantSlug;
use tests::{TestPlatform, TestSettings, client::PASSWORD};

use crate::signup::{body, problem, sign_up_with};

#[tokio::test(flavor = "multi_thread")]
async fn one_address_is_one_user() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("First", "ada@example.com").await.expect(201);
    for again in ["ada@example.com", "ADA@Example.COM", "  ada@example.com "] {
        problem(client.sign_up("Second", again).await, 409, "EMAIL_TAKEN");
    }
    let spellings = ["grace@example.com", "Grace@example.com", "GRACE@EXAMPLE.COM", "grace@Example.com"];
    let replies = join_all((0..12).map(|n| client.sign_up("Third", spellings[n % spellings.len()]))).await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(made, 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        problem(reply, 409, "EMAIL_TAKEN");
    }
    let admin = platform.platform_session().await;
    let tenants: i64 = admin.query_one("SELECT count(*) FROM tenants", &[]).await.unwrap().get(0);
    assert_eq!(tenants, 2, "what was refused left nothing");
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_is_asked_for_is_given_to_one() {
    let platform = TestPlatform::start().await;
    let replies = join_all((0..10).map(|n| {
        let client = platform.client.clone();
        async move {
            let mut body = body("Acme", &format!("a{n}@example.com"));
            body["slug"] = json!("acme");
            sign_up_with(&client, &body, None).await
        }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        problem(reply, 409, "DUPLICATE_SLUG");
    }
    // One that is made from a name gives way.
    let next = platform.client.sign_up("Acme", "next@example.com").await.expect(201);
    assert_eq!(next.body["tenant"]["slug"], "acme-2");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signup_that_is_sent_again_is_the_same_signup() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    let first = body("Acme", "ada@example.com");
    let made = sign_up_with(client, &first, Some("key-1")).await.expect(201);
    let again = sign_up_with(client, &first, Some("key-1")).await.expect(201);
    assert_eq!((&again.body["tenant"], &again.body["user"]), (&made.body["tenant"], &made.body["user"]));
    // The new token finishes the wizard, in place of the one before.
    for (reply, status) in [(&made, 401), (&again, 200)] {
        let wizard = client.with_token(reply.body["onboarding_token"].as_str().unwrap());
        wizard.post("/api/onboarding/acme/complete", &json!({})).await.expect(status);
    }
    for (field, value) in
        [("company_name", "Other"), ("owner_email", "b@example.com"), ("password", "another password")]
    {
        let mut other = first.clone();
        other[field] = json!(value);
        problem(sign_up_with(client, &other, Some("key-1")).await, 422, "IDEMPOTENCY_KEY_REUSED");
    }
    problem(sign_up_with(client, &first, Some("key-2")).await, 409, "EMAIL_TAKEN");
    let long = "k".repeat(256);
    for malformed in ["", "two words", long.as_str()] {
        problem(sign_up_with(client, &first, Some(malformed)).await, 400, "BAD_REQUEST");
    }

    let second = body("Beta", "beta@example.com");
    let replies = join_all((0..20).map(|_| sign_up_with(client, &second, Some("key-3")))).await;
    let ids: std::collections::HashSet<String> =
        replies.into_iter().map(|reply| reply.expect(201).body["tenant"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let admin = platform.platform_session().await;
    let tenants: i64 = admin.query_one("SELECT count(*) FROM tenants", &[]).await.unwrap().get(0);
    assert_eq!(tenants, 2);
    let clear = "SELECT count(*) FROM signup_keys k WHERE k::text LIKE $1";
    let kept: i64 = admin.query_one(clear, &[&format!("%{PASSWORD}%")]).await.unwrap().get(0);
    assert_eq!(kept, 0);

    // One that comes after the end of its workspace is not told that it lives.
    let acme = TenantSlug::parse("acme").unwrap();
    platform.control_plane().tenants.delete(&acme, false, "test").await.unwrap();
    problem(sign_up_with(client, &first, Some("key-1")).await, 409, "CONFLICT");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_may_sign_up_so_often_an_hour() {
    let mut wanted = TestSettings::default();
    wanted.settings.signup.per_address_per_hour = 3;
    let platform = TestPlatform::with(wanted).await;
    let client = &platform.client;
    // What is wrong does not count; what is sent again does.
    for _ in 0..5 {
        client.sign_up("", "wrong").await.expect(422);
    }
    let first = body("One", "a0@example.com");
    for _ in 0..2 {
        sign_up_with(client, &first, Some("again")).await.expect(201);
    }
    client.sign_up("Two", "a1@example.com").await.expect(201);
    problem(sign_up_with(client, &first, Some("again")).await, 429, "RATE_LIMITED");
    let refused = problem(client.sign_up("Four", "a3@example.com").await, 429, "RATE_LIMITED");
    let seconds: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    // A header that claims another address changes nothing: anybody can send it.
    let request =
        client.request(reqwest::Method::POST, "/api/onboarding/signup").header("X-Forwarded-For", "192.0.2.9");
    let reply = client.send(request.json(&body("Five", "a4@example.com"))).await.unwrap();
    problem(reply, 429, "RATE_LIMITED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_together_may_sign_up_so_often_an_hour() {
    let mut wanted = TestSettings::default();
    wanted.settings.signup.in_all_per_hour = 4;
    let platform = TestPlatform::with(wanted).await;
    let replies = join_all((0..12).map(|n| {
        let client = platform.client.clone();
        async move { client.sign_up("Acme", &format!("a{n}@example.com")).await }
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 4);
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        problem(reply, 429, "RATE_LIMITED");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_workspaces_are_capped_until_somebody_proves_an_address() {
    let mut wanted = TestSettings::default();
    wanted.settings.signup.max_unverified = 2;
    let platform = TestPlatform::with(wanted).await;
    let client = &platform.client;
    client.sign_up("One", "one@example.com").await.expect(201);
    client.sign_up("Two", "two@example.com").await.expect(201);
    let full = problem(client.sign_up("Three", "three@example.com").await, 503, "UNAVAILABLE");
    assert!(full.headers.contains_key("retry-after"));

    let token = platform.mail("one@example.com", "token=").await.token();
    client.post("/api/onboarding/one/verify", &json!({ "token": token })).await.expect(200);
    client.sign_up("Three", "three@example.com").await.expect(201);
    problem(client.sign_up("Four", "four@example.com").await, 503, "UNAVAILABLE");
    platform.stop().await;
}
