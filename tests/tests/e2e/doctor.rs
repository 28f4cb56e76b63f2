//! The doctor: every difference that can be made by hand is named, mended, and then gone.

use std::collections::BTreeSet;

use control_plane::{
    doctor::{Finding, Severity},
    fleet::{Policy, Progress, Stop},
};
use tenancy::{DatabaseName, RoleName, TenantId};
use tenantry::cluster::Cluster;
use tests::{QuietPlatform, TestPlatform, TestSettings, eventually, new_tenant, platform::own_cluster, shared_cluster};

/// A platform with two whole tenants, on which nothing happens by itself.
struct Patient {
    platform: QuietPlatform,
    acme: TenantId,
    database: DatabaseName,
    role: RoleName,
    other_role: RoleName,
}

impl Patient {
    async fn admit() -> Self {
        Self::admit_to(shared_cluster().await).await
    }

    async fn admit_to(cluster: &Cluster) -> Self {
        let platform = QuietPlatform::on(cluster, TestSettings::default()).await;
        let (acme, other) = (platform.tenant("acme").await, platform.tenant("other").await);
        platform.control_plane.provisioning.refill().await.unwrap();
        let (database, role, other_role) = (platform.database("acme"), platform.role(acme), platform.role(other));
        let patient = Self { platform, acme, database, role, other_role };
        assert_eq!(patient.words().await, BTreeSet::new());
        patient
    }

    async fn sql(&self, sql: &str) {
        self.platform.session.batch_execute(sql).await.unwrap();
    }

    async fn names_of(&self, sql: &str) -> Vec<String> {
        self.platform.session.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    async fn words(&self) -> BTreeSet<&'static str> {
        self.platform.findings().await.iter().map(|finding| finding.trouble.word()).collect()
    }

