//! Dropping a tenant: refused at once, kept in a final backup, its name free again.

use std::path::Path;

use tenancy::TenantSlug;
use tests::{TestPlatform, shared_cluster};

use super::{final_backup, has_database, has_role, make_customer};

/// The customers in a backup, as `pg_restore` reads them.
pub(super) async fn rows_in(platform: &TestPlatform, backup: &Path) -> Vec<String> {
    let pg_restore = shared_cluster().await.binaries().tool("pg_restore");
    let output = tokio::process::Command::new(pg_restore)
        .args(["--data-only", "--table=customers", "--file=-"])
        .arg(backup)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let script = String::from_utf8(output.stdout).unwrap();
    let copy = script.lines().skip_while(|line| !line.starts_with("COPY public.customers"));
    let rows = copy.skip(1).take_while(|line| *line != "\\.");
    let mut names: Vec<String> = rows.map(|row| row.split('\t').nth(1).unwrap().to_owned()).collect();
    names.sort();
    assert!(backup.starts_with(platform.folder()));
    names
}

/// Restores a backup into a new database of the shared server and counts its customers.
async fn customers_restored(platform: &TestPlatform, backup: &Path) -> i64 {
    let cluster = shared_cluster().await;
    let name = format!("{}_restored", platform.platform.settings.database.name);
    let session = platform.platform_session().await;
    session.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
    let restored = tenancy::postgres::on_database(&platform.platform.server, &name.parse().unwrap());
    let output = tokio::process::Command::new(cluster.binaries().tool("pg_restore"))
        .args(["--exit-on-error", "--dbname"])
        .arg(format!("{}/{name}", cluster.url().rsplit_once('/').unwrap().0))
        .arg(backup)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let inside = tenancy::postgres::connect(&restored).await.unwrap();
    inside.query_one("SELECT count(*) FROM customers", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_tenant_leaves_a_backup_and_its_record() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    for number in 0..3 {
        make_customer(&owner, &format!("Kunde {number}")).await;
    }
    let name = TenantSlug::parse(&slug).unwrap();
    let tenants = &platform.control_plane().tenants;
    let before = tenants.detail(&name).await.unwrap().unwrap();
    tenants.delete(&name, true, "test").await.unwrap();

    let session = platform.platform_session().await;
    assert!(!has_database(&session, before.database.as_str()).await);
    assert!(!has_role(&session, platform.prefix().tenant_role(before.id).as_str()).await);
    let after = tenants.detail(&name).await.unwrap().unwrap();
    assert_eq!((after.id, after.status.as_str(), after.name.as_str()), (before.id, "deleted", "Acme"));
    let backup = final_backup(&platform, before.database.as_str()).expect("a final backup");
    assert_eq!(customers_restored(&platform, &backup).await, 3);

    let refused = owner.get("/api/v1/customers").await;
    assert!(matches!(refused.status.as_u16(), 401 | 404), "{refused:?}");
    let (again, successor) = platform.tenant("Acme").await;
    assert_eq!(again, slug, "the slug can be used at once");
    make_customer(&successor, "of the second").await;
    let refused = owner.get("/api/v1/customers").await;
    assert!(
        matches!(refused.status.as_u16(), 401 | 403 | 404),
        "an old token never reaches a later tenant: {refused:?}"
    );
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_backup_none_is_kept() {
    let platform = TestPlatform::start().await;
    let (slug, _) = platform.tenant("Acme").await;
    let name = TenantSlug::parse(&slug).unwrap();
    platform.control_plane().tenants.delete(&name, false, "test").await.unwrap();
    assert_eq!(final_backup(&platform, platform.prefix().tenant_database(&name).as_str()), None);
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fails_keeps_the_database() {
    let mut wanted = tests::TestSettings::default();
    wanted.settings.provisioning.stock = 1;
    let platform = TestPlatform::with(wanted).await;
    let (slug, _) = platform.tenant("Acme").await;
    let name = TenantSlug::parse(&slug).unwrap();
    // A file where the folder of backups should be.
    std::fs::write(&platform.platform.settings.backups.folder, "").unwrap();
    platform.control_plane().tenants.delete(&name, true, "test").await.unwrap_err();
    let session = platform.platform_session().await;
    assert!(has_database(&session, platform.prefix().tenant_database(&name).as_str()).await);
    assert!(platform.findings().await.iter().any(|finding| finding.contains("has failed so far")));

    std::fs::remove_file(&platform.platform.settings.backups.folder).unwrap();
    platform.settled().await;
    assert!(final_backup(&platform, platform.prefix().tenant_database(&name).as_str()).is_some());
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}
