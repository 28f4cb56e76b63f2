//! The stage: a PostgreSQL, the platform as a process on it, an operator, the load, and the look at the end.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, RwLock},
    time::{Duration, Instant},
};

use control_plane::{
    ControlPlane,
    doctor::{Finding, Severity},
    provisioning::Fault,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tenancy::{
    TenantId, TenantStatus,
    postgres::{connect, on_database},
};
use tenantry::{cluster::Cluster, serving::Platform};
use tests::{Client, TestPlatform, TestSettings, chance::Chance, platform::own_cluster_with, within};
use tokio::{process::Child, task::JoinSet};

use super::{
    book::{Book, Entry},
    child,
    load::Worker,
};

/// How many use the platform at once.
const WORKERS: usize = 6;
/// How long the platform may take to put everything in order.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);

/// Whom the load speaks to.
pub(super) struct Actors {
    address: RwLock<Client>,
    /// The command line's way: the same capabilities in another process than the platform's.
    pub(super) operator: ControlPlane,
    /// The password of everybody in tests, hashed already.
    pub(super) hash: String,
    /// By e-mail address.
    pub(super) tokens: Mutex<HashMap<String, String>>,
}

impl Actors {
    /// A client of the platform where it serves now.
    pub(super) fn client(&self) -> Client {
        self.address.read().unwrap().clone()
    }
}

/// The hash of the first user's password, which is everybody's.
async fn hash_of_all(platform: &Platform) -> String {
    let session = connect(&platform.admin).await.unwrap();
    session.query_one("SELECT password_hash FROM users", &[]).await.unwrap().get(0)
}

pub(super) struct Stage {
    pub(super) cluster: Cluster,
    platform: Platform,
    actors: Arc<Actors>,
    book: Arc<Book>,
    child: tokio::sync::Mutex<Child>,
    workers: Mutex<JoinSet<()>>,
    _folders: (TempDir, TempDir),
}

impl Stage {
    pub(super) async fn set(chance: &Chance) -> Self {
        // What was answered must be there after a crash of PostgreSQL; the machine itself does not crash here.
        let (cluster, folder) = own_cluster_with(&[("synchronous_commit", "on"), ("full_page_writes", "on")]).await;
        let backups = tempfile::tempdir().unwrap();
        let platform = TestPlatform::describe(&cluster, TestSettings::default().settings, backups.path());
        platform.migrate().await.unwrap();
        tests::lift_hourly_limits(&platform).await;
        let operator = platform.control_plane(Fault::default()).unwrap();
        let (child, address) = child::start(&platform).await;
        let client = Client::new(address);
        client.sign_up("First", "first@example.com").await.expect(201);
        let hash = hash_of_all(&platform).await;
        let actors = Arc::new(Actors { address: RwLock::new(client), operator, hash, tokens: Mutex::default() });
        let book = Arc::new(Book::default());
        let mut workers = JoinSet::new();
        for number in 0..WORKERS {
            let worker = Worker::new(number, actors.clone(), book.clone(), chance.fork(number as u64 + 1));
            workers.spawn(worker.run());
        }
        let (child, workers) = (tokio::sync::Mutex::new(child), Mutex::new(workers));
        Self { cluster, platform, actors, book, child, workers, _folders: (folder, backups) }
    }

    /// Lets the load go on until a few more answers were given, and then for a moment.
    pub(super) async fn play(&self, chance: &mut Chance) {
        let wanted = self.book.answers() + chance.below(5);
        let answered = async || {
            self.play_for(Duration::from_millis(1)).await;
            (self.book.answers() >= wanted).then_some(())
        };
        within(Duration::from_secs(60), "a few answers", answered).await;
        self.play_for(chance.millis(0..200)).await;
    }

    /// Lets the load go on; a worker that saw something wrong fails the test.
    pub(super) async fn play_for(&self, time: Duration) {
        tokio::time::sleep(time).await;
        if let Some(ended) = self.workers.lock().unwrap().try_join_next() {
            ended.unwrap();
        }
    }

    /// Kills the platform and starts it again.
    pub(super) async fn kill_platform(&self) {
        let mut child = self.child.lock().await;
        child.kill().await.unwrap();
        let (next, address) = child::start(&self.platform).await;
        *child = next;
        *self.actors.address.write().unwrap() = Client::new(address);
    }

    /// Kills one backend that works for the platform; PostgreSQL then ends all others and recovers.
    pub(super) async fn kill_a_backend(&self, chance: &mut Chance) {
        let session = connect(&self.platform.server).await.unwrap();
        let sql = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' \
                   AND (datname = $1 OR starts_with(datname, $2)) ORDER BY pid";
        let database = &self.platform.settings.database;
        let is_there = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)";
        let mut killed = false;
        within(Duration::from_secs(20), "PostgreSQL to notice", async || {
            let rows = match session.query(sql, &[&database.name, &database.prefix]).await {
                Err(_) if killed => return Some(()),
                rows => rows.unwrap(),
            };
            let victim: i32 = rows.get(chance.below(rows.len().max(1)))?.get(0);
            let _ = kill_process(Pid::from_raw(victim).unwrap(), Signal::KILL);
            killed = true;
            // One that was just ending by itself ends without being noticed: then it is another's turn.
            loop {
                match session.query_one(is_there, &[&victim]).await {
                    Err(_) => return Some(()),
                    Ok(row) if !row.get::<_, bool>(0) => return None,
                    Ok(_) => tokio::task::yield_now().await,
                }
            }
        })
        .await;
    }

    /// Waits until PostgreSQL takes connections and the platform is ready.
    pub(super) async fn is_back(&self) {
        within(Duration::from_secs(60), "the platform is back", async || {
            let client = self.actors.client();
            let ready = client.send(client.request(reqwest::Method::GET, "/health/ready")).await;
            ready.is_ok_and(|reply| reply.status == 200).then_some(())
        })
        .await;
    }

    /// Ends the load, waits until the platform has put everything in order, and looks at every tenant. Says what it
    /// left for `doctor --fix`.
    pub(super) async fn end(self) -> BTreeSet<&'static str> {
        let mut workers = std::mem::take(&mut *self.workers.lock().unwrap());
        workers.abort_all();
        while let Some(ended) = workers.join_next().await {
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()), "a worker saw something wrong");
        }
        self.is_back().await;
        self.settle().await;
        let left = self.left_for_fix().await;
        let kinds = left.iter().map(|finding| finding.trouble.word()).collect();
        for (finding, result) in self.actors.operator.doctor.mend(&left, "test").await {
            assert_eq!(result, Ok(()), "{finding}");
        }
        assert_eq!(self.findings().await, []);
        self.look_at_tenants().await;
        assert_eq!(self.findings().await, []);
        self.child.lock().await.kill().await.unwrap();
        self.cluster.stop().await.unwrap();
        kinds
    }

    async fn settle(&self) {
        let session = connect(&self.platform.admin).await.unwrap();
        let sql = "SELECT (SELECT count(*) FROM sagas WHERE finished_at IS NULL), \
                   (SELECT count(*) FROM stock WHERE NOT ready), (SELECT count(*) FROM stock WHERE ready)";
        within(SETTLED_WITHIN, "the platform to settle", async || {
            let row = session.query_one(sql, &[]).await.unwrap();
            (row.get::<_, i64>(0) == 0 && row.get::<_, i64>(1) == 0 && row.get::<_, i64>(2) >= 2).then_some(())
        })
        .await;
    }

    /// What is left after the control plane's own rounds.
    async fn left_for_fix(&self) -> Vec<Finding> {
        let session = connect(&self.platform.admin).await.unwrap();
        let deadline = Instant::now() + SETTLED_WITHIN;
        loop {
            let findings = self.findings().await;
            if !findings.iter().any(|finding| finding.trouble.may_be_mended_unasked()) {
                return findings;
            }
            assert!(Instant::now() < deadline, "the control plane did not mend {findings:?}");
            session.batch_execute("NOTIFY tenantry_doctor").await.unwrap();
        }
    }

    async fn findings(&self) -> Vec<Finding> {
        let mut findings = self.actors.operator.doctor.examine().await.unwrap();
        findings.retain(|finding| finding.severity() == Severity::Wrong);
        findings
    }

    /// Every tenant is whole or gone, and what was answered is there.
    async fn look_at_tenants(&self) {
        let session = connect(&self.platform.admin).await.unwrap();
        let sql = "SELECT id, slug, status, database_name FROM tenants WHERE released_at IS NULL";
        let rows = session.query(sql, &[]).await.unwrap();
        let answered = self.book.entries().clone();
        let (mut whole, mut customers) = (BTreeSet::new(), 0);
        for row in &rows {
            let (id, slug): (TenantId, String) = (row.get(0), row.get(1));
            let status: TenantStatus = row.get(2);
            assert!(status.is_live() && status != TenantStatus::Provisioning, "{slug} is {status}");
            if status == TenantStatus::Suspended {
                self.actors.operator.tenants.activate(&slug.parse().unwrap(), "chaos").await.unwrap();
            }
            self.assert_whole(id, &slug, row.get(3), answered.get(&slug)).await;
            customers += answered.get(&slug).map_or(0, |entry| entry.customers.len());
            whole.insert(slug);
        }
        for (slug, entry) in &answered {
            assert!(entry.deleting || !entry.whole || whole.contains(slug), "{slug} was answered as whole and is gone");
        }
        let sql =
            "SELECT count(*) FILTER (WHERE status = 'deleted'), count(*) FILTER (WHERE status = 'failed') FROM tenants";
        let gone = session.query_one(sql, &[]).await.unwrap();
        println!(
            "{} tenants asked for; {} whole with {customers} customers, {} deleted, {} failed",
            answered.len(),
            whole.len(),
            gone.get::<_, i64>(0),
            gone.get::<_, i64>(1)
        );
        // A test in which nothing happened shows nothing.
        assert!(answered.len() > 5 && !whole.is_empty() && self.book.answers() > 20 && gone.get::<_, i64>(0) > 0);
    }

    /// The tenant's own role sees its rows, and the customers that were answered are among them.
    async fn assert_whole(&self, id: TenantId, slug: &str, database: tenancy::DatabaseName, entry: Option<&Entry>) {
        let platform = &self.platform;
        let (role, password) =
            (platform.settings.database.prefix.tenant_role(id), platform.master_key.tenant_password(id));
        let config = tenancy::postgres::as_role(&platform.admin, &database, &role, password.expose());
        let tenant = connect(&config).await.unwrap();
        let wanted = entry.map(|entry| entry.customers.clone()).unwrap_or_default();
        let found = tenant.query_one("SELECT count(*) FROM customers WHERE id = ANY($1)", &[&wanted]).await.unwrap();
        assert_eq!(usize::try_from(found.get::<_, i64>(0)).unwrap(), wanted.len(), "customers of {slug} are lost");
        let strangers = "SELECT count(*) FROM customers WHERE company_name NOT IN ($1, 'at the end')";
        let admin = connect(&on_database(&platform.admin, &database)).await.unwrap();
        assert_eq!(
            admin.query_one(strangers, &[&slug]).await.unwrap().get::<_, i64>(0),
            0,
            "strangers' rows in {slug}"
        );
        let Some(entry) = entry else { return };
        let owner = self.actors.client().sign_in(&entry.email).await;
        let body = serde_json::json!({ "company_name": "at the end" });
        within(Duration::from_secs(10), "the tenant is served", async || {
            let reply = owner.post("/api/v1/customers", &body).await;
            (reply.status == 201).then_some(())
        })
        .await;
    }
}
