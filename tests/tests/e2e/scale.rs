//! Many tenants on few connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use tests::{Client, TestPlatform, TestSettings, chance::Chance};

const CUSTOMERS: &str = "/api/v1/customers";
const TENANTS: usize = 40;
const BUDGET: usize = 8;
const PER_TENANT: usize = 3;
const WORKERS: usize = 24;
const REQUESTS: usize = 150;

/// How the requests spread over the tenants.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// All alike.
    Uniform,
    /// Few are asked for most of the time.
    Zipf,
}

/// The most connections that runtimes had to tenants' databases at once, looked at all the time.
struct Watch {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(i64, i64)>,
}

impl Watch {
    async fn start(platform: &TestPlatform) -> Self {
        let session = platform.platform_session().await;
        let (prefix, stop) = (platform.prefix().to_string(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenantry-runtime' \
                       AND starts_with(usename, $1) GROUP BY datname";
            let statement = session.prepare(sql).await.unwrap();
            let (mut all, mut of_one) = (0, 0);
            while !stopped.load(Ordering::SeqCst) {
                let rows = session.query(&statement, &[&prefix]).await.unwrap();
                let counts = || rows.iter().map(|row| row.get::<_, i64>(0));
                (all, of_one) = (all.max(counts().sum()), of_one.max(counts().max().unwrap_or(0)));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            (all, of_one)
        });
        Self { stop, task }
    }

    /// Of all tenants together, and of one.
    async fn most(self) -> (i64, i64) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}

/// Reads and writes for tenants by chance; gives how many went well, and how many were put off.
async fn work(tenants: &[(String, Client)], spread: Spread, mut chance: Chance) -> (usize, usize) {
    let (mut good, mut put_off) = (0, 0);
    for _ in 0..REQUESTS {
        let place = match spread {
            Spread::Uniform => chance.below(tenants.len()),
            Spread::Zipf => chance.rank(tenants.len()),
        };
        let (slug, owner) = &tenants[place];
        let reply = match chance.below(5) {
            0 => owner.post(CUSTOMERS, &json!({ "company_name": slug, "city": slug })).await,
            1 => owner.get(&format!("{CUSTOMERS}?search={slug}&sort=company_name")).await,
            _ => owner.get(CUSTOMERS).await,
        };
        match reply.status.as_u16() {
            503 => {
                assert!(reply.headers.contains_key("retry-after"), "{reply:?}");
                put_off += 1;
            }
            201 => {
                assert_eq!(reply.body["company_name"], slug.as_str(), "somebody else's row");
                good += 1;
            }
            200 => {
                let rows = reply.body["data"].as_array().unwrap();
                assert!(!rows.is_empty(), "{reply:?}");
                assert!(rows.iter().all(|row| row["company_name"] == slug.as_str()), "somebody else's row: {reply:?}");
                good += 1;
            }
            _ => panic!("{reply:?}"),
        }
    }
    (good, put_off)
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_tenants_share_eight_connections() {
    let mut wanted = TestSettings::default();
    wanted.settings.runtime.max_connections = Some(BUDGET);
    wanted.settings.runtime.max_connections_per_tenant = PER_TENANT;
    let platform = TestPlatform::with(wanted).await;
    let births = (0..TENANTS).map(|number| {
        let platform = &platform;
        async move { platform.tenant(&format!("Company {number}")).await }
    });
    let tenants: Vec<(String, Client)> = stream::iter(births).buffered(4).collect().await;
    let unlimited = "UPDATE tenants SET limit_overrides = '{\"max_customers\":-1}'";
    platform.platform_session().await.batch_execute(unlimited).await.unwrap();
    for (slug, owner) in &tenants {
        owner.post(CUSTOMERS, &json!({ "company_name": slug })).await.expect(201);
    }
    let chance = Chance::from_environment(7);
    for spread in [Spread::Uniform, Spread::Zipf] {
        let watch = Watch::start(&platform).await;
        let started = std::time::Instant::now();
        let workers = (0..WORKERS).map(|worker| work(&tenants, spread, chance.fork(worker as u64)));
        let (good, put_off) = join_all(workers).await.into_iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let (all, of_one) = watch.most().await;
        println!(
            "{spread:?}: {good} answers, {put_off} put off in {:.1} s; at most {all} connections, {of_one} of one tenant",
            started.elapsed().as_secs_f64()
        );
        assert!(all <= BUDGET as i64, "{all} connections with a budget of {BUDGET}");
        assert!(of_one <= PER_TENANT as i64, "{of_one} connections of one tenant");
        assert!(all > 1, "nobody looked while there was something to see");
        assert!(good > put_off * 10, "{put_off} of {} were put off", good + put_off);
    }
    // Connections were closed for others all the time; none of that is anybody's trouble afterwards.
    for (slug, owner) in &tenants {
        assert_eq!(owner.get(CUSTOMERS).await.expect(200).body["data"][0]["company_name"], slug.as_str());
    }
    platform.stop().await;
}
