//! How a run goes about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenancy::{TenantSlug, text_enum};

text_enum! {
    /// In which order tenants are brought up, after the canaries and those that are asked for.
    pub enum Order {
        /// The oldest first.
        Created = "created",
        /// The smallest first.
        Size = "size",
        /// By label; those without one last.
        Label = "label",
    }
}

/// How a run goes about it. What an older program did not record is as usual.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Databases at a time, on each server.
    pub concurrency: usize,
    /// How many are brought up first and on their own; tenants labelled `canary` before others.
    pub canaries: usize,
    /// Whether the run goes on where a canary failed.
    pub despite_canaries: bool,
    /// How many are in each later wave; 0 is all of them.
    pub wave: usize,
    /// Between waves, in seconds.
    pub pause_seconds: u32,
    /// After so many failures it stops; `None` is never.
    pub max_failures: Option<usize>,
    /// In which order.
    pub order: Order,
    /// Only these; none is everybody.
    pub only: Vec<TenantSlug>,
    /// Not these.
    pub exclude: Vec<TenantSlug>,
    /// Whether tenants are backed up before a migration that can lose data.
    pub backups: bool,
    /// Holds back while the server feels busy.
    pub polite: bool,
    /// How long a statement may wait for a lock, in milliseconds. Whoever comes after it waits behind it.
    pub lock_timeout_ms: u32,
    /// How long a statement may take, in seconds.
    pub statement_seconds: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 8,
            canaries: 1,
            despite_canaries: false,
            wave: 0,
            pause_seconds: 0,
            max_failures: Some(10),
            order: Order::Created,
            only: Vec::new(),
            exclude: Vec::new(),
            backups: true,
            polite: false,
            lock_timeout_ms: 2_000,
            statement_seconds: 600,
        }
    }
}

impl Policy {
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(self.pause_seconds.into())
    }
}
