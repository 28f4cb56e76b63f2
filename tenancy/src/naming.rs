//! Names of databases and roles. These types are the only way into DDL: they can hold nothing that would need quoting.
//!
//! Everything of one platform on a server begins with its prefix. A slug has no double dash, so a tenant's database has
//! no double underscore behind the prefix; the platform's own databases (templates, stock, those on their way out) do,
//! and the two can't collide.

use std::fmt;

use uuid::Uuid;

use crate::{ids::TenantId, slug::TenantSlug, text_type::text_type};

/// What every database and role of one platform begins with; `tenant_` unless configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamePrefix(String);

/// A database's name that needs no quoting.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseName(String);

/// A role's name that needs no quoting.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(String);

/// Why a text is no name that may go into DDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A prefix has 2 to 16 of a-z, 0-9 and _, begins with a letter, ends with one underscore.
    #[error("must be 2 to 16 characters a-z, 0-9 and _, begin with a letter and end with a single underscore")]
    Prefix,
    /// PostgreSQL's longest name is 63 bytes; ours have a-z, 0-9 and _ only.
    #[error("must be 1 to 63 characters a-z, 0-9 and _, and not begin with a digit")]
    Name,
}

/// PostgreSQL cuts longer names off (NAMEDATALEN - 1).
const MAX_LENGTH: usize = 63;

fn plain(text: &str) -> bool {
    text.len() <= MAX_LENGTH
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl NamePrefix {
    /// Checks a configured prefix.
    ///
    /// # Errors
    /// [`NameError::Prefix`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fits = (2..=16).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_lowercase());
        if fits && plain(text) && text.ends_with('_') && !text.contains("__") {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Prefix)
        }
    }

    /// The database of a tenant, named when it is born; a later change of slug leaves it.
    #[must_use]
    pub fn tenant_database(&self, slug: &TenantSlug) -> DatabaseName {
        DatabaseName(format!("{self}{}", slug.as_str().replace('-', "_")))
    }

    /// The template of a schema version; another set of migrations never shares its name.
    #[must_use]
    pub fn template(&self, version: i32, fingerprint: u32) -> DatabaseName {
        DatabaseName(format!("{self}_template_v{}_{fingerprint:08x}", version.max(0)))
    }

    /// A template while it is being made.
    #[must_use]
    pub fn unfinished_template(&self, unique: Uuid) -> DatabaseName {
        DatabaseName(format!("{self}_making_{}", unique.simple()))
    }

    /// A ready database that no tenant has yet.
    #[must_use]
    pub fn stock(&self, unique: Uuid) -> DatabaseName {
        DatabaseName(format!("{self}_stock_{}", unique.simple()))
    }

    /// A deleted tenant's database until the janitor drops it.
    #[must_use]
    pub fn dropped(&self, tenant: TenantId) -> DatabaseName {
        DatabaseName(format!("{self}_dropped_{}", tenant.suffix()))
    }

    /// A tenant's login role, named by id: role names can be read and probed by every role of the server.
    #[must_use]
    pub fn tenant_role(&self, tenant: TenantId) -> RoleName {
        RoleName(format!("{self}{}", tenant.suffix()))
    }

    /// The tenant behind a role's name, where it is one that [`NamePrefix::tenant_role`] makes.
    #[must_use]
    pub fn tenant_of_role(&self, role: &str) -> Option<TenantId> {
        TenantId::from_suffix(role.strip_prefix(self.as_str())?).ok()
    }

    /// The role that owns and migrates every tenant's tables; nobody logs in as it.
    #[must_use]
    pub fn owner_role(&self) -> RoleName {
        RoleName(format!("{self}_owner"))
    }

    /// The group that holds the data privileges of all tenant roles; nobody logs in as it.
    #[must_use]
    pub fn data_role(&self) -> RoleName {
        RoleName(format!("{self}_data"))
    }

    /// The login role with which runtimes read the platform database.
    #[must_use]
    pub fn runtime_role(&self) -> RoleName {
        RoleName(format!("{self}_runtime"))
    }

    /// What a database that begins with this prefix is for; `None` for those of others.
    #[must_use]
    pub fn purpose(&self, database: &str) -> Option<DatabasePurpose> {
        let rest = database.strip_prefix(self.as_str())?;
        Some(match rest.strip_prefix('_') {
            None => DatabasePurpose::Tenant,
            Some(own) if own.starts_with("template_") => DatabasePurpose::Template,
            Some(own) if own.starts_with("making_") => DatabasePurpose::UnfinishedTemplate,
            Some(own) if own.starts_with("stock_") => DatabasePurpose::Stock,
            Some(own) if own.starts_with("dropped_") => DatabasePurpose::Dropped,
            Some(_) => return None,
        })
    }
}

