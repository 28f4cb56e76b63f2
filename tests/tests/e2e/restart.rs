//! PostgreSQL restarted under load: no wrong answer, 503 in between, and healthy again by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use tempfile::TempDir;
use tenantry::cluster::{Cluster, ClusterOptions};
use tests::{Client, TestPlatform, TestSettings, ground, within};
use tokio::{sync::Mutex, task::JoinHandle};

/// A lasting cluster, which is restarted as an administrator would: what was committed is written out.
async fn start(folder: &TempDir, settings: &[(&str, &str)]) -> Cluster {
    let mut options = ClusterOptions::lasting(folder.path().join("postgres"));
    options.settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Cluster::start(options).await.unwrap()
}

/// These measure how long something takes, and one fills the disk's queue meanwhile: they take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// A tenant that is used all the time.
#[derive(Clone)]
struct Busy {
    slug: String,
    owner: Client,
}

async fn tenants(platform: &TestPlatform) -> Vec<Busy> {
    let births = (0..4).map(|number| async move {
        let (slug, owner) = platform.tenant(&format!("Company {number}")).await;
        let busy = Busy { slug, owner };
        assert!(busy.works().await);
        busy
    });
    join_all(births).await
}

impl Busy {
    /// Writes and reads; `false` for 503. Anything else must be right.
    async fn works(&self) -> bool {
        let body = json!({ "company_name": self.slug });
        let written = self.owner.post("/api/v1/customers", &body).await;
        if !written.is_or_put_off(201) {
            return false;
        }
        assert_eq!(written.body["company_name"], self.slug.as_str());
        let id = written.body["id"].as_str().unwrap();
        let read = self.owner.get(&format!("/api/v1/customers/{id}")).await;
        if read.is_or_put_off(200) {
            assert_eq!(read.body, written.body);
        }
        let list = self.owner.get("/api/v1/customers?limit=5").await;
        if list.is_or_put_off(200) {
            let all = list.body["data"].as_array().unwrap();
            assert!(!all.is_empty() && all.iter().all(|one| one["company_name"] == self.slug.as_str()), "{list:?}");
        }
        // Room for more: a package has its limit.
        let gone = self.owner.delete(&format!("/api/v1/customers/{id}")).await;
        let gone = gone.is_or_put_off(204);
        gone && read.status == 200 && list.status == 200
    }
}

/// The load, until it is asked to stop.
struct Load {
    stop: Arc<AtomicBool>,
    /// Rounds that went well, and rounds that met a 503.
    good: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(tenants: &[Busy]) -> Self {
        let (stop, good, refused) = <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let task = |busy: &Busy| {
            let (busy, stop, good, refused) = (busy.clone(), stop.clone(), good.clone(), refused.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let counter = if busy.works().await { &good } else { &refused };
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let tasks = tenants.iter().chain(tenants).map(task).collect();
        Self { stop, good, refused, tasks }
    }

    async fn is_under_way(&self) {
        let before = self.good.load(Ordering::SeqCst);
        within(Duration::from_secs(20), "the load", async || {
            (self.good.load(Ordering::SeqCst) > before + 20).then_some(())
        })
        .await;
    }

    /// Ends the load; a wrong answer fails the test here.
    async fn stop(self) -> (usize, usize) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        (self.good.load(Ordering::SeqCst), self.refused.load(Ordering::SeqCst))
    }
}

/// Waits until the platform is ready and every tenant can be written and read; says how long it took.
async fn healthy(platform: &TestPlatform, tenants: &[Busy], since: Instant) -> Duration {
    within(Duration::from_secs(60), "the platform is healthy", async || {
        let ready = platform.client.get("/health/ready").await.status == 200;
        let works = join_all(tenants.iter().map(Busy::works)).await.into_iter().all(|works| works);
        (ready && works).then_some(())
    })
    .await;
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_restart_is_over_in_two_seconds() {
    let _turn = TURN.lock().await;
    let folder = ground::folder();
    let cluster = start(&folder, &[]).await;
    let platform = TestPlatform::on(&cluster, TestSettings::default()).await;
    let tenants = tenants(&platform).await;
    let load = Load::start(&tenants);
    for round in 0..3 {
        load.is_under_way().await;
        let asked = Instant::now();
        cluster.restart().await.unwrap();
        let (restarted, since) = (asked.elapsed(), Instant::now());
        let took = healthy(&platform, &tenants, since).await;
        println!("clean restart {round}: PostgreSQL away for {restarted:?}, healthy {took:?} after it was back");
        assert!(took < Duration::from_secs(2), "healthy only after {took:?}");
    }
    let (good, refused) = load.stop().await;
    println!("{good} rounds went well, {refused} met a 503");
    assert!(refused > 0, "nobody noticed the restarts: the test shows nothing");
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
    cluster.stop().await.unwrap();
}

/// Databases that stand for as many tenants.
async fn fill(platform: &TestPlatform, count: usize) {
    let session = platform.platform_session().await;
    let template = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)";
    let prefix = format!("{}_template", platform.prefix());
    let template: String = session.query_one(template, &[&prefix]).await.unwrap().get(0);
    let sessions = join_all((0..8).map(|_| platform.platform_session())).await;
    let clones = stream::iter(0..8_usize).map(|worker| {
        let (session, template) = (&sessions[worker], &template);
        async move {
            for number in (worker..count).step_by(8) {
                let sql = format!("CREATE DATABASE filler_{number} TEMPLATE {template} STRATEGY file_copy");
                session.batch_execute(&sql).await.unwrap();
            }
        }
    });
    clones.buffer_unordered(8).collect::<Vec<()>>().await;
    session.batch_execute("CHECKPOINT").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_of_500_databases_is_back_in_five_seconds() {
    let _turn = TURN.lock().await;
    let folder = ground::folder();
    // Filled without fsync, which takes long; then as it is in use.
    let cluster = start(&folder, &[("fsync", "off"), ("max_wal_size", "4GB")]).await;
    let filled = Instant::now();
    let filler = TestPlatform::on(&cluster, TestSettings::default()).await;
    fill(&filler, 500).await;
    println!("500 databases made in {:?}", filled.elapsed());
    filler.stop().await;
    cluster.stop().await.unwrap();

    let cluster = start(&folder, &[]).await;
    let platform = TestPlatform::on(&cluster, TestSettings::default()).await;
    let tenants = tenants(&platform).await;
    // Nor were they, and the platform, made a moment ago: what was created since the last checkpoint is created anew.
    platform.platform_session().await.batch_execute("CHECKPOINT").await.unwrap();
    let load = Load::start(&tenants);
    for round in 0..3 {
        load.is_under_way().await;
        // Recovery waits for the whole disk: it is not to wait for what filling, a build or another test just wrote.
        assert!(tokio::process::Command::new("sync").status().await.unwrap().success());
        let since = Instant::now();
        cluster.kill_postmaster().await;
        assert!(cluster.ensure_running().await.unwrap());
        let back = since.elapsed();
        let took = healthy(&platform, &tenants, since).await;
        println!("kill -9 with 500 databases {round}: PostgreSQL back after {back:?}, healthy after {took:?}");
        assert!(took < Duration::from_secs(5), "healthy only after {took:?}");
    }
    let (good, refused) = load.stop().await;
    println!("{good} rounds went well, {refused} met a 503");
    assert!(refused > 0, "nobody noticed the kills: the test shows nothing");
    platform.settled().await;
    platform.stop().await;
    cluster.stop().await.unwrap();
}
