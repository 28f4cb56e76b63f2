//! The real program, killed while it migrates: every tenant is before or after each migration, and the next goes on.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::{
    QuietPlatform, TestSettings,
    chance::Chance,
    migrations::{self, BUILT_IN},
    program::{command, finish, free_port, run},
    shared_cluster,
};
use tokio::process::Command;

const KILLS: usize = 50;
const TENANTS: usize = 30;
/// Each of them would fail if it ran twice, and leaves a trace if it ran half.
const MIGRATIONS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_each_migration_is_applied_once() {
    let platform = QuietPlatform::on(shared_cluster().await, TestSettings::default()).await;
    for number in 0..TENANTS {
        platform.tenant(&format!("tenant-{number}")).await;
    }
    let texts: Vec<String> = (0..MIGRATIONS)
        .map(|number| {
            format!(
                "CREATE TABLE half_{number} (a int); SELECT pg_sleep(0.02); DROP TABLE half_{number};
                 CREATE TABLE whole_{number} (a int);"
            )
        })
        .collect();
    let folder = migrations::with(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let home = tempfile::tempdir().unwrap();
    let fleet = |arguments: &[&str]| -> Command {
        let mut command = command(home.path(), &[&["fleet"], arguments, &["--json"]].concat());
        command.envs(tests::program::variables(&platform.platform, free_port()));
        command.env("TENANTRY__PROVISIONING__MIGRATIONS", folder.path());
        command
    };
    let mut chance = Chance::from_environment(5);
    let (mut killed, mut under_way) = (0, 0);
    while killed < KILLS {
        let mut child = fleet(&["migrate", "--concurrency", "2"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::select! {
            ended = child.wait() => {
                // Everybody is up: from the beginning again, as far as the databases are concerned.
                assert!(ended.unwrap().success());
                back_to_the_beginning(&platform).await;
            }
            () = tokio::time::sleep(chance.millis(20..700)) => {
                kill_process(Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
                child.wait().await.unwrap();
                killed += 1;
                let sql = "SELECT EXISTS (SELECT 1 FROM fleet_runs WHERE state = 'running')";
                under_way += usize::from(platform.session.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
            }
        }
    }
    println!("{under_way} of {KILLS} kills left a run");
    assert!(under_way > KILLS / 4, "the kills came too early: only {under_way} left a run");
    let said = finish(&mut fleet(&["migrate"])).await.expect(0).json();
    assert_eq!(said["run"]["state"], "done");
    let target = BUILT_IN + i32::try_from(MIGRATIONS).unwrap();
    for number in 0..TENANTS {
        let session = platform.tenant_session(&format!("tenant-{number}")).await;
        let sql = "SELECT (SELECT count(*) FROM refinery_schema_history), (SELECT max(version) FROM refinery_schema_history), \
                   (SELECT count(*) FROM pg_class WHERE relname LIKE 'whole\\_%'), (SELECT count(*) FROM pg_class WHERE relname LIKE 'half\\_%')";
        let row = session.query_one(sql, &[]).await.unwrap();
        let found: (i64, i32, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        assert_eq!(found, (i64::from(target), target, MIGRATIONS as i64, 0), "tenant-{number}");
    }
    let sql = "SELECT count(*) FROM tenants WHERE schema_version <> $1";
    assert_eq!(platform.session.query_one(sql, &[&target]).await.unwrap().get::<_, i64>(0), 0);
    let status: Value = finish(&mut fleet(&["status"])).await.expect(0).json();
    assert_eq!(status["versions"][target.to_string()], TENANTS);
    assert!(run(home.path(), &["fleet", "migrate", "--help"]).await.expect(0).out.contains("--rehearse"));
}

async fn back_to_the_beginning(platform: &QuietPlatform) {
    for number in 0..TENANTS {
        let drops: String = (0..MIGRATIONS).map(|number| format!("DROP TABLE whole_{number};")).collect();
        let session = platform.tenant_session(&format!("tenant-{number}")).await;
        session
            .batch_execute(&format!("{drops} DELETE FROM refinery_schema_history WHERE version > {BUILT_IN}"))
            .await
            .unwrap();
    }
    platform.session.batch_execute(&format!("UPDATE tenants SET schema_version = {BUILT_IN}")).await.unwrap();
}
