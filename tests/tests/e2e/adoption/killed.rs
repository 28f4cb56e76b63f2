//! The real program, killed while it adopts: the tenant is whole, or nothing of it is left.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tests::{
    QuietPlatform,
    chance::Chance,
    eventually,
    program::{command, free_port, variables},
};

use tokio::io::AsyncReadExt;

use super::{assert_nothing_left, export, quiet};

const KILLS: usize = 20;
const CUSTOMERS: usize = 3000;

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_adopts_leaves_all_or_nothing() {
    let platform = quiet().await;
    platform.session.batch_execute(r#"UPDATE packages SET limits = limits || '{"max_customers": -1}'"#).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    export::write_lines(home.path(), "customers", (0..CUSTOMERS).map(export::customer));
    let (customers, _) = export::MAPPING.split_once("[tables.products]").unwrap();
    std::fs::write(home.path().join("acme.toml"), customers.replace("\"countries\"", "")).unwrap();
    let mut chance = Chance::from_environment(8);
    let (mut under_way, mut whole) = (0, 0);
    for round in 0..KILLS {
        let email = format!("ada-{round}@acme.com");
        let arguments = [
            ["tenant", "adopt", "--slug", "acme", "--name", "Acme", "--owner-name", "Ada", "--package", "starter"],
            [
                "--owner-email",
                &email,
                "--from",
                ".",
                "--mapping",
                "acme.toml",
                "--json",
                "--data-dir",
                "data",
                "--billing-cycle=yearly",
            ],
        ];
        let mut adopt = command(home.path(), &arguments.concat());
        adopt.envs(variables(&platform.platform, free_port())).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = adopt.spawn().unwrap();
        // From when there is something to leave behind.
        let begun = "SELECT EXISTS (SELECT 1 FROM tenants WHERE released_at IS NULL)";
        eventually("the adoption begins", async || platform.session.query_one(begun, &[]).await.unwrap().get(0)).await;
        tokio::select! {
            ended = child.wait() => {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
                assert!(ended.unwrap().success(), "{said}");
            }
            () = tokio::time::sleep(chance.millis(0..1500)) => {
                kill_process(Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
                child.wait().await.unwrap();
            }
        }
        under_way += usize::from(finish(&platform).await);
        let served = "SELECT EXISTS (SELECT 1 FROM tenants WHERE released_at IS NULL)";
        if platform.session.query_one(served, &[]).await.unwrap().get(0) {
            whole += 1;
            let session = platform.tenant_session("acme").await;
            let count: i64 = session.query_one("SELECT count(*) FROM customers", &[]).await.unwrap().get(0);
            assert_eq!(count, CUSTOMERS as i64);
            drop(session);
            assert_eq!(platform.findings().await, []);
            platform.control_plane.tenants.delete(&"acme".parse().unwrap(), false, "test").await.unwrap();
            platform.session.batch_execute("DELETE FROM mails").await.unwrap();
        }
        platform
            .session
            .batch_execute(
                "UPDATE tenants SET owner_id = NULL; DELETE FROM tokens; DELETE FROM memberships; DELETE FROM users",
            )
            .await
            .unwrap();
        assert_nothing_left(&platform).await;
    }
    println!("{under_way} of {KILLS} kills left something to take back, {whole} came too late");
    assert!(under_way > KILLS / 4, "the kills came too late: only {under_way} left something");
}

/// What the reconciler does with what nobody has in hand, without waiting for it to be due. Says whether there was any.
async fn finish(platform: &QuietPlatform) -> bool {
    let mut found = false;
    eventually("nothing is under way", async || {
        let due = "UPDATE sagas SET next_attempt_at = now() WHERE finished_at IS NULL";
        let left = platform.session.execute(due, &[]).await.unwrap();
        found |= left > 0;
        for (tenant, kind) in platform.control_plane.provisioning.due_sagas().await.unwrap() {
            platform.control_plane.provisioning.resume(tenant, kind).await;
        }
        left == 0
    })
    .await;
    found
}
