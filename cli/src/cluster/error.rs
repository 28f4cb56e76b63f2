//! What can go wrong with the private cluster, said so that a person can act on it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::binaries::{OLDEST_MAJOR, listed};

/// Why the private PostgreSQL could not be started, kept or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No usable PostgreSQL server programs on this machine.
    #[error("PostgreSQL {OLDEST_MAJOR} or newer was not found (looked in {})", listed(.looked_in))]
    BinariesNotFound {
        /// The folders that were tried.
        looked_in: Vec<PathBuf>,
    },
    /// The folder that was given lacks programs that are needed.
    #[error("{} lacks the PostgreSQL programs {}", .dir.display(), .missing.join(", "))]
    BinariesIncomplete {
        /// The folder.
        dir: PathBuf,
        /// The names of the missing programs.
        missing: Vec<&'static str>,
    },
    /// PostgreSQL is there, but too old.
    #[error("the PostgreSQL in {} is version {version}, and {OLDEST_MAJOR} or newer is needed", .dir.display())]
    BinariesTooOld {
        /// Where it is.
        dir: PathBuf,
        /// Its version, as it says itself.
        version: String,
    },
    /// A PostgreSQL program does not run.
    #[error("{} cannot be run{}: {source}", .program.display(), as_user(.user))]
    ProgramUnusable {
        /// The program.
        program: PathBuf,
        /// The user that it was to run as, where that is not the present one.
        user: Option<String>,
        /// What the operating system said.
        source: io::Error,
    },
    /// The data was made by another major version of PostgreSQL.
    #[error("the data in {} belongs to PostgreSQL {found}, but the programs found are version {binaries}", .pgdata.display())]
    OtherMajorVersion {
        /// The data directory of PostgreSQL.
        pgdata: PathBuf,
        /// The version that made the data.
        found: String,
        /// The major version of the programs.
        binaries: u32,
    },
    /// Another program listens on the wanted port.
    #[error("port {port} on 127.0.0.1 is already in use")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// No port could be found to listen on.
    #[error("no free port was found on 127.0.0.1")]
    NoFreePort,
    /// The disk is full.
    #[error("the disk that holds {} is full", .path.display())]
    DiskFull {
        /// A place on that disk.
        path: PathBuf,
    },
    /// The disk can't be written to.
    #[error("{} is on a read-only disk", .path.display())]
    ReadOnly {
        /// A place on that disk.
        path: PathBuf,
    },
    /// Permissions forbid writing there.
    #[error("{} cannot be written to (permission denied)", .path.display())]
    NotWritable {
        /// The place.
        path: PathBuf,
    },
    /// The unprivileged user of the server can't get to its data any more.
    #[error("the user {user}, whom PostgreSQL runs as, cannot reach {}", .path.display())]
    Unreachable {
        /// The data directory.
        path: PathBuf,
        /// The user.
        user: String,
    },
    /// Another process runs the cluster of this directory.
    #[error("another Tenantry process is using {}", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A throwaway cluster would delete what is already there.
    #[error("{} is not empty, so a throwaway cluster will not use it", .path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// Started by root, and there is nobody else to run the server.
    #[error("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as")]
    NoUnprivilegedUser,
    /// The superuser's password file is gone or does not match the data.
    #[error("the superuser's password in {} is missing or wrong", .path.display())]
    PasswordLost {
        /// The password file.
        path: PathBuf,
    },
    /// `initdb` failed.
    #[error("a new PostgreSQL data directory could not be made: {output}")]
    InitFailed {
        /// What it wrote last.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL did not start: {tail}")]
    StartFailed {
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The server runs, but does not become ready or does not end.
    #[error("PostgreSQL did not {what} within {seconds} s")]
    TimedOut {
        /// What it should have done.
        what: &'static str,
        /// How long it had.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// The cluster was asked to do something after it was stopped.
    #[error("the private PostgreSQL has been stopped")]
    Stopped,
    /// Anything else the operating system refused.
    #[error("could not {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl ClusterError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        let dir = |path: &Path| path.display().to_string();
        Some(match self {
            Self::BinariesNotFound { .. } | Self::BinariesTooOld { .. } => {
                "on Debian or Ubuntu: apt-get install postgresql; or give the folder that holds initdb and postgres with --postgres-bin; or set TENANTRY__DATABASE__URL to use a server of your own".into()
            }
            Self::BinariesIncomplete { .. } => {
                "give the folder that holds initdb and postgres (on Debian: /usr/lib/postgresql/<version>/bin, from the package postgresql)".into()
            }
            Self::ProgramUnusable { program, .. } => {
                format!("check that {} exists and that every user may execute it", dir(program))
            }
            Self::OtherMajorVersion { found, pgdata, .. } => format!(
                "install PostgreSQL {found} beside the other, or give its folder with --postgres-bin; or, to start with empty data, delete {}",
                dir(pgdata)
            ),
            Self::PortInUse { .. } => "stop the program that uses it, or choose another port".into(),
            Self::NoFreePort => "close programs that listen on many ports, or choose a port".into(),
            Self::DiskFull { path } => {
                format!("free some space (a new cluster needs about 60 MB) on the disk of {}, or choose another folder with --data-dir", dir(path))
            }
            Self::ReadOnly { .. } => "choose a folder on a writable disk with --data-dir".into(),
            Self::NotWritable { .. } => {
                "run as the user who owns it, or choose another folder with --data-dir".into()
            }
            Self::Unreachable { path, .. } => format!(
                "let every user pass through the folders above it (chmod o+x), or move {} elsewhere and use --data-dir",
                dir(path)
            ),
            Self::InUse { .. } => "stop it first, or choose another folder with --data-dir".into(),
            Self::NotEmpty { .. } => "give a folder that is empty or does not exist".into(),
            Self::NoUnprivilegedUser => {
                "make a user: useradd --system postgres; or run as a user other than root".into()
            }
            Self::PasswordLost { path } => format!(
                "put the right password back into {}, or delete its folder to start with empty data",
                dir(path)
            ),
            Self::StartFailed { log, .. } | Self::TimedOut { log, .. } => {
                format!("the whole log is in {}", dir(log))
            }
            Self::InitFailed { .. } | Self::Stopped | Self::Io { .. } => return None,
        })
    }

    /// The error for a failed file operation, named by its cause where that is one a person knows.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::PermissionDenied => Self::NotWritable { path },
            _ => Self::Io { doing, path, source },
        }
    }

    /// The known cause in what a PostgreSQL program wrote, if there is one.
    pub(super) fn from_output(text: &str, pgdata: &Path, port: u16) -> Option<Self> {
        let path = pgdata.to_path_buf();
        if text.contains("No space left on device") || text.contains("Disk quota exceeded") {
            Some(Self::DiskFull { path })
        } else if text.contains("Read-only file system") {
            Some(Self::ReadOnly { path })
        } else if text.contains("Address already in use") {
            Some(Self::PortInUse { port })
        } else if text.contains("Permission denied") && !text.contains("could not bind") {
            Some(Self::NotWritable { path })
        } else {
            None
        }
    }
}

