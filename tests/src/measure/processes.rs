//! The servers that are measured, each in a process of its own, and what the system says of them.

use std::{
    collections::HashMap,
    fs,
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Says what a process of this program is.
const ROLE: &str = "TENANTRY_BENCH_ROLE";
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process of this program is, where it is not the benchmark itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `tenantry`, with the arguments of the process.
    Tenantry,
    /// The bare server.
    Floor,
}

impl Role {
    pub fn of_this_process() -> Option<Self> {
        match std::env::var(ROLE).ok()?.as_str() {
            "tenantry" => Some(Self::Tenantry),
            "floor" => Some(Self::Floor),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Tenantry => "tenantry",
            Self::Floor => "floor",
        }
    }
}

/// A process that is being measured; it ends with this.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts this program in another role, with nothing of the caller's own configuration.
    pub fn start(role: Role, arguments: &[&str], variables: &[(&str, String)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TENANTRY") {
                command.env_remove(name);
            }
        }
        command.env(ROLE, role.word()).envs(variables.iter().cloned()).args(arguments);
        command.current_dir(std::env::temp_dir());
        // The platform writes a log as in production, to nowhere; the floor only says why it failed.
        let errors = if role == Role::Floor { Stdio::inherit() } else { Stdio::null() };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        Self { child: command.spawn().unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Waits for a line that begins like this.
    pub async fn says(&mut self, beginning: &str) {
        let mut lines = BufReader::new(self.child.stdout.take().expect("asked for once")).lines();
        let said = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.starts_with(beginning) {
                    return;
                }
            }
            panic!("the process ended before it said: {beginning}");
        };
        tokio::time::timeout(PATIENCE, said).await.expect("ready in time");
        // What else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    }

    /// Waits until this address is answered with success.
    pub async fn answers(&self, url: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if reqwest::get(url).await.is_ok_and(|response| response.status().is_success()) {
                return;
            }
            assert!(Instant::now() < deadline, "{url} gives no answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Processor time that it has used so far.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields = stat.rsplit_once(')').map(|(_, tail)| tail.split_whitespace()).unwrap();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        // Linux counts in hundredths of a second for programs, whatever its own clock.
        Duration::from_millis(ticks * 10)
    }

    /// Asks it to end, and waits.
    pub async fn stop(mut self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().await.unwrap();
    }
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Memory that a process has in use, in MB.
pub fn resident(pid: u32) -> f64 {
    kilobytes(Path::new(&format!("/proc/{pid}/status")), "VmRSS:") / 1024.0
}

/// Memory of every PostgreSQL process below this one, shared memory counted once, in MB; and how many they are.
pub fn postgres_below(ancestor: u32) -> (f64, usize) {
    let parents: HashMap<u32, (u32, String)> = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent_and_name(pid)?)))
        .collect();
    let is_below = |mut pid: u32| {
        while let Some((parent, _)) = parents.get(&pid) {
            if *parent == ancestor {
                return true;
            }
            pid = *parent;
        }
        false
    };
    let servers: Vec<u32> =
        parents.iter().filter(|(pid, (_, name))| name == "postgres" && is_below(**pid)).map(|(pid, _)| *pid).collect();
    let share = |pid: &u32| kilobytes(Path::new(&format!("/proc/{pid}/smaps_rollup")), "Pss:") / 1024.0;
    (servers.iter().map(share).sum(), servers.len())
}

fn parent_and_name(pid: u32) -> Option<(u32, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    Some((tail.split_whitespace().nth(1)?.parse().ok()?, name.to_owned()))
}

fn kilobytes(path: &Path, field: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
