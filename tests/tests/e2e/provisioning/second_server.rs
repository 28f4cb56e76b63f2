//! Tenants on a server other than the platform's: there every birth is a saga.

use serde_json::json;
use tenancy::{EmailAddress, TenantSlug};
use tests::{TestPlatform, client::PASSWORD, eventually, new_tenant, platform::own_cluster};

use super::{final_backup, has_database, has_role, make_customer};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_lives_and_goes_on_another_server() {
    let (second, _folder) = own_cluster().await;
    let platform = TestPlatform::start().await;
    let (_, neighbour) = platform.tenant("Neighbour").await;
    let plane = platform.control_plane();
    let server = plane.servers.add("second", second.url(), "test").await.unwrap();
    let there = tenancy::postgres::connect(&server.admin).await.unwrap();
    let here = platform.platform_session().await;

    // The password of everybody in tests, hashed already.
    let hash = here.query_one("SELECT password_hash FROM users LIMIT 1", &[]).await.unwrap().get(0);
    let mut new = new_tenant("far-away");
    new.owner.email = EmailAddress::parse("far@example.com").unwrap();
    new.owner.password_hash = Some(hash);
    let born = plane.tenants.create_on(&server, new).await.unwrap();
    assert!(!born.finished);
    let id = born.tenant.id;
    let made = plane.tenants.wait_until_made(born.tenant, std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(made.status.as_str(), "trial");

    let slug = TenantSlug::parse("far-away").unwrap();
    let (database, role) = (platform.prefix().tenant_database(&slug), platform.prefix().tenant_role(id));
    assert!(has_database(&there, database.as_str()).await && !has_database(&here, database.as_str()).await);
    assert!(has_role(&there, role.as_str()).await && !has_role(&here, role.as_str()).await);
    let owner = platform.client.sign_in("far@example.com").await;
    make_customer(&owner, "far away").await;
    make_customer(&neighbour, "near").await;
    assert_eq!(owner.get("/api/v1/customers").await.expect(200).body["total"], 1);
    assert_eq!(platform.findings().await, Vec::<String>::new());

    plane.tenants.suspend(&slug, Some("unpaid"), "test").await.unwrap();
    let may_login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1";
    assert!(!there.query_one(may_login, &[&role]).await.unwrap().get::<_, bool>(0));
    eventually("the tenant is refused", async || owner.get("/api/v1/customers").await.code() == "TENANT_INACTIVE")
        .await;
    assert_eq!(platform.findings().await, Vec::<String>::new());
    plane.tenants.activate(&slug, "test").await.unwrap();
    eventually("the tenant is served", async || owner.get("/api/v1/customers").await.status == 200).await;

    plane.tenants.delete(&slug, true, "test").await.unwrap();
    assert!(!has_database(&there, database.as_str()).await && !has_role(&there, role.as_str()).await);
    assert!(final_backup(&platform, database.as_str()).is_some());
    let refused = owner.post("/api/v1/customers", &json!({ "company_name": PASSWORD })).await;
    assert!(matches!(refused.status.as_u16(), 401 | 404), "{refused:?}");
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_keeps_only_its_own_tenants_waiting() {
    let (second, _folder) = own_cluster().await;
    let platform = TestPlatform::start().await;
    let plane = platform.control_plane();
    let server = plane.servers.add("second", second.url(), "test").await.unwrap();
    second.kill_postmaster().await;

    let born = plane.tenants.create_on(&server, new_tenant("far-away")).await.unwrap();
    let (_, owner) = platform.tenant("Near").await;
    make_customer(&owner, "near").await;
    // Another control plane starts although the server is down.
    let other = tenantry::serving::Serving::start(
        &platform.platform,
        tenantry::serving::Planes::ControlPlane,
        control_plane::provisioning::Fault::default(),
    );
    let other = other.await.unwrap();

    second.ensure_running().await.unwrap();
    platform.settled().await;
    let made = plane.tenants.wait_until_made(born.tenant, std::time::Duration::from_secs(20)).await.unwrap();
    assert!(matches!(made.status.as_str(), "trial" | "failed"), "{made:?}");
    assert_eq!(platform.findings().await, Vec::<String>::new());
    other.stop().await.unwrap();
    platform.stop().await;
    second.stop().await.unwrap();
}
