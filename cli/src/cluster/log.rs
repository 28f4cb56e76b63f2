//! The server's log file, kept from filling the disk.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::ClusterError;

/// The log is set aside at this size, and one such is kept.
const LIMIT: u64 = 16 * 1024 * 1024;

/// How much of its end is enough to tell what went wrong.
const TAIL: u64 = 16 * 1024;

/// Opens the log for the server to write to.
pub(super) fn open(path: &Path) -> Result<File, ClusterError> {
    bound(path);
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.map_err(|source| ClusterError::io("write", path, source))
}

/// Sets a log aside that has grown too long. The server goes on writing to the same file, which
/// is why it is copied and cut, and not renamed.
pub(super) fn bound(path: &Path) {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LIMIT) {
        if let Err(error) = fs::copy(path, aside(path)) {
            tracing::warn!(%error, log = %path.display(), "the old log of PostgreSQL could not be kept");
            let _ = fs::remove_file(aside(path));
        }
        if let Err(error) = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(0)) {
            tracing::warn!(%error, log = %path.display(), "the log of PostgreSQL could not be shortened");
        }
    }
}

/// What was written to the log after its first `from` bytes, at most the end of it.
pub(super) fn since(path: &Path, from: u64) -> String {
    read_since(path, from).unwrap_or_default()
}

fn read_since(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL)).min(length)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}
