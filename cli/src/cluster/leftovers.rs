//! Servers that an earlier process left behind on the same data.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::ClusterError;

/// A server that is asked to stop has this long before it is told, and again before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// Ends whatever still runs on this data, so that a new server can start. The caller holds the
/// lock of the directory, so nothing that runs here has an owner any more.
pub(super) async fn clear(pgdata: &Path, log: &Path) -> Result<(), ClusterError> {
    let pid_file = pgdata.join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&pid_file) else { return Ok(()) };
    let postmaster = first_line_pid(&text);
    let begun = Instant::now();
    let mut last = None;
    loop {
        let left = servers_of(pgdata);
        if left.is_empty() {
            break;
        }
        let signal = match begun.elapsed() {
            passed if passed < GRACE => Signal::INT,
            passed if passed < 2 * GRACE => Signal::QUIT,
            passed if passed < 3 * GRACE => Signal::KILL,
            _ => {
                let seconds = 3 * GRACE.as_secs();
                return Err(ClusterError::TimedOut { what: "end", seconds, log: log.to_path_buf() });
            }
        };
        // Without a postmaster the others only have to notice that; an interrupt would merely
        // cancel what they do.
        let led = postmaster.filter(|pid| left.contains(pid));
        let step = (signal, led.is_some());
        if last.replace(step) != Some(step) {
            let orphans = if signal == Signal::INT { Signal::QUIT } else { signal };
            let targets = led.map_or(left, |pid| vec![pid]);
            for pid in targets {
                let _ = kill_process(pid, if led.is_some() { signal } else { orphans });
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The id in the file may by now be another program's, or a zombie's: PostgreSQL would then
    // refuse to start. Nothing runs on this data, so the file says nothing any more.
    if cfg!(target_os = "linux") {
        let _ = fs::remove_file(&pid_file);
    }
    Ok(())
}

fn first_line_pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

/// The processes of PostgreSQL that work in this directory, which is where all of them do.
fn servers_of(pgdata: &Path) -> Vec<Pid> {
    let Ok(real) = fs::canonicalize(pgdata) else { return vec![] };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let name = fs::read_to_string(entry.path().join("comm")).ok()?;
            let works_in = fs::read_link(entry.path().join("cwd")).ok()?;
            (name.trim() == "postgres" && works_in == real).then_some(pid)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_process_id_of_a_pid_file() {
        assert_eq!(first_line_pid("412\n/data\n17\n"), Pid::from_raw(412));
        assert_eq!(first_line_pid(""), None);
        assert_eq!(first_line_pid("x\n"), None);
    }
}
