//! A request on a warm tenant, through all that the platform puts around it, against a bare handler with the same
//! statements on the same database.

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
use tests::{CustomerId, TestPlatform};

use crate::{
    Effort, floor,
    load::{Load, get},
    processes::{Process, Role, free_port},
    report::{Line, Report, middle, note, shown},
    rows, stage,
};

/// Threads that serve requests, in both.
const WORKERS: usize = 2;
/// Clients at once.
pub(crate) const CONNECTIONS: usize = 16;
const RATIO: f64 = 0.85;

/// A platform in a process of its own, with one tenant, and what speaks to it.
pub(crate) struct Served {
    cluster: Cluster,
    platform: Platform,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) signer: TokenSigner,
    pub(crate) born: Born,
    pub(crate) customer: CustomerId,
    /// The tenant's database, as administrator.
    pub(crate) database_url: String,
}

/// Who asks.
pub(crate) fn token(signer: &TokenSigner, born: &Born) -> String {
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
    pub(crate) async fn start() -> Self {
        let cluster = stage::durable_cluster().await;
        let platform = TestPlatform::describe(&cluster, stage::settings(2), &stage::folder("platform"));
        platform.migrate().await.unwrap();
        tests::lift_hourly_limits(&platform).await;
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
    pub(crate) async fn floor(&self, recycling: &str) -> (Process, SocketAddr) {
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

    pub(crate) async fn stop(self) {
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

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("requests on a warm tenant …");
    let served = Served::start().await;
    let (floor, floor_address) = served.floor("fast").await;
    let token = token(&served.signer, &served.born);
    let paths =
        [("one customer", format!("/customers/{}", served.customer)), ("20 customers", "/customers".to_owned())];
    for (what, path) in paths {
        let path_of_ours = format!("/api/v1{path}");
        check_same_answer(&served, &path_of_ours, &token, floor_address, &path).await;
        let ours = Load::of(served.address, get(&path_of_ours, Some(&token)), CONNECTIONS);
        let bare = Load::of(floor_address, get(&path, None), CONNECTIONS);
        warm_up(&ours, &bare, effort).await;
        let used = || (served.process.processor_time(), floor.processor_time());
        let before = used();
        let rates = in_turn(&ours, &bare, effort).await;
        let after = used();
        let line =
            Line::fact(&format!("GET {what}, {CONNECTIONS} clients"), format!("{:.0} a second", rates.0.middle()));
        let ratio = rates.0.middle() / rates.1.middle();
        report.add(line.beside(format!("{:.0} a second", rates.1.middle())).ratio_at_least(ratio, RATIO));
        // Of the server alone, so that this shows changes that the client and PostgreSQL hide.
        let (ours, bare) = (rates.0.each(after.0 - before.0), rates.1.each(after.1 - before.1));
        let line = Line::fact(&format!("GET {what}: processor time of the server"), shown(ours)).beside(shown(bare));
        report.add(line.remark(format!("{:.2}", bare.as_secs_f64() / ours.as_secs_f64())));
    }
    drop(floor);
    served.stop().await;
}

/// What some rounds of one load came to.
#[derive(Default)]
pub(crate) struct Rounds {
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
    pub(crate) fn middle(&self) -> f64 {
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

pub(crate) async fn warm_up(first: &Load, second: &Load, effort: Effort) {
    first.run(round_time(effort)).await;
    second.run(round_time(effort)).await;
}

/// Rounds of both that take turns.
pub(crate) async fn in_turn(first: &Load, second: &Load, effort: Effort) -> (Rounds, Rounds) {
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

/// Both must do the same work.
async fn check_same_answer(served: &Served, ours: &str, token: &str, floor: SocketAddr, bare: &str) {
    let http = reqwest::Client::new();
    let ours = http.get(format!("http://{}{ours}", served.address)).bearer_auth(token).send().await.unwrap();
    let bare = http.get(format!("http://{floor}{bare}")).send().await.unwrap();
    assert_eq!(ours.text().await.unwrap(), bare.text().await.unwrap());
}
