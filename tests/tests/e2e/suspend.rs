//! A suspended tenant is refused at once, and PostgreSQL itself lets nobody in as that tenant.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tenancy::{TenantId, TenantSlug, postgres::as_role};
use tests::{Client, TestPlatform, eventually};
use tokio_postgres::error::SqlState;

use crate::signup::problem;

pub(crate) const CUSTOMERS: &str = "/api/v1/customers";
const CYCLES: usize = 200;
/// A suspended tenant is refused within this, in 99 of 100 cases.
const WITHIN: Duration = Duration::from_millis(50);

/// One answer that a client got, and when.
struct Seen {
    sent: Instant,
    at: Instant,
    status: u16,
}

/// Asks without a pause until it is told to stop.
async fn poll(client: Client, stop: Arc<AtomicBool>, started: tokio::sync::oneshot::Sender<()>) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut started = Some(started);
    while !stop.load(Ordering::SeqCst) {
        let sent = Instant::now();
        let status = client.get(CUSTOMERS).await.status.as_u16();
        all.push(Seen { sent, at: Instant::now(), status });
        if let Some(started) = started.take() {
            let _ = started.send(());
        }
    }
    all
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100) - 1]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_refused_within_50_ms() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let (_, neighbour) = platform.tenant("Neighbour").await;
    let slug = TenantSlug::parse(&slug).unwrap();
    let tenants = platform.control_plane().tenants.clone();
    let (mut since_call, mut since_return) = (Vec::new(), Vec::new());
    for _ in 0..CYCLES {
        let stop = Arc::new(AtomicBool::new(false));
        let (started, running) = tokio::sync::oneshot::channel();
        let polling = tokio::spawn(poll(owner.clone(), stop.clone(), started));
        running.await.unwrap();

        let called = Instant::now();
        tenants.suspend(&slug, Some("a test"), "test").await.unwrap();
        let returned = Instant::now();
        let refused = problem(owner.get(CUSTOMERS).await, 403, "TENANT_INACTIVE");
        assert_eq!(refused.body["error"], "The tenant is suspended");
        stop.store(true, Ordering::SeqCst);
        let seen = polling.await.unwrap();

        // The last answer out of the tenant's rows, whenever it was asked for.
        let served = seen.iter().filter(|one| one.status == 200).map(|one| one.at).max().unwrap();
        since_call.push(served.saturating_duration_since(called));
        since_return.push(served.saturating_duration_since(returned));
        // Once refused, refused: nothing that is asked after the first refusal is answered.
        let first = seen.iter().filter(|one| one.status == 403).map(|one| one.at).min();
        assert!(seen.iter().all(|one| one.status != 200 || first.is_none_or(|first| one.sent < first)));
        // What was on its way when the sessions ended may be told to come again, or that the tenant is suspended.
        let strange: Vec<u16> = seen.iter().map(|one| one.status).filter(|s| !matches!(s, 200 | 403 | 503)).collect();
        assert_eq!(strange, [0_u16; 0]);

        tenants.activate(&slug, "test").await.unwrap();
        eventually("served again", async || owner.get(CUSTOMERS).await.status == 200).await;
    }
    neighbour.get(CUSTOMERS).await.expect(200);
    for (what, times) in [("the call of suspend", &mut since_call), ("its return", &mut since_return)] {
        times.sort();
        println!(
            "last answer after {what}, {} cycles: median {:?}, 90th {:?}, 99th {:?}, most {:?}",
            times.len(),
            percentile(times, 50),
            percentile(times, 90),
            percentile(times, 99),
            times[times.len() - 1]
        );
    }
    assert!(percentile(&since_return, 99) <= WITHIN);
    assert_eq!(platform.findings().await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_fenced_in_postgresql() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let (other_slug, _) = platform.tenant("Other").await;
    owner.get(CUSTOMERS).await.expect(200);
    let me = owner.get("/api/auth/me").await.expect(200).body;
    let id: TenantId = me["tenant"]["id"].as_str().unwrap().parse().unwrap();
    let slug = TenantSlug::parse(&slug).unwrap();
    let role = platform.prefix().tenant_role(id);
    let password = platform.platform.master_key.tenant_password(id);
    let database = platform.prefix().tenant_database(&slug);
    let as_tenant = as_role(&platform.platform.admin, &database, &role, password.expose());
    let admin = platform.platform_session().await;
    let may_log_in = async || {
        let sql = "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1";
        admin.query_one(sql, &[&role]).await.unwrap().get::<_, bool>(0)
    };
    let sessions = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";
        admin.query_one(sql, &[&role]).await.unwrap().get::<_, i64>(0)
    };

    // A session of the tenant's own, in the middle of a transaction, and one in the middle of a statement.
    let idle = tenancy::postgres::connect(&as_tenant).await.unwrap();
    idle.batch_execute("BEGIN; SELECT 1").await.unwrap();
    let busy = tenancy::postgres::connect(&as_tenant).await.unwrap();
    let asleep = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(600)").await });
    eventually("both sessions", async || sessions().await >= 3).await;
    assert!(may_log_in().await);

    let tenants = &platform.control_plane().tenants;
    tenants.suspend(&slug, None, "test").await.unwrap();
    assert!(!may_log_in().await, "refused from the commit on");
    eventually("the end of every session", async || sessions().await == 0).await;
    assert!(idle.batch_execute("SELECT 1").await.is_err());
    assert!(asleep.await.unwrap().is_err());
    let refused = as_tenant.connect(tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(refused.code(), Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION), "{refused:?}");
    problem(owner.get(CUSTOMERS).await, 403, "TENANT_INACTIVE");
    // The neighbour's role is its own.
    let others = "SELECT count(*) FROM pg_roles r JOIN tenants t ON starts_with(r.rolname, $1) WHERE t.slug = $2 AND r.rolcanlogin";
    let prefix = platform.prefix().as_str();
    assert!(admin.query_one(others, &[&prefix, &other_slug]).await.unwrap().get::<_, i64>(0) >= 1);

    tenants.activate(&slug, "test").await.unwrap();
    assert!(may_log_in().await);
    eventually("served again", async || owner.get(CUSTOMERS).await.status == 200).await;
    // What a control plane that died in the moment of suspending left open is closed by the next look.
    let stray = tenancy::postgres::connect(&as_tenant).await.unwrap();
    admin.batch_execute(&format!("ALTER ROLE {role} NOLOGIN")).await.unwrap();
    eventually("the stray session ends", async || stray.batch_execute("SELECT 1").await.is_err()).await;
    platform.stop().await;
}
