//! The real program, `tenantry`, driven as a person or a script drives it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use secrecy::ExposeSecret;
use serde_json::Value;
use tenantry::serving::Platform;
use tokio::process::{Child, Command};

use crate::{Client, within};

/// How long the program may take to be ready, to end, or to answer a command.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the program is; it is built first, so that no test runs yesterday's.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = std::process::Command::new(cargo)
            // Together with the tests: what they share is built once.
            .args(["build", "--package", "tenantry", "--package", "tests"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // target/debug/deps/e2e-… is this program.
        let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
        let built = folder.with_file_name("debug").join("tenantry");
        assert!(built.is_file(), "{}", built.display());
        built
    })
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program with these arguments, in this folder, without what this process has in its environment.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    command_of(program(), folder, arguments)
}

fn command_of(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY") || name == "RUST_LOG") {
        command.env_remove(name);
    }
    command
}

/// The configuration of this platform, for the program.
pub fn variables(platform: &Platform, port: u16) -> Vec<(&'static str, String)> {
    let database = &platform.settings.database;
    let secret = |secret: &Option<secrecy::SecretString>| secret.as_ref().unwrap().expose_secret().to_owned();
    vec![
        ("TENANTRY__DATABASE__URL", secret(&database.url)),
        ("TENANTRY__DATABASE__NAME", database.name.to_string()),
        ("TENANTRY__DATABASE__PREFIX", database.prefix.to_string()),
        ("TENANTRY__SECURITY__MASTER_KEY", secret(&platform.settings.security.master_key)),
        ("TENANTRY__HTTP__BIND", format!("127.0.0.1:{port}")),
        ("TENANTRY__RUNTIME__FILES", platform.settings.runtime.files.clone()),
    ]
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Standard output, which is exactly one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// Runs a command to its end.
pub async fn finish(command: &mut Command) -> Said {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the command ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs the program with these arguments to its end.
pub async fn run(folder: &Path, arguments: &[&str]) -> Said {
    finish(&mut command(folder, arguments)).await
}

/// A running `tenantry dev`. Dropped, it is killed, and its PostgreSQL ends by itself.
pub struct Dev {
    child: Child,
    pub data_dir: PathBuf,
    pub client: Client,
    log: PathBuf,
}

impl Dev {
    /// Starts one in a folder, with its data in `data` there, and waits until it is ready.
    pub async fn start(folder: &Path, more: &[&str]) -> Self {
        Self::of(program(), folder, more).await
    }

    /// [`Dev::start`] with another build of the program.
    pub async fn of(program: &Path, folder: &Path, more: &[&str]) -> Self {
        Self::with(program, folder, more, &[]).await
    }

    /// [`Dev::of`] with variables.
    pub async fn with(program: &Path, folder: &Path, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let (data_dir, port) = (folder.join("data"), free_port());
        let (data, number) = (data_dir.display().to_string(), port.to_string());
        let arguments = [&["dev", "--port", &number, "--data-dir", &data], more].concat();
        let log = folder.join("dev.log");
        let file = File::create(&log).unwrap();
        let mut command = command_of(program, folder, &arguments);
        command.envs(variables.iter().copied());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let client = Client::new(format!("http://127.0.0.1:{port}"));
        let mut dev = Self { child, data_dir, client, log };
        within(PATIENCE, "tenantry dev is ready", async || {
            if let Some(ended) = dev.child.try_wait().unwrap() {
                panic!("it ended with {ended}: {}", dev.said());
            }
            let ready = dev.client.request(reqwest::Method::GET, "/health/ready").send().await;
            ready.is_ok_and(|reply| reply.status() == 200).then_some(())
        })
        .await;
        dev
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The process id of its PostgreSQL.
    pub fn postmaster(&self) -> u32 {
        let file = self.data_dir.join("postgres/pgdata/postmaster.pid");
        fs::read_to_string(file).unwrap().lines().next().unwrap().trim().parse().unwrap()
    }

    /// The URL under which its PostgreSQL lets an administrator in.
    pub fn database_url(&self) -> String {
        let running: Value = serde_json::from_slice(&fs::read(self.data_dir.join("dev.json")).unwrap()).unwrap();
        running["database_url"].as_str().unwrap().to_owned()
    }

    /// Sends it a signal and waits until it has ended.
    pub async fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(as_pid(self.pid()), signal).unwrap();
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap()
    }
}

/// Whether a process lives; a zombie only waits for whoever adopted it to notice.
pub fn is_alive(pid: u32) -> bool {
    let zombie = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    !zombie && test_kill_process(as_pid(pid)).is_ok()
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}
