//! Many tenants on few connections.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use control_plane::provisioning::Fault;
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use tenantry::serving::{Planes, Serving};
use tests::{
    Client, TestPlatform, TestSettings, Watch, chance::Chance, eventually, platform::own_cluster_with, within,
};

const CUSTOMERS: &str = "/api/v1/customers";
const TENANTS: usize = 40;
const BUDGET: usize = 8;
const PER_TENANT: usize = 3;
const WORKERS: usize = 24;
const REQUESTS: usize = 150;
/// How often connections are counted.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How the requests spread over the tenants.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// All alike.
    Uniform,
    /// Few are asked for most of the time.
    Zipf,
}

/// Tenants, each with a customer that has its slug for a name.
async fn tenants(platform: &TestPlatform, count: usize) -> Vec<(String, Client)> {
    let births = (0..count).map(|number| async move { platform.tenant(&format!("Company {number}")).await });
    let tenants: Vec<(String, Client)> = stream::iter(births).buffered(4).collect().await;
    let unlimited = "UPDATE tenants SET limit_overrides = '{\"max_customers\":-1}'";
    platform.platform_session().await.batch_execute(unlimited).await.unwrap();
    for (slug, owner) in &tenants {
        owner.post(CUSTOMERS, &json!({ "company_name": slug })).await.expect(201);
    }
    tenants
}

/// Reads and writes for a tenant by chance; whether it went well, and was not put off.
async fn ask((slug, owner): &(String, Client), chance: &mut Chance) -> bool {
    let reply = match chance.below(5) {
        0 => owner.post(CUSTOMERS, &json!({ "company_name": slug, "city": slug })).await,
        1 => owner.get(&format!("{CUSTOMERS}?search={slug}&sort=company_name")).await,
        _ => owner.get(CUSTOMERS).await,
    };
    match reply.status.as_u16() {
        503 => {
            assert!(reply.headers.contains_key("retry-after"), "{reply:?}");
            return false;
        }
        201 => assert_eq!(reply.body["company_name"], slug.as_str(), "somebody else's row"),
        200 => {
            let rows = reply.body["data"].as_array().unwrap();
            assert!(!rows.is_empty(), "{reply:?}");
            assert!(rows.iter().all(|row| row["company_name"] == slug.as_str()), "somebody else's row: {reply:?}");
        }
        _ => panic!("{reply:?}"),
    }
    true
}

