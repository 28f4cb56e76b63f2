//! The whole path: a company signs up, its owner signs in, and a customer lands in the tenant's database alone.

use serde_json::json;
use tests::TestPlatform;

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_lands_in_its_tenants_database_and_nowhere_else() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let (other, _) = platform.tenant("Other").await;

    let made = owner.post("/api/v1/customers", &json!({ "company_name": "Ünlü İnşaat" })).await.expect(201);
    let location = made.headers["location"].to_str().unwrap();
    assert_eq!(owner.get(location).await.expect(200).body, made.body);

    let count = "SELECT count(*) FROM customers WHERE company_name = 'Ünlü İnşaat'";
    let rows: i64 = platform.tenant_session(&slug).await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(rows, 1);
    let rows: i64 = platform.tenant_session(&other).await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(rows, 0);
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}
