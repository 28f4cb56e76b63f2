//! A platform in a process of its own, and the bare server beside it.

use std::{net::SocketAddr, time::Duration};

use control_plane::{
    ControlPlane,
    identity::{Subject, TokenSigner},
    provisioning::Fault,
    tenants::Born,
};
use secrecy::ExposeSecret;
use tenancy::{EmailAddress, Role as Membership, postgres, token::TenantClaims};
use tenantry::{cluster::Cluster, serving::Platform};

use super::{
    Effort, floor,
    load::Load,
    processes::{Process, Role, free_port},
    report::middle,
    rows, stage,
};
use crate::{CustomerId, TestPlatform, lift_hourly_limits};

/// Threads that serve requests, in both.
const WORKERS: usize = 2;
/// Clients at once.
pub const CONNECTIONS: usize = 16;

/// A platform in a process of its own, with one tenant, and what speaks to it.
pub struct Served {
    cluster: Cluster,
    platform: Platform,
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

impl Served {
    pub async fn start() -> Self {
        let cluster = stage::durable_cluster().await;
        let platform = TestPlatform::describe(&cluster, stage::settings(2), &stage::folder("platform"));
        platform.migrate().await.unwrap();
        lift_hourly_limits(&platform).await;
        let port = free_port();
        let process = Process::start(Role::Tenantry, &["serve", "all"], &variables(&platform, port));
        process.answers(&format!("http://127.0.0.1:{port}/health/ready")).await;

        let control_plane: ControlPlane = platform.control_plane(Fault::default()).unwrap();
        let born = stage::make(&control_plane).await;
        let name = platform.settings.database.prefix.tenant_database(&born.tenant.slug);
        let session = postgres::connect(&postgres::on_database(&platform.admin, &name)).await.unwrap();
        let customer = rows::fill(&session).await;
        let database_url = cluster.url().replace("/postgres?", &format!("/{name}?"));
        let life = Duration::from_secs(3600);
        let signer = TokenSigner::new(&platform.master_key, life);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { cluster, platform, process, address, signer, born, customer, database_url }
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

/// The configuration of `tenantry serve` for this platform.
fn variables(platform: &Platform, port: u16) -> Vec<(&'static str, String)> {
    let database = &platform.settings.database;
    let secret = |secret: &Option<secrecy::SecretString>| secret.as_ref().unwrap().expose_secret().to_owned();
    vec![
        ("TENANTRY__DATABASE__URL", secret(&database.url)),
        ("TENANTRY__DATABASE__NAME", database.name.to_string()),
        ("TENANTRY__DATABASE__PREFIX", database.prefix.to_string()),
        ("TENANTRY__SECURITY__MASTER_KEY", secret(&platform.settings.security.master_key)),
        ("TENANTRY__HTTP__BIND", format!("127.0.0.1:{port}")),
        ("TENANTRY__HTTP__WORKERS", WORKERS.to_string()),
    ]
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
    fn each(&self, all: Duration) -> Duration {
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
