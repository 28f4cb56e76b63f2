//! Stops the server when this process ends in a way that lets it do nothing any more (`kill -9`).

use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{ClusterError, home::Home};

/// Reads the id of the process to watch from its input, the last line counts, and acts when the
/// input ends: only we hold the other end, so that is when we stop or die. A signal to the
/// terminal must not end it. The name is checked because ids are used again, and the state because
/// in a container a dead process may stay a zombie for long.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
signal=$1; shift
pid=
while read -r line; do pid=$line; done
watched() {
    if [ -e /proc/self/stat ]; then
        { read -r _ name state _ </proc/"$pid"/stat; } || return 1
        case $name$state in '(postgres)Z'|'(initdb)Z') return 1 ;; '(postgres)'*|'(initdb)'*) ;; *) return 1 ;; esac
    fi
    kill -0 "$pid"
}
if [ -n "$pid" ]; then
    n=0
    while watched; do
        case $n in 0) kill -s "$signal" "$pid" ;; 300) kill -s QUIT "$pid" ;; 600) kill -s KILL "$pid" ;; 700) break ;; esac
        n=$((n + 1)); sleep 0.05
    done
fi
for dir; do n=0; until rm -rf -- "$dir" || [ $n -ge 20 ]; do n=$((n + 1)); sleep 0.1; done; done
"#;

/// How long the watchdog may take to delete a throwaway cluster.
const PATIENCE: Duration = Duration::from_secs(30);

/// The watching process. Dropping this makes it act.
#[derive(Debug)]
pub(super) struct Watchdog {
    input: ChildStdin,
    ended: oneshot::Receiver<()>,
}

impl Watchdog {
    pub(super) fn spawn(home: &Home) -> Result<Self, ClusterError> {
        let throwaway = !home.disposable().is_empty();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "tenantry-watchdog", if throwaway { "QUIT" } else { "INT" }])
            .args(home.disposable())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0);
        let failed = |source| ClusterError::io("run", Path::new("/bin/sh"), source);
        let mut child = command.spawn().map_err(failed)?;
        let input = child.stdin.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            let _ = child.wait();
            let _ = end.send(());
        });
        Ok(Self { input, ended })
    }

    /// Watches this process from now on, or none. Says whether the watchdog still lives.
    pub(super) fn watch(&mut self, pid: Option<u32>) -> bool {
        let line = pid.map_or_else(|| "\n".to_owned(), |pid| format!("{pid}\n"));
        // It reads at once and the line is short, so this does not block.
        self.input.write_all(line.as_bytes()).is_ok()
    }

    /// Lets it do what is left to do, and waits for that.
    pub(super) async fn finish(self) {
        let Self { input, ended } = self;
        drop(input);
        let _ = tokio::time::timeout(PATIENCE, ended).await;
    }
}
