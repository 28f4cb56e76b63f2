//! Going on with a run that was left: as it was begun, for whoever it was about.

use control_plane::fleet::{FleetError, Policy, Progress, RunState, Stop};
use serde_json::{Value, json};
use tenancy::TenantSlug;
use tests::{eventually, migrations::BUILT_IN};
use tokio::sync::watch;

use super::{COLUMN, Ground, counts};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_left_goes_on_as_it_was_begun() {
    let ground = Ground::with(&["one", "two", "three"], &[COLUMN]).await;
    let (fleet, session) = (&ground.newer.fleet, &ground.platform.session);
    let lock = ground.platform.tenant_session("one").await;
    lock.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let only = ["one", "two"].map(|slug| TenantSlug::parse(slug).unwrap());
    let policy = Policy {
        concurrency: 1,
        canaries: 0,
        max_failures: Some(3),
        only: only.into(),
        lock_timeout_ms: 20_000,
        ..Policy::default()
    };
    let begun = fleet.clone();
    let killed = tokio::spawn(async move {
        let ended = begun.migrate(&policy, "ada", &watch::channel(Progress::default()).0, &Stop::default()).await;
        drop(ended);
    });
    eventually("the run to begin", async || fleet.running().await.unwrap().is_some()).await;
    killed.abort();
    killed.await.unwrap_err();
    session.batch_execute("UPDATE fleet_runs SET lease_until = now()").await.unwrap();
    drop(lock);
    // Somebody whom it names is gone by now: that keeps nobody else back.
    let gone = "UPDATE tenants SET status = 'deleted', deleted_at = now(), released_at = now() WHERE slug = 'two'";
    session.batch_execute(gone).await.unwrap();

    let left = fleet.running().await.unwrap().unwrap();
    assert!(!left.is_held);
    fleet.resume(left.id, "bea").await.unwrap();
    let ended = async || fleet.run(left.id).await.unwrap().unwrap().state == RunState::Done;
    eventually("the run to end", ended).await;
    assert_eq!(counts(&fleet.run(left.id).await.unwrap().unwrap()), (1, 0, 0, 0));
    ground.are_at(&["one"], ground.target).await;
    ground.are_at(&["three"], BUILT_IN).await;
    let logged = "SELECT details FROM audit_log WHERE action = 'fleet.resumed' AND actor = 'bea'";
    let logged: Value = session.query_one(logged, &[]).await.unwrap().get(0);
    assert_eq!((&logged["policy"]["only"], &logged["policy"]["max_failures"]), (&json!(["one", "two"]), &json!(3)));
    assert!(matches!(fleet.resume(left.id, "bea").await, Err(FleetError::Over(run)) if run == left.id));
}
