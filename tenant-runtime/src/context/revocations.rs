//! Memberships that changed while tokens made before the change may still be about.

use std::collections::HashMap;

use tenancy::{TenantId, UserId};

/// What is known of memberships that changed within the life of an access token. Most have not, and are not here.
#[derive(Debug, Default)]
pub(crate) struct Revocations(HashMap<(TenantId, UserId), Change>);

/// The last change of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) version: i32,
    pub(crate) active: bool,
}

/// What a token's membership is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As when the token was made.
    Good,
    /// Changed since: a new token is needed.
    Outdated,
    /// Over, or interrupted.
    Ended,
}

impl Change {
    /// Reads `tenant uuid, user uuid, version, status`, as the platform database announces them.
    pub(crate) fn parse(payload: &str) -> Option<Self> {
        let mut words = payload.split(' ');
        let tenant = TenantId::from_uuid(words.next()?.parse().ok()?);
        let user = UserId::from_uuid(words.next()?.parse().ok()?);
        let version = words.next()?.parse().ok()?;
        Some(Self { tenant, user, version, active: words.next()? == "active" })
    }
}

impl Revocations {
    /// Notes a change, unless a later one is known.
    pub(crate) fn note(&mut self, change: Change) {
        let known = self.0.entry((change.tenant, change.user)).or_insert(change);
        if known.version <= change.version {
            *known = change;
        }
    }

    /// What a token made for this version of the membership is worth.
    pub(crate) fn standing(&self, tenant: TenantId, user: UserId, version: i32) -> Standing {
        match self.0.get(&(tenant, user)) {
            Some(change) if !change.active && version <= change.version => Standing::Ended,
            Some(change) if version < change.version => Standing::Outdated,
            _ => Standing::Good,
        }
    }
}

impl FromIterator<Change> for Revocations {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        let mut all = Self::default();
        changes.into_iter().for_each(|change| all.note(change));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_change_counts_in_whatever_order_it_comes() {
        let (tenant, user) = (TenantId::generate(), UserId::generate());
        let removed = Change { tenant, user, version: 2, active: false };
        let back = Change { tenant, user, version: 3, active: true };
        for order in [[removed, back], [back, removed]] {
            let all: Revocations = order.into_iter().collect();
            assert_eq!(all.standing(tenant, user, 2), Standing::Outdated);
            assert_eq!(all.standing(tenant, user, 3), Standing::Good);
        }
        let gone: Revocations = [removed].into_iter().collect();
        assert_eq!(gone.standing(tenant, user, 1), Standing::Ended);
        assert_eq!(gone.standing(tenant, user, 2), Standing::Ended);
        assert_eq!(gone.standing(tenant, UserId::generate(), 1), Standing::Good);
    }

    #[test]
    fn announcements_are_read() {
        let change = Change { tenant: TenantId::generate(), user: UserId::generate(), version: 7, active: false };
        let payload = format!("{} {} 7 removed", change.tenant.uuid(), change.user.uuid());
        assert_eq!(Change::parse(&payload), Some(change));
        for wrong in ["", "a b c d", &payload[..40]] {
            assert_eq!(Change::parse(wrong), None);
        }
    }
}
