//! Roles: tenants' logins against what the platform made of them.

use std::collections::HashMap;

use tenancy::{RoleName, TenantId, TenantStatus};
use tokio_postgres::Client;

use super::{Doctor, DoctorError, Finding, Trouble};
use crate::{platform::StoreError, servers::Server};

pub(super) async fn examine(doctor: &Doctor, server: &Server, client: &Client) -> Result<Vec<Finding>, DoctorError> {
    let prefix = doctor.provisioning.prefix();
    let before = known(doctor, server).await?;
    let found = roles(client, prefix.as_str()).await?;
    let after = known(doctor, server).await?;

    let mut troubles = Vec::new();
    for name in found.keys() {
        let Some(tenant) = prefix.tenant_of_role(name) else { continue };
        if let (false, false, Ok(role)) =
            (before.contains_key(&tenant), after.contains_key(&tenant), RoleName::parse(name))
        {
            troubles.push(Trouble::OrphanRole(role));
        }
    }
    for (tenant, known) in &after {
        // Somebody is at it, or was a moment ago.
        if known.in_hand
            || before.get(tenant) != Some(known)
            || !known.status.is_live()
            || known.status == TenantStatus::Provisioning
        {
            continue;
        }
        match found.get(prefix.tenant_role(*tenant).as_str()) {
            None => troubles.push(Trouble::MissingRole(*tenant)),
            Some(role) => troubles.extend(examine_role(doctor, *tenant, known.status, role)),
        }
    }
    Ok(troubles.into_iter().map(|trouble| server.finding(trouble)).collect())
}

/// A role as the server has it.
struct Found {
    may_login: bool,
    extra: Vec<String>,
    connections: i32,
    groups: Vec<String>,
    settings: Vec<String>,
    /// `None` where we are no superuser and can't look.
    verifier: Option<String>,
}

#[derive(PartialEq, Eq)]
struct Known {
    status: TenantStatus,
    in_hand: bool,
}

fn examine_role(doctor: &Doctor, tenant: TenantId, status: TenantStatus, role: &Found) -> Vec<Trouble> {
    let provisioning = &doctor.provisioning;
    let mut changed = role.extra.clone();
    if role.groups != [provisioning.prefix().data_role().as_str()] {
        changed.push(format!("it is a member of {}", role.groups.join(", ")));
    }
    if role.connections != i32::try_from(provisioning.settings().connections_per_tenant).unwrap_or(i32::MAX) {
        changed.push(format!("its connection limit is {}", role.connections));
    }
    if role.settings != [provisioning.settings().of_role()] {
        changed.push(match role.settings.as_slice() {
            [] => "it has no limit for statements".to_owned(),
            settings => format!("it has settings of its own: {}", settings.join(", ")),
        });
    }
    if role
        .verifier
        .as_deref()
        .is_some_and(|found| found != provisioning.master_key().tenant_password(tenant).verifier())
    {
        changed.push("its password".to_owned());
    }
    let mut troubles: Vec<Trouble> = changed.into_iter().map(|what| Trouble::ChangedRole(tenant, what)).collect();
    if role.may_login != status.is_served() {
        troubles.push(Trouble::WrongLogin { tenant, allowed: status.is_served() });
    }
    troubles
}

async fn known(doctor: &Doctor, server: &Server) -> Result<HashMap<TenantId, Known>, DoctorError> {
    let client = doctor.pool.get().await.map_err(StoreError::from)?;
    let sql = "SELECT t.id, t.status, EXISTS (SELECT 1 FROM sagas s WHERE s.tenant_id = t.id AND s.finished_at IS NULL) AS in_hand \
               FROM tenants t WHERE t.server_id = $1 AND (t.released_at IS NULL OR EXISTS (SELECT 1 FROM sagas s \
               WHERE s.tenant_id = t.id AND s.finished_at IS NULL))";
    let rows = client.query(sql, &[&server.id]).await?;
    Ok(rows.iter().map(|row| (row.get(0), Known { status: row.get(1), in_hand: row.get(2) })).collect())
}

async fn roles(client: &Client, prefix: &str) -> Result<HashMap<String, Found>, DoctorError> {
    let superuser: bool =
        client.query_one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", &[]).await?.get(0);
    // pg_authid has the verifiers and is for superusers alone.
    let (catalogue, verifier) = if superuser { ("pg_authid", "r.rolpassword") } else { ("pg_roles", "NULL::text") };
    let sql = format!(
        "SELECT r.rolname, r.rolcanlogin, array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'it is a superuser' END, \
         CASE WHEN r.rolcreatedb THEN 'it may create databases' END, CASE WHEN r.rolcreaterole THEN 'it may create roles' END, \
         CASE WHEN r.rolreplication THEN 'it may replicate' END, CASE WHEN r.rolbypassrls THEN 'it bypasses row security' END, \
         CASE WHEN NOT r.rolinherit THEN 'it does not inherit' END, \
         CASE WHEN r.rolvaliduntil < now() THEN 'its password is over' END], NULL), r.rolconnlimit, \
         coalesce((SELECT array_agg(g.rolname::text ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
         WHERE m.member = r.oid), '{{}}'), \
         coalesce((SELECT array_agg(c) FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setrole = r.oid), '{{}}'), \
         {verifier} FROM {catalogue} r WHERE starts_with(r.rolname, $1)"
    );
    let rows = client.query(&sql, &[&prefix]).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let found = Found {
                may_login: row.get(1),
                extra: row.get(2),
                connections: row.get(3),
                groups: row.get(4),
                settings: row.get(5),
                verifier: row.get(6),
            };
            (row.get(0), found)
        })
        .collect())
}
