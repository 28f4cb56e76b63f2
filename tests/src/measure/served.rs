//! A platform in a process of its own, and the bare server beside it.

use std::{net::SocketAddr, time::Duration};

use control_plane::{
    ControlPlane,
    identity::{Subject, TokenSigner},
    provisioning::Fault,
    tenants::Born,
};
use tenancy::{EmailAddress, Role as Membership, postgres, token::TenantClaims};
use tenantry::{cluster::Cluster, serving::Platform};

use super::{
    Effort, floor,
    load::Load,
    processes::{Process, Role, free_port},
    report::middle,
    rows, stage,
};
use crate::{CustomerId, TestPlatform, Watch, lift_hourly_limits, program::variables};

/// Threads that serve requests, in both.
const WORKERS: usize = 2;
/// How often the runtime's connections are counted.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Clients at once.
pub const CONNECTIONS: usize = 16;

/// A platform in a process of its own, with one tenant, and what speaks to it.
pub struct Served {
    cluster: Cluster,
    pub platform: Platform,
    control_plane: ControlPlane,
    pub process: Process,
    pub address: SocketAddr,
    pub signer: TokenSigner,
    pub born: Born,
    pub customer: CustomerId,
    /// The tenant's database, as administrator.
    pub database_url: String,
}

/// Who asks.
pub fn token(signer: &TokenSigner, born: &Born) -> String {
    let email = EmailAddress::parse("ada@example.com").unwrap();
    let subject = Subject { user: born.owner_id, email: &email, name: "Ada Lovelace", super_admin: false };
    let tenant = TenantClaims {
        tenant_id: born.tenant.id,
        tenant_slug: born.tenant.slug.clone(),
        role: Membership::Owner,
        tenant_generation: 1,
        member_version: 1,
    };
    signer.sign(subject, Some(tenant)).unwrap()
}

/// How a platform is served.
pub struct Wanted {
    /// `all`, or `runtime`.
    pub planes: &'static str,
    /// Connections that the runtime may have.
    pub budget: usize,
    /// What PostgreSQL has.
    pub max_connections: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { planes: "all", budget: 60, max_connections: 200 }
    }
}

impl Served {
    pub async fn start() -> Self {
        Self::with(Wanted::default()).await
    }

    pub async fn with(wanted: Wanted) -> Self {
        let cluster = stage::durable_cluster_with(wanted.max_connections).await;
        let platform = TestPlatform::describe(&cluster, stage::settings(2), &stage::folder("platform"));
        platform.migrate().await.unwrap();
        lift_hourly_limits(&platform).await;
        lift_row_limits(&platform).await;
        let control_plane = platform.control_plane(Fault::default()).unwrap();
        control_plane.servers.platform().await.unwrap();
        control_plane.provisioning.prepare().await.unwrap();
        let (process, address) = serve(&platform, wanted.planes, wanted.budget).await;

        let born = stage::make(&control_plane).await;
        let name = platform.settings.database.prefix.tenant_database(&born.tenant.slug);
        let session = postgres::connect(&postgres::on_database(&platform.admin, &name)).await.unwrap();
        let customer = rows::fill(&session).await;
        let database_url = cluster.url().replace("/postgres?", &format!("/{name}?"));
        let life = Duration::from_secs(3600);
        let signer = TokenSigner::new(&platform.master_key, life);
        Self { cluster, platform, control_plane, process, address, signer, born, customer, database_url }
    }

    /// Another process in place of the one that serves, with another budget.
    pub async fn serve_again(mut self, planes: &str, budget: usize) -> Self {
        let (process, address) = serve(&self.platform, planes, budget).await;
        std::mem::replace(&mut self.process, process).stop().await;
        self.address = address;
        self
    }

    /// The server's URL, for an administrator.
    pub fn url(&self) -> String {
        self.cluster.url().to_owned()
    }

    /// One more tenant, with as many rows as the first.
    pub async fn another(&self) -> Born {
        let born = self.empty().await;
        rows::fill(&self.session(&born).await).await;
        born
    }

    /// One more tenant, without rows.
    pub async fn empty(&self) -> Born {
        stage::make(&self.control_plane).await
    }

