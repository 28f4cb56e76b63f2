//! The states of a tenant, and which may follow which.

use crate::text_enum;

text_enum! {
    /// Where a tenant is in its life. The platform database has the same list as a CHECK.
    pub enum TenantStatus {
        /// Its database is being made.
        Provisioning = "provisioning",
        /// In use, not paid for yet.
        Trial = "trial",
        /// In use.
        Active = "active",
        /// Kept, but not served: unpaid, or stopped by an operator.
        Suspended = "suspended",
        /// Ended by its owner; its data is kept for a while.
        Cancelled = "cancelled",
        /// Could not be made; nothing of it is left but this record.
        Failed = "failed",
        /// Its database and role are gone or about to go; only this record stays.
        Deleted = "deleted",
    }
}

impl TenantStatus {
    /// Whether requests are answered from the tenant's database.
    #[must_use]
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Trial | Self::Active)
    }

    /// Whether the tenant has, or is getting, a database of its own.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Failed | Self::Deleted)
    }

    /// The one place that says which state may follow which.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use TenantStatus::{Active, Cancelled, Deleted, Failed, Provisioning, Suspended, Trial};
        match self {
            Provisioning => matches!(next, Trial | Active | Failed | Deleted),
            Trial => matches!(next, Active | Suspended | Cancelled | Deleted),
            Active => matches!(next, Suspended | Cancelled | Deleted),
            Suspended => matches!(next, Trial | Active | Cancelled | Deleted),
            Cancelled => matches!(next, Active | Deleted),
            Failed => matches!(next, Deleted),
            Deleted => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_is_the_end_and_no_state_follows_itself() {
        for state in TenantStatus::ALL {
            assert!(!TenantStatus::Deleted.may_become(*state));
            assert!(!state.may_become(*state));
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
    }

    #[test]
    fn every_live_state_can_be_deleted() {
        for state in TenantStatus::ALL.iter().filter(|state| state.is_live()) {
            assert!(state.may_become(TenantStatus::Deleted), "{state}");
        }
    }
}
