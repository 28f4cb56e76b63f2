//! Lists: pages that add up, and what a client may ask of them.

use serde_json::{Value, json};
use tests::Client;

use crate::{
    customers::{CUSTOMERS, scene},
    signup::problem,
};

async fn list(owner: &Client, query: &str) -> Value {
    let reply = owner.get(&format!("{CUSTOMERS}?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body
}

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|row| row["company_name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_add_up() {
    let (platform, _, owner) = scene().await;
    let empty = list(&owner, "").await;
    assert_eq!(empty, json!({ "data": [], "page": 1, "limit": 20, "total": 0, "pages": 0 }));
    for n in 0..45 {
        owner.post(CUSTOMERS, &json!({ "company_name": format!("c{n:02}") })).await.expect(201);
    }
    let first = list(&owner, "").await;
    let numbers = |list: &Value| ["page", "limit", "total", "pages"].map(|field| list[field].as_i64().unwrap());
    assert_eq!(numbers(&first), [1, 20, 45, 3]);
    assert_eq!(names(&first)[..2], ["c44", "c43"], "the newest first");
    for limit in [1, 7, 20, 44, 45, 46, 100] {
        let mut seen = Vec::new();
        let pages = 45_i64.div_euclid(limit) + i64::from(45 % limit > 0);
        for page in 1..=pages {
            let part = list(&owner, &format!("sort=company_name&limit={limit}&page={page}")).await;
            assert_eq!(numbers(&part), [page, limit, 45, pages]);
            seen.extend(names(&part).iter().map(|name| (*name).to_owned()));
        }
        let all: Vec<String> = (0..45).map(|n| format!("c{n:02}")).collect();
        assert_eq!(seen, all, "limit {limit}");
        let beyond = list(&owner, &format!("limit={limit}&page={}", pages + 1)).await;
        assert_eq!((numbers(&beyond), names(&beyond).len()), ([pages + 1, limit, 45, pages], 0));
    }
    assert_eq!(numbers(&list(&owner, "page=1000000000&limit=100").await), [1_000_000_000, 100, 45, 1]);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_sorted_filtered_and_searched() {
    let (platform, _, owner) = scene().await;
    let rows = [
        ("Ünlü İnşaat", "active", "customer", "İstanbul", "300.00", "2020-01-01"),
        ("beta 100% GmbH", "active", "prospect", "Berlin", "100.00", "2021-01-01"),
        ("Alpha_Beta Ltd", "inactive", "customer", "Berlin", "200.00", "2019-01-01"),
        ("gamma\\delta", "active", "partner", "Ankara", "50.00", "2022-01-01"),
        ("ÇAĞRI IŞIK", "inactive", "supplier", "Ankara", "0.00", "2023-01-01"),
    ];
    for (name, status, relationship, city, revenue, since) in rows {
        let body = json!({
            "company_name": name, "status": status, "relationship_type": relationship, "city": city,
            "total_revenue": revenue, "customer_since": since, "contact_person": format!("of {city}")
        });
        owner.post(CUSTOMERS, &body).await.expect(201);
    }
    let cases: &[(&str, &[&str])] = &[
        ("sort=updated_at", &["Ünlü İnşaat", "beta 100% GmbH", "Alpha_Beta Ltd", "gamma\\delta", "ÇAĞRI IŞIK"]),
        ("sort=-updated_at&limit=2", &["ÇAĞRI IŞIK", "gamma\\delta"]),
        ("sort=created_at&limit=1", &["Ünlü İnşaat"]),
        ("sort=company_name&limit=2", &["Alpha_Beta Ltd", "beta 100% GmbH"]),
        ("status=inactive&sort=created_at", &["Alpha_Beta Ltd", "ÇAĞRI IŞIK"]),
        ("status=active&city=Berlin", &["beta 100% GmbH"]),
        ("relationship_type=partner", &["gamma\\delta"]),
        ("city=%C4%B0stanbul", &["Ünlü İnşaat"]),
        ("city=berlin", &[]),
        ("city=%25", &[]),
        ("search=beta&sort=company_name", &["Alpha_Beta Ltd", "beta 100% GmbH"]),
        ("search=BETA&status=active", &["beta 100% GmbH"]),
        ("search=%25", &["beta 100% GmbH"]),
        ("search=100%25", &["beta 100% GmbH"]),
        ("search=_", &["Alpha_Beta Ltd"]),
        ("search=a_b", &["Alpha_Beta Ltd"]),
        ("search=%5C", &["gamma\\delta"]),
        ("search=%5C%25", &[]),
        ("search=%27", &[]),
        ("search=of%20Ankara&sort=created_at", &["gamma\\delta", "ÇAĞRI IŞIK"]),
        ("search=%C3%BCnl%C3%BC", &["Ünlü İnşaat"]),
        ("search=%C3%A7a%C4%9Fr%C4%B1", &["ÇAĞRI IŞIK"]),
        ("search=in%C5%9Faat", &["Ünlü İnşaat"]),
        ("search=nothing%20at%20all", &[]),
        ("search=&limit=1", &["ÇAĞRI IŞIK"]),
    ];
    let mut wrong = Vec::new();
    for (query, expected) in cases {
        let list = list(&owner, query).await;
        if names(&list) != *expected {
            wrong.push(format!("{query}: {:?} and not {expected:?}", names(&list)));
        }
        if !query.contains("limit") {
            assert_eq!(list["total"], expected.len(), "{query}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_makes_no_sense_is_refused() {
    let (platform, _, owner) = scene().await;
    let wrong = [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=1.5", "page"),
        ("page=", "page"),
        ("page=1000000001", "page"),
        ("page=99999999999999999999", "page"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=all", "limit"),
        ("sort=id", "sort"),
        ("sort=total_revenue", "sort"),
        ("sort=--created_at", "sort"),
        ("sort=", "sort"),
        ("sort=company_name%3B%20DROP%20TABLE%20customers", "sort"),
        ("sort=created_at,company_name", "sort"),
        ("status=gone", "status"),
        ("status=", "status"),
        ("relationship_type=Customer", "relationship_type"),
        ("stauts=active", "stauts"),
        ("tenant_id=x", "tenant_id"),
        ("email=x", "email"),
        ("city=", "city"),
        ("page=1&page=2", "page"),
        ("city=%00", "city"),
        ("search=a%00b", "search"),
        ("offset=5", "offset"),
    ];
    for (query, field) in wrong {
        let reply = owner.get(&format!("{CUSTOMERS}?{query}")).await;
        assert_eq!(reply.status, 422, "{query}: {}", reply.body);
        let reply = problem(reply, 422, "VALIDATION_FAILED");
        let named: Vec<&String> = reply.body["errors"].as_object().unwrap().keys().collect();
        assert_eq!(named, [field], "{query}");
    }
    for parameter in ["search", "city"] {
        let reply = owner.get(&format!("{CUSTOMERS}?{parameter}={}", "x".repeat(10_000))).await;
        problem(reply, 422, "VALIDATION_FAILED");
    }
    platform.stop().await;
}
