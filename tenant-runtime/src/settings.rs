//! What an operator may set.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

/// The folder of files where nobody says otherwise.
pub const FILES: &str = "files";

/// The versions of a tenant's schema that this program works on. Migrations only widen a schema before every runtime
/// can do without what they take away, so there is no upper end.
pub const SERVES: RangeInclusive<i32> = 4..=i32::MAX;

/// Settings of the runtime; every one has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tenants are also found at `{slug}.{base_domain}`.
    pub base_domain: String,
    /// Where documents' files are kept: a folder, or `s3://bucket/prefix` with credentials in the usual `AWS_…`
    /// variables.
    pub files: String,
    /// The largest file, in megabytes.
    pub max_file_mb: u64,
    /// Connections to one PostgreSQL server, all tenants together; by default an even share of what the server has.
    pub max_connections: Option<usize>,
    /// Connections of one tenant.
    pub max_connections_per_tenant: usize,
    /// Milliseconds that a request waits for a connection before it is told to come back later.
    pub acquire_timeout: u64,
    /// Milliseconds that a statement may take before it is cancelled.
    pub statement_timeout: u64,
    /// The versions of a tenant's schema that are served: the program's own property, and no operator's choice.
    #[serde(skip)]
    pub serves: RangeInclusive<i32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_domain: "localhost".to_owned(),
            files: FILES.to_owned(),
            max_file_mb: 50,
            max_connections: None,
            max_connections_per_tenant: 8,
            acquire_timeout: 2_000,
            statement_timeout: 10_000,
            serves: SERVES,
        }
    }
}

impl Settings {
    /// Says what can't work.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("max_connections", self.max_connections.unwrap_or(1)),
            ("max_connections_per_tenant", self.max_connections_per_tenant),
            ("acquire_timeout", usize::try_from(self.acquire_timeout).unwrap_or(usize::MAX)),
            ("statement_timeout", usize::try_from(self.statement_timeout).unwrap_or(usize::MAX)),
        ];
        match at_least_one.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(format!("{name} must be at least 1")),
            None if self.base_domain.is_empty() => Err("base_domain must not be empty".to_owned()),
            None => Ok(()),
        }
    }

    pub(crate) const fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout)
    }

    pub(crate) const fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout)
    }
}