    /// Exactly this is found; nothing of it is mended unasked unless `unasked`; `--fix` mends it, and it is gone.
    async fn is_cured_of(&self, words: &[&'static str], unasked: bool) -> Vec<Finding> {
        let findings = self.platform.findings().await;
        let named: BTreeSet<&str> = findings.iter().map(|finding| finding.trouble.word()).collect();
        assert_eq!(named, words.iter().copied().collect(), "{findings:?}");
        let doctor = &self.platform.control_plane.doctor;
        if !unasked {
            doctor.mend_unasked().await.unwrap();
            assert_eq!(self.platform.findings().await, findings, "this is mended only when asked");
        }
        for (finding, result) in doctor.mend(&findings, "test").await {
            assert_eq!(result, Ok(()), "{finding}");
        }
        assert_eq!(self.platform.findings().await, []);
        findings
    }

    /// Makes a trouble, twice: the first time the doctor is asked, the second time the control plane does it by itself.
    async fn is_cured_both_ways(&self, words: &[&'static str], sql: &str) {
        self.sql(sql).await;
        self.is_cured_of(words, true).await;
        self.sql(sql).await;
        assert_eq!(self.words().await, words.iter().copied().collect());
        assert!(self.platform.control_plane.doctor.mend_unasked().await.unwrap() > 0);
        assert_eq!(self.words().await, BTreeSet::new(), "{sql}");
    }

    /// The tenant's own role gets in and sees its table.
    async fn assert_served(&self) {
        let platform = &self.platform.platform;
        let password = platform.master_key.tenant_password(self.acme);
        let config = tenancy::postgres::as_role(&platform.admin, &self.database, &self.role, password.expose());
        let tenant = tenancy::postgres::connect(&config).await.unwrap();
        tenant.query("SELECT id FROM customers", &[]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_is_what_it_was_again() {
    let patient = Patient::admit().await;
    let role = &patient.role;
    for change in [
        format!("ALTER ROLE {role} PASSWORD 'changed'"),
        format!("ALTER ROLE {role} SET statement_timeout = 1"),
        format!("ALTER ROLE {role} IN DATABASE {} SET work_mem = '1GB'", patient.database),
        format!("ALTER ROLE {role} SUPERUSER"),
        format!("ALTER ROLE {role} CREATEDB CREATEROLE REPLICATION BYPASSRLS NOINHERIT"),
        format!("ALTER ROLE {role} CONNECTION LIMIT -1"),
        format!("ALTER ROLE {role} VALID UNTIL '2001-01-01'"),
        format!("GRANT {} TO {role}", patient.other_role),
        format!("GRANT {} TO {role}", patient.platform.platform.settings.database.prefix.owner_role()),
        format!("REVOKE {} FROM {role}", patient.platform.platform.settings.database.prefix.data_role()),
    ] {
        patient.is_cured_both_ways(&["changed_role"], &change).await;
        patient.assert_served().await;
    }
    patient.is_cured_both_ways(&["wrong_login"], &format!("ALTER ROLE {role} NOLOGIN")).await;
    patient.assert_served().await;

    let slug = "acme".parse().unwrap();
    patient.platform.control_plane.tenants.suspend(&slug, None, "test").await.unwrap();
    patient.is_cured_both_ways(&["wrong_login"], &format!("ALTER ROLE {role} LOGIN")).await;
    patient.platform.control_plane.tenants.activate(&slug, "test").await.unwrap();
    patient.assert_served().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_role_is_made_again_and_an_orphan_goes() {
    let patient = Patient::admit().await;
    let (database, role) = (&patient.database, &patient.role);
    let drop = format!("REVOKE ALL ON DATABASE {database} FROM {role}; DROP ROLE {role}");
    patient.is_cured_both_ways(&["locked_out", "missing_role"], &drop).await;
    patient.assert_served().await;

    let prefix = &patient.platform.platform.settings.database.prefix;
    let orphan = prefix.tenant_role(TenantId::generate());
    patient.is_cured_both_ways(&["orphan_role"], &format!("CREATE ROLE {orphan} LOGIN")).await;
    let sql = format!("CREATE ROLE {orphan}; GRANT CONNECT ON DATABASE {database} TO {orphan}");
    patient.is_cured_both_ways(&["open_database", "orphan_role"], &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_are_closed_and_opened_again() {
    let patient = Patient::admit().await;
    let (database, role) = (&patient.database, &patient.role);
    for (word, sql) in [
        ("open_database", format!("GRANT CONNECT ON DATABASE {database} TO PUBLIC")),
        ("open_database", format!("GRANT CONNECT ON DATABASE {database} TO {}", patient.other_role)),
        (
            "open_database",
            format!("GRANT CONNECT ON DATABASE {} TO PUBLIC", patient.platform.platform.settings.database.name),
        ),
        ("locked_out", format!("REVOKE CONNECT ON DATABASE {database} FROM {role}")),
    ] {
        patient.is_cured_both_ways(&[word], &sql).await;
        patient.assert_served().await;
    }
    // Nobody can look into a closed database either.
    let closed = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false");
    patient.is_cured_both_ways(&["closed_database", "unreadable"], &closed).await;
    patient.assert_served().await;

    patient.sql(&format!("ALTER DATABASE {database} OWNER TO CURRENT_USER")).await;
    patient.is_cured_of(&["wrong_owner"], false).await;
    patient.assert_served().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_inside_a_database_are_what_they_were_again() {
    let patient = Patient::admit().await;
    let role = &patient.role;
    let data = patient.platform.platform.settings.database.prefix.data_role();
    for change in [
        format!("GRANT TRUNCATE ON customers TO {role}"),
        format!("REVOKE SELECT ON customers FROM {data}"),
        format!("ALTER TABLE customers OWNER TO {role}"),
        format!("GRANT SELECT ON refinery_schema_history TO {data}"),
        "GRANT CREATE ON SCHEMA public TO PUBLIC".to_owned(),
        "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC".to_owned(),
        "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC".to_owned(),
        format!("GRANT CREATE, TEMPORARY ON DATABASE {} TO {role}", patient.database),
    ] {
        patient.platform.tenant_session("acme").await.batch_execute(&change).await.unwrap();
        patient.is_cured_of(&["wrong_privileges"], false).await;
        patient.assert_served().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_go_and_orphans_are_backed_up_first() {
    let patient = Patient::admit().await;
    let prefix = patient.platform.platform.settings.database.prefix.clone();
    let stock = prefix.stock(uuid::Uuid::now_v7());
    let making = prefix.unfinished_template(uuid::Uuid::now_v7());
    let dropped = prefix.dropped(TenantId::generate());
    let template = prefix.template(0, 7);
    for name in [stock, making, dropped, template] {
        patient.is_cured_both_ways(&["leftover_database"], &format!("CREATE DATABASE {name}")).await;
        assert!(
            patient.names_of(&format!("SELECT datname FROM pg_database WHERE datname = '{name}'")).await.is_empty()
        );
    }

    patient.sql(&format!("CREATE DATABASE {prefix}orphan")).await;
    let inside = patient.platform.tenant_session("orphan").await;
    inside.batch_execute("CREATE TABLE kept AS SELECT 42 AS answer").await.unwrap();
    drop(inside);
    patient.is_cured_of(&["orphan_database"], false).await;
    let backups = std::fs::read_dir(&patient.platform.platform.settings.backups.folder).unwrap();
    let backups: Vec<_> = backups.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(backups.len(), 1, "{backups:?}");
    let list = tokio::process::Command::new(shared_cluster().await.binaries().tool("pg_restore"))
        .args(["--data-only", "--file=-"])
        .arg(&backups[0])
        .output();
    let list = String::from_utf8(list.await.unwrap().stdout).unwrap();
    assert!(list.contains("COPY public.kept (answer)") && list.contains("\n42\n"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_dropped_databases_are_dropped_and_never_a_tenants() {
    let patient = Patient::admit().await;
    let prefix = patient.platform.platform.settings.database.prefix.clone();
    let broken = |name: &str| format!("UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'");
    let orphan = format!("{prefix}orphan");
    for _ in 0..2 {
        patient.sql(&format!("CREATE DATABASE {orphan}")).await;
        patient.sql(&broken(&orphan)).await;
        patient.is_cured_of(&["broken_database"], true).await;
    }

    // A tenant's own: that is for a person to decide.
    patient.sql(&broken(patient.database.as_str())).await;
    let named = patient.platform.findings().await;
    assert!(named.iter().any(|finding| finding.trouble.word() == "missing_database"), "{named:?}");
    let doctor = &patient.platform.control_plane.doctor;
    assert_eq!(doctor.mend_unasked().await.unwrap(), 0);
    assert!(doctor.mend(&named).await.is_empty(), "nothing is mended silently");
    patient.sql(&format!("UPDATE pg_database SET datconnlimit = -1 WHERE datname = '{}'", patient.database)).await;
    patient.assert_served().await;

    // And it can still be deleted.
    patient.sql(&broken(patient.database.as_str())).await;
    let tenants = &patient.platform.control_plane.tenants;
    tenants.delete(&"acme".parse().unwrap(), true, "test").await.unwrap();
    assert_eq!(patient.words().await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_named_and_not_papered_over() {
    let patient = Patient::admit().await;
    patient.sql(&format!("DROP DATABASE {} WITH (FORCE)", patient.database)).await;
    let named = patient.platform.findings().await;
    let words: BTreeSet<&str> = named.iter().map(|finding| finding.trouble.word()).collect();
    assert_eq!(words, BTreeSet::from(["missing_database", "unreadable"]));
    let doctor = &patient.platform.control_plane.doctor;
    assert!(doctor.mend(&named).await.is_empty());
    assert_eq!(doctor.mend_unasked().await.unwrap(), 0);
    assert_eq!(patient.platform.findings().await, named);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_version_is_corrected_and_who_is_behind_is_left_to_the_fleet() {
    let patient = Patient::admit().await;
    let forget =
        "DROP TABLE products, leads, calendar_events, documents, loose_files; DROP FUNCTION account_for_file();
        DELETE FROM tallies WHERE name IN ('products', 'leads', 'calendar_events', 'documents', 'storage');
        DELETE FROM refinery_schema_history WHERE version = 4";
    patient.platform.tenant_session("acme").await.batch_execute(forget).await.unwrap();
    patient.is_cured_of(&["wrong_version"], false).await;

    let plane = &patient.platform.control_plane;
    let behind = async || {
        let findings = plane.doctor.examine().await.unwrap();
        let behind = findings.iter().map(Finding::subject).filter(|it| it.trouble == "behind");
        behind.map(|it| (it.severity, it.mendable)).collect::<Vec<_>>()
    };
    assert_eq!(behind().await, [(Severity::Advice, false)]);
    let progress = tokio::sync::watch::channel(Progress::default()).0;
    plane.fleet.migrate(&Policy::default(), "test", &progress, &Stop::default()).await.unwrap();
    assert_eq!(behind().await, []);
    patient.assert_served().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_half_made_is_finished() {
    let patient = Patient::admit().await;
    let plane = &patient.platform.control_plane;
    // Without stock a tenant is begun and no more.
    patient.sql("UPDATE stock SET ready = false").await;
    let born = plane.tenants.create(new_tenant("third")).await.unwrap();
    assert!(!born.finished);
    patient.sql("DELETE FROM sagas").await;
    patient.is_cured_of(&["half_made"], false).await;
    let third = plane.tenants.detail(&"third".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(third.status.as_str(), "trial");
    plane.provisioning.refill().await.unwrap();
    assert_eq!(patient.words().await, BTreeSet::new());

    // A saga that failed before.
    patient.sql("UPDATE stock SET ready = false").await;
    plane.tenants.create(new_tenant("fourth")).await.unwrap();
    let slug = patient.names_of("SELECT slug FROM tenants WHERE status = 'provisioning'").await;
    assert_eq!(slug, ["fourth"]);
    patient.sql("UPDATE sagas SET error = 'it hurt' WHERE finished_at IS NULL").await;
    patient.is_cured_of(&["stuck_saga"], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_lost_is_forgotten() {
    let patient = Patient::admit().await;
    let stock = patient.names_of("SELECT database_name FROM stock").await;
    assert_eq!(stock.len(), 2);
    patient.sql(&format!("DROP DATABASE {}", stock[0])).await;
    patient.is_cured_of(&["lost_stock"], true).await;
    assert_eq!(patient.names_of("SELECT database_name FROM stock").await, [stock[1].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_is_lost_fails_nobodys_signup() {
    let patient = Patient::admit().await;
    for name in patient.names_of("SELECT database_name FROM stock").await {
        patient.sql(&format!("DROP DATABASE {name}")).await;
    }
    patient.platform.tenant("third").await;
    assert_eq!(patient.words().await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_without_a_database_are_found_and_removed() {
    // A server of its own: other tests must not find the directory.
    let (cluster, _folder) = own_cluster().await;
    let patient = Patient::admit_to(&cluster).await;
    let orphan = cluster.pgdata().join("base/999999");
    std::fs::create_dir(&orphan).unwrap();
    std::fs::write(orphan.join("1259"), "pages").unwrap();
    let findings = patient.is_cured_of(&["orphan_directory"], false).await;
    assert!(findings[0].to_string().contains("base/999999"), "{findings:?}");
    assert!(!orphan.exists());
    cluster.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_server_opens_to_everybody_is_closed() {
    let (cluster, _folder) = own_cluster().await;
    let patient = Patient::admit_to(&cluster).await;
    for name in ["postgres", "template1"] {
        let open = format!("GRANT CONNECT ON DATABASE {name} TO PUBLIC");
        patient.is_cured_both_ways(&["open_database"], &open).await;
    }
    // Somebody else's database is theirs to close: named, and left as it is.
    patient.sql("CREATE DATABASE somebody_elses").await;
    let findings = patient.platform.control_plane.doctor.examine().await.unwrap();
    let neighbour = findings.iter().find(|finding| finding.trouble.word() == "open_neighbour").unwrap();
    assert!(neighbour.to_string().contains("somebody_elses") && !neighbour.trouble.can_be_mended());
    cluster.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_mends_by_itself() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let session = platform.platform_session().await;
    let tenant: TenantId = session.query_one("SELECT id FROM tenants", &[]).await.unwrap().get(0);
    let role = platform.prefix().tenant_role(tenant);
    let database = platform.prefix().tenant_database(&slug.parse().unwrap());
    session.batch_execute(&format!("ALTER ROLE {role} SUPERUSER PASSWORD 'x'")).await.unwrap();
    session.batch_execute(&format!("GRANT CONNECT ON DATABASE {database} TO PUBLIC")).await.unwrap();
    assert!(!platform.findings().await.is_empty());
    session.batch_execute("NOTIFY tenantry_doctor").await.unwrap();
    eventually("the control plane mends", async || platform.findings().await.is_empty()).await;
    owner.get("/api/v1/customers").await.expect(200);
    platform.stop().await;
}
