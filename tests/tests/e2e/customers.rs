//! Customers over REST: made, read, changed, deleted; what is wrong is named field by field.

use serde_json::{Value, json};
use tests::{Client, TestPlatform};

use crate::signup::problem;

pub(crate) const CUSTOMERS: &str = "/api/v1/customers";

/// A platform with one tenant, and its owner.
pub(crate) async fn scene() -> (TestPlatform, String, Client) {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    (platform, slug, owner)
}

fn at(customer: &Value) -> String {
    format!("{CUSTOMERS}/{}", customer["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_made_read_changed_and_deleted() {
    let (platform, slug, owner) = scene().await;
    let whole = json!({
        "company_name": "  Ünlü İnşaat  ", "company_title": "Ltd. Şti.", "contact_person": "Ayşe Öztürk",
        "email": "Ayse@Example.com", "phone": "+90 555 000 00 00", "country": "TR", "city": "İstanbul",
        "address": "Bir Sokak 1\nŞişli", "sector": "Fairs", "relationship_type": "prospect", "status": "inactive",
        "customer_since": "2020-02-29", "total_revenue": "1250.50", "currency": "EUR", "tags": ["a", "b", "a", " c "]
    });
    let made = owner.post(CUSTOMERS, &whole).await.expect(201);
    let customer = made.body.clone();
    assert_eq!(made.headers["location"], at(&customer));
    assert!(customer["id"].as_str().unwrap().starts_with("cus_"));
    for (field, value) in whole.as_object().unwrap() {
        let expected = match field.as_str() {
            "company_name" => json!("Ünlü İnşaat"),
            "email" => json!("ayse@example.com"),
            "tags" => json!(["a", "b", "c"]),
            _ => value.clone(),
        };
        assert_eq!(customer[field], expected, "{field}");
    }
    let me = owner.get("/api/auth/me").await.expect(200).body;
    assert_eq!((&customer["created_by"], &customer["created_by_name"]), (&me["user"]["id"], &me["user"]["name"]));
    assert_eq!(customer["created_at"], customer["updated_at"]);
    let stamp: jiff::Timestamp = customer["created_at"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(stamp).as_secs_f64().abs() < 60.0);

    // One address or the other is the same row.
    let other = format!("/api/{slug}/customers/{}", customer["id"].as_str().unwrap());
    assert_eq!(owner.get(&at(&customer)).await.expect(200).body, customer);
    assert_eq!(owner.get(&other).await.expect(200).body, customer);
    let through_slug = owner.post(&format!("/api/{slug}/customers"), &json!({ "company_name": "x" })).await.expect(201);
    let place = through_slug.headers["location"].to_str().unwrap();
    assert!(place.starts_with(&format!("/api/{slug}/customers/cus_")), "{place}");
    owner.get(place).await.expect(200);

    let changed = owner.patch(&at(&customer), &json!({ "city": "Ankara", "email": null })).await.expect(200).body;
    assert_eq!((&changed["city"], &changed["email"]), (&json!("Ankara"), &Value::Null));
    assert!(changed["updated_at"].as_str() > customer["updated_at"].as_str());
    for field in ["company_name", "phone", "tags", "total_revenue", "created_at", "created_by"] {
        assert_eq!(changed[field], customer[field], "{field} was not in the change");
    }
    assert_eq!(owner.patch(&at(&customer), &json!({})).await.expect(200).body, changed);

    // PUT is the whole: what is not named has its default again.
    let replaced = owner.put(&at(&customer), &json!({ "company_name": "New" })).await.expect(200).body;
    let defaults = [
        ("company_name", json!("New")),
        ("phone", Value::Null),
        ("tags", json!([])),
        ("status", json!("active")),
        ("relationship_type", json!("customer")),
        ("total_revenue", json!("0.00")),
        ("currency", json!("TRY")),
        ("customer_since", Value::Null),
        ("created_at", customer["created_at"].clone()),
        ("id", customer["id"].clone()),
    ];
    for (field, value) in defaults {
        assert_eq!(replaced[field], value, "{field}");
    }
    let empty = owner.delete(&at(&customer)).await.expect(204);
    assert_eq!(empty.body, "");
    problem(owner.delete(&at(&customer)).await, 404, "NOT_FOUND");
    problem(owner.get(&at(&customer)).await, 404, "NOT_FOUND");
    problem(owner.patch(&at(&customer), &json!({ "city": "x" })).await, 404, "NOT_FOUND");
    problem(owner.put(&at(&customer), &json!({ "company_name": "x" })).await, 404, "NOT_FOUND");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named_and_nothing_is_written() {
    let (platform, _, owner) = scene().await;
    let good = owner.post(CUSTOMERS, &json!({ "company_name": "Good", "currency": "JPY" })).await.expect(201).body;
    let long = "Ş".repeat(10_000);
    let wrong = [
        ("company_name", json!("")),
        ("company_name", json!("   ")),
        ("company_name", json!(5)),
        ("company_name", json!(long)),
        ("company_name", json!("a\u{0}b")),
        ("company_name", json!("a\nb")),
        ("company_name", json!(["x"])),
        ("contact_person", json!("x".repeat(201))),
        ("address", json!(long)),
        ("address", json!("a\u{7}b")),
        ("email", json!("nobody")),
        ("email", json!(long)),
        ("phone", json!(905550000)),
        ("relationship_type", json!("friend")),
        ("status", json!("ACTIVE")),
        ("customer_since", json!("2025-02-30")),
        ("customer_since", json!("31.12.2025")),
        ("customer_since", json!("2025-1-1")),
        ("total_revenue", json!("-1")),
        ("total_revenue", json!("1e5")),
        ("total_revenue", json!("NaN")),
        ("total_revenue", json!("1.001")),
        ("total_revenue", json!("9".repeat(40))),
        ("total_revenue", json!(true)),
        ("total_revenue", json!("")),
        ("currency", json!("XXQ")),
        ("currency", json!("try")),
        ("currency", json!("")),
        ("tags", json!("a")),
        ("tags", json!([1])),
        ("tags", json!(["x".repeat(51)])),
        ("tags", json!((0..51).collect::<Vec<_>>())),
        ("id", json!("cus_1")),
        ("created_by", json!("usr_1")),
        ("tenant_id", json!("x")),
        ("password", json!("x")),
    ];
    for (field, value) in &wrong {
        for method in ["POST", "PUT", "PATCH"] {
            let mut body = if method == "PATCH" { json!({}) } else { json!({ "company_name": "Good" }) };
            if *field == "total_revenue" && method == "PATCH" {
                body["currency"] = json!("TRY");
            }
            body[field] = value.clone();
            let path = if method == "POST" { CUSTOMERS.to_owned() } else { at(&good) };
            let reply = owner.send(owner.request(method.parse().unwrap(), &path).json(&body)).await.unwrap();
            assert_eq!(reply.status, 422, "{method} {field} {:.60}: {}", value.to_string(), reply.body);
            let reply = problem(reply, 422, "VALIDATION_FAILED");
            let named: Vec<&String> = reply.body["errors"].as_object().unwrap().keys().collect();
            assert_eq!(named, [field], "{method} {:.60}", value.to_string());
        }
    }
    // All of them at once, each under its own name.
    let reply =
        problem(owner.post(CUSTOMERS, &json!({ "email": "x", "status": "x", "x": 1 })).await, 422, "VALIDATION_FAILED");
    let named: Vec<&String> = reply.body["errors"].as_object().unwrap().keys().collect();
    assert_eq!(named, ["company_name", "email", "status", "x"]);
    // The yen has no hundredths, whichever half of the money is sent.
    problem(owner.patch(&at(&good), &json!({ "total_revenue": "1.50" })).await, 422, "VALIDATION_FAILED");
    owner.patch(&at(&good), &json!({ "total_revenue": "1.50", "currency": "TRY" })).await.expect(200);
    problem(owner.patch(&at(&good), &json!({ "currency": "JPY" })).await, 422, "VALIDATION_FAILED");
    owner.patch(&at(&good), &json!({ "total_revenue": "2", "currency": "JPY" })).await.expect(200);
    for body in ["", "{", "[]", "null", "\"x\""] {
        let request =
            owner.request(reqwest::Method::POST, CUSTOMERS).header("content-type", "application/json").body(body);
        problem(owner.send(request).await.unwrap(), 400, "INVALID_JSON");
    }
    let huge = json!({ "company_name": "x".repeat(300 * 1024) });
    problem(owner.post(CUSTOMERS, &huge).await, 413, "PAYLOAD_TOO_LARGE");
    let list = owner.get(CUSTOMERS).await.expect(200).body;
    assert_eq!(list["total"], 1);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_values_and_hostile_texts_come_back_as_they_were() {
    let (platform, _, owner) = scene().await;
    let texts = [
        "'; DROP TABLE customers; --",
        "\" OR 1=1",
        "<script>alert(1)</script>",
        "\u{202e}gnp.exe",
        "%_\\%",
        "🏗️ 建築",
        "{\"a\":1}",
        "$1 $2",
        "NULL",
        "İıĞğÜüŞşÖöÇç",
    ];
    for text in texts {
        let body = json!({ "company_name": text, "contact_person": text, "tags": [text] });
        let made = owner.post(CUSTOMERS, &body).await.expect(201).body;
        let read = owner.get(&at(&made)).await.expect(200).body;
        for field in ["company_name", "contact_person", "tags"] {
            assert_eq!(read[field], body[field]);
        }
    }
    let longest = json!({
        "company_name": "Ş".repeat(200), "address": "Ğ".repeat(1000), "phone": "1".repeat(50),
        "total_revenue": "99999999999999.9999", "currency": "CLF", "tags": (0..50).map(|n| format!("{n:050}")).collect::<Vec<_>>()
    });
    let made = owner.post(CUSTOMERS, &longest).await.expect(201).body;
    for (field, value) in longest.as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
    }
    // A number in JSON is exact or refused.
    let number = owner.post(CUSTOMERS, &json!({ "company_name": "x", "total_revenue": 12.34 })).await.expect(201).body;
    assert_eq!(number["total_revenue"], "12.34");
    let body = r#"{"company_name":"x","total_revenue":12345678901234.567}"#;
    let request = owner.request(reqwest::Method::POST, CUSTOMERS).header("content-type", "application/json").body(body);
    problem(owner.send(request).await.unwrap(), 422, "VALIDATION_FAILED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_lose_nothing() {
    let (platform, slug, owner) = scene().await;
    let made = futures_util::future::join_all((0..100).map(|n| {
        let owner = owner.clone();
        async move { owner.post(CUSTOMERS, &json!({ "company_name": format!("c{n}") })).await.expect(201).body }
    }))
    .await;
    assert_eq!(owner.get(CUSTOMERS).await.expect(200).body["total"], 100);
    // Changes of different fields at the same time keep each other's.
    let fields = ["city", "sector", "phone", "country", "address", "company_title", "contact_person"];
    let one = at(&made[0]);
    futures_util::future::join_all(fields.map(|field| {
        let (owner, one) = (owner.clone(), one.clone());
        async move { owner.patch(&one, &json!({ field: field })).await.expect(200) }
    }))
    .await;
    let read = owner.get(&one).await.expect(200).body;
    for field in fields {
        assert_eq!(read[field], field);
    }
    // Of many that delete, each row goes to one.
    let gone = futures_util::future::join_all(made.iter().chain(&made).chain(&made).map(|customer| {
        let (owner, one) = (owner.clone(), at(customer));
        async move { owner.delete(&one).await.status.as_u16() }
    }))
    .await;
    assert_eq!(gone.iter().filter(|status| **status == 204).count(), 100);
    assert_eq!(gone.iter().filter(|status| **status == 404).count(), 200);
    let left = "SELECT count(*) FROM customers";
    assert_eq!(platform.tenant_session(&slug).await.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    platform.stop().await;
}
