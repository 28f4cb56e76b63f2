//! What an operator can set about signing up.

use serde::{Deserialize, Serialize};

/// Settings of signup. In all limits, 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Signups from one client address per hour.
    pub per_address_per_hour: u32,
    /// Signups in all per hour.
    pub in_all_per_hour: u32,
    /// Tenants whose owner has not proven their address.
    pub max_unverified: u32,
    /// After how many days such a tenant is dropped.
    pub unverified_expire_days: u16,
    /// How many days a tenant may try the platform out.
    pub trial_days: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            per_address_per_hour: 20,
            in_all_per_hour: 1000,
            max_unverified: 1000,
            unverified_expire_days: 14,
            trial_days: 14,
        }
    }
}
