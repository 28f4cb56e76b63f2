//! Access tokens that must not open anything, one kind after the other.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use control_plane::provisioning::Fault;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tenancy::{TenantSlug, secrets::MasterKey};
use tenantry::serving::{Planes, Serving};
use tests::{
    Client, TestPlatform, TestSettings, eventually,
    forge::{Forge, claims_of, part},
    within,
};
use tokio_postgres::Client as Session;

use crate::signup::problem;

const CUSTOMERS: &str = "/api/v1/customers";

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A platform with one tenant, its owner, and what is needed to make up tokens.
async fn scene() -> (TestPlatform, String, Client, Forge) {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let forge = Forge::new(&platform.platform.master_key, owner.token().unwrap());
    (platform, slug, owner, forge)
}

/// The claims with one of them changed.
fn with(claims: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut changed = claims.clone();
    changed[field] = value.into();
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_nobody_issued_opens_nothing() {
    let (platform, _, owner, forge) = scene().await;
    let right = owner.token().unwrap();
    let claims = claims_of(right);
    // The forge itself is not what makes the others fail.
    owner.with_token(&forge.sign(&claims)).get(CUSTOMERS).await.expect(200);

    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": forge.kid() });
    let [head, payload, signature]: [&str; 3] = right.split('.').collect::<Vec<_>>().try_into().unwrap();
    let hmac = |secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(forge.kid().to_owned());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let public = SigningKey::from_bytes(platform.platform.master_key.token_seed().expose_secret()).verifying_key();
    let x = URL_SAFE_NO_PAD.encode(public.to_bytes());
    let published = platform.client.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(published.body["keys"][0]["x"], x, "the key that tokens are checked with");
    let other = Forge::new(&MasterKey::parse(&MasterKey::generate().unwrap()).unwrap(), right);
    let (mut unknown_kid, mut no_kid) = (header("EdDSA"), header("EdDSA"));
    unknown_kid["kid"] = json!("another");
    no_kid.as_object_mut().unwrap().remove("kid");
    let mut embedded = header("EdDSA");
    embedded["jwk"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let without = |field: &str| {
        let mut changed = claims.clone();
        changed.as_object_mut().unwrap().remove(field);
        changed
    };
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[0] ^= 1;

    let refused = [
        ("garbage", "garbage".to_owned()),
        ("three dots", "a.b.c".to_owned()),
        ("very long", "x".repeat(5000)),
        ("an expired one", forge.sign(&with(&claims, "exp", now() - 60))),
        ("one not valid yet", forge.sign(&with(&claims, "nbf", now() + 60))),
        ("one that never ends", forge.sign(&without("exp"))),
        ("one that never began", forge.sign(&without("nbf"))),
        ("one of another issuer", forge.sign(&with(&claims, "iss", "someone-else"))),
        ("one of no issuer", forge.sign(&without("iss"))),
        ("one signed by another key", other.sign(&claims)),
        ("alg none", format!("{}.{payload}.", part(&header("none")))),
        ("alg None with a signature", format!("{}.{payload}.{signature}", part(&header("None")))),
        ("alg none without kid", format!("{}.{payload}.", part(&json!({ "alg": "none" })))),
        ("HS256 with the public key", hmac(&public.to_bytes())),
        ("HS256 with the public key as published", hmac(x.as_bytes())),
        ("HS256 with nothing", hmac(b"")),
        ("an unknown key id", format!("{}.{payload}.{signature}", part(&unknown_kid))),
        ("no key id", format!("{}.{payload}.{signature}", part(&no_kid))),
        ("a key of its own", format!("{}.{payload}.{signature}", part(&embedded))),
        ("a changed slug", format!("{head}.{}.{signature}", part(&with(&claims, "tenant_slug", "other")))),
        ("a changed role", format!("{head}.{}.{signature}", part(&with(&claims, "role", "super_admin")))),
        ("a changed signature", format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(&flipped))),
        ("a cut signature", format!("{head}.{payload}.{}", &signature[..signature.len() - 4])),
        ("no signature", format!("{head}.{payload}.")),
        ("no payload", format!("{head}..{signature}")),
    ];
    for (what, token) in &refused {
        for path in [CUSTOMERS, "/api/acme/customers", "/api/auth/me"] {
            let reply = owner.with_token(token).get(path).await;
            assert_eq!(reply.status, 401, "{what}: {}", reply.body);
            problem(reply, 401, "UNAUTHORIZED");
        }
    }
    // Claims that we sign but never write name no tenant at all.
    for (field, value) in [("tenant_slug", "../other"), ("tenant_id", "1' OR '1'='1"), ("role", "god")] {
        let half = owner.with_token(&forge.sign(&with(&claims, field, value)));
        problem(half.get(CUSTOMERS).await, 400, "TENANT_REQUIRED");
    }
    let reply = platform.client.get(CUSTOMERS).await;
    assert_eq!(reply.headers["www-authenticate"], "Bearer");
    problem(reply, 401, "UNAUTHORIZED");
    for scheme in ["Basic dXNlcjpwYXNz", "Bearer", "Bearer  ", &format!("Token {right}"), right] {
        let request = platform.client.request(reqwest::Method::GET, CUSTOMERS).header("authorization", scheme);
        problem(platform.client.send(request).await.unwrap(), 401, "UNAUTHORIZED");
    }
    // A token in the address is none: addresses end up in logs.
    problem(platform.client.get(&format!("{CUSTOMERS}?access_token={right}")).await, 401, "UNAUTHORIZED");
    // And after all of that the right one still works.
    owner.get(CUSTOMERS).await.expect(200);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_over_when_its_time_is_even_where_it_was_seen_before() {
    let mut wanted = TestSettings::default();
    wanted.settings.identity.access_token_seconds = 1.try_into().unwrap();
    let platform = TestPlatform::with(wanted).await;
    let (_, owner) = platform.tenant("Acme").await;
    owner.get(CUSTOMERS).await.expect(200);
    // One second of life, five of clocks that differ.
    let over = within(std::time::Duration::from_secs(10), "the end of the token", async || {
        let reply = owner.get(CUSTOMERS).await;
        (reply.status != 200).then_some(reply)
    })
    .await;
    let reply = problem(over, 401, "UNAUTHORIZED");
    assert!(reply.body["error"].as_str().unwrap().contains("expired"), "{}", reply.body);
    assert!(now() - claims_of(owner.token().unwrap())["exp"].as_i64().unwrap() <= 7);
    problem(owner.get("/api/auth/me").await, 401, "UNAUTHORIZED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_tenant_opens_no_tenant() {
    let (platform, slug, owner, forge) = scene().await;
    let mut claims = claims_of(owner.token().unwrap());
    for field in ["tenant_id", "tenant_slug", "role", "tenant_generation", "member_version"] {
        claims.as_object_mut().unwrap().remove(field).unwrap();
    }
    let nowhere = owner.with_token(&forge.sign(&claims));
    problem(nowhere.get(CUSTOMERS).await, 400, "TENANT_REQUIRED");
    problem(nowhere.get(&format!("/api/{slug}/customers")).await, 400, "TENANT_REQUIRED");
    nowhere.get("/api/auth/me").await.expect(200);
    // The same comes of a sign-in of somebody without a place.
    let admin = platform.platform_session().await;
    let remove = "UPDATE memberships SET status = 'removed', version = version + 1, changed_at = now()";
    admin.execute(remove, &[]).await.unwrap();
    let email = claims["email"].as_str().unwrap();
    problem(platform.client.sign_in(email).await.get(CUSTOMERS).await, 400, "TENANT_REQUIRED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_deleted_tenant_never_opens_the_one_that_has_its_slug_now() {
    let (platform, slug, old, _) = scene().await;
    old.post(CUSTOMERS, &json!({ "company_name": "of the old one" })).await.expect(201);
    let tenants = &platform.control_plane().tenants;
    tenants.delete(&TenantSlug::parse(&slug).unwrap(), false, "test").await.unwrap();
    eventually("the deleted tenant is gone", async || old.get(CUSTOMERS).await.status == 404).await;
    problem(old.get(CUSTOMERS).await, 404, "TENANT_NOT_FOUND");
    problem(old.post(CUSTOMERS, &json!({ "company_name": "x" })).await, 404, "TENANT_NOT_FOUND");

    let (again, new) = platform.tenant("Acme").await;
    assert_eq!(again, slug, "the slug is free again");
    new.post(CUSTOMERS, &json!({ "company_name": "of the new one" })).await.expect(201);
    for path in [CUSTOMERS.to_owned(), format!("/api/{slug}/customers")] {
        problem(old.get(&path).await, 404, "TENANT_NOT_FOUND");
    }
    let reply = old.get("/api/auth/me").await;
    assert_eq!(reply.status, 401, "{}", reply.body);
    assert_eq!(new.get(CUSTOMERS).await.expect(200).body["total"], 1);
    platform.stop().await;
}

async fn change_member(admin: &Session, change: &str) {
    let sql = format!("UPDATE memberships SET {change}, version = version + 1, changed_at = now()");
    assert_eq!(admin.execute(&sql, &[]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_was_removed_or_changed_needs_a_new_token() {
    let (platform, _, owner, _) = scene().await;
    let email = claims_of(owner.token().unwrap())["email"].as_str().unwrap().to_owned();
    let admin = platform.platform_session().await;
    owner.get(CUSTOMERS).await.expect(200);

    change_member(&admin, "role = 'viewer'").await;
    eventually("the change of role", async || owner.get(CUSTOMERS).await.status == 401).await;
    problem(owner.get("/api/auth/me").await, 401, "UNAUTHORIZED");
    let viewer = platform.client.sign_in(&email).await;
    viewer.get(CUSTOMERS).await.expect(200);
    problem(viewer.post(CUSTOMERS, &json!({ "company_name": "x" })).await, 403, "FORBIDDEN");

    change_member(&admin, "status = 'removed'").await;
    eventually("the removal", async || viewer.get(CUSTOMERS).await.status == 403).await;
    problem(viewer.get(CUSTOMERS).await, 403, "TENANT_ACCESS_DENIED");
    // Also the older token, and also for a runtime that starts only now.
    problem(owner.get(CUSTOMERS).await, 403, "TENANT_ACCESS_DENIED");
    let later = Serving::start(&platform.platform, Planes::Runtime, Fault::default()).await.unwrap();
    let late = Client::new(format!("http://{}", later.address)).with_token(viewer.token().unwrap());
    problem(late.get(CUSTOMERS).await, 403, "TENANT_ACCESS_DENIED");
    later.stop().await.unwrap();

    change_member(&admin, "status = 'active', role = 'admin'").await;
    let back = platform.client.sign_in(&email).await;
    eventually("the way back", async || back.get(CUSTOMERS).await.status == 200).await;
    back.post(CUSTOMERS, &json!({ "company_name": "x" })).await.expect(201);
    assert_eq!(viewer.get(CUSTOMERS).await.status, 401, "old tokens stay worthless");
    platform.stop().await;
}
