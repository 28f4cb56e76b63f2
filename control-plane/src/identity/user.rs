//! Users of the platform, and their places in tenants.

use jiff::Timestamp;
use serde::Serialize;
use tenancy::{
    EmailAddress, Language, Role, TenantId, TenantSlug, TenantStatus, UserId, text_enum, token::TenantClaims,
};

text_enum! {
    /// Where a user is.
    pub enum UserStatus {
        /// May sign in.
        Active = "active",
        /// May not sign in any more.
        Suspended = "suspended",
        /// Has not set a password yet.
        Invited = "invited",
    }
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The id that they will have.
    pub id: UserId,
    /// Their address.
    pub email: EmailAddress,
    /// Their name.
    pub name: String,
    /// The hash of their password; `None` is somebody who is invited to set one.
    pub password_hash: Option<String>,
    /// Whether their address counts as proven: an operator vouches for it.
    pub verified: bool,
    /// Whether they run the platform.
    pub super_admin: bool,
    /// The language of their mails and pages; `None` where nobody knows it.
    pub language: Option<Language>,
}

/// A user as they see themselves.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their address.
    pub email: EmailAddress,
    /// Their name.
    pub name: String,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// Whether they run the platform.
    pub super_admin: bool,
    #[serde(skip)]
    pub(super) status: UserStatus,
    #[serde(skip)]
    pub(super) last_tenant: Option<TenantId>,
}

/// A user's place in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The tenant's id.
    pub id: TenantId,
    /// Its slug.
    pub slug: TenantSlug,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub status: TenantStatus,
    /// The user's role in it.
    pub role: Role,
    /// When its trial ends.
    pub trial_ends_at: Option<Timestamp>,
    #[serde(skip)]
    pub(super) generation: i32,
    #[serde(skip)]
    pub(super) version: i32,
}

impl Place {
    /// What a token for this place says.
    #[must_use]
    pub fn claims(&self) -> TenantClaims {
        TenantClaims {
            tenant_id: self.id,
            tenant_slug: self.slug.clone(),
            role: self.role,
            tenant_generation: self.generation,
            member_version: self.version,
        }
    }
}

/// Where somebody goes who names no tenant: to the last one, else to the first that is served, else to the first.
pub(super) fn usual_place(places: &[Place], last: Option<TenantId>) -> Option<&Place> {
    places
        .iter()
        .find(|place| Some(place.id) == last)
        .or_else(|| places.iter().find(|place| place.status.is_served()))
        .or_else(|| places.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(slug: &str, status: TenantStatus) -> Place {
        Place {
            id: TenantId::generate(),
            slug: TenantSlug::parse(slug).unwrap(),
            name: slug.to_owned(),
            status,
            role: Role::Owner,
            trial_ends_at: None,
            generation: 1,
            version: 1,
        }
    }

    #[test]
    fn the_last_place_comes_first() {
        let places = [place("aa", TenantStatus::Suspended), place("bb", TenantStatus::Active)];
        assert_eq!(usual_place(&places, Some(places[0].id)), Some(&places[0]));
        assert_eq!(usual_place(&places, Some(TenantId::generate())), Some(&places[1]));
        assert_eq!(usual_place(&places[..1], None), Some(&places[0]));
        assert_eq!(usual_place(&[], None), None);
    }
}
