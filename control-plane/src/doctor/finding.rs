//! What the doctor can find.

use std::{fmt, path::PathBuf};

use serde::Serialize;
use tenancy::{DatabaseName, RoleName, TenantId, ids::ServerId};

/// One difference, on one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub server: ServerId,
    /// The server's name.
    pub server_name: String,
    /// What.
    pub trouble: Trouble,
}

/// What a finding is about, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The kind of trouble, as a word.
    pub trouble: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The server's name.
    pub server: String,
    /// The database, role, tenant, directory or setting.
    pub subject: String,
    /// A sentence for a person.
    pub message: String,
    /// Whether `--fix` mends it.
    pub mendable: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is not as the platform says.
    Wrong,
    /// A setting of the server that will hurt one day.
    Advice,
}

/// What is wrong.
#[expect(missing_docs, reason = "a variant's own text says what its fields are")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A database that an interrupted DROP left unusable.
    BrokenDatabase(DatabaseName),
    /// A database of the platform's own that nothing refers to: stock, a template in making, one to be dropped.
    LeftoverDatabase(DatabaseName),
    /// A database with a tenant's name that no tenant has. It may hold rows.
    OrphanDatabase(DatabaseName),
    /// A tenant without its database.
    MissingDatabase(TenantId, DatabaseName),
    /// A live tenant's database that lets nobody in.
    ClosedDatabase(TenantId, DatabaseName),
    /// A database that somebody may connect to who must not; `grantee` is `PUBLIC` or a role.
    OpenDatabase { database: DatabaseName, grantee: String },
    /// A database of somebody else's on the same server that everybody may connect to, so every tenant's role too.
    OpenNeighbour(String),
    /// A tenant's database into which its own role may not.
    LockedOut(TenantId, DatabaseName),
    /// A tenant's database that belongs to the wrong role.
    WrongOwner(DatabaseName, String),
    /// Stock that is recorded and not there, or was never finished.
    LostStock(DatabaseName),
    /// A role of a tenant that is gone.
    OrphanRole(RoleName),
    /// A live tenant without its role.
    MissingRole(TenantId),
    /// A tenant's role that differs from what the platform made; the text says in what.
    ChangedRole(TenantId, String),
    /// A role that may log in although its tenant is not served, or the other way round.
    WrongLogin { tenant: TenantId, allowed: bool },
    /// A tenant that is being made or unmade, and failed at it at least once.
    StuckSaga { tenant: TenantId, kind: String, error: String },
    /// A tenant that is being made, and nothing is making it.
    HalfMade(TenantId),
    /// A tenant whose schema is older than the target.
    Behind { tenant: TenantId, version: i32, target: i32 },
    /// A tenant's database that says another version than the record.
    WrongVersion { tenant: TenantId, recorded: i32, found: i32 },
    /// A tenant's role that may do more, or less, in its database than it should.
    WrongPrivileges { tenant: TenantId, database: DatabaseName, what: String },
    /// A tenant's database that can't be examined.
    Unreadable { tenant: TenantId, reason: String },
    /// A directory under `base/` that belongs to no database.
    OrphanDirectory { oid: u32, path: PathBuf, local: bool },
    /// A server that can't be reached.
    Unreachable(String),
    /// A setting that will hurt.
    Setting { name: &'static str, value: String, advice: &'static str },
}

