//! DDL, which takes no parameters: every statement is made of types that can hold nothing unsafe.

use tenancy::{DatabaseName, NamePrefix, RoleName, naming::PlainLiteral};

use super::Settings;

/// Clones a template. The clone lets nobody in: CREATE DATABASE does not copy the template's ACL, so until it is
/// revoked anybody could connect.
pub(super) fn clone(database: &DatabaseName, template: &DatabaseName, prefix: &NamePrefix) -> String {
    format!("CREATE DATABASE {database} TEMPLATE {template} OWNER {} ALLOW_CONNECTIONS false", prefix.owner_role())
}

/// Takes away what everybody has on a new database.
pub(super) fn close_to_public(database: &DatabaseName) -> String {
    format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC")
}

/// A tenant's login role: data privileges through the group, no more.
pub(super) fn create_role(
    role: &RoleName,
    verifier: &PlainLiteral,
    settings: &Settings,
    prefix: &NamePrefix,
) -> String {
    format!(
        "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT \
         CONNECTION LIMIT {} PASSWORD {verifier} IN ROLE {}; {}",
        settings.connections_per_tenant,
        prefix.data_role(),
        limit_statements(role, settings)
    )
}

/// [`create_role`] where there is none of that name, [`reset_role`] where there is.
pub(super) fn ensure_role(
    role: &RoleName,
    verifier: &PlainLiteral,
    settings: &Settings,
    prefix: &NamePrefix,
) -> String {
    format!(
        "DO $ensure$ BEGIN {}; EXCEPTION WHEN duplicate_object THEN {}; END $ensure$",
        create_role(role, verifier, settings, prefix),
        reset_role(role, verifier, settings, prefix)
    )
}

/// Puts an existing role back to what [`create_role`] makes.
pub(super) fn reset_role(role: &RoleName, verifier: &PlainLiteral, settings: &Settings, prefix: &NamePrefix) -> String {
    format!(
        "ALTER ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT \
         CONNECTION LIMIT {} VALID UNTIL 'infinity' PASSWORD {verifier}; ALTER ROLE {role} RESET ALL; {}; \
         GRANT {} TO {role}",
        settings.connections_per_tenant,
        limit_statements(role, settings),
        prefix.data_role()
    )
}

fn limit_statements(role: &RoleName, settings: &Settings) -> String {
    format!("ALTER ROLE {role} SET statement_timeout = '{}s'", settings.statement_seconds)
}

pub(super) fn let_in(database: &DatabaseName, role: &RoleName) -> String {
    format!("GRANT CONNECT ON DATABASE {database} TO {role}")
}

pub(super) fn rename(from: &DatabaseName, to: &DatabaseName) -> String {
    format!("ALTER DATABASE {from} RENAME TO {to}")
}

pub(super) fn allow_connections(database: &DatabaseName, allow: bool) -> String {
    format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allow}")
}

pub(super) fn drop_database(database: &DatabaseName) -> String {
    format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")
}

pub(super) fn drop_role(role: &RoleName) -> String {
    format!("DROP ROLE IF EXISTS {role}")
}

/// Whether a role may log in at all: the fence of a tenant that is not served.
pub(super) fn login(role: &RoleName, allowed: bool) -> String {
    format!("ALTER ROLE {role} {}", if allowed { "LOGIN" } else { "NOLOGIN" })
}
