//! A cluster that runs.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::process::Signal;
use tokio::sync::Mutex;

use super::{
    ClusterError, ClusterOptions,
    account::Account,
    binaries::Binaries,
    home::{self, Home},
    initdb, leftovers, log, port,
    postmaster::{self, Plan, Postmaster, gone},
    watchdog::Watchdog,
};

/// A fast stop writes out what is in memory, which takes a while on a slow disk.
const STOP_WITHIN: Duration = Duration::from_secs(60);
const KILL_WITHIN: Duration = Duration::from_secs(10);
const LOG_CHECK: Duration = Duration::from_secs(30);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A running private PostgreSQL. Dropping it stops the server too, but does not wait for that.
#[derive(Debug)]
pub struct Cluster {
    home: Home,
    plan: Plan,
    pgdata: PathBuf,
    log: PathBuf,
    port: u16,
    url: Url,
    pid: AtomicU32,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    postmaster: Postmaster,
    watchdog: Watchdog,
}

/// Holds a password, so it does not show itself.
struct Url(String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url(…)")
    }
}

impl Cluster {
    /// Starts the cluster of a directory, makes it first where there is none, and returns when it
    /// takes connections.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let ClusterOptions { data_dir, binaries, port: wanted, mut settings, throwaway } = options;
        let expected = home::pgdata_of(&data_dir);
        let made_by = std::fs::read_to_string(expected.join("PG_VERSION")).ok();
        let binaries = Binaries::find(binaries.as_deref(), made_by.and_then(|text| text.trim().parse().ok()))?;
        let account = Account::for_server(Some(&expected))?;
        let home = Home::open(&data_dir, account.as_ref(), throwaway).await?;
        home.check_version(&binaries)?;
        let mut watchdog = Watchdog::spawn(&home)?;
        initdb::ensure(&home, &binaries, account.as_ref(), &mut watchdog).await?;
        let password = home.password()?;
        leftovers::clear(&home.pgdata(), &home.log()).await?;

        // A cloned database goes through the log page by page, and whoever commits meanwhile waits for it to be written.
        let (name, value) = ("wal_compression", "lz4");
        if postmaster::takes(name, value, &binaries, account.as_ref(), &home.pgdata()) {
            // First, so that whoever starts the cluster has the last word.
            settings.insert(0, (name.to_owned(), value.to_owned()));
        }
        let plan = Plan { binaries, account, settings };
        let mut attempts = 0;
        loop {
            let port = port::choose(wanted, &home)?;
            let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=disable");
            match launch(&plan, &home, port, &url, &mut watchdog).await {
                // Another program took the port after it was found free.
                Err(ClusterError::PortInUse { .. }) if wanted.is_none() && attempts < 5 => attempts += 1,
                Err(error) => return Err(error),
                Ok(postmaster) => {
                    home.keep_port(port)?;
                    let (pgdata, log, pid) = (home.pgdata(), home.log(), AtomicU32::new(postmaster.pid()));
                    let running = Mutex::new(Some(Running { postmaster, watchdog }));
                    return Ok(Self { home, plan, pgdata, log, port, url: Url(url), pid, running });
                }
            }
        }
    }

    /// The superuser's URL of the database `postgres`. It does not change while the cluster lives.
    pub fn url(&self) -> &str {
        &self.url.0
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data directory of PostgreSQL itself.
    pub fn pgdata(&self) -> &Path {
        &self.pgdata
    }

    /// The server's log.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The programs it runs with; `pg_dump` and its like are among them.
    pub fn binaries(&self) -> &Binaries {
        &self.plan.binaries
    }

    /// The process id of the server as it was last started.
    pub fn postmaster_pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Stops the server and, if it is a throwaway, deletes its directory. Once is enough; more does
    /// no harm.
    pub async fn stop(&self) -> Result<(), ClusterError> {
        let mut running = self.running.lock().await;
        let Some(Running { postmaster, mut watchdog }) = running.take() else { return Ok(()) };
        // Nobody wants a throwaway's memory written out.
        let stopped = if self.home.disposable().is_empty() {
            self.end(&postmaster).await
        } else {
            self.end_at_once(&postmaster).await
        };
        if stopped.is_ok() {
            watchdog.watch(None);
        }
        watchdog.finish().await;
        self.home.release();
        stopped
    }

    /// Stops the server and starts it again, as an administrator would.
    pub async fn restart(&self) -> Result<(), ClusterError> {
        let mut running = self.running.lock().await;
        let running = running.as_mut().ok_or(ClusterError::Stopped)?;
        self.end(&running.postmaster).await?;
        self.start_again(running).await
    }

    /// Kills the server process as nothing but a fault would, and waits until it is dead. For tests.
    pub async fn kill_postmaster(&self) {
        if let Some(running) = self.running.lock().await.as_ref() {
            running.postmaster.signal(Signal::KILL);
            running.postmaster.ends_within(KILL_WITHIN).await;
        }
    }

    /// Starts the server again if it has died. Says whether it had.
    pub async fn ensure_running(&self) -> Result<bool, ClusterError> {
        let mut running = self.running.lock().await;
        let running = running.as_mut().ok_or(ClusterError::Stopped)?;
        let died = running.postmaster.has_exited();
        if died {
            self.start_again(running).await?;
        }
        Ok(died)
    }

    /// Keeps the server running and its log short until the cluster is stopped.
    pub async fn supervise(&self) {
        loop {
            let Some(exit) = self.running.lock().await.as_ref().map(|running| running.postmaster.exit()) else {
                return;
            };
            if tokio::time::timeout(LOG_CHECK, gone(exit)).await.is_err() {
                log::bound(&self.log);
                continue;
            }
            match self.ensure_running().await {
                Ok(true) => tracing::warn!(pid = self.postmaster_pid(), "PostgreSQL had died and was started again"),
                Ok(false) => {}
                Err(ClusterError::Stopped) => return,
                Err(error) => {
                    tracing::error!(%error, hint = error.hint(), "PostgreSQL has died and does not start again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    async fn start_again(&self, running: &mut Running) -> Result<(), ClusterError> {
        leftovers::clear(&self.pgdata, &self.log).await?;
        if !running.watchdog.watch(None) {
            running.watchdog = Watchdog::spawn(&self.home)?;
        }
        running.postmaster = launch(&self.plan, &self.home, self.port, &self.url.0, &mut running.watchdog).await?;
        self.pid.store(running.postmaster.pid(), Ordering::Relaxed);
        Ok(())
    }

    async fn end(&self, postmaster: &Postmaster) -> Result<(), ClusterError> {
        postmaster.signal(Signal::INT);
        if postmaster.ends_within(STOP_WITHIN).await {
            return Ok(());
        }
        self.end_at_once(postmaster).await
    }

    async fn end_at_once(&self, postmaster: &Postmaster) -> Result<(), ClusterError> {
        for signal in [Signal::QUIT, Signal::KILL] {
            postmaster.signal(signal);
            if postmaster.ends_within(KILL_WITHIN).await {
                return Ok(());
            }
        }
        Err(ClusterError::TimedOut { what: "end", seconds: STOP_WITHIN.as_secs(), log: self.log.clone() })
    }
}

/// Starts the server under the eye of the watchdog and waits until it is ready.
async fn launch(
    plan: &Plan,
    home: &Home,
    port: u16,
    url: &str,
    watchdog: &mut Watchdog,
) -> Result<Postmaster, ClusterError> {
    let postmaster = Postmaster::spawn(plan, home, port)?;
    watchdog.watch(Some(postmaster.pid()));
    postmaster.ready(url, home, port).await?;
    Ok(postmaster)
}