fn as_user(user: &Option<String>) -> String {
    user.as_ref().map_or_else(String::new, |user| format!(" by the user {user}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Option<ClusterError> {
        ClusterError::from_output(text, Path::new("/data/pgdata"), 5432)
    }

    #[test]
    fn names_the_cause_in_what_postgresql_wrote() {
        let full = "PANIC:  could not write to file \"pg_wal/xlogtemp.7\": No space left on device";
        assert!(matches!(known(full), Some(ClusterError::DiskFull { .. })));
        let taken = "LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use";
        assert!(matches!(known(taken), Some(ClusterError::PortInUse { port: 5432 })));
        let fixed = "FATAL:  could not open file: Read-only file system";
        assert!(matches!(known(fixed), Some(ClusterError::ReadOnly { .. })));
        let low = "LOG:  could not bind IPv4 address \"127.0.0.1\": Permission denied";
        assert!(known(low).is_none());
        assert!(known("FATAL:  something else").is_none());
    }

    #[test]
    fn names_the_cause_of_a_failed_file_operation() {
        let io = |kind| ClusterError::io("write", Path::new("/x"), io::Error::from(kind));
        assert!(matches!(io(io::ErrorKind::StorageFull), ClusterError::DiskFull { .. }));
        assert!(matches!(io(io::ErrorKind::ReadOnlyFilesystem), ClusterError::ReadOnly { .. }));
        assert!(matches!(io(io::ErrorKind::PermissionDenied), ClusterError::NotWritable { .. }));
        assert!(matches!(io(io::ErrorKind::NotADirectory), ClusterError::Io { .. }));
    }

    #[test]
    fn says_where_it_looked_and_what_to_do() {
        let error = ClusterError::BinariesNotFound { looked_in: vec!["/a/bin".into(), "/b/bin".into()] };
        assert_eq!(error.to_string(), "PostgreSQL 15 or newer was not found (looked in /a/bin, /b/bin)");
        assert!(error.hint().is_some_and(|hint| hint.contains("apt-get install postgresql")));
    }
}
