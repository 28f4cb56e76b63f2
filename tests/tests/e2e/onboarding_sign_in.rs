//! Signing in and what follows: sessions, refreshing, other tenants, forgotten passwords, floods of guesses.

use std::time::Duration;

use base64::Engine;
use control_plane::audit::TrustedProxies;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, Reply, TestPlatform, TestSettings, client::PASSWORD, eventually};

use crate::signup::problem;

async fn login(client: &Client, email: &str, password: &str) -> Reply {
    client.post("/api/auth/login", &json!({ "email": email, "password": password })).await
}

async fn refresh(client: &Client, token: &Value) -> Reply {
    client.post("/api/auth/refresh", &json!({ "refresh_token": token })).await
}

fn names(body: &Value) -> Vec<&str> {
    body.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_has_the_shape_of_the_contract() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    let reply = login(client, " ADA@example.com", PASSWORD).await.expect(200);
    let fields = ["access_token", "expires_in", "refresh_token", "tenant", "tenants", "token_type", "user"];
    assert_eq!(names(&reply.body), fields);
    assert_eq!((&reply.body["token_type"], &reply.body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(reply.body["tenants"], json!([reply.body["tenant"]]));
    assert_eq!(reply.body["tenant"]["slug"], "acme");
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert!(!reply.body.to_string().contains("argon2"));

    // Whoever takes the published key can check the token, with a library of their own.
    let token = reply.body["access_token"].as_str().unwrap();
    let keys = client.get("/.well-known/jwks.json").await.expect(200);
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let key = keys.body["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap().clone();
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key.get("d").is_none(), "the private half is nobody's");
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["tenantry"]);
    let claims =
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap().claims;
    assert_eq!(claims["tenant_slug"], "acme");
    assert_eq!((&claims["email"], &claims["role"]), (&json!("ada@example.com"), &json!("owner")));
    assert_eq!(claims["user_id"], reply.body["user"]["id"]);
    assert_eq!(claims["tenant_id"], reply.body["tenant"]["id"]);

    let me = client.with_token(token).get("/api/auth/me").await.expect(200);
    assert_eq!(names(&me.body), ["tenant", "tenants", "user"]);
    for field in names(&me.body) {
        assert_eq!(me.body[field], reply.body[field], "{field}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_and_its_copy_ends_the_sign_in() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    let first = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    let other = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    let second = refresh(client, &first["refresh_token"]).await.expect(200).body;
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["tenant"]["slug"], "acme");
    client.with_token(second["access_token"].as_str().unwrap()).get("/api/v1/customers").await.expect(200);

    problem(refresh(client, &first["refresh_token"]).await, 401, "UNAUTHORIZED");
    problem(refresh(client, &second["refresh_token"]).await, 401, "UNAUTHORIZED");
    problem(refresh(client, &json!("made-up")).await, 401, "UNAUTHORIZED");
    // Another sign-in of the same user is not meant.
    let other = refresh(client, &other["refresh_token"]).await.expect(200).body;

    // Of many at once one gets the next token.
    let many = futures_util::future::join_all((0..8).map(|_| refresh(client, &other["refresh_token"]))).await;
    assert_eq!(many.iter().filter(|reply| reply.status == 200).count(), 1);

    let last = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    for _ in 0..2 {
        let out = client.post("/api/auth/logout", &json!({ "refresh_token": last["refresh_token"] })).await;
        out.expect(204);
    }
    problem(refresh(client, &last["refresh_token"]).await, 401, "UNAUTHORIZED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_two_tenants_goes_from_one_to_the_other() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    client.sign_up("Beta", "bob@example.com").await.expect(201);
    client.sign_up("Closed", "eve@example.com").await.expect(201);
    let admin = platform.platform_session().await;
    let join = "INSERT INTO memberships (tenant_id, user_id, role, status) SELECT t.id, u.id, 'viewer', 'active' \
                FROM tenants t, users u WHERE t.slug = 'beta' AND u.email = 'ada@example.com'";
    admin.execute(join, &[]).await.unwrap();

    let ada = client.sign_in("ada@example.com").await;
    ada.post("/api/v1/customers", &json!({ "company_name": "of Acme" })).await.expect(201);
    let switched = ada.post("/api/auth/switch", &json!({ "tenant_slug": "beta" })).await.expect(200).body;
    assert_eq!((&switched["tenant"]["slug"], &switched["tenant"]["role"]), (&json!("beta"), &json!("viewer")));
    assert_eq!(switched["tenants"].as_array().unwrap().len(), 2);
    let in_beta = client.with_token(switched["access_token"].as_str().unwrap());
    assert_eq!(in_beta.get("/api/v1/customers").await.expect(200).body["total"], 0);
    problem(in_beta.post("/api/v1/customers", &json!({ "company_name": "x" })).await, 403, "FORBIDDEN");
    problem(ada.post("/api/auth/switch", &json!({ "tenant_slug": "closed" })).await, 403, "TENANT_ACCESS_DENIED");
    problem(ada.post("/api/auth/switch", &json!({ "tenant_slug": "none" })).await, 403, "TENANT_ACCESS_DENIED");

    // A sign-in goes where it is told, else where its user was last.
    let named = json!({ "email": "ada@example.com", "password": PASSWORD, "tenant_slug": "acme" });
    let last = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    assert_eq!(last["tenant"]["slug"], "beta");
    assert_eq!(client.post("/api/auth/login", &named).await.expect(200).body["tenant"]["slug"], "acme");
    let closed = json!({ "email": "ada@example.com", "password": PASSWORD, "tenant_slug": "closed" });
    problem(client.post("/api/auth/login", &closed).await, 403, "TENANT_ACCESS_DENIED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_mail() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    let before = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    let forgot = async |email: &str| client.post("/api/auth/password/forgot", &json!({ "email": email })).await;
    let known = forgot("ada@example.com").await.expect(202);
    let unknown = forgot("nobody@example.com").await.expect(202);
    assert_eq!(known.body, unknown.body, "nobody learns whether there is an account");
    problem(forgot("no address").await, 422, "VALIDATION_FAILED");

    let token = platform.mail("ada@example.com", "/password?token=").await.token();
    let set = async |password: &str| {
        client.post("/api/auth/password", &json!({ "token": token, "password": password })).await
    };
    let refused = problem(set("ada@example.com").await, 422, "VALIDATION_FAILED");
    assert!(refused.body["errors"]["password"].is_array(), "{}", refused.body);
    set("a brand new password").await.expect(200);
    problem(set("another new password").await, 422, "VALIDATION_FAILED");
    problem(login(client, "ada@example.com", PASSWORD).await, 401, "UNAUTHORIZED");
    login(client, "ada@example.com", "a brand new password").await.expect(200);
    problem(refresh(client, &before["refresh_token"]).await, 401, "UNAUTHORIZED");
    let holder = client.with_token(before["access_token"].as_str().unwrap());
    problem(holder.get("/api/auth/me").await, 401, "UNAUTHORIZED");
    eventually("the runtime knows", async || holder.get("/api/v1/customers").await.code() == "UNAUTHORIZED").await;

    // So many mails an hour, and nobody learns when that is reached.
    for _ in 0..8 {
        assert_eq!(forgot("ada@example.com").await.expect(202).body, known.body);
    }
    let admin = platform.platform_session().await;
    let mails = async || {
        let sql = "SELECT count(*) FROM mails WHERE template = 'password_reset'";
        admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    // They are written after the answer.
    eventually("five mails", async || mails().await >= 5).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(mails().await, 5);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_learns_nothing_and_is_stopped() {
    let mut wanted = TestSettings::default();
    wanted.settings.identity.failed_sign_ins_per_account = 4;
    wanted.settings.identity.failed_sign_ins_per_account_in_all = 6;
    wanted.settings.identity.failed_sign_ins_per_address = 12;
    wanted.settings.http.trusted_proxies = TrustedProxies::try_from(vec!["127.0.0.1".to_owned()]).unwrap();
    let platform = TestPlatform::with(wanted).await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    client.sign_up("Beta", "bob@example.com").await.expect(201);

    let mut wrong = problem(login(client, "ada@example.com", "wrong password").await, 401, "UNAUTHORIZED").body;
    let mut unknown = problem(login(client, "nobody@example.com", PASSWORD).await, 401, "UNAUTHORIZED").body;
    let mut nonsense = problem(login(client, "no address", PASSWORD).await, 401, "UNAUTHORIZED").body;
    for body in [&mut wrong, &mut unknown, &mut nonsense] {
        body.as_object_mut().unwrap().remove("request_id");
    }
    assert_eq!(wrong, unknown);
    assert_eq!(wrong, nonsense);

    for _ in 0..3 {
        problem(login(client, "ada@example.com", "wrong password").await, 401, "UNAUTHORIZED");
    }
    // The right password does not help any more, under any spelling of the address.
    for email in ["ada@example.com", "ADA@example.com"] {
        let refused = problem(login(client, email, PASSWORD).await, 429, "RATE_LIMITED");
        assert!(refused.headers.contains_key("retry-after"));
    }
    // They still get in from elsewhere, until the account was guessed at too often in all.
    let elsewhere = async |password: &str| {
        let body = json!({ "email": "ada@example.com", "password": password });
        let request = client.request(Method::POST, "/api/auth/login").header("X-Forwarded-For", "192.0.2.9");
        client.send(request.json(&body)).await.unwrap()
    };
    elsewhere(PASSWORD).await.expect(200);
    for _ in 0..2 {
        problem(elsewhere("wrong password").await, 401, "UNAUTHORIZED");
    }
    problem(elsewhere(PASSWORD).await, 429, "RATE_LIMITED");
    // Others still get in, until their network has guessed too often.
    login(client, "bob@example.com", PASSWORD).await.expect(200);
    for guess in 0..6 {
        problem(login(client, &format!("guess{guess}@example.com"), "wrong").await, 401, "UNAUTHORIZED");
    }
    problem(login(client, "bob@example.com", PASSWORD).await, 429, "RATE_LIMITED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_user_is_let_in_nowhere() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    let session = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    let admin = platform.platform_session().await;
    admin.execute("UPDATE users SET status = 'suspended' WHERE email = 'ada@example.com'", &[]).await.unwrap();

    problem(login(client, "ada@example.com", "wrong password").await, 401, "UNAUTHORIZED");
    problem(login(client, "ada@example.com", PASSWORD).await, 403, "FORBIDDEN");
    problem(refresh(client, &session["refresh_token"]).await, 403, "FORBIDDEN");
    let holder = client.with_token(session["access_token"].as_str().unwrap());
    problem(holder.get("/api/auth/me").await, 403, "FORBIDDEN");
    client.post("/api/auth/password/forgot", &json!({ "email": "ada@example.com" })).await.expect(202);
    let mails = "SELECT count(*) FROM mails WHERE template = 'password_reset'";
    assert_eq!(admin.query_one(mails, &[]).await.unwrap().get::<_, i64>(0), 0);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_tokens_are_kept_as_hashes_alone() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    let signed_up = client.sign_up("Acme", "ada@example.com").await.expect(201).body;
    let session = login(client, "ada@example.com", PASSWORD).await.expect(200).body;
    let mailed = platform.mail("ada@example.com", "token=").await.token();
    let admin = platform.platform_session().await;
    let tables = "SELECT format('SELECT count(*) FROM %I x WHERE x::text LIKE $1', relname) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let secrets = [
        PASSWORD,
        signed_up["onboarding_token"].as_str().unwrap(),
        session["refresh_token"].as_str().unwrap(),
        session["access_token"].as_str().unwrap(),
        &mailed,
    ];
    for row in admin.query(tables, &[]).await.unwrap() {
        let sql: String = row.get(0);
        for secret in secrets {
            let found: i64 = admin.query_one(&sql, &[&format!("%{secret}%")]).await.unwrap().get(0);
            assert_eq!(found, 0, "{sql} {secret}");
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let found: i64 = admin.query_one(&sql, &[&format!("%{hex}%")]).await.unwrap().get(0);
            assert_eq!(found, 0, "{sql} {secret} as bytes");
        }
    }
    let hash: String = admin.query_one("SELECT password_hash FROM users", &[]).await.unwrap().get(0);
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert!(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&mailed).unwrap().len() >= 32);
    platform.stop().await;
}
