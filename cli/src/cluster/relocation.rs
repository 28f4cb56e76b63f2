//! Clusters that can't live in the folder they were given.
//!
//! Root's own folders are closed to everyone else (`/root` has mode 0700), and PostgreSQL does not
//! run as root: its user could not even reach the data there. Opening root's folder to all would be
//! worse than keeping the cluster elsewhere, so it goes to `/var/lib/tenantry`, and the given
//! folder holds a pointer to it.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{ClusterError, account::Account, home, leftovers};

const ELSEWHERE: &str = "/var/lib/tenantry";
const POINTER: &str = "cluster-location";

/// The folder that `given` points to, if it points anywhere.
pub(super) fn target(given: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(given.join(POINTER)).ok()?;
    Some(PathBuf::from(text.trim_end_matches('\n')))
}

/// The folder where the cluster of `given` lives, which is `given` itself unless the server's user
/// can't get there.
pub(super) fn resolve(given: &Path, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
    if let Some(dir) = target(given) {
        home::make_dir(&dir)?;
        return Ok(dir);
    }
    let Some(account) = account.filter(|account| !account.can_reach(given)) else {
        return Ok(given.to_path_buf());
    };
    if given.join("pgdata").exists() {
        return Err(ClusterError::Unreachable { path: given.to_path_buf(), user: account.name.clone() });
    }
    let dir = Path::new(ELSEWHERE).join(format!("{:016x}", fnv1a(given.as_os_str().as_bytes())));
    if dir.exists() {
        set_aside(&dir)?;
    }
    home::make_dir(Path::new(ELSEWHERE))?;
    home::make_dir(&dir)?;
    home::write_private(&given.join(POINTER), &dir.display().to_string())?;
    Ok(dir)
}

/// Deletes the cluster of a data directory, wherever it lives, with everything else in there.
/// One that a process is using is refused, and stays as it is; a server without one is ended first.
pub async fn erase(data_dir: &Path) -> Result<(), ClusterError> {
    for dir in target(data_dir).into_iter().chain([data_dir.to_path_buf()]) {
        if !dir.exists() {
            continue;
        }
        let _held = home::lock(&dir).await?;
        leftovers::clear(&dir.join("pgdata"), &dir.join("postgres.log")).await?;
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ClusterError::io("delete", &dir, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A cluster whose pointer was deleted by hand belongs to a folder that was started afresh. One
/// is kept, in case that was a mistake.
fn set_aside(dir: &Path) -> Result<(), ClusterError> {
    let aside = dir.with_extension("old");
    let _ = fs::remove_dir_all(&aside);
    fs::rename(dir, &aside).map_err(|source| ClusterError::io("move", dir, source))
}

/// The hash must be the same in every build for ever, which the standard library does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_published() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
