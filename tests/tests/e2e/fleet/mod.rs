//! Bringing all tenants to a newer schema: everybody who can be is, everybody else is named, and whatever is killed or
//! stopped goes on where it was.

mod killed;
mod looked_at;
mod on_request;
mod resumed;

use std::{collections::BTreeMap, time::Duration};

use control_plane::{
    ControlPlane,
    fleet::{Failure, FleetError, Outcome, Policy, Progress, Run, RunState, Stop, Summary, Verdict},
    provisioning::Fault,
};
use tempfile::TempDir;
use tenancy::TenantSlug;
use tenantry::serving::Platform;
use tests::{
    QuietPlatform, TestSettings, eventually,
    migrations::{self, BUILT_IN},
    platform::own_cluster,
    shared_cluster,
};
use tokio::sync::watch;

/// What some tenants' rows don't allow.
const UNIQUE: &str = "CREATE UNIQUE INDEX customers_names ON customers (company_name);";
const COLUMN: &str = "ALTER TABLE customers ADD COLUMN nickname text;";

/// A platform whose tenants are behind, and a program that has newer migrations.
struct Ground {
    platform: QuietPlatform,
    newer: ControlPlane,
    target: i32,
    _folder: TempDir,
}

fn newer_program(platform: &Platform, folder: &TempDir) -> ControlPlane {
    let mut settings = platform.settings.clone();
    settings.provisioning.migrations = Some(folder.path().to_path_buf());
    Platform::new(settings).unwrap().control_plane(Fault::default()).unwrap()
}

impl Ground {
    async fn with(tenants: &[&str], more: &[&str]) -> Self {
        Self::on(QuietPlatform::on(shared_cluster().await, TestSettings::default()).await, tenants, more).await
    }

    async fn on(platform: QuietPlatform, tenants: &[&str], more: &[&str]) -> Self {
        for slug in tenants {
            platform.tenant(slug).await;
        }
        let folder = migrations::with(more);
        let newer = newer_program(&platform.platform, &folder);
        let target = BUILT_IN + i32::try_from(more.len()).unwrap();
        Self { platform, newer, target, _folder: folder }
    }

    async fn migrate(&self, policy: &Policy) -> Result<Summary, FleetError> {
        self.newer.fleet.migrate(policy, "test", &watch::channel(Progress::default()).0, &Stop::default()).await
    }

    async fn inside(&self, slug: &str, sql: &str) {
        self.platform.tenant_session(slug).await.batch_execute(sql).await.unwrap();
    }

    /// Two customers of one name.
    async fn make_unfit(&self, slug: &str) {
        self.inside(
            slug,
            "INSERT INTO customers (id, company_name, created_by, created_by_name)
             SELECT gen_random_uuid(), 'Same', gen_random_uuid(), 'Ada' FROM generate_series(1, 2)",
        )
        .await;
    }

    /// The version that the database has, and the one that the platform takes it to have.
    async fn version(&self, slug: &str) -> (i32, i32) {
        let session = self.platform.tenant_session(slug).await;
        let found = session.query_one("SELECT max(version) FROM refinery_schema_history", &[]).await.unwrap().get(0);
        let sql = "SELECT schema_version FROM tenants WHERE slug = $1";
        (found, self.platform.session.query_one(sql, &[&slug]).await.unwrap().get(0))
    }

    async fn are_at(&self, slugs: &[&str], version: i32) {
        for slug in slugs {
            assert_eq!(self.version(slug).await, (version, version), "{slug}");
        }
    }
}

/// Who was not brought up, and why.
fn troubles(summary: &Summary) -> BTreeMap<String, (Outcome, Option<Failure>)> {
    summary.failures.iter().map(|it| (it.slug.to_string(), (it.outcome, it.failure))).collect()
}

