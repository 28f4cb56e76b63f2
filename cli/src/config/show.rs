//! The configuration as it is in force, secrets hidden.

use super::Settings;

/// The settings as JSON; secrets show only whether they are set.
#[must_use]
pub fn shown(settings: &Settings) -> serde_json::Value {
    serde_json::to_value(settings).unwrap_or_default()
}
