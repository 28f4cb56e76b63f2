//! A platform to measure on, and the bare operation beside it.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use crate::{TestPlatform, TestSettings, ground::ground};
use control_plane::{
    ControlPlane, audit,
    packages::BillingCycle,
    provisioning::{Fault, Settings as Provisioning},
    tenants::{Born, NewOwner, NewTenant, SlugChoice, Tenants},
};
use tenancy::{EmailAddress, Language, TenantStatus};
use tenantry::{
    cluster::{Cluster, ClusterOptions},
    config::Settings,
    serving::Planes,
};
use tokio_postgres::Client as Session;

/// A hash as the platform keeps one; nobody signs in with it.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Qx2VAsjEKGqSW5Gm6pGSpmXhdFVn0Yg9Q7EAXNzh7mE";

/// Of 16 MB; as many as the private cluster keeps.
const SEGMENTS: usize = 32;

/// A platform of its own on a PostgreSQL of its own.
pub struct Stage {
    pub platform: TestPlatform,
    cluster: Cluster,
    bare: Session,
    template: String,
}

/// A PostgreSQL that is as durable as in production, and goes when it is stopped.
pub async fn durable_cluster() -> Cluster {
    durable_cluster_with(200).await
}

/// [`durable_cluster`] with so many connections.
pub async fn durable_cluster_with(max_connections: usize) -> Cluster {
    let lasting = ClusterOptions::lasting(folder("cluster"));
    let settings = vec![("max_connections".to_owned(), max_connections.to_string())];
    Cluster::start(ClusterOptions { settings, throwaway: true, ..lasting }).await.expect("a PostgreSQL to measure on")
}

/// The name of a folder that nobody has.
pub fn folder(what: &str) -> PathBuf {
    ground().join(format!("bench-{}-{what}-{}", std::process::id(), next()))
}

/// Defaults, but for what keeps strangers from signing up as fast as they can.
pub fn settings(stock: usize) -> Settings {
    let mut settings = Settings::default();
    settings.http.bind = "127.0.0.1:0".to_owned();
    settings.signup.per_address_per_hour = 0;
    settings.signup.in_all_per_hour = 0;
    settings.signup.max_unverified = 0;
    settings.provisioning.stock = stock;
    settings
}

/// How much stock there is when nobody says otherwise.
pub fn default_stock() -> usize {
    Provisioning::default().stock
}

/// A number that was not given before.
pub fn next() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Stage {
    /// With this much stock, all of it ready.
    pub async fn with_stock(stock: usize) -> Self {
        let cluster = durable_cluster().await;
        let wanted = TestSettings { settings: settings(stock), planes: Planes::All, fault: Fault::default() };
        let platform = TestPlatform::on(&cluster, wanted).await;
        let bare = platform.platform_session().await;
        let template = template(&bare).await;
        let stage = Self { platform, cluster, bare, template };
        stage.stock_is(stock).await;
        stage
    }

    /// Makes a tenant and returns when it is served; says whether it came from stock.
    pub async fn make(&self) -> bool {
        make(self.platform.control_plane()).await.finished
    }

    /// The registry, to make tenants with from several tasks.
    pub fn control_plane(&self) -> ControlPlane {
        self.platform.control_plane().clone()
    }

    /// What making a tenant can't do without.
    pub async fn clone_bare(&self) {
        clone(&self.bare, &self.template).await;
    }

    /// Sessions for bare operations side by side.
    pub async fn bare_sessions(&self, count: usize) -> Vec<(Session, String)> {
        let mut sessions = Vec::new();
        for _ in 0..count {
            sessions.push((self.platform.platform_session().await, self.template.clone()));
        }
        sessions
    }

    /// Gives the server a log that it has been through before, as one has that was in use for a while: in its first
    /// minutes each segment is made as it is needed, and every commit waits for that.
    pub async fn go_through_the_log(&self) {
        for _ in 0..SEGMENTS {
            self.bare.batch_execute("SELECT pg_logical_emit_message(false, 'bench', '')").await.unwrap();
            self.bare.batch_execute("SELECT pg_switch_wal()").await.unwrap();
        }
        self.settle().await;
    }

    /// Writes out what was done until now.
    pub async fn settle(&self) {
        self.bare.batch_execute("CHECKPOINT").await.unwrap();
    }

    /// Waits until this much stock is ready.
    pub async fn stock_is(&self, wanted: usize) {
        let wanted = i64::try_from(wanted).unwrap();
        let sql = self.bare.prepare("SELECT count(*) FROM stock WHERE ready").await.unwrap();
        while self.bare.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Stops everything and deletes it.
    pub async fn strike(self) {
        self.platform.stop().await;
        self.cluster.stop().await.unwrap();
    }
}

/// Makes a tenant and returns when it is served.
pub async fn make(control_plane: &ControlPlane) -> Born {
    let born = control_plane.tenants.create(newcomer()).await.expect("a tenant");
    if !born.finished {
        wait_for(&control_plane.tenants, &born).await;
    }
    born
}

async fn wait_for(tenants: &Tenants, born: &Born) {
    let made = tenants.wait_until_made(born.tenant.clone(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(made.status, TenantStatus::Trial, "the tenant is served");
}

/// What a signup asks for once the password is hashed.
fn newcomer() -> NewTenant {
    let number = next();
    NewTenant {
        slug: SlugChoice::FromName,
        name: format!("Company {number}"),
        owner: NewOwner {
            email: EmailAddress::parse(&format!("owner-{number}@example.com")).unwrap(),
            name: "Ada Lovelace".to_owned(),
            password_hash: Some(HASH.to_owned()),
            language: Language::English,
            verified: false,
        },
        package: "starter".to_owned(),
        billing_cycle: BillingCycle::Monthly,
        signup_key: None,
        actor: "benchmark".to_owned(),
        origin: audit::Origin::default(),
    }
}

/// The bare operation: one statement on a warm connection.
pub async fn clone(session: &Session, template: &str) {
    let sql = format!("CREATE DATABASE bare_{} TEMPLATE {template}", next());
    session.batch_execute(&sql).await.unwrap();
}

/// The template that the platform clones as well.
async fn template(session: &Session) -> String {
    let sql = "SELECT quote_ident(datname) FROM pg_database WHERE datistemplate AND NOT datallowconn \
               AND datname <> 'template0'";
    session.query_one(sql, &[]).await.unwrap().get(0)
}