fn counts(run: &Run) -> (i64, i64, i64, i64) {
    (run.done, run.failed, run.newer, run.gone)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_is_named_and_all_others_are_brought_up() {
    let good = ["good-1", "good-2", "good-3"];
    let all = [&good[..], &["locked", "unfit", "newer", "divergent", "late", "gone"]].concat();
    let ground = Ground::with(&all, &[UNIQUE, COLUMN]).await;
    ground.make_unfit("unfit").await;
    // A newer program was there, and the record of it was lost.
    let newer = Policy { only: vec![TenantSlug::parse("newer").unwrap()], ..Policy::default() };
    ground.migrate(&newer).await.unwrap();
    ground.inside("newer", "INSERT INTO refinery_schema_history VALUES (7, 'more_7', '', '1')").await;
    ground.platform.session.batch_execute("UPDATE tenants SET schema_version = 4 WHERE slug = 'newer'").await.unwrap();
    ground.inside("divergent", "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2").await;
    ground.inside("late", "DELETE FROM refinery_schema_history WHERE version = 2").await;
    let lock = ground.platform.tenant_session("locked").await;
    lock.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();

    // One at a time, so that the one which goes is still waiting for its turn.
    let policy = Policy { concurrency: 1, lock_timeout_ms: 1_000, ..Policy::default() };
    let gone = async {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = 'tenantry-fleet' \
                     AND datname = $1 AND wait_event_type = 'Lock')";
        let database = ground.platform.database("locked");
        let session = &ground.platform.session;
        eventually("the run to wait", async || session.query_one(waits, &[&database]).await.unwrap().get(0)).await;
        let gone = "UPDATE tenants SET status = 'deleted', deleted_at = now() WHERE slug = 'gone'";
        session.batch_execute(gone).await.unwrap();
        let drop = format!("DROP DATABASE {} WITH (FORCE)", ground.platform.database("gone"));
        session.batch_execute(&drop).await.unwrap();
    };
    let (summary, ()) = tokio::join!(ground.migrate(&policy), gone);
    let summary = summary.unwrap();
    assert_eq!((summary.run.state, counts(&summary.run)), (RunState::Done, (3, 4, 1, 1)), "{summary:?}");
    let named = [
        ("divergent", (Outcome::Failed, Some(Failure::History))),
        ("gone", (Outcome::Gone, None)),
        ("late", (Outcome::Failed, Some(Failure::History))),
        ("locked", (Outcome::Failed, Some(Failure::Locked))),
        ("newer", (Outcome::Newer, None)),
        ("unfit", (Outcome::Failed, Some(Failure::Migration))),
    ];
    assert_eq!(troubles(&summary), named.map(|(slug, trouble)| (slug.to_owned(), trouble)).into());
    let message =
        |slug: &str| summary.failures.iter().find(|it| it.slug.as_str() == slug).unwrap().message.clone().unwrap();
    assert!(message("unfit").contains("V5__more_5") && message("unfit").contains("Same"), "{}", message("unfit"));
    assert!(message("late").contains("V2__customers"), "{}", message("late"));
    assert!(message("divergent").contains("another text"), "{}", message("divergent"));
    ground.are_at(&good, ground.target).await;
    ground.are_at(&["unfit", "locked"], BUILT_IN).await;
    ground.are_at(&["newer"], 7).await;

    // What was wrong is put right, and only that is left to do.
    drop(lock);
    ground.inside("unfit", "DELETE FROM customers").await;
    let status = ground.newer.fleet.status().await.unwrap();
    assert_eq!(status.failing.len(), 4, "{status:?}");
    let summary = ground.migrate(&policy).await.unwrap();
    assert_eq!(counts(&summary.run), (2, 2, 0, 0), "{summary:?}");
    ground.are_at(&["unfit", "locked"], ground.target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_what_would_fail_and_changes_nothing() {
    let concurrently = "-- no-transaction\nCREATE INDEX CONCURRENTLY customers_cities ON customers (city);";
    let ground = Ground::with(&["good", "unfit"], &[UNIQUE, COLUMN, concurrently]).await;
    ground.make_unfit("unfit").await;
    let progress = watch::channel(Progress::default()).0;
    let fleet = &ground.newer.fleet;
    let mut rehearsals = fleet.rehearse(&Policy::default(), "test", &progress, &Stop::default()).await.unwrap();
    rehearsals.sort_by_key(|it| it.slug.to_string());
    let said: Vec<_> = rehearsals.iter().map(|it| (it.slug.as_str(), it.verdict, it.passed, it.failure)).collect();
    assert_eq!(said, [("good", Verdict::Partly, 2, None), ("unfit", Verdict::Fails, 0, Some(Failure::Migration))]);
    assert!(rehearsals[0].message.as_ref().unwrap().contains("V7__more_7"), "{rehearsals:?}");
    ground.are_at(&["good", "unfit"], BUILT_IN).await;
    let target: i32 = ground.platform.session.query_one("SELECT version FROM schema_target", &[]).await.unwrap().get(0);
    assert_eq!(target, BUILT_IN, "new tenants are born as before");
    let logged = "SELECT count(*) FROM audit_log WHERE action = 'fleet.rehearsed' AND actor = 'test'";
    assert_eq!(ground.platform.session.query_one(logged, &[]).await.unwrap().get::<_, i64>(0), 1);

    ground.inside("unfit", "DELETE FROM customers").await;
    let summary = ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!(counts(&summary.run), (2, 0, 0, 0), "{summary:?}");
    ground.are_at(&["good", "unfit"], ground.target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stops_at_the_threshold_and_the_next_does_what_is_left() {
    let slugs = ["one", "two", "three", "four", "five"];
    let ground = Ground::with(&slugs, &[UNIQUE]).await;
    for slug in ["two", "three"] {
        ground.make_unfit(slug).await;
    }
    let policy = Policy { concurrency: 1, max_failures: Some(2), ..Policy::default() };
    let summary = ground.migrate(&policy).await.unwrap();
    assert_eq!((summary.run.state, counts(&summary.run)), (RunState::Stopped, (1, 2, 0, 0)), "{summary:?}");
    ground.are_at(&["four", "five"], BUILT_IN).await;
    for slug in ["two", "three"] {
        ground.inside(slug, "DELETE FROM customers").await;
    }
    let plan = ground.newer.fleet.plan(&policy).await.unwrap();
    assert_eq!((plan.tenants.len(), &plan.migrations), (4, &vec!["V5__more_5".to_owned()]), "{plan:?}");
    assert!(plan.estimate_seconds.is_some());
    let summary = ground.migrate(&policy).await.unwrap();
    assert_eq!((summary.run.state, counts(&summary.run)), (RunState::Done, (4, 0, 0, 0)), "{summary:?}");
    ground.are_at(&slugs, ground.target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_keeps_the_others_as_they_are() {
    let ground = Ground::with(&["one", "two", "three"], &[UNIQUE]).await;
    ground.make_unfit("two").await;
    let slug = TenantSlug::parse("two").unwrap();
    assert!(ground.platform.control_plane.tenants.set_label(&slug, "canary").await.unwrap());
    let summary = ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!((summary.run.state, counts(&summary.run)), (RunState::Stopped, (0, 1, 0, 0)), "{summary:?}");
    ground.are_at(&["one", "two", "three"], BUILT_IN).await;
    let exclude = Policy { exclude: vec![slug.clone()], ..Policy::default() };
    let summary = ground.migrate(&exclude).await.unwrap();
    assert_eq!(counts(&summary.run), (2, 0, 0, 0), "{summary:?}");
    let only = Policy { only: vec![slug, TenantSlug::parse("nobody").unwrap()], ..Policy::default() };
    assert!(matches!(ground.migrate(&only).await, Err(FleetError::Unknown(slugs)) if slugs.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_is_under_way_at_a_time() {
    let ground = Ground::with(&["one", "two"], &[COLUMN]).await;
    let lock = ground.platform.tenant_session("one").await;
    lock.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let patient = Policy { lock_timeout_ms: 20_000, ..Policy::default() };
    let second = async {
        eventually("the run to begin", async || ground.newer.fleet.running().await.unwrap().is_some()).await;
        let busy = ground.migrate(&patient).await;
        assert!(matches!(busy, Err(FleetError::Busy(_))), "{busy:?}");
        assert!(ground.newer.fleet.request_stop("ada").await.unwrap());
        drop(lock);
    };
    let (first, ()) = tokio::join!(ground.migrate(&patient), second);
    let first = first.unwrap();
    assert_eq!((first.run.state, first.run.done), (RunState::Stopped, 1), "{first:?}");
    assert!(!ground.newer.fleet.request_stop("ada").await.unwrap());
    let logged = "SELECT actor FROM audit_log WHERE action = 'fleet.stopped' AND details ->> 'run' = $1";
    let run = first.run.id.to_string();
    let logged = ground.platform.session.query(logged, &[&run]).await.unwrap();
    assert_eq!(logged.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["ada"]);
    let summary = ground.migrate(&patient).await.unwrap();
    assert_eq!((summary.run.state, counts(&summary.run)), (RunState::Done, (1, 0, 0, 0)), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_are_born_under_way_are_not_forgotten() {
    let ground = Ground::with(&["one", "two"], &[COLUMN]).await;
    let lock = ground.platform.tenant_session("one").await;
    lock.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let patient = Policy { lock_timeout_ms: 20_000, ..Policy::default() };
    let birth = async {
        eventually("the run to begin", async || ground.newer.fleet.running().await.unwrap().is_some()).await;
        // By an old program, which has no migrations beyond its own: it clones what it is told to.
        ground.platform.tenant("three").await;
        drop(lock);
    };
    let (summary, ()) = tokio::join!(ground.migrate(&patient), birth);
    summary.unwrap();
    ground.are_at(&["one", "two", "three"], ground.target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_restarts_is_waited_for() {
    let (cluster, _folder) = own_cluster().await;
    let platform = QuietPlatform::on(&cluster, TestSettings::default()).await;
    let slugs = ["one", "two", "three", "four", "five", "six"];
    let ground = Ground::on(platform, &slugs, &["SELECT pg_sleep(0.3);", COLUMN]).await;
    let policy = Policy { concurrency: 2, ..Policy::default() };
    let restart = async {
        let begun = async || ground.newer.fleet.running().await.is_ok_and(|run| run.is_some_and(|run| run.done > 0));
        eventually("some to be done", begun).await;
        cluster.restart().await.unwrap();
    };
    let (summary, ()) = tokio::join!(ground.migrate(&policy), restart);
    let summary = summary.unwrap();
    assert_eq!((summary.run.state, counts(&summary.run)), (RunState::Done, (6, 0, 0, 0)), "{summary:?}");
    let sql = "SELECT schema_version FROM tenants";
    let session = tenancy::postgres::connect(&ground.platform.platform.admin).await.unwrap();
    for row in session.query(sql, &[]).await.unwrap() {
        assert_eq!(row.get::<_, i32>(0), ground.target);
    }
    drop(session);
    tokio::time::timeout(Duration::from_secs(20), cluster.stop()).await.unwrap().unwrap();
}
