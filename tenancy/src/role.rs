//! Roles of people in a tenant, and the permissions that they carry.

use crate::text_enum;

text_enum! {
    /// A member's role in one tenant, or `super_admin` on the platform.
    pub enum Role {
        /// Runs the platform.
        SuperAdmin = "super_admin",
        /// Owns the tenant.
        Owner = "owner",
        /// Runs the tenant.
        Admin = "admin",
        /// Works in the tenant.
        Member = "member",
        /// Looks only.
        Viewer = "viewer",
    }
}

/// A permission, `resource.action`: `customers.read`. Constants only, so that a misspelt one is found in review of one
/// line and not at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// What it is about, plural: `customers`.
    pub resource: &'static str,
    /// What may be done: `read`, `create`, `update`, `delete`, …
    pub action: &'static str,
}

impl Permission {
    /// The permission `resource.action`.
    #[must_use]
    pub const fn new(resource: &'static str, action: &'static str) -> Self {
        Self { resource, action }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.resource, self.action)
    }
}

impl Role {
    /// What the role may do, as patterns; `*` stands for any resource or action.
    #[must_use]
    pub const fn patterns(self) -> &'static [&'static str] {
        match self {
            Self::SuperAdmin | Self::Owner => &["*"],
            Self::Admin => &[
                "customers.*",
                "projects.*",
                "products.*",
                "leads.*",
                "calendar_events.*",
                "tasks.*",
                "time_entries.*",
                "documents.*",
                "activities.read",
                "settings.*",
                "users.read",
                "users.invite",
                "users.remove",
            ],
            Self::Member => &[
                "customers.*",
                "projects.read",
                "projects.update",
                "products.*",
                "leads.*",
                "calendar_events.*",
                "tasks.*",
                "time_entries.*",
                "documents.*",
                "activities.read",
                "settings.read",
                "users.read",
            ],
            Self::Viewer => &["*.read"],
        }
    }

    /// Whether the role carries the permission.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self.patterns().iter().any(|pattern| {
            *pattern == "*"
                || pattern.split_once('.').is_some_and(|(resource, action)| {
                    (resource == "*" || resource == permission.resource)
                        && (action == "*" || action == permission.action)
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_carry_their_permissions() {
        let create = Permission::new("projects", "create");
        let read = Permission::new("customers", "read");
        assert!(Role::Owner.may(create) && Role::Admin.may(create));
        assert!(!Role::Member.may(create) && !Role::Viewer.may(create));
        assert!(Role::Viewer.may(read) && !Role::Viewer.may(Permission::new("customers", "create")));
        assert!(!Role::Admin.may(Permission::new("billing", "read")));
    }
}
