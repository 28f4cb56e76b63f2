//! Where a cluster lives: its data, its log, its password and its port.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{ClusterError, account::Account, binaries::Binaries, relocation};

/// How long a process that is just ending may still hold the directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// The directory of one cluster, held by this process alone.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    /// What a throwaway cluster takes with it.
    disposable: Vec<PathBuf>,
    lock: File,
}

impl Home {
    /// Makes the directory where it is missing, and takes it for this process.
    pub(super) async fn open(
        data_dir: &Path,
        account: Option<&Account>,
        throwaway: bool,
    ) -> Result<Self, ClusterError> {
        make_dir(data_dir)?;
        let given = fs::canonicalize(data_dir).map_err(|source| ClusterError::io("open", data_dir, source))?;
        if throwaway && fs::read_dir(&given).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(ClusterError::NotEmpty { path: given });
        }
        let dir = relocation::resolve(&given, account)?;
        let lock = lock(&dir).await?;
        let disposable = match throwaway {
            true if dir != given => vec![dir.clone(), given],
            true => vec![given],
            false => vec![],
        };
        Ok(Self { dir, disposable, lock })
    }

    /// Lets others have the directory.
    pub(super) fn release(&self) {
        let _ = self.lock.unlock();
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn disposable(&self) -> &[PathBuf] {
        &self.disposable
    }

    pub(super) fn pgdata(&self) -> PathBuf {
        self.dir.join("pgdata")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    pub(super) fn password_file(&self) -> PathBuf {
        self.dir.join("superuser.password")
    }

    /// The superuser's password, as it was kept.
    pub(super) fn password(&self) -> Result<String, ClusterError> {
        let path = self.password_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ClusterError::io("read", &path, source)),
        };
        if text.is_empty() { Err(ClusterError::PasswordLost { path }) } else { Ok(text) }
    }

    pub(super) fn keep_password(&self, password: &str) -> Result<(), ClusterError> {
        write_private(&self.password_file(), password)
    }

    /// The port of last time.
    pub(super) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.dir.join("port")).ok()?.trim().parse().ok()
    }

    pub(super) fn keep_port(&self, port: u16) -> Result<(), ClusterError> {
        write_private(&self.dir.join("port"), &port.to_string())
    }

    /// Refuses programs of another version than the one that made the data.
    pub(super) fn check_version(&self, binaries: &Binaries) -> Result<(), ClusterError> {
        let pgdata = self.pgdata();
        match fs::read_to_string(pgdata.join("PG_VERSION")) {
            Ok(found) if found.trim() != binaries.major().to_string() => {
                let found = found.trim().to_owned();
                Err(ClusterError::OtherMajorVersion { pgdata, found, binaries: binaries.major() })
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Home {
    /// Closing the file would not do: a process that another thread is just starting holds a copy of
    /// it for a moment, and the lock with it.
    fn drop(&mut self) {
        self.release();
    }
}

/// The data directory of PostgreSQL that belongs to `data_dir`, whether or not it exists.
pub(super) fn pgdata_of(data_dir: &Path) -> PathBuf {
    relocation::target(data_dir).unwrap_or_else(|| data_dir.to_path_buf()).join("pgdata")
}

/// Makes a folder that others may pass through, and leaves one that exists as it is.
pub(crate) fn make_dir(dir: &Path) -> Result<(), ClusterError> {
    let failed = |source| ClusterError::io("make the folder", dir, source);
    if dir.is_dir() {
        return Ok(());
    }
    // The server's user must get through to its own folder, and needs to list nothing here.
    DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(failed)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o711)).map_err(failed)
}

/// Writes a file that only its owner reads, whole or not at all, and there to stay.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), ClusterError> {
    let failed = |source| ClusterError::io("write", path, source);
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    // Before its folder is on the disk, a crash of the machine may still undo the renaming.
    path.parent().map_or(Ok(()), |folder| File::open(folder).and_then(|folder| folder.sync_all())).map_err(failed)
}

/// Takes a cluster's directory for this process, for as long as the file is kept.
pub(super) async fn lock(dir: &Path) -> Result<File, ClusterError> {
    let path = dir.join("lock");
    let failed = |source| ClusterError::io("lock", &path, source);
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(ClusterError::InUse { path: dir.to_path_buf() });
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
