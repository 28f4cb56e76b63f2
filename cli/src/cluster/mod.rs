//! A private PostgreSQL: made, started, watched and stopped by this process.
//!
//! It listens on 127.0.0.1 alone, runs as an unprivileged user when root starts it, survives
//! crashes of itself and of us, and never outlives us: a small watching process stops it when we
//! are gone. It starts nothing that is not stopped, and touches nothing outside its directory.

mod account;
mod binaries;
mod error;
mod home;
mod initdb;
mod leftovers;
mod log;
mod port;
mod postmaster;
mod relocation;
mod running;
mod watchdog;

use std::path::{Path, PathBuf};

pub use binaries::{Binaries, OLDEST_MAJOR};
pub use error::ClusterError;
pub(crate) use home::{make_dir, write_private};
pub use relocation::erase;
pub use running::Cluster;

/// How a private cluster is to be.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// The cluster's own directory: data, log, password, port. Made when it does not exist.
    pub data_dir: PathBuf,
    /// The folder of the PostgreSQL programs, where it is not to be searched for.
    pub binaries: Option<PathBuf>,
    /// The port, where it must be this one. Otherwise it is the one of last time, or any free one.
    pub port: Option<u16>,
    /// Settings of PostgreSQL, above those that this module makes.
    pub settings: Vec<(String, String)>,
    /// Whether the whole directory is deleted at the end. It must be empty at the start.
    pub throwaway: bool,
}

impl ClusterOptions {
    /// A lasting cluster in this directory.
    pub fn lasting(data_dir: impl AsRef<Path>) -> Self {
        Self { data_dir: data_dir.as_ref().to_path_buf(), ..Self::default() }
    }

    /// A cluster for a test: deleted at the end, and fast rather than safe.
    pub fn throwaway(data_dir: impl AsRef<Path>) -> Self {
        let unsafe_but_fast = ["fsync", "synchronous_commit", "full_page_writes"];
        let settings = unsafe_but_fast.map(|name| (name.to_owned(), "off".to_owned())).to_vec();
        Self { settings, throwaway: true, ..Self::lasting(data_dir) }
    }
}
