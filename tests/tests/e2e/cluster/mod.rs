//! The private PostgreSQL: it keeps its data, comes back, never outlives us, and says what is wrong.

mod life;
mod orphans;
mod refusals;

use std::fs;

use rustix::process::{Pid, test_kill_process};
use tenantry::cluster::Cluster;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn number(cluster: &Cluster, query: &str) -> i32 {
    connect(cluster.url()).await.query_one(query, &[]).await.unwrap().get(0)
}

async fn make_table(cluster: &Cluster) {
    connect(cluster.url()).await.batch_execute("CREATE TABLE t AS SELECT 42 AS n").await.unwrap();
}

/// A zombie is dead: it only waits for whoever adopted it to notice.
fn alive(pid: u32) -> bool {
    let zombie = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    !zombie && test_kill_process(as_pid(pid)).is_ok()
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}