    /// A session as administrator in a tenant's database.
    pub async fn session(&self, born: &Born) -> tokio_postgres::Client {
        let name = self.platform.settings.database.prefix.tenant_database(&born.tenant.slug);
        postgres::connect(&postgres::on_database(&self.platform.admin, &name)).await.unwrap()
    }

    /// How a tenant's own role reaches its database.
    pub fn as_tenant(&self, born: &Born) -> tokio_postgres::Config {
        let prefix = &self.platform.settings.database.prefix;
        let (name, role) = (prefix.tenant_database(&born.tenant.slug), prefix.tenant_role(born.tenant.id));
        let password = self.platform.master_key.tenant_password(born.tenant.id);
        postgres::as_role(&self.platform.admin, &name, &role, password.expose())
    }

    /// A session as administrator in the platform database.
    pub async fn platform_session(&self) -> tokio_postgres::Client {
        postgres::connect(&self.platform.admin).await.unwrap()
    }

    /// Counts the runtime's connections from now on.
    pub async fn watch(&self) -> Watch {
        Watch::start(self.platform_session().await, &self.platform.settings.database.prefix, LOOK_EVERY)
    }

    /// The bare server on this tenant's database.
    pub async fn floor(&self, recycling: &str) -> (Process, SocketAddr) {
        let port = free_port();
        let pool = self.platform.settings.runtime.max_connections_per_tenant;
        let variables = [
            (floor::URL, self.database_url.clone()),
            (floor::PORT, port.to_string()),
            (floor::POOL, pool.to_string()),
            (floor::WORKERS, WORKERS.to_string()),
            (floor::RECYCLING, recycling.to_owned()),
        ];
        let process = Process::start(Role::Floor, &[], &variables);
        process.answers(&format!("http://127.0.0.1:{port}/customers")).await;
        (process, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    pub async fn stop(self) {
        self.process.stop().await;
        self.cluster.stop().await.unwrap();
    }
}

/// Creates are measured until the time is over, not until a limit is reached.
async fn lift_row_limits(platform: &Platform) {
    let session = postgres::connect(&platform.admin).await.unwrap();
    let sql = r#"UPDATE packages SET limits = limits || '{"max_customers": 2000000000}'"#;
    session.batch_execute(sql).await.unwrap();
}

async fn serve(platform: &Platform, planes: &str, budget: usize) -> (Process, SocketAddr) {
    let port = free_port();
    let mut variables = variables(platform, port);
    variables.push(("TENANTRY__HTTP__WORKERS", WORKERS.to_string()));
    variables.push(("TENANTRY__RUNTIME__MAX_CONNECTIONS", budget.to_string()));
    let process = Process::start(Role::Tenantry, &["serve", planes], &variables);
    process.answers(&format!("http://127.0.0.1:{port}/health/ready")).await;
    (process, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// What some rounds of one load came to.
#[derive(Default)]
pub struct Rounds {
    rates: Vec<f64>,
    answers: f64,
}

impl Rounds {
    async fn add(&mut self, load: &Load, time: Duration) {
        let rate = load.run(time).await;
        self.rates.push(rate);
        self.answers += rate * time.as_secs_f64();
    }

    /// Answers a second, the median.
    pub fn middle(&self) -> f64 {
        middle(&self.rates)
    }

    /// What one answer took of a time that all of them took.
    pub fn each(&self, all: Duration) -> Duration {
        all.div_f64(self.answers)
    }
}

fn round_time(effort: Effort) -> Duration {
    effort.pick(Duration::from_secs(2), Duration::from_millis(300))
}

pub async fn warm_up(first: &Load, second: &Load, effort: Effort) {
    first.run(round_time(effort)).await;
    second.run(round_time(effort)).await;
}

/// Rounds of both that take turns.
pub async fn in_turn(first: &Load, second: &Load, effort: Effort) -> (Rounds, Rounds) {
    let time = round_time(effort);
    let (mut firsts, mut seconds) = (Rounds::default(), Rounds::default());
    for round in 0..effort.pick(11, 3) {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                firsts.add(first, time).await;
            } else {
                seconds.add(second, time).await;
            }
        }
    }
    (firsts, seconds)
}
