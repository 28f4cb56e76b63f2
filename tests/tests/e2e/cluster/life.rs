//! A cluster keeps its data, and comes back whatever happened to it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use rustix::process::{Signal, getpgid, kill_process};
use tenantry::cluster::{Binaries, Cluster, ClusterError, ClusterOptions};
use tokio_postgres::{NoTls, error::SqlState};

use tests::ground::folder;

use super::{alive, as_pid, connect, make_table, number};

#[tokio::test]
async fn keeps_its_data_and_its_port_in_a_folder_of_any_name() {
    let parent = folder();
    let dir = parent.path().join("müşteri verisi 数据");
    let first = Cluster::start(ClusterOptions::lasting(&dir)).await.unwrap();
    make_table(&first).await;
    let group = |pid| getpgid(Some(as_pid(pid))).unwrap();
    assert_ne!(group(first.postmaster_pid()), group(std::process::id()), "Ctrl-C would reach it before us");
    let (pid, url) = (first.postmaster_pid(), first.url().to_owned());
    first.stop().await.unwrap();
    assert!(!alive(pid));

    let second = Cluster::start(ClusterOptions::lasting(&dir)).await.unwrap();
    assert_eq!(second.url(), url);
    assert_eq!(number(&second, "SELECT n FROM t").await, 42);
    second.restart().await.unwrap();
    assert_eq!(number(&second, "SELECT n FROM t").await, 42);
    let client = connect(second.url()).await;
    for (setting, value) in [("fsync", "on"), ("unix_socket_directories", ""), ("server_encoding", "UTF8")] {
        let row = client.query_one(&format!("SHOW {setting}"), &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), value, "{setting}");
    }
    second.stop().await.unwrap();
    second.stop().await.unwrap();
    assert!(matches!(second.restart().await, Err(ClusterError::Stopped)));
}

#[tokio::test]
async fn refuses_a_wrong_password() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::throwaway(dir.path())).await.unwrap();
    let url = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", cluster.port());
    let error = tokio_postgres::connect(&url, NoTls).await.err().unwrap();
    assert_eq!(error.code().map(SqlState::code), Some("28P01"));
    cluster.stop().await.unwrap();
    assert!(!dir.path().exists(), "a throwaway leaves nothing");
}

#[tokio::test]
async fn comes_back_after_its_server_was_killed() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    make_table(&cluster).await;
    for _ in 0..3 {
        // A session that was at work lives on for a moment without its postmaster.
        let busy = connect(cluster.url()).await;
        let sleeping = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(600)").await });
        let before = cluster.postmaster_pid();
        cluster.kill_postmaster().await;
        assert!(cluster.ensure_running().await.unwrap());
        assert!(!cluster.ensure_running().await.unwrap());
        assert_ne!(cluster.postmaster_pid(), before);
        assert_eq!(number(&cluster, "SELECT n FROM t").await, 42);
        assert!(sleeping.await.unwrap().is_err());
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_supervised_server_comes_back_by_itself() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::throwaway(dir.path())).await.unwrap();
    let scenario = async {
        let before = cluster.postmaster_pid();
        kill_process(as_pid(before), Signal::KILL).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while cluster.postmaster_pid() == before {
            assert!(Instant::now() < deadline, "it did not come back");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(number(&cluster, "SELECT 1").await, 1);
        cluster.restart().await.unwrap();
        assert_eq!(number(&cluster, "SELECT 1").await, 1);
        cluster.stop().await.unwrap();
    };
    // The supervision ends by itself when the cluster is stopped.
    tokio::join!(cluster.supervise(), scenario);
}

#[tokio::test]
async fn a_throwaway_forgets_nothing_when_it_is_restarted() {
    let dir = folder();
    let mut options = ClusterOptions::throwaway(dir.path());
    // What is committed stays in memory for as long as it can.
    options.settings.push(("wal_writer_delay".to_owned(), "10s".to_owned()));
    let cluster = Cluster::start(options).await.unwrap();
    make_table(&cluster).await;
    connect(cluster.url()).await.batch_execute("UPDATE t SET n = 43").await.unwrap();
    cluster.restart().await.unwrap();
    assert_eq!(number(&cluster, "SELECT n FROM t").await, 43);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn takes_over_a_stale_pid_file() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    let pgdata = cluster.pgdata().to_path_buf();
    cluster.stop().await.unwrap();
    drop(cluster);
    // Ours: alive, and not a server.
    let pid = std::process::id();
    fs::write(pgdata.join("postmaster.pid"), format!("{pid}\n{}\n1\n1\n\n\n", pgdata.display())).unwrap();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn begins_again_where_the_making_was_interrupted() {
    let dir = folder();
    let half = dir.path().join("init-half/pgdata");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    assert!(!half.exists());
    assert_eq!(number(&cluster, "SELECT 1").await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn lives_elsewhere_when_its_user_cannot_reach_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root runs the server as another user");
        return;
    }
    let closed = folder();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let dir = closed.path().join("data");
    let cluster = Cluster::start(ClusterOptions::lasting(&dir)).await.unwrap();
    let pgdata = cluster.pgdata().to_path_buf();
    assert!(!pgdata.starts_with(closed.path()));
    make_table(&cluster).await;
    cluster.stop().await.unwrap();
    let cluster = Cluster::start(ClusterOptions::lasting(&dir)).await.unwrap();
    assert_eq!(cluster.pgdata(), pgdata);
    assert_eq!(number(&cluster, "SELECT n FROM t").await, 42);
    cluster.stop().await.unwrap();
    tenantry::cluster::erase(&dir).await.unwrap();
    assert!(!pgdata.exists() && !dir.exists());
}

#[tokio::test]
async fn avoids_a_remembered_port_that_is_taken() {
    let dir = folder();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    let port = cluster.port();
    cluster.stop().await.unwrap();
    drop(cluster);
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let cluster = Cluster::start(ClusterOptions::lasting(dir.path())).await.unwrap();
    assert_ne!(cluster.port(), port);
    cluster.stop().await.unwrap();
}

#[test]
fn offers_the_other_programs_of_the_same_version() {
    let binaries = Binaries::find(None, None).unwrap();
    assert!(binaries.major() >= tenantry::cluster::OLDEST_MAJOR);
    assert_eq!(binaries.tool("pg_dump"), binaries.dir().join("pg_dump"));
}

#[test]
fn outlives_the_runtime_that_started_it() {
    let dir = folder();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = runtime().block_on(Cluster::start(ClusterOptions::throwaway(dir.path()))).unwrap();
    runtime().block_on(async {
        cluster.kill_postmaster().await;
        assert!(cluster.ensure_running().await.unwrap());
        assert_eq!(number(&cluster, "SELECT 1").await, 1);
        let pid = cluster.postmaster_pid();
        cluster.stop().await.unwrap();
        assert!(!alive(pid) && !dir.path().exists());
    });
}