/// What a database of the platform is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabasePurpose {
    /// Holds a tenant's rows.
    Tenant,
    /// Is cloned.
    Template,
    /// Will be cloned, once migrated.
    UnfinishedTemplate,
    /// Waits for a tenant.
    Stock,
    /// Waits to be dropped.
    Dropped,
}

impl DatabaseName {
    /// Checks a name that the catalogue, the configuration or the server gave.
    ///
    /// # Errors
    /// [`NameError::Name`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if plain(text) { Ok(Self(text.to_owned())) } else { Err(NameError::Name) }
    }
}

impl RoleName {
    /// Checks a name that the catalogue or the server gave.
    ///
    /// # Errors
    /// [`NameError::Name`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if plain(text) { Ok(Self(text.to_owned())) } else { Err(NameError::Name) }
    }
}

text_type!(NamePrefix, NameError);
text_type!(DatabaseName, NameError);
text_type!(RoleName, NameError);

impl Default for NamePrefix {
    fn default() -> Self {
        Self("tenant_".to_owned())
    }
}

/// A literal in DDL, which takes no parameters: only for texts without a quote or backslash.
#[derive(Debug, Clone)]
pub struct PlainLiteral(String);

impl PlainLiteral {
    /// The text as an SQL literal, where it has only printable ASCII and neither quote nor backslash.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b'\'' && b != b'\\';
        text.bytes().all(plain).then(|| Self(format!("'{text}'")))
    }
}

impl fmt::Display for PlainLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_plain_and_keep_their_purpose(name in ".*", bits in any::<u128>(), version in 0..i32::MAX, print in any::<u32>()) {
            let prefix = NamePrefix::default();
            let slug = TenantSlug::from_name(&name);
            let tenant = TenantId::from_uuid(Uuid::from_u128(bits));
            for (database, purpose) in [
                (prefix.tenant_database(&slug), DatabasePurpose::Tenant),
                (prefix.template(version, print), DatabasePurpose::Template),
                (prefix.stock(tenant.uuid()), DatabasePurpose::Stock),
                (prefix.dropped(tenant), DatabasePurpose::Dropped),
            ] {
                prop_assert_eq!(DatabaseName::parse(database.as_str()), Ok(database.clone()));
                prop_assert_eq!(prefix.purpose(database.as_str()), Some(purpose));
            }
            prop_assert_eq!(prefix.tenant_of_role(prefix.tenant_role(tenant).as_str()), Some(tenant));
        }

        #[test]
        fn two_slugs_never_share_a_database(a in "[a-z0-9-]{2,40}", b in "[a-z0-9-]{2,40}") {
            let prefix = NamePrefix::default();
            if let (Ok(a), Ok(b)) = (TenantSlug::parse(&a), TenantSlug::parse(&b)) {
                prop_assert_eq!(a == b, prefix.tenant_database(&a) == prefix.tenant_database(&b));
            }
        }
    }

    #[test]
    fn nothing_unsafe_is_a_name() {
        for wrong in ["", "1a", "a-b", "a\"b", "A", "a;b", "ı", &"a".repeat(64)] {
            assert!(DatabaseName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(PlainLiteral::new("it's").is_none() && PlainLiteral::new("a\\").is_none());
    }
}
