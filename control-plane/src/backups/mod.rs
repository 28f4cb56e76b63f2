//! Backups: a tenant's database as a file that `pg_restore` reads.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tenancy::{DatabaseName, TenantId};
use tokio::process::Command;
use tokio_postgres::{Config, config::Host};
use uuid::Uuid;

/// Where backups are kept, and the program that makes them.
#[derive(Debug, Clone)]
pub struct Backups {
    folder: PathBuf,
    pg_dump: PathBuf,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder or a file in it can't be written.
    #[error("the backup can't be written to {path}: {source}")]
    File {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// pg_dump is not on this machine.
    #[error("{0} can't be started; install PostgreSQL's client programs, or go without a backup with --no-backup")]
    Missing(PathBuf),
    /// pg_dump ran and failed.
    #[error("pg_dump failed: {0}")]
    Failed(String),
    /// It took too long.
    #[error("pg_dump did not end within {} minutes", LONGEST.as_secs() / 60)]
    TimedOut,
}

/// A dump that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(3600);

impl Backups {
    /// Backups in a folder, made by this `pg_dump`.
    #[must_use]
    pub fn new(folder: PathBuf, pg_dump: PathBuf) -> Self {
        Self { folder, pg_dump }
    }

    /// Where a tenant's final backup is, or will be.
    #[must_use]
    pub fn final_backup(&self, database: &DatabaseName, tenant: TenantId) -> PathBuf {
        self.folder.join(format!("{database}-{tenant}-final.dump"))
    }

    /// Where a backup of a tenant at this schema version will be, from before a migration: never where another is.
    #[must_use]
    pub fn before_migration(&self, database: &DatabaseName, tenant: TenantId, version: i32) -> PathBuf {
        let unique = Uuid::now_v7().simple();
        self.folder.join(format!("{database}-{tenant}-at-version-{version}-{unique}.dump"))
    }

    /// Dumps a database in PostgreSQL's custom format. The file appears under its name only when it is whole, so this
    /// can be repeated after any interruption.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn dump(&self, admin: &Config, database: &DatabaseName, file: &Path) -> Result<(), BackupError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| BackupError::File { path, source }
        };
        // Backups hold everything that a tenant has: readable to nobody else.
        let mut folder = tokio::fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder).await.map_err(at(&self.folder))?;
        // A name of its own: a pg_dump whose parent was killed may still be writing to an earlier one.
        let unfinished = file.with_extension(format!("{}.unfinished", Uuid::now_v7().simple()));
        let mut command = self.command(admin, database);
        let child = command.arg("--file").arg(&unfinished).spawn();
        let child = child.map_err(|_| BackupError::Missing(self.pg_dump.clone()))?;
        let output =
            tokio::time::timeout(LONGEST, child.wait_with_output()).await.map_err(|_| BackupError::TimedOut)?;
        let output = output.map_err(at(&unfinished))?;
        if !output.status.success() {
            let _ = tokio::fs::remove_file(&unfinished).await;
            return Err(BackupError::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let whole = tokio::fs::File::open(&unfinished).await.map_err(at(&unfinished))?;
        whole.sync_all().await.map_err(at(&unfinished))?;
        tokio::fs::rename(&unfinished, file).await.map_err(at(file))?;
        // The database goes for good after this: the file's name must be on the disk before that.
        let folder = tokio::fs::File::open(&self.folder).await.map_err(at(&self.folder))?;
        folder.sync_all().await.map_err(at(&self.folder))?;
        forget_unfinished(&self.folder, file).await;
        Ok(())
    }

    fn command(&self, admin: &Config, database: &DatabaseName) -> Command {
        let mut command = Command::new(&self.pg_dump);
        command.args(["--format=custom", "--no-password", "--dbname", database.as_str()]);
        match admin.get_hosts().first() {
            Some(Host::Tcp(host)) => command.args(["--host", host]),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => command.arg("--host").arg(folder),
            None => &mut command,
        };
        if let Some(port) = admin.get_ports().first() {
            command.args(["--port", &port.to_string()]);
        }
        if let Some(user) = admin.get_user() {
            command.args(["--username", user]);
        }
        if let Some(password) = admin.get_password() {
            // In the environment, which other users can't read, and not among the arguments, which they can.
            command.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Removes what interrupted attempts at a backup left. What can't be removed only takes room.
async fn forget_unfinished(folder: &Path, file: &Path) {
    let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { return };
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".unfinished") && name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.')) {
            let _ = tokio::fs::remove_file(entry.path()).await;
        }
    }
}
