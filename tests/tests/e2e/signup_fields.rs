//! What strangers write into a signup is refused field by field, or kept as it was written.

use reqwest::Method;
use serde_json::{Value, json};
use tests::TestPlatform;

use crate::signup::{SIGNUP, body, problem, sign_up_with};

/// The fields of a signup, and the column that keeps what is stored.
const FIELDS: &[(&str, &str)] = &[
    ("company_name", "SELECT name FROM tenants WHERE slug = $1"),
    ("owner_name", "SELECT u.name FROM users u JOIN tenants t ON t.owner_id = u.id WHERE t.slug = $1"),
    ("owner_email", ""),
    ("slug", ""),
    ("package_key", ""),
    ("billing_cycle", ""),
    ("password", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_in_any_field_is_refused_or_kept_as_it_is() {
    let platform = TestPlatform::start().await;
    let admin = platform.platform_session().await;
    let hostile = [
        "'; DROP DATABASE postgres; --",
        "x'||(SELECT password_hash FROM users LIMIT 1)||'",
        "$1; DROP TABLE tenants CASCADE",
        "\"; DELETE FROM users; --",
        "nul\u{0}byte in it",
        "gnp.\u{202e}exe.txt long enough",
        "<script>alert(1)</script>",
        "{{7*7}} ${jndi:ldap://x/y} %s%n",
        "line\r\nBcc: everybody@example.com",
    ];
    let (mut stored, mut refused) = (0, 0);
    for (f, (field, column)) in FIELDS.iter().enumerate() {
        for (h, text) in hostile.iter().enumerate() {
            let mut body = body(&format!("Company {f} {h}"), &format!("f{f}h{h}@example.com"));
            body[field] = json!(text);
            let reply = sign_up_with(&platform.client, &body, None).await;
            if reply.status == 201 {
                stored += 1;
                let slug = reply.body["tenant"]["slug"].as_str().unwrap();
                if column.is_empty() {
                    assert_eq!(*field, "password", "{text:?} was taken for a {field}");
                    let login = json!({ "email": body["owner_email"], "password": text });
                    platform.client.post("/api/auth/login", &login).await.expect(200);
                } else {
                    let kept: String = admin.query_one(*column, &[&slug]).await.unwrap().get(0);
                    assert_eq!(kept, text.trim(), "{field}");
                }
            } else {
                refused += 1;
                let reply = problem(reply, 422, "VALIDATION_FAILED");
                let named: Vec<&String> = reply.body["errors"].as_object().unwrap().keys().collect();
                assert_eq!(named, [field], "{text:?}: {}", reply.body);
            }
        }
    }
    println!("hostile texts: {stored} kept verbatim, {refused} refused");
    assert!(stored > 0 && refused > 0);
    let tenants: i64 = admin.query_one("SELECT count(*) FROM tenants", &[]).await.unwrap().get(0);
    assert_eq!(tenants, stored, "what was refused left nothing");
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_slug_package_or_cycle_is_named() {
    let platform = TestPlatform::start().await;
    let long = "a".repeat(41);
    let cases: &[(&str, Value, &str)] = &[
        ("slug", json!("admin"), "reserved"),
        ("slug", json!("v1"), "reserved"),
        ("slug", json!(long), "2 to 40"),
        ("slug", json!("a"), "2 to 40"),
        ("slug", json!(""), "2 to 40"),
        ("slug", json!("a--b"), "single dashes"),
        ("slug", json!("-ab"), "single dashes"),
        ("slug", json!("ab-"), "single dashes"),
        ("slug", json!("Acme"), "lower-case"),
        ("slug", json!("kırmızı"), "lower-case"),
        ("slug", json!("a b"), "lower-case"),
        ("slug", json!("a.b"), "lower-case"),
        ("package_key", json!("nothing"), "no such package"),
        ("package_key", json!("gateway-enterprise"), "request"),
        ("package_key", json!("hidden"), "no such package"),
        ("billing_cycle", json!("weekly"), "monthly"),
        ("password", json!("short"), "at least 8"),
        ("password", json!("a".repeat(129)), "at most 128"),
        ("password", json!("aaaaaaaaaaaa"), "repeated"),
        ("owner_email", json!("not an address"), "e-mail"),
        ("owner_name", json!("n".repeat(201)), "200"),
    ];
    let admin = platform.platform_session().await;
    admin
        .batch_execute(
            "UPDATE packages SET is_visible = true WHERE key = 'gateway-enterprise'; \
             INSERT INTO packages (key, name, name_tr, price_monthly, currency, modules, limits, is_visible) \
             VALUES ('hidden', 'Hidden', 'Gizli', 1, 'TRY', '{crm}', '{}', false)",
        )
        .await
        .unwrap();
    for (field, value, word) in cases {
        let mut body = body("Acme", "a@example.com");
        body[field] = value.clone();
        let reply = problem(sign_up_with(&platform.client, &body, None).await, 422, "VALIDATION_FAILED");
        let errors = reply.body["errors"].as_object().unwrap();
        assert_eq!(errors.len(), 1, "{}", reply.body);
        let reason = errors[*field][0].as_str().unwrap();
        assert!(reason.contains(word), "{field} {value}: {reason}");
    }
    // Every wrong field is named at once, and what is missing as well.
    let reply = problem(sign_up_with(&platform.client, &json!({}), None).await, 422, "VALIDATION_FAILED");
    let named: Vec<&String> = reply.body["errors"].as_object().unwrap().keys().collect();
    assert_eq!(named, ["company_name", "owner_email", "owner_name", "password"]);
    // A package that is not paid by the year can't be.
    let mut yearly = body("Acme", "a@example.com");
    (yearly["package_key"], yearly["billing_cycle"]) = (json!("work-pro"), json!("yearly"));
    let reply = problem(sign_up_with(&platform.client, &yearly, None).await, 422, "VALIDATION_FAILED");
    assert!(reply.body["errors"]["billing_cycle"].is_array(), "{}", reply.body);

    let tenants: i64 = admin.query_one("SELECT count(*) FROM tenants", &[]).await.unwrap().get(0);
    assert_eq!(tenants, 0);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_signup_is_a_problem_like_any_other() {
    let platform = TestPlatform::start().await;
    let client = &platform.client;
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = client.request(Method::POST, SIGNUP).header("content-type", content_type).body(body);
        client.send(request).await.unwrap()
    };
    let json = "application/json";
    for malformed in ["", "{", "null", "\"text\"", "{\"company_name\": }", "{\"company_name\": 5}"] {
        problem(send(json, malformed.into()).await, 400, "INVALID_JSON");
    }
    problem(send(json, b"{\"company_name\": \"\xff\xfe\"}".to_vec()).await, 400, "INVALID_JSON");
    problem(send(json, "[".repeat(200_000).into()).await, 400, "INVALID_JSON");
    let mut unknown = body("Acme", "a@example.com");
    unknown["comapny_name"] = json!("Acme");
    let reply = problem(send(json, unknown.to_string().into()).await, 400, "INVALID_JSON");
    assert!(reply.body["error"].as_str().unwrap().contains("comapny_name"), "{}", reply.body);
    let right = body("Acme", "a@example.com").to_string();
    problem(send("text/plain", right.clone().into()).await, 400, "INVALID_JSON");
    problem(send("application/x-www-form-urlencoded", b"company_name=Acme".to_vec()).await, 400, "INVALID_JSON");

    let huge = body(&"x".repeat(300 * 1024), "a@example.com").to_string();
    problem(send(json, huge.into()).await, 413, "PAYLOAD_TOO_LARGE");
    problem(client.get("/api/nowhere").await, 404, "NOT_FOUND");
    let wrong_method = problem(client.get(SIGNUP).await, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(wrong_method.headers["allow"], "POST");

    // None of it got in the way of a right one.
    send("application/json; charset=utf-8", right.into()).await.expect(201);
    platform.stop().await;
}
