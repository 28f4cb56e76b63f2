//! The wizard after the signup: the address is proven, the company described, an invitation taken up.

use control_plane::{
    audit::Origin,
    packages::BillingCycle,
    tenants::{NewOwner, NewTenant, SlugChoice},
};
use serde_json::{Value, json};
use tenancy::{EmailAddress, Language, TenantSlug};
use tests::{TestPlatform, client::PASSWORD};

use crate::signup::problem;

#[tokio::test(flavor = "multi_thread")]
async fn the_mailed_token_proves_the_address() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    client.sign_up("Acme", "ada@example.com").await.expect(201);
    client.sign_up("Other", "bob@example.com").await.expect(201);
    let token = platform.mail("ada@example.com", "token=").await.token();
    let verified = async || {
        let owner = platform.client.sign_in("ada@example.com").await;
        owner.get("/api/auth/me").await.expect(200).body["user"]["email_verified"].clone()
    };
    assert_eq!(verified().await, false);

    for (slug, token) in
        [("acme", "wrong"), ("acme", ""), ("other", &token), ("nobody", &token), ("Not%20a%20slug", &token)]
    {
        let reply = client.post(&format!("/api/onboarding/{slug}/verify"), &json!({ "token": token })).await;
        let reply = problem(reply, 422, "VALIDATION_FAILED");
        assert!(reply.body["errors"]["token"].is_array(), "{}", reply.body);
    }
    assert_eq!(verified().await, false, "nothing of that counted");
    for _ in 0..3 {
        let reply = client.post("/api/onboarding/acme/verify", &json!({ "token": token })).await.expect(200);
        assert_eq!(reply.body, json!({ "verified": true }));
        assert_eq!(verified().await, true);
    }

    // A token that is over is as good as none.
    let late = platform.mail("bob@example.com", "token=").await.token();
    let admin = platform.platform_session().await;
    let expire = "UPDATE tokens SET expires_at = now() - interval '1 second' WHERE kind = 'verify_email'";
    admin.execute(expire, &[]).await.unwrap();
    let reply = client.post("/api/onboarding/other/verify", &json!({ "token": late })).await;
    problem(reply, 422, "VALIDATION_FAILED");
    // And none lies about in clear.
    let clear: i64 = admin
        .query_one("SELECT count(*) FROM mails m WHERE m::text LIKE $1", &[&format!("%{token}%")])
        .await
        .unwrap()
        .get(0);
    assert_eq!(clear, 0);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_finishes_the_wizard_and_nobody_else_does() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    let signed_up = client.sign_up("Acme", "ada@example.com").await.expect(201);
    let (_, stranger) = platform.tenant("Other").await;
    let path = "/api/onboarding/acme/complete";
    let whole = json!({
        "company_info": { "industry": "Fairs", "company_size": "11-50", "website": "https://acme.example", "referral_source": "a friend" },
        "billing_info": { "company_name": "Acme A.Ş.", "tax_number": "1234567890", "tax_office": "Şişli",
                          "address": "Bir Sokak 1\nİstanbul", "country": "tr" },
        "preferences": { "timezone": "Europe/Berlin", "language": "en", "currency": "eur" }
    });
    problem(client.post(path, &whole).await, 401, "UNAUTHORIZED");
    problem(client.with_token("made-up").post(path, &whole).await, 401, "UNAUTHORIZED");
    problem(stranger.post(path, &whole).await, 403, "TENANT_MISMATCH");
    let owner = client.sign_in("ada@example.com").await;
    problem(owner.post("/api/onboarding/other/complete", &whole).await, 403, "TENANT_MISMATCH");
    let wizard = client.with_token(signed_up.body["onboarding_token"].as_str().unwrap());
    problem(wizard.post("/api/onboarding/other/complete", &whole).await, 403, "TENANT_MISMATCH");
    // An onboarding token is good for nothing else.
    problem(wizard.get("/api/v1/customers").await, 401, "UNAUTHORIZED");
    problem(wizard.get("/api/auth/me").await, 401, "UNAUTHORIZED");

    let reply = wizard.post(path, &whole).await.expect(200);
    let tenant = &reply.body["tenant"];
    assert_eq!(tenant["onboarding_completed"], true);
    let preferences = ["timezone", "language", "currency"].map(|field| tenant[field].as_str().unwrap());
    assert_eq!(preferences, ["Europe/Berlin", "en", "EUR"]);
    let admin = platform.platform_session().await;
    let row = admin
        .query_one(
            "SELECT industry, company_size, website, referral_source, billing_company_name, tax_number, tax_office, \
             billing_address, billing_country FROM tenants WHERE slug = 'acme'",
            &[],
        )
        .await
        .unwrap();
    let kept: Vec<String> = (0..9).map(|column| row.get(column)).collect();
    let sent = [
        "Fairs",
        "11-50",
        "https://acme.example",
        "a friend",
        "Acme A.Ş.",
        "1234567890",
        "Şişli",
        "Bir Sokak 1\nİstanbul",
        "TR",
    ];
    assert_eq!(kept, sent);

    // The owner's own token does as well; what is left out stays.
    let reply = owner.post(path, &json!({ "preferences": { "language": "tr" } })).await.expect(200);
    assert_eq!((&reply.body["tenant"]["language"], &reply.body["tenant"]["currency"]), (&json!("tr"), &json!("EUR")));
    // New rows are in the tenant's currency from now on.
    tests::eventually("the runtime knows of the currency", async || {
        let made = owner.post("/api/v1/customers", &json!({ "company_name": "x" })).await.expect(201);
        made.body["currency"] == "EUR"
    })
    .await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_wizard_is_named() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let path = format!("/api/onboarding/{slug}/complete");
    let cases: &[(&str, &str, Value)] = &[
        ("preferences", "timezone", json!("Mars/Olympus")),
        ("preferences", "timezone", json!("../../etc/passwd")),
        ("preferences", "timezone", json!("+03:00")),
        ("preferences", "currency", json!("XYZ")),
        ("preferences", "currency", json!("EURO")),
        ("preferences", "language", json!("xx")),
        ("billing_info", "country", json!("Türkiye")),
        ("billing_info", "country", json!("ZZ")),
        ("billing_info", "tax_number", json!("1".repeat(51))),
        ("billing_info", "address", json!("a\u{0}b")),
        ("company_info", "website", json!("javascript:alert(1)")),
        ("company_info", "industry", json!("i".repeat(10_000))),
    ];
    for (section, field, value) in cases {
        let reply = owner.post(&path, &json!({ *section: { *field: value } })).await;
        let reply = problem(reply, 422, "VALIDATION_FAILED");
        let named: Vec<&String> = reply.body["errors"].as_object().unwrap().keys().collect();
        assert_eq!(named, [&format!("{section}.{field}")], "{value}");
    }
    problem(owner.post(&path, &json!({ "preferences": { "colour": "red" } })).await, 400, "INVALID_JSON");
    let admin = platform.platform_session().await;
    let done = "SELECT onboarding_completed FROM tenants WHERE slug = $1";
    assert!(!admin.query_one(done, &[&slug]).await.unwrap().get::<_, bool>(0));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_owner_sets_a_password_and_signs_in() {
    let platform = TestPlatform::start().await;
    let new = NewTenant {
        slug: SlugChoice::Exact(TenantSlug::parse("acme").unwrap()),
        name: "Acme".to_owned(),
        owner: NewOwner {
            email: EmailAddress::parse("ada@example.com").unwrap(),
            name: "Ada".to_owned(),
            password_hash: None,
            verified: false,
            language: Language::English,
        },
        package: "starter".to_owned(),
        billing_cycle: BillingCycle::Monthly,
        signup_key: None,
        actor: "test".to_owned(),
        origin: Origin::default(),
    };
    let tenants = &platform.control_plane().tenants;
    let born = tenants.create(new).await.unwrap();
    tenants.wait_until_made(born.tenant, tests::wait::LONG).await.unwrap();
    let client = &platform.client;
    // Nobody has a password yet, so none is right.
    for guess in ["", PASSWORD] {
        let login = json!({ "email": "ada@example.com", "password": guess });
        problem(client.post("/api/auth/login", &login).await, 401, "UNAUTHORIZED");
    }
    let invitation = platform.mail("ada@example.com", "invited").await;
    let token = invitation.token();
    let set = async |token: &str, password: &str| {
        client.post("/api/auth/password", &json!({ "token": token, "password": password })).await
    };
    // A password that may not be chosen does not use the invitation up.
    problem(set(&token, "short").await, 422, "VALIDATION_FAILED");
    problem(set("made-up", PASSWORD).await, 422, "VALIDATION_FAILED");
    assert_eq!(set(&token, PASSWORD).await.expect(200).body, json!({ "email": "ada@example.com" }));
    problem(set(&token, "another password").await, 422, "VALIDATION_FAILED");

    let owner = client.sign_in("ada@example.com").await;
    let me = owner.get("/api/auth/me").await.expect(200);
    assert_eq!(me.body["tenant"]["slug"], "acme");
    assert_eq!(me.body["tenant"]["role"], "owner");
    assert_eq!(me.body["user"]["email_verified"], true, "whoever has the mail has the address");
    owner.post("/api/v1/customers", &json!({ "company_name": "First" })).await.expect(201);
    platform.stop().await;
}
