//! What operators look at: backups before migrations that lose data, schemas that have drifted, dangers in migrations,
//! and the fleet over REST.

use std::{collections::BTreeSet, fs};

use control_plane::fleet::{Difference, Failure, FleetError, Outcome, Policy, Progress, Stop};
use serde_json::json;
use tests::{TestPlatform, client::PASSWORD, eventually, migrations::BUILT_IN, program::run};
use tokio::sync::watch;

use super::{COLUMN, Ground, counts, troubles};

const LOSING: &str = "ALTER TABLE customers DROP COLUMN city;";

#[tokio::test(flavor = "multi_thread")]
async fn what_can_lose_data_is_backed_up_first() {
    let ground = Ground::with(&["one", "two"], &[COLUMN, LOSING]).await;
    let summary = ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!(counts(&summary.run), (2, 0, 0, 0), "{summary:?}");
    let sql = "SELECT backup FROM fleet_results ORDER BY backup";
    let backups: Vec<String> =
        ground.platform.session.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(backups.len(), 2);
    for backup in &backups {
        assert!(backup.contains(&format!("-at-version-{BUILT_IN}-")), "{backup}");
        assert!(fs::read(backup).unwrap().starts_with(b"PGDMP"), "{backup} is no backup");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_backup_nothing_is_lost_unless_it_was_said() {
    let mut ground = Ground::with(&["one"], &[LOSING]).await;
    // A folder that can't be made: a file is in its place.
    fs::write(&ground.platform.platform.settings.backups.folder, "").unwrap();
    let summary = ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!(troubles(&summary), [("one".to_owned(), (Outcome::Failed, Some(Failure::Backup)))].into());
    ground.are_at(&["one"], BUILT_IN).await;
    let said = Policy { backups: false, ..Policy::default() };
    ground.migrate(&said).await.unwrap();
    ground.target = BUILT_IN + 1;
    ground.are_at(&["one"], ground.target).await;
    let sql = "SELECT policy->>'backups' FROM fleet_runs ORDER BY started_at DESC LIMIT 1";
    let recorded: String = ground.platform.session.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(recorded, "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_commits_is_refused_before_it_runs_anywhere() {
    let ground = Ground::with(&["one"], &["BEGIN; ALTER TABLE customers ADD COLUMN nickname text; COMMIT;"]).await;
    let (progress, stop) = (watch::channel(Progress::default()).0, Stop::default());
    for refused in [
        ground.migrate(&Policy::default()).await.err(),
        ground.newer.fleet.rehearse(&Policy::default(), "test", &progress, &stop).await.err(),
    ] {
        assert!(matches!(&refused, Some(FleetError::TransactionControl(name)) if name == "V5__more_5"), "{refused:?}");
    }
    ground.are_at(&["one"], BUILT_IN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_was_made_halfway_is_made_anew() {
    let index = "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY customers_names ON customers (company_name);";
    let ground = Ground::with(&["one"], &[index]).await;
    ground.make_unfit("one").await;
    let summary = ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!(troubles(&summary), [("one".to_owned(), (Outcome::Failed, Some(Failure::Migration)))].into());
    ground.inside("one", "DELETE FROM customers").await;
    let summary = ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!(counts(&summary.run), (1, 0, 0, 0), "{summary:?}");
    let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'customers_names'::regclass";
    let session = ground.platform.tenant_session("one").await;
    assert!(session.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_has_drifted_is_named() {
    let ground = Ground::with(&["straight", "drifted"], &[COLUMN]).await;
    let drift = async || {
        let progress = watch::channel(Progress::default()).0;
        ground.newer.fleet.drift(&Policy::default(), &progress, &Stop::default()).await.unwrap()
    };
    assert_eq!(drift().await, [], "nobody is at this version yet");
    ground.migrate(&Policy::default()).await.unwrap();
    assert_eq!(drift().await, [], "a schema that was migrated is the one that is made anew");

    let data = ground.platform.platform.settings.database.prefix.data_role();
    let change = format!(
        "DROP INDEX customers_created_at; ALTER TABLE customers ADD COLUMN by_hand integer;
         ALTER TABLE customers ALTER COLUMN nickname SET DEFAULT 'x'; REVOKE UPDATE ON customers FROM {data}"
    );
    ground.inside("drifted", &change).await;
    let found: BTreeSet<_> = drift()
        .await
        .into_iter()
        .map(|it| (it.slug.to_string(), it.difference.as_str(), format!("{} {}", it.kind, it.name)))
        .collect();
    let expected = [
        (Difference::Missing, "index customers_created_at".to_owned()),
        (Difference::Extra, "column customers.by_hand".to_owned()),
        (Difference::Changed, "column customers.nickname".to_owned()),
        (Difference::Changed, format!("grant customers to {}", data.as_str())),
    ];
    assert_eq!(found, expected.map(|(how, what)| ("drifted".to_owned(), how.as_str(), what)).into());
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE '%\\_making\\_%' AND starts_with(datname, $1)";
    let prefix = ground.platform.platform.settings.database.prefix.to_string();
    assert_eq!(ground.platform.session.query_one(left, &[&prefix]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dangers_are_found_without_a_platform() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("V1__ground.sql"), "CREATE TABLE a (id uuid PRIMARY KEY);").unwrap();
    fs::write(folder.path().join("V2__less.sql"), "\nDROP TABLE a;").unwrap();
    let place = folder.path().to_str().unwrap();
    let said = run(folder.path(), &["fleet", "lint", place, "--json"]).await.expect(1).json();
    assert_eq!(
        (&said[0]["migration"], &said[0]["line"], &said[0]["rule"]),
        (&json!("V2__less"), &json!(2), &json!("ban-drop-table"))
    );
    run(folder.path(), &["fleet", "lint", place, "--after", "2"]).await.expect(0);
    assert!(run(folder.path(), &["fleet", "lint", place]).await.expect(1).out.contains("squawk-ignore"));
    run(folder.path(), &["fleet", "lint"]).await.expect(0);
    run(folder.path(), &["fleet", "lint", "nowhere"]).await.expect(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn super_admins_see_and_begin_runs_over_rest() {
    let platform = TestPlatform::start().await;
    let (slug, _) = platform.tenant("Acme").await;
    platform.control_plane().ensure_super_admin("root@example.com", PASSWORD).await.unwrap();
    let admin = platform.client.sign_in("root@example.com").await;
    let status = admin.get("/api/admin/fleet").await.expect(200).body;
    assert_eq!((&status["target_version"], &status["versions"][BUILT_IN.to_string()]), (&json!(BUILT_IN), &json!(1)));
    // As if it had been made by an older program: the migration is there already, and its record too.
    let behind = "UPDATE tenants SET schema_version = 3";
    platform.platform_session().await.batch_execute(behind).await.unwrap();
    let plan = admin.post("/api/admin/fleet/plan", &json!({})).await.expect(200).body;
    assert_eq!(plan["tenants"], json!([{ "slug": slug, "version": 3 }]));
    let wrong =
        admin.post("/api/admin/fleet/runs", &json!({ "concurrency": 1000, "order": "created" })).await.expect(422);
    assert!(wrong.body["errors"]["concurrency"].is_array(), "{wrong:?}");
    admin.post("/api/admin/fleet/plan", &json!({ "only": ["nobody-here"] })).await.expect(422);
    admin.post("/api/admin/fleet/runs", &json!({ "polite": true })).await.expect(202);
    eventually("the run to end", async || {
        let status = admin.get("/api/admin/fleet").await.expect(200).body;
        status["runs"][0]["state"] == "done" && status["runs"][0]["done"] == 1
    })
    .await;
    assert_eq!(admin.post("/api/admin/fleet/stop", &json!({})).await.expect(200).body["asked"], false);
    eventually("the figures to be taken", async || {
        let figures = platform.client.get("/metrics").await.body;
        figures.as_str().is_some_and(|text| text.contains("fleet_tenants_behind 0"))
    })
    .await;
    platform.stop().await;
}