/// Requests for tenants by chance; gives how many went well, and how many were put off.
async fn work(tenants: &[(String, Client)], spread: Spread, mut chance: Chance) -> (usize, usize) {
    let (mut good, mut put_off) = (0, 0);
    for _ in 0..REQUESTS {
        let place = match spread {
            Spread::Uniform => chance.below(tenants.len()),
            Spread::Zipf => chance.rank(tenants.len()),
        };
        let counter = if ask(&tenants[place], &mut chance).await { &mut good } else { &mut put_off };
        *counter += 1;
    }
    (good, put_off)
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_tenants_share_eight_connections() {
    let mut wanted = TestSettings::default();
    wanted.settings.runtime.max_connections = Some(BUDGET);
    wanted.settings.runtime.max_connections_per_tenant = PER_TENANT;
    let platform = TestPlatform::with(wanted).await;
    let tenants = tenants(&platform, TENANTS).await;
    let chance = Chance::from_environment(7);
    for spread in [Spread::Uniform, Spread::Zipf] {
        let watch = Watch::start(platform.platform_session().await, platform.prefix(), LOOK_EVERY);
        let started = Instant::now();
        let workers = (0..WORKERS).map(|worker| work(&tenants, spread, chance.fork(worker as u64)));
        let (good, put_off) = join_all(workers).await.into_iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        let seen = watch.end().await;
        println!("{spread:?}: {good} answers, {put_off} put off in {:.1} s; {seen:?}", started.elapsed().as_secs_f64());
        assert!(seen.most <= BUDGET as i64, "{seen:?} with a budget of {BUDGET}");
        assert!(seen.most_of_one <= PER_TENANT as i64, "{seen:?}");
        assert!(seen.most > 1, "nobody looked while there was something to see");
        assert!(good > put_off * 10, "{put_off} of {} were put off", good + put_off);
    }
    // Connections were closed for others all the time; none of that is anybody's trouble afterwards.
    for (slug, owner) in &tenants {
        assert_eq!(owner.get(CUSTOMERS).await.expect(200).body["data"][0]["company_name"], slug.as_str());
    }
    platform.stop().await;
}

/// What runtimes were given by the server, in order.
async fn shares(platform: &TestPlatform) -> Vec<i32> {
    let sql = "SELECT connections FROM connection_shares WHERE kind = 'runtime' AND expires_at > now() ORDER BY 1";
    let rows = platform.platform_session().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runtimes_under_load_share_what_the_server_has() {
    let (cluster, _folder) = own_cluster_with(&[("max_connections", "40")]).await;
    let mut wanted = TestSettings::default();
    wanted.settings.runtime.max_connections = None;
    wanted.settings.database.connections = 4;
    let platform = TestPlatform::on(&cluster, wanted).await;
    // 40 less 3 for superusers, 4 and 10 of the control plane, 3 for a newcomer, and the 2 that each runtime has for itself.
    let (alone, together) = (18, 16);
    eventually("the one runtime to have it all", async || shares(&platform).await == [alone + 2]).await;
    let tenants = tenants(&platform, 30).await;
    let watch = Watch::start(platform.platform_session().await, platform.prefix(), LOOK_EVERY);
    let (is_even, stop, chance) = (AtomicBool::new(false), AtomicBool::new(false), Chance::from_environment(11));
    // Counted from when shares are even: a newcomer has one connection for everybody, and puts many off.
    let load = |tenants: Vec<(String, Client)>, number: u64| {
        let (is_even, stop, chance) = (&is_even, &stop, &chance);
        let workers = (0..WORKERS as u64).map(move |worker| {
            let (tenants, mut chance) = (tenants.clone(), chance.fork(number * 100 + worker));
            async move {
                let (mut good, mut put_off) = (0, 0);
                while !stop.load(Ordering::SeqCst) {
                    let place = chance.below(tenants.len());
                    let counts = usize::from(is_even.load(Ordering::SeqCst));
                    let counter = if ask(&tenants[place], &mut chance).await { &mut good } else { &mut put_off };
                    *counter += counts;
                }
                (good, put_off)
            }
        });
        async move { join_all(workers).await.into_iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)) }
    };
    let second = async {
        let serving = Serving::start(&platform.platform, Planes::Runtime, Fault::default()).await.unwrap();
        let there = Client::new(format!("http://{}", serving.address));
        let others = tenants.iter().map(|(slug, owner)| (slug.clone(), there.with_token(owner.token().unwrap())));
        let even = async {
            let minute = Duration::from_secs(60);
            within(minute, "even shares", async || (shares(&platform).await == [10, 10]).then_some(())).await;
            is_even.store(true, Ordering::SeqCst);
            let both = Watch::start(platform.platform_session().await, platform.prefix(), LOOK_EVERY);
            let until = Instant::now() + Duration::from_secs(2);
            within(minute, "some more load", async || (Instant::now() > until).then_some(())).await;
            stop.store(true, Ordering::SeqCst);
            both.end().await
        };
        let (done, both) = tokio::join!(load(others.collect(), 2), even);
        serving.stop().await.unwrap();
        (done, both)
    };
    let (first, (second, both)) = tokio::join!(load(tenants.clone(), 1), second);
    let seen = watch.end().await;
    println!("first {first:?}, second {second:?}; {seen:?}, both {both:?}");
    // While the second is a newcomer it has one.
    assert!(seen.most <= i64::from(alone) + 1, "{seen:?}");
    assert!(both.most <= together && both.most > together / 2, "{both:?}");
    for (good, put_off) in [first, second] {
        assert!(good > 0, "nobody asked");
        assert!(good > put_off * 10, "{put_off} of {} were put off", good + put_off);
    }
    platform.stop().await;
    cluster.stop().await.unwrap();
}
