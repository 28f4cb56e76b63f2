//! Finding the platform that a command is for: the configured one, or a running `tenantry dev`.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    Failed,
    config::{Backups, ConfigError, Settings, load},
    serving::Platform,
};

/// What a running `tenantry dev` leaves in its data directory for other commands. It holds a password: mode 0600.
#[derive(Serialize, Deserialize)]
pub(crate) struct Running {
    /// The process.
    pub pid: u32,
    /// Where it serves.
    pub http: String,
    /// An administrator's URL of its PostgreSQL.
    pub database_url: String,
    /// The `pg_dump` that fits it.
    pub pg_dump: PathBuf,
}

/// Where `tenantry dev` keeps everything when nothing else is said.
pub(crate) const DEFAULT_DATA_DIR: &str = ".tenantry";

/// The files in a data directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// The files in this directory.
    #[must_use]
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_path_buf())
    }

    /// The directory itself.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The private PostgreSQL's own directory.
    #[must_use]
    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// Mails that were not sent but kept.
    #[must_use]
    pub(crate) fn mail(&self) -> PathBuf {
        self.0.join("mail")
    }

    /// Files of tenants' documents.
    #[must_use]
    pub(crate) fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// Backups.
    #[must_use]
    pub(crate) fn backups(&self) -> PathBuf {
        self.0.join("backups")
    }

    /// The master key, made at the first start.
    #[must_use]
    pub(crate) fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The super-admin's first password, made at the first start.
    #[must_use]
    pub(crate) fn first_password(&self) -> PathBuf {
        self.0.join("super-admin.password")
    }

    /// What a running `tenantry dev` says of itself.
    #[must_use]
    pub(crate) fn running(&self) -> PathBuf {
        self.0.join("dev.json")
    }
}

/// The platform of a command: what is configured; where no database is, the `tenantry dev` that runs in `data_dir`.
///
/// # Errors
/// When neither is there.
pub(crate) fn platform(config: Option<&Path>, data_dir: &Path) -> Failed<Platform> {
    let mut settings = load(config)?;
    if settings.database.url.is_some() {
        return Ok(Platform::new(settings)?);
    }
    let data_dir = DataDir::new(data_dir);
    let Ok(text) = std::fs::read_to_string(data_dir.running()) else {
        return Err(ConfigError::Needed { what: "the database", variable: "TENANTRY__DATABASE__URL" }.into());
    };
    let running: Running = serde_json::from_str(&text).map_err(|error| {
        crate::CliError::new(format!("{} can't be read: {error}", data_dir.running().display()))
            .hint("start tenantry dev again")
    })?;
    settings.database.url = Some(SecretString::from(running.database_url));
    settings.http.bind = running.http;
    if settings.backups.pg_dump == Backups::default().pg_dump {
        settings.backups.pg_dump = running.pg_dump;
    }
    in_data_dir(settings, &data_dir)
}

/// The platform with what `tenantry dev` keeps in its data directory.
///
/// # Errors
/// When the master key can't be read.
pub(crate) fn in_data_dir(mut settings: Settings, data_dir: &DataDir) -> Failed<Platform> {
    if settings.security.master_key.is_none() {
        settings.security.master_key = Some(SecretString::from(std::fs::read_to_string(data_dir.master_key())?));
    }
    if settings.runtime.files == tenant_runtime::FILES {
        settings.runtime.files = data_dir.files().display().to_string();
    }
    if settings.backups.folder == Backups::default().folder {
        settings.backups.folder = data_dir.backups();
    }
    let mut platform = Platform::new(settings)?;
    platform.mail_folder = Some(data_dir.mail());
    Ok(platform)
}
