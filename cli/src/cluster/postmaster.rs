//! The server process.

use std::{
    net::Ipv4Addr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio_postgres::{NoTls, error::SqlState};

use super::{ClusterError, account::Account, binaries::Binaries, home::Home, log};

/// Recovery after a crash may take minutes; a server that ends is noticed at once.
const READY_WITHIN: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(15);

/// What it takes to start the server of a cluster, each time.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) binaries: Binaries,
    pub(super) account: Option<Account>,
    pub(super) settings: Vec<(String, String)>,
}

/// A server process that was started by this one.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: u32,
    exited: watch::Receiver<bool>,
    log_start: u64,
}

impl Postmaster {
    pub(super) fn spawn(plan: &Plan, home: &Home, port: u16) -> Result<Self, ClusterError> {
        let program = plan.binaries.tool("postgres");
        let output = log::open(&home.log())?;
        let log_start = output.metadata().map_or(0, |meta| meta.len());
        let mut command = Command::new(&program);
        command.arg("-D").arg(home.pgdata());
        for (name, value) in fixed_settings(port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        for (name, value) in &plan.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        detach(&mut command, plan.account.as_ref());
        let unusable = |source| ClusterError::ProgramUnusable {
            program: program.clone(),
            user: plan.account.as_ref().map(|account| account.name.clone()),
            source,
        };
        let mut child = command.spawn().map_err(unusable)?;
        let pid = child.id();
        let (exit, exited) = watch::channel(false);
        // A dead postmaster that nobody waits for stays a zombie, and its pid file then stops the
        // next. A thread waits, because the cluster may outlive the runtime that started it.
        thread::spawn(move || {
            let _ = child.wait();
            let _ = exit.send(true);
        });
        Ok(Self { pid, exited, log_start })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn has_exited(&self) -> bool {
        *self.exited.borrow()
    }

    /// Something that can be waited on without holding on to this.
    pub(super) fn exit(&self) -> watch::Receiver<bool> {
        self.exited.clone()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| !self.has_exited()) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether it ends within this time.
    pub(super) async fn ends_within(&self, patience: Duration) -> bool {
        let mut exited = self.exited.clone();
        tokio::time::timeout(patience, exited.wait_for(|exited| *exited)).await.is_ok()
    }

    /// Waits until it takes connections.
    pub(super) async fn ready(&self, url: &str, home: &Home, port: u16) -> Result<(), ClusterError> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let attempt = tokio::time::timeout(Duration::from_secs(5), tokio_postgres::connect(url, NoTls)).await;
            match attempt {
                Ok(Ok(_)) if !self.has_exited() => return Ok(()),
                // Or it is another server that took the port, and ours is about to say so.
                Ok(Err(error))
                    if error.code() == Some(&SqlState::INVALID_PASSWORD)
                        && !self.ends_within(Duration::from_millis(500)).await =>
                {
                    return Err(ClusterError::PasswordLost { path: home.password_file() });
                }
                _ => {}
            }
            if self.ends_within(POLL).await {
                return Err(self.why_it_ended(home, port));
            }
        }
        Err(ClusterError::TimedOut { what: "become ready", seconds: READY_WITHIN.as_secs(), log: home.log() })
    }

    fn why_it_ended(&self, home: &Home, port: u16) -> ClusterError {
        let log = home.log();
        let text = log::since(&log, self.log_start);
        let unknown = || ClusterError::StartFailed { log, tail: last_lines(&text, 5) };
        ClusterError::from_output(&text, &home.pgdata(), port).unwrap_or_else(unknown)
    }
}

/// What is common to the programs of PostgreSQL: they run as their user, in no one's way, and
/// speak English, since what they say is read.
pub(super) fn detach(command: &mut Command, account: Option<&Account>) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    // Ctrl-C goes to every process of the terminal's group; the server must outlive our own way down.
    command.env("LC_ALL", "C").current_dir("/").process_group(0);
    if let Some(account) = account {
        account.apply(command);
    }
}

/// Whether a server of this installation can start with a setting that not every build has.
pub(super) fn takes(name: &str, value: &str, binaries: &Binaries, account: Option<&Account>, pgdata: &Path) -> bool {
    let mut command = Command::new(binaries.tool("postgres"));
    command.args(["-C", name, "-c"]).arg(format!("{name}={value}")).arg("-D").arg(pgdata);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    detach(&mut command, account);
    command.status().is_ok_and(|status| status.success())
}

fn fixed_settings(port: u16) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("port", port.to_string()),
        ("listen_addresses", Ipv4Addr::LOCALHOST.to_string()),
        ("unix_socket_directories", String::new()),
        ("password_encryption", "scram-sha-256".into()),
        ("log_destination", "stderr".into()),
        ("logging_collector", "off".into()),
        ("log_line_prefix", "%m [%p] %q%a ".into()),
        ("lc_messages", "C".into()),
        // A failed statement may hold a password or a customer's data.
        ("log_min_error_statement", "panic".into()),
        // Every commit waits while a new segment of the log is filled with zeros: keep those that were.
        ("min_wal_size", "512MB".into()),
    ];
    if cfg!(target_os = "linux") {
        // Otherwise a crash is followed by opening every file of every tenant before the first answer.
        settings.push(("recovery_init_sync_method", "syncfs".into()));
    }
    settings
}

/// The last lines of a text, as one.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return "it said nothing".into();
    }
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

/// Waits until a server process is known to be gone; also when nobody is left to tell.
pub(super) async fn gone(mut exit: watch::Receiver<bool>) {
    let _ = exit.wait_for(|exited| *exited).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_end_of_a_text_in_one_line() {
        assert_eq!(last_lines("a\n\n b\nc\n", 2), "b | c");
        assert_eq!(last_lines("a", 5), "a");
        assert_eq!(last_lines("\n", 5), "it said nothing");
    }
}
