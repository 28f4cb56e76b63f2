//! A cluster never outlives the process that started it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tenantry::cluster::{Cluster, ClusterOptions};

use tests::ground::folder;

use super::{alive, number};

const HELPER_DIR: &str = "TENANTRY_TEST_CLUSTER_DIR";

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn dropping_it_stops_it() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::throwaway(dir.path())).await.unwrap();
    let pid = cluster.postmaster_pid();
    drop(cluster);
    tokio::task::spawn_blocking(move || eventually("the server ends", || !alive(pid))).await.unwrap();
    eventually("the folder is deleted", || !dir.path().exists());
}

/// Not a test: what `kill_nine` kills. It runs in a process of its own.
#[tokio::test]
#[ignore = "started by other tests, in a process of its own"]
async fn process_to_be_killed() {
    let Some(dir) = std::env::var_os(HELPER_DIR) else { return };
    let throwaway = Path::new(&dir).ends_with("throwaway");
    let dir = PathBuf::from(dir);
    let options = if throwaway { ClusterOptions::throwaway(dir) } else { ClusterOptions::lasting(dir) };
    let cluster = Cluster::start(options).await.unwrap();
    println!("\npid={}", cluster.postmaster_pid());
    std::future::pending::<()>().await;
}

/// Starts a cluster in another process, kills that with -9, and returns the id of the server.
fn kill_nine(dir: &Path) -> u32 {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cluster::orphans::process_to_be_killed", "--ignored", "--nocapture"])
        .env(HELPER_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("pid=")?.parse().ok());
    process.kill().unwrap();
    process.wait().unwrap();
    pid.expect("the other process should have started a cluster")
}

#[tokio::test]
async fn leaves_no_server_behind_when_we_are_killed() {
    let parent = folder();
    let lasting = parent.path().join("lasting");
    let pid = kill_nine(&lasting);
    eventually("the server ends", || !alive(pid));
    assert!(!lasting.join("pgdata/postmaster.pid").exists(), "it was a clean stop");

    let throwaway = parent.path().join("throwaway");
    let pid = kill_nine(&throwaway);
    eventually("the server ends", || !alive(pid));
    eventually("the folder is deleted", || !throwaway.exists());
}

#[tokio::test]
async fn takes_over_right_after_we_were_killed() {
    let dir = folder();
    for _ in 0..3 {
        let orphan = kill_nine(dir.path());
        let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
        assert!(!alive(orphan));
        assert_eq!(number(&cluster, "SELECT 1").await, 1);
        cluster.stop().await.unwrap();
    }
}
