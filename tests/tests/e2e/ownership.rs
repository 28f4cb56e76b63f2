//! Two platforms never take each other's databases for orphans, and a wrong master key changes nothing.

use control_plane::provisioning::Fault;
use secrecy::SecretString;
use tenancy::{DatabaseName, secrets::MasterKey};
use tenantry::serving::{Planes, Platform, Serving};
use tests::{TestPlatform, TestSettings};

#[tokio::test(flavor = "multi_thread")]
async fn another_platform_with_the_same_prefix_is_refused() {
    let first = TestPlatform::start().await;
    let (_, owner) = first.tenant("Acme").await;

    let mut settings = first.platform.settings.clone();
    settings.database.name = DatabaseName::parse(&format!("{}_typo", settings.database.name)).unwrap();
    let other = Platform::new(settings).unwrap();
    other.migrate().await.unwrap();
    let refused = Serving::start(&other, Planes::All, Fault::default()).await.err().unwrap().to_string();
    assert!(refused.contains("another platform"), "{refused}");
    let doctor = other.control_plane(Fault::default()).unwrap().doctor;
    assert!(doctor.examine().await.is_err() && doctor.mend_unasked().await.is_err());

    owner.get("/api/v1/customers").await.expect(200);
    assert_eq!(first.findings().await, Vec::<String>::new());
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_refused() {
    let platform = TestPlatform::with(TestSettings::default()).await;
    let (_, owner) = platform.tenant("Acme").await;

    let mut settings = platform.platform.settings.clone();
    settings.security.master_key = Some(SecretString::from(MasterKey::generate().unwrap()));
    let other = Platform::new(settings).unwrap();
    let refused = Serving::start(&other, Planes::All, Fault::default()).await.err().unwrap().to_string();
    assert!(refused.contains("master key"), "{refused}");
    assert!(other.control_plane(Fault::default()).unwrap().doctor.mend_unasked().await.is_err());

    owner.get("/api/v1/customers").await.expect(200);
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_inside_a_tenants_database_are_examined_and_mended() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let inside = platform.tenant_session(&slug).await;
    let role: String = inside
        .query_one("SELECT a.grantee::regrole::text FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database() AND a.grantee <> d.datdba", &[])
        .await
        .unwrap()
        .get(0);
    inside
        .batch_execute(&format!(
            "GRANT CREATE ON SCHEMA public TO {role}; GRANT TRUNCATE ON customers TO {role};
             GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO {role}; REVOKE DELETE ON customers FROM {};",
            platform.prefix().data_role()
        ))
        .await
        .unwrap();
    drop(inside);

    let doctor = &platform.control_plane().doctor;
    let found = platform.findings().await;
    assert_eq!(found.iter().filter(|line| line.contains("differs in its database")).count(), 4, "{found:?}");
    for (finding, mended) in doctor.mend(&doctor.examine().await.unwrap(), "test").await {
        mended.unwrap_or_else(|error| panic!("{finding}: {error}"));
    }
    assert_eq!(platform.findings().await, Vec::<String>::new());
    owner.get("/api/v1/customers").await.expect(200);
    platform.stop().await;
}
