//! A platform for one test: its own platform database, its own names, on the test program's one PostgreSQL.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use control_plane::{ControlPlane, doctor::Severity, provisioning::Fault};
use secrecy::SecretString;
use tempfile::TempDir;
use tenancy::{DatabaseName, NamePrefix, TenantSlug, secrets::MasterKey};
use tenantry::{
    cluster::{Cluster, ClusterOptions},
    config::Settings,
    serving::{Planes, Platform, Serving},
};
use tokio::sync::OnceCell;
use tokio_postgres::Client as Session;

use crate::{
    Client, eventually,
    ground::{self, ground},
};

/// The PostgreSQL of this test program. Its watcher deletes it when the program ends.
pub async fn shared_cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async {
            let folder = ground().join(std::process::id().to_string());
            let mut options = ClusterOptions::throwaway(folder);
            options.settings.push(("max_connections".to_owned(), "300".to_owned()));
            Cluster::start(options).await.expect("a PostgreSQL for the tests")
        })
        .await
}

/// A PostgreSQL of a test's own; its folder goes with the second value.
pub async fn own_cluster() -> (Cluster, TempDir) {
    own_cluster_with(&[]).await
}

/// [`own_cluster`] with settings of PostgreSQL.
pub async fn own_cluster_with(settings: &[(&str, &str)]) -> (Cluster, TempDir) {
    let folder = ground::folder();
    let mut options = ClusterOptions::throwaway(folder.path().join("postgres"));
    options.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    (Cluster::start(options).await.unwrap(), folder)
}

/// What a test may want otherwise.
pub struct TestSettings {
    pub settings: Settings,
    pub planes: Planes,
    pub fault: Fault,
}

impl Default for TestSettings {
    fn default() -> Self {
        let mut settings = Settings::default();
        settings.http.bind = "127.0.0.1:0".to_owned();
        settings.http.workers = 2;
        settings.http.allow_plain = true;
        settings.database.connections = 8;
        settings.runtime.max_connections = Some(60);
        settings.provisioning.stock = 2;
        settings.signup.per_address_per_hour = 0;
        settings.signup.in_all_per_hour = 0;
        settings.signup.max_unverified = 0;
        Self { settings, planes: Planes::All, fault: Fault::default() }
    }
}

/// Hourly limits that no test reaches by asking much.
pub async fn lift_hourly_limits(platform: &Platform) {
    let session = tenancy::postgres::connect(&platform.admin).await.unwrap();
    let sql = r#"UPDATE packages SET limits = limits || '{"api_rate_limit_per_hour": 2000000000}'"#;
    session.batch_execute(sql).await.unwrap();
}

/// A platform that is being served.
pub struct TestPlatform {
    pub platform: Platform,
    pub serving: Serving,
    pub client: Client,
    folder: TempDir,
}

impl TestPlatform {
    /// A platform on the shared cluster.
    pub async fn start() -> Self {
        Self::with(TestSettings::default()).await
    }

    /// The same with its stock filled: whoever signs up takes a workspace from it.
    pub async fn stocked() -> Self {
        let platform = Self::start().await;
        platform.restocked().await;
        platform
    }

    /// Waits until the stock is full.
    pub async fn restocked(&self) {
        let session = self.platform_session().await;
        let sql = "SELECT count(*) >= $1 FROM stock WHERE ready";
        let wanted = i64::try_from(self.platform.settings.provisioning.stock).unwrap();
        eventually("a full stock", async || session.query_one(sql, &[&wanted]).await.unwrap().get(0)).await;
    }

    /// A platform on the shared cluster, with other settings.
    pub async fn with(wanted: TestSettings) -> Self {
        Self::on(shared_cluster().await, wanted).await
    }

    /// A platform on a cluster of the test's own.
    pub async fn on(cluster: &Cluster, wanted: TestSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = Self::describe(cluster, wanted.settings, folder.path());
        platform.migrate().await.unwrap();
        lift_hourly_limits(&platform).await;
        let serving = Serving::start(&platform, wanted.planes, wanted.fault).await.unwrap();
        let client = Client::new(format!("http://{}", serving.address));
        Self { platform, serving, client, folder }
    }

    /// A platform with names that no other test has; nothing is made or started yet.
    pub fn describe(cluster: &Cluster, mut settings: Settings, folder: &Path) -> Platform {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        settings.database.url = Some(SecretString::from(cluster.url().to_owned()));
        settings.database.name = DatabaseName::parse(&format!("platform_{number}")).unwrap();
        settings.database.prefix = NamePrefix::parse(&format!("t{number}_")).unwrap();
        settings.security.master_key = Some(SecretString::from(MasterKey::generate().unwrap()));
        settings.backups.folder = folder.join("backups");
        settings.runtime.files = folder.join("files").display().to_string();
        settings.backups.pg_dump = cluster.binaries().tool("pg_dump");
        let mut platform = Platform::new(settings).unwrap();
        platform.mail_folder = Some(folder.join("mail"));
        platform
    }

    pub fn control_plane(&self) -> &ControlPlane {
        self.serving.control_plane.as_ref().expect("this platform has a control plane")
    }

    pub fn prefix(&self) -> &NamePrefix {
        &self.platform.settings.database.prefix
    }

    /// The folder of mails and backups.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A session as administrator in the platform database.
    pub async fn platform_session(&self) -> Session {
        tenancy::postgres::connect(&self.platform.admin).await.unwrap()
    }

    /// A session as administrator in a tenant's database.
    pub async fn tenant_session(&self, slug: &str) -> Session {
        let name = self.prefix().tenant_database(&TenantSlug::parse(slug).unwrap());
        tenancy::postgres::connect(&tenancy::postgres::on_database(&self.platform.admin, &name)).await.unwrap()
    }

    /// Signs a company up and its owner in: the slug, and a client with the owner's token.
    pub async fn tenant(&self, company: &str) -> (String, Client) {
        self.tenant_of(company, &format!("owner-{}@example.com", uuid::Uuid::now_v7().simple())).await
    }

    /// [`TestPlatform::tenant`] of an owner with this address.
    pub async fn tenant_of(&self, company: &str, email: &str) -> (String, Client) {
        let reply = self.client.sign_up(company, email).await;
        // On a busy machine without stock it may take longer than a signup waits.
        assert!(matches!(reply.status.as_u16(), 201 | 202), "{}", reply.body);
        let slug = reply.body["tenant"]["slug"].as_str().unwrap().to_owned();
        let owner = self.client.sign_in(email).await;
        if reply.status == 202 {
            eventually("the tenant is made", async || owner.get("/api/v1/customers").await.status == 200).await;
        }
        (slug, owner)
    }

    /// Waits until nothing is being made or unmade any more.
    pub async fn settled(&self) {
        let session = self.platform_session().await;
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM sagas WHERE finished_at IS NULL)";
        let settled = async || session.query_one(sql, &[]).await.unwrap().get::<_, bool>(0).then_some(());
        crate::within(std::time::Duration::from_secs(60), "every saga to end", settled).await;
    }

    /// Stops serving; the databases stay until the cluster goes.
    pub async fn stop(self) {
        self.serving.stop().await.unwrap();
    }

    /// What the doctor finds wrong, as lines; advice on the throwaway server's settings is left out.
    pub async fn findings(&self) -> Vec<String> {
        let findings = self.control_plane().doctor.examine().await.unwrap();
        findings.iter().filter(|finding| finding.severity() == Severity::Wrong).map(ToString::to_string).collect()
    }
}
