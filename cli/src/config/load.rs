//! Reading the configuration. A key that nobody knows is an error that names the nearest one that exists.

use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Value, ValueKind};

use super::Settings;

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was asked for is not there.
    #[error("there is no configuration file {0}")]
    Missing(PathBuf),
    /// A key that nobody knows.
    #[error("the configuration has an unknown key: {key}")]
    Unknown {
        /// `section.key`.
        key: String,
        /// The nearest that exists.
        nearest: Option<String>,
    },
    /// A value can't be read.
    #[error("the configuration can't be read: {0}")]
    Invalid(#[from] config::ConfigError),
    /// A value is needed and missing.
    #[error("{what} is not configured")]
    Needed {
        /// What it is.
        what: &'static str,
        /// The variable to set.
        variable: &'static str,
    },
    /// A value does not hold.
    #[error("{key} {reason}")]
    Wrong {
        /// `section.key`.
        key: &'static str,
        /// Why.
        reason: String,
    },
}

impl ConfigError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => {
                Some(format!("did you mean {nearest} ({})?", variable(nearest)))
            }
            Self::Unknown { nearest: None, .. } => Some("tenantry config show lists every key".to_owned()),
            Self::Needed { variable, .. } => {
                Some(format!("set {variable}, or start everything on a private PostgreSQL with: tenantry dev"))
            }
            _ => None,
        }
    }
}

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "tenantry.toml";

/// Reads defaults, file and environment. Without `file`, `tenantry.toml` is read where there is one.
///
/// # Errors
/// [`ConfigError`].
pub fn load(file: Option<&Path>) -> Result<Settings, ConfigError> {
    if let Some(named) = file
        && !named.is_file()
    {
        return Err(ConfigError::Missing(named.to_path_buf()));
    }
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let environment = Environment::with_prefix("TENANTRY")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("http.trusted_proxies");
    let layers = Config::builder()
        .add_source(File::from(path).format(FileFormat::Toml).required(false))
        .add_source(environment)
        .build()?;
    let known = known_keys();
    let mut given = Vec::new();
    flatten("", &layers.cache, &mut given);
    for key in given {
        if !known.contains(&key) {
            let nearest =
                known.iter().max_by(|a, b| strsim::jaro_winkler(a, &key).total_cmp(&strsim::jaro_winkler(b, &key)));
            let nearest = nearest.filter(|nearest| strsim::jaro_winkler(nearest, &key) > 0.8).cloned();
            return Err(ConfigError::Unknown { key, nearest });
        }
    }
    Ok(layers.try_deserialize()?)
}

/// Every key, read off the defaults.
fn known_keys() -> Vec<String> {
    fn walk(prefix: &str, value: &serde_json::Value, keys: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    walk(&join(prefix, name), value, keys);
                }
            }
            _ => keys.push(prefix.to_owned()),
        }
    }
    let mut keys = Vec::new();
    if let Ok(defaults) = serde_json::to_value(Settings::default()) {
        walk("", &defaults, &mut keys);
    }
    keys
}

fn flatten(prefix: &str, value: &Value, keys: &mut Vec<String>) {
    match &value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                flatten(&join(prefix, name), value, keys);
            }
        }
        _ => keys.push(prefix.to_owned()),
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn variable(key: &str) -> String {
    format!("TENANTRY__{}", key.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_file_is_read_over_the_defaults() {
        let settings =
            load(Some(file("[http]\nbind = \"0.0.0.0:9000\"\n[signup]\nper_address_per_hour = 3\n").path())).unwrap();
        assert_eq!(settings.http.bind, "0.0.0.0:9000");
        assert_eq!(settings.signup.per_address_per_hour, 3);
        assert_eq!(settings.database.name.as_str(), "tenantry_platform");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_neighbour() {
        let error = load(Some(file("[http]\nbnid = \"x\"\n").path())).unwrap_err();
        assert_eq!(error.to_string(), "the configuration has an unknown key: http.bnid");
        assert_eq!(error.hint().as_deref(), Some("did you mean http.bind (TENANTRY__HTTP__BIND)?"));
    }

    #[test]
    fn wrong_values_and_files_are_refused() {
        assert!(matches!(load(Some(Path::new("/nowhere.toml"))), Err(ConfigError::Missing(_))));
        assert!(load(Some(file("[database]\nprefix = \"A\"\n").path())).is_err());
        let error = load(Some(file("[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n").path())).unwrap_err();
        assert!(error.to_string().contains("\"proxy\" must be an IP address or a network"), "{error}");
        assert!(load(Some(file("not toml").path())).is_err());
    }
}
