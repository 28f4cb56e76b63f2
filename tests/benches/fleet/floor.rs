//! The bare operations: what every program has to do for each database, and programs that others use.

use std::{
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use tenancy::{DatabaseName, postgres::on_database};
use tokio::{process::Command, time::Instant};
use tokio_postgres::{Config, NoTls};

/// One connection and one statement for each database, so many at a time.
pub(crate) async fn alter(admin: &Config, databases: &[DatabaseName], statement: &str, at_once: usize) -> Duration {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let workers = (0..at_once).map(|_| async {
        while let Some(database) = databases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (client, connection) = on_database(admin, database).connect(NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            client.batch_execute(statement).await.unwrap();
            drop(client);
            connection.await.unwrap().unwrap();
        }
    });
    join_all(workers).await;
    began.elapsed()
}

/// psql under xargs, as many do it.
pub(crate) async fn psql(url: &str, databases: &[DatabaseName], statement: &str, at_once: usize) -> Duration {
    let began = Instant::now();
    let script = format!("xargs -P {at_once} -I {{}} psql -qX -v ON_ERROR_STOP=1 \"$URL\" -c '\\c {{}}' -c \"$SQL\"");
    let mut child = Command::new("sh");
    let child = child.args(["-c", &script]).env("URL", url).env("SQL", statement).stdin(Stdio::piped());
    let mut child = child.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let names: String = databases.iter().map(|name| format!("{}\n", name.as_str())).collect();
    let mut input = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, names.as_bytes()).await.unwrap();
    drop(input);
    assert!(child.wait().await.unwrap().success());
    began.elapsed()
}

/// refinery as it comes, one tenant after another.
pub(crate) async fn refinery(admin: &Config, databases: &[DatabaseName], migrations: &[(String, String)]) -> Duration {
    let list: Vec<_> =
        migrations.iter().map(|(name, text)| refinery_core::Migration::unapplied(name, text).unwrap()).collect();
    let began = Instant::now();
    for database in databases {
        let (mut client, connection) = on_database(admin, database).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        refinery_core::Runner::new(&list).run_async(&mut client).await.unwrap();
    }
    began.elapsed()
}