impl Trouble {
    /// The kind as a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::BrokenDatabase(_) => "broken_database",
            Self::LeftoverDatabase(_) => "leftover_database",
            Self::OrphanDatabase(_) => "orphan_database",
            Self::MissingDatabase(..) => "missing_database",
            Self::ClosedDatabase(..) => "closed_database",
            Self::OpenDatabase { .. } => "open_database",
            Self::OpenNeighbour(_) => "open_neighbour",
            Self::LockedOut(..) => "locked_out",
            Self::WrongOwner(..) => "wrong_owner",
            Self::LostStock(_) => "lost_stock",
            Self::OrphanRole(_) => "orphan_role",
            Self::MissingRole(_) => "missing_role",
            Self::ChangedRole(..) => "changed_role",
            Self::WrongLogin { .. } => "wrong_login",
            Self::StuckSaga { .. } => "stuck_saga",
            Self::HalfMade(_) => "half_made",
            Self::Behind { .. } => "behind",
            Self::WrongVersion { .. } => "wrong_version",
            Self::WrongPrivileges { .. } => "wrong_privileges",
            Self::Unreadable { .. } => "unreadable",
            Self::OrphanDirectory { .. } => "orphan_directory",
            Self::Unreachable(_) => "unreachable",
            Self::Setting { .. } => "setting",
        }
    }

    /// The tenant that it is about, where it is about one.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::MissingDatabase(tenant, _)
            | Self::ClosedDatabase(tenant, _)
            | Self::LockedOut(tenant, _)
            | Self::MissingRole(tenant)
            | Self::ChangedRole(tenant, _)
            | Self::WrongLogin { tenant, .. }
            | Self::StuckSaga { tenant, .. }
            | Self::HalfMade(tenant)
            | Self::Behind { tenant, .. }
            | Self::WrongVersion { tenant, .. }
            | Self::WrongPrivileges { tenant, .. }
            | Self::Unreadable { tenant, .. } => Some(*tenant),
            _ => None,
        }
    }

    /// What there is to know beside the kind and whom it is about: names, values, and errors as they came.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::MissingDatabase(_, name) | Self::ClosedDatabase(_, name) | Self::LockedOut(_, name) => {
                Some(name.to_string())
            }
            Self::OpenDatabase { grantee, .. } => Some(grantee.clone()),
            Self::WrongOwner(_, owner) => Some(owner.clone()),
            Self::ChangedRole(_, what) | Self::WrongPrivileges { what, .. } => Some(what.clone()),
            Self::StuckSaga { kind, error, .. } => Some(format!("{kind}: {error}")),
            Self::Behind { version, target, .. } => Some(format!("{version} < {target}")),
            Self::WrongVersion { recorded, found, .. } => Some(format!("{recorded} ≠ {found}")),
            Self::Unreadable { reason, .. } | Self::Unreachable(reason) => Some(reason.clone()),
            Self::OrphanDirectory { oid, .. } => Some(format!("oid {oid}")),
            Self::Setting { value, advice, .. } => Some(format!("{value}: {advice}")),
            _ => None,
        }
    }

    /// Whether `--fix` does something about it.
    #[must_use]
    pub const fn can_be_mended(&self) -> bool {
        match self {
            Self::MissingDatabase(..)
            | Self::Unreadable { .. }
            | Self::Unreachable(_)
            | Self::OpenNeighbour(_)
            | Self::Behind { .. }
            | Self::Setting { .. } => false,
            Self::OrphanDirectory { local, .. } => *local,
            _ => true,
        }
    }

    /// Whether the control plane does so by itself: nobody's rows are at stake, and it needs no thought.
    #[must_use]
    pub const fn may_be_mended_unasked(&self) -> bool {
        matches!(
            self,
            Self::BrokenDatabase(_)
                | Self::LeftoverDatabase(_)
                | Self::ClosedDatabase(..)
                | Self::OpenDatabase { .. }
                | Self::LockedOut(..)
                | Self::LostStock(_)
                | Self::OrphanRole(_)
                | Self::MissingRole(_)
                | Self::ChangedRole(..)
                | Self::WrongLogin { .. }
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenDatabase(name) => write!(f, "database {name} was left unusable by an interrupted DROP"),
            Self::LeftoverDatabase(name) => write!(f, "database {name} is left over: nothing refers to it"),
            Self::OrphanDatabase(name) => {
                write!(f, "database {name} belongs to no tenant; --fix backs it up and drops it")
            }
            Self::MissingDatabase(tenant, name) => {
                write!(f, "database {name} of {tenant} is missing or unusable; restore it from a backup")
            }
            Self::ClosedDatabase(tenant, name) => write!(f, "database {name} of {tenant} lets nobody in"),
            Self::OpenDatabase { database, grantee } => {
                write!(f, "{grantee} may connect to database {database} and must not")
            }
            Self::OpenNeighbour(name) => write!(
                f,
                "database {name} is open to everybody, also to tenants' roles; REVOKE CONNECT ON DATABASE from PUBLIC"
            ),
            Self::LockedOut(tenant, name) => {
                write!(f, "the role of {tenant} may not connect to its own database {name}")
            }
            Self::WrongOwner(name, owner) => write!(f, "database {name} belongs to role {owner}"),
            Self::LostStock(name) => write!(f, "stock database {name} is recorded but not ready"),
            Self::OrphanRole(role) => write!(f, "role {role} belongs to no tenant"),
            Self::MissingRole(tenant) => write!(f, "{tenant} has no role"),
            Self::ChangedRole(tenant, what) => write!(f, "the role of {tenant} was changed: {what}"),
            Self::WrongLogin { tenant, allowed: true } => {
                write!(f, "the role of {tenant} can't log in although it is served")
            }
            Self::WrongLogin { tenant, allowed: false } => {
                write!(f, "the role of {tenant} may log in although it is not served")
            }
            Self::StuckSaga { tenant, kind, error } => write!(f, "to {kind} {tenant} has failed so far: {error}"),
            Self::HalfMade(tenant) => write!(f, "{tenant} is provisioning, and nothing is making it"),
            Self::Behind { tenant, version, target } => {
                write!(
                    f,
                    "{tenant} has schema version {version}; {target} is current; tenantry fleet migrate brings it up"
                )
            }
            Self::WrongVersion { tenant, recorded, found } => {
                write!(f, "{tenant} is recorded at schema version {recorded}, its database says {found}")
            }
            Self::WrongPrivileges { tenant, what, .. } => {
                write!(f, "the role of {tenant} differs in its database: {what}")
            }
            Self::Unreadable { tenant, reason } => write!(f, "the database of {tenant} can't be examined: {reason}"),
            Self::OrphanDirectory { oid, path, local } => {
                let how = if *local { "" } else { "; remove it by hand on the server" };
                write!(f, "directory {} belongs to no database (a crash left it; oid {oid}){how}", path.display())
            }
            Self::Unreachable(reason) => write!(f, "nothing can be examined: {reason}"),
            Self::Setting { name, value, advice } => write!(f, "{name} is {value}: {advice}"),
        }
    }
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        if matches!(self.trouble, Trouble::Setting { .. } | Trouble::OpenNeighbour(_) | Trouble::Behind { .. }) {
            Severity::Advice
        } else {
            Severity::Wrong
        }
    }

    /// The finding for programs.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let subject = match &self.trouble {
            Trouble::BrokenDatabase(name)
            | Trouble::LeftoverDatabase(name)
            | Trouble::OrphanDatabase(name)
            | Trouble::WrongOwner(name, _)
            | Trouble::LostStock(name)
            | Trouble::OpenDatabase { database: name, .. } => name.to_string(),
            Trouble::OpenNeighbour(name) => name.clone(),
            Trouble::OrphanRole(role) => role.to_string(),
            Trouble::MissingDatabase(tenant, _)
            | Trouble::ClosedDatabase(tenant, _)
            | Trouble::LockedOut(tenant, _)
            | Trouble::MissingRole(tenant)
            | Trouble::ChangedRole(tenant, _)
            | Trouble::WrongLogin { tenant, .. }
            | Trouble::StuckSaga { tenant, .. }
            | Trouble::HalfMade(tenant)
            | Trouble::Behind { tenant, .. }
            | Trouble::WrongVersion { tenant, .. }
            | Trouble::WrongPrivileges { tenant, .. }
            | Trouble::Unreadable { tenant, .. } => tenant.to_string(),
            Trouble::OrphanDirectory { path, .. } => path.display().to_string(),
            Trouble::Unreachable(_) => self.server_name.clone(),
            Trouble::Setting { name, .. } => (*name).to_owned(),
        };
        Subject {
            trouble: self.trouble.word(),
            severity: self.severity(),
            server: self.server_name.clone(),
            subject,
            message: self.trouble.to_string(),
            mendable: self.trouble.can_be_mended(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server_name, self.trouble)
    }
}
