//! The configuration: defaults, then `tenantry.toml`, then `TENANTRY__SECTION__KEY`.

mod load;
mod show;

use std::path::PathBuf;

use control_plane::audit::TrustedProxies;
pub use load::{ConfigError, load};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};
pub use show::shown;
use tenancy::{DatabaseName, NamePrefix, telemetry::LogFormat};

/// Everything that can be configured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The server of the platform database.
    pub database: Database,
    /// How HTTP is served.
    pub http: Http,
    /// Secrets.
    pub security: Security,
    /// Mail.
    pub mail: control_plane::mail::Settings,
    /// Limits on signing up.
    pub signup: control_plane::signup::Settings,
    /// Sign-ins and tokens.
    pub identity: control_plane::identity::Settings,
    /// Stock and roles.
    pub provisioning: control_plane::provisioning::Settings,
    /// When tenants are migrated.
    pub fleet: control_plane::fleet::Settings,
    /// The tenant runtime.
    pub runtime: tenant_runtime::Settings,
    /// Backups.
    pub backups: Backups,
    /// Logs.
    pub log: Log,
}

/// The server of the platform database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// An administrator's URL of the server.
    #[serde(serialize_with = "hidden")]
    pub url: Option<SecretString>,
    /// The platform database's name; it is made where it is missing.
    pub name: DatabaseName,
    /// What every tenant's database and role begins with.
    pub prefix: NamePrefix,
    /// Connections that a control plane keeps to the platform database.
    pub connections: usize,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            name: DatabaseName::parse("tenantry_platform").expect("a plain name"),
            prefix: NamePrefix::default(),
            connections: 16,
        }
    }
}

/// How HTTP is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port.
    pub bind: String,
    /// Threads that serve requests; 0 is one per core.
    pub workers: usize,
    /// Whether browsers may reach the pages by plain HTTP: cookies are not kept to HTTPS then. `dev` sets it.
    pub allow_plain: bool,
    /// Reverse proxies whose `X-Forwarded-For` is believed: addresses and networks.
    pub trusted_proxies: TrustedProxies,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8080".to_owned(),
            workers: 0,
            allow_plain: false,
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// Secrets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// 32 random bytes in base 64, from which every other secret is derived.
    #[serde(serialize_with = "hidden")]
    pub master_key: Option<SecretString>,
}

/// Backups.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backups {
    /// Where they are kept.
    pub folder: PathBuf,
    /// The program that makes them.
    pub pg_dump: PathBuf,
}

impl Default for Backups {
    fn default() -> Self {
        Self { folder: PathBuf::from("backups"), pg_dump: PathBuf::from("pg_dump") }
    }
}

/// Logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `json` or `text`.
    pub format: LogFormat,
    /// Targets and levels; `RUST_LOG` has precedence.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            filter: "info,refinery_core=warn,actix_server=warn,deadpool.postgres=error".to_owned(),
        }
    }
}

fn hidden<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some("(hidden)"),
        None => serializer.serialize_none(),
    }
}
