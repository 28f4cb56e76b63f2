//! A platform whose capabilities are there, while nothing is served and nothing happens by itself.

use control_plane::{
    ControlPlane,
    audit::Origin,
    doctor::{Finding, Severity},
    packages::BillingCycle,
    provisioning::Fault,
    tenants::{Born, NewOwner, NewTenant, SlugChoice},
};
use tempfile::TempDir;
use tenancy::{DatabaseName, EmailAddress, Language, RoleName, TenantId, TenantSlug, postgres::on_database};
use tenantry::{cluster::Cluster, serving::Platform};
use tokio_postgres::Client as Session;

use crate::{TestPlatform, TestSettings};

/// A platform that stands still.
pub struct QuietPlatform {
    pub platform: Platform,
    pub control_plane: ControlPlane,
    /// A session as administrator in the platform database.
    pub session: Session,
    folder: TempDir,
}

impl QuietPlatform {
    /// A platform on a cluster, ready for tenants, with its stock filled.
    pub async fn on(cluster: &Cluster, wanted: TestSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = TestPlatform::describe(cluster, wanted.settings, folder.path());
        platform.migrate().await.unwrap();
        let control_plane = platform.control_plane(Fault::default()).unwrap();
        control_plane.servers.platform().await.unwrap();
        control_plane.provisioning.prepare().await.unwrap();
        control_plane.provisioning.refill().await.unwrap();
        let session = tenancy::postgres::connect(&platform.admin).await.unwrap();
        Self { platform, control_plane, session, folder }
    }

    /// The folder of mails and backups.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A whole tenant.
    pub async fn tenant(&self, slug: &str) -> TenantId {
        let born = self.control_plane.tenants.create(new_tenant(slug)).await.unwrap();
        self.finish(born).await
    }

    /// Waits for a tenant that is being made.
    pub async fn finish(&self, born: Born) -> TenantId {
        let (id, limit) = (born.tenant.id, std::time::Duration::from_secs(20));
        let made = self.control_plane.tenants.wait_until_made(born.tenant, limit).await.unwrap();
        assert!(made.status.is_served(), "{made:?}");
        id
    }

    pub fn database(&self, slug: &str) -> DatabaseName {
        self.platform.settings.database.prefix.tenant_database(&TenantSlug::parse(slug).unwrap())
    }

    pub fn role(&self, tenant: TenantId) -> RoleName {
        self.platform.settings.database.prefix.tenant_role(tenant)
    }

    /// A session as administrator in a tenant's database.
    pub async fn tenant_session(&self, slug: &str) -> Session {
        tenancy::postgres::connect(&on_database(&self.platform.admin, &self.database(slug))).await.unwrap()
    }

    /// What the doctor finds wrong; advice on the throwaway server's settings is left out.
    pub async fn findings(&self) -> Vec<Finding> {
        let mut findings = self.control_plane.doctor.examine().await.unwrap();
        findings.retain(|finding| finding.severity() == Severity::Wrong);
        findings
    }
}

/// A tenant of this slug, whose owner is still to set a password.
pub fn new_tenant(slug: &str) -> NewTenant {
    NewTenant {
        slug: SlugChoice::Exact(TenantSlug::parse(slug).unwrap()),
        name: slug.to_owned(),
        owner: NewOwner {
            email: EmailAddress::parse(&format!("{slug}-{}@example.com", uuid::Uuid::now_v7().simple())).unwrap(),
            name: "Ada Lovelace".to_owned(),
            password_hash: None,
            verified: false,
            language: Language::English,
        },
        package: "starter".to_owned(),
        billing_cycle: BillingCycle::Monthly,
        signup_key: None,
        actor: "test".to_owned(),
        origin: Origin::default(),
    }
}
