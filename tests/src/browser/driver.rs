//! The one chromedriver of a test program, and what sees to it that nothing of it is left.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use tempfile::TempDir;

use crate::ground::ground;

/// Reads the id of a process group from its input, and ends the group when the input does: only this program holds the
/// other end, so that is when it ends, whatever ends it. The browsers are in that group; what reports their crashes is
/// not, and goes when they go. They still write while they die, hence more than one try to delete.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
group=
while read -r line; do group=$line; done
[ -z "$group" ] || kill -s KILL -- "-$group"
n=0; until rm -rf -- "$1" || [ $n -ge 50 ]; do n=$((n + 1)); sleep 0.1; done
"#;

/// How long it may take to end a browser.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Driver {
    port: u16,
    folder: PathBuf,
    /// Held until this program ends.
    _watcher: ChildStdin,
}

impl Driver {
    /// The one of this program; the first who asks starts it.
    pub(super) fn shared() -> &'static Self {
        static DRIVER: LazyLock<Driver> = LazyLock::new(Driver::start);
        &DRIVER
    }

    fn start() -> Self {
        let folder = ground().join(format!("browsers-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut watcher = watcher(&folder);
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            // What browsers put beside their profile goes with it.
            .env("HOME", &folder)
            .env("TMPDIR", &folder)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver (scripts/test installs it)");
        watcher.write_all(format!("{}\n", driver.id()).as_bytes()).unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let port = port_in(&mut said);
        std::thread::spawn(move || {
            // It must be able to go on writing; and somebody has to wait for it.
            let _ = std::io::copy(&mut said, &mut std::io::sink());
            let _ = driver.wait();
        });
        Self { port, folder, _watcher: watcher }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A folder for one browser.
    pub(super) fn profile(&self) -> TempDir {
        tempfile::tempdir_in(&self.folder).unwrap()
    }

    /// Ends a browser, from wherever one is dropped: without a runtime, and also while a test fails.
    pub(super) fn end(&self, session: &str) {
        let ended = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            stream.read(&mut [0; 256])
        });
        // What can't be ended now is ended with the program.
        drop(ended);
    }
}

#[expect(clippy::zombie_processes, reason = "it outlives this program: its end is what it waits for")]
fn watcher(folder: &Path) -> ChildStdin {
    let mut watcher = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "tenantry-browsers"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn()
        .unwrap();
    watcher.stdin.take().unwrap()
}

/// The port that it says it has chosen.
fn port_in(said: &mut impl BufRead) -> u16 {
    let mut lines = said.lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("started successfully")).expect("chromedriver starts");
    line.trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap()
}
