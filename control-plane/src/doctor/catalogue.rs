//! Databases: what the platform database says against what the server has.

use std::collections::{HashMap, HashSet};

use tenancy::{DatabaseName, TenantId, TenantStatus, naming::DatabasePurpose};
use tokio_postgres::Client;

use super::{Doctor, DoctorError, Finding, Trouble};
use crate::{platform::StoreError, provisioning, servers::Server};

/// A database as the server has it.
struct Found {
    broken: bool,
    open: bool,
    owner: String,
    /// Roles other than the owner that may connect; `PUBLIC` is everybody.
    admitted: Vec<String>,
}

/// A tenant as the platform has it.
struct Known {
    id: TenantId,
    database: DatabaseName,
    status: TenantStatus,
    /// Somebody is making or unmaking it.
    in_hand: bool,
    released: bool,
}

pub(super) async fn examine(doctor: &Doctor, server: &Server, client: &Client) -> Result<Vec<Finding>, DoctorError> {
    let prefix = doctor.provisioning.prefix();
    // What exists is read between two looks at what should: a database that came or went meanwhile is in one of them.
    let before = known(doctor, server).await?;
    let stock_before = stock(doctor, server).await?;
    let found = databases(client, prefix.as_str()).await?;
    let after = known(doctor, server).await?;
    let stock_after = stock(doctor, server).await?;

    let target = provisioning::store::target(&doctor.pool).await?;
    let template = prefix.template(target.version, target.fingerprint);

    let mut troubles = Vec::new();
    let referred: HashSet<&DatabaseName> =
        before.iter().chain(&after).filter(|tenant| !tenant.released).map(|tenant| &tenant.database).collect();
    let leaving: HashSet<DatabaseName> =
        before.iter().chain(&after).filter(|tenant| tenant.in_hand).map(|tenant| prefix.dropped(tenant.id)).collect();
    for (name, database) in &found {
        let purpose = prefix.purpose(name.as_str());
        if database.broken {
            let in_hand = leaving.contains(name) || stock_before.contains_key(name) || stock_after.contains_key(name);
            // A tenant's is missing; it is not something to drop.
            if !in_hand && !referred.contains(name) {
                troubles.push(Trouble::BrokenDatabase(name.clone()));
            }
            continue;
        }
        match purpose {
            Some(DatabasePurpose::Tenant) if !referred.contains(name) => {
                troubles.push(Trouble::OrphanDatabase(name.clone()));
            }
            Some(DatabasePurpose::Stock) if !stock_before.contains_key(name) && !stock_after.contains_key(name) => {
                troubles.push(Trouble::LeftoverDatabase(name.clone()));
            }
            Some(DatabasePurpose::Dropped) if !leaving.contains(name) => {
                troubles.push(Trouble::LeftoverDatabase(name.clone()));
            }
            Some(DatabasePurpose::Template) if *name != template => {
                troubles.push(Trouble::LeftoverDatabase(name.clone()));
            }
            Some(DatabasePurpose::UnfinishedTemplate) => troubles.push(Trouble::LeftoverDatabase(name.clone())),
            _ => {}
        }
    }
    for (name, ready) in &stock_after {
        // Ready both times: what was being made in between may have come after the look at the server.
        if *ready && stock_before.get(name) == Some(&true) && !found.contains_key(name) {
            troubles.push(Trouble::LostStock(name.clone()));
        }
    }
    // One that is being made has nothing yet that could be wrong.
    let made = |tenant: &&Known| tenant.status.is_live() && tenant.status != TenantStatus::Provisioning;
    let steady = after.iter().filter(made).filter(|tenant| !tenant.in_hand);
    let steady = steady.filter(|tenant| before.iter().any(|earlier| earlier.id == tenant.id && !earlier.in_hand));
    for tenant in steady {
        let usable = found.get(&tenant.database).filter(|database| !database.broken);
        troubles.extend(examine_tenant(doctor, tenant, usable));
    }
    troubles.extend(neighbours(client, prefix.as_str()).await?);
    Ok(troubles.into_iter().map(|trouble| server.finding(trouble)).collect())
}

fn examine_tenant(doctor: &Doctor, tenant: &Known, found: Option<&Found>) -> Vec<Trouble> {
    let name = tenant.database.clone();
    let Some(found) = found else {
        return vec![Trouble::MissingDatabase(tenant.id, name)];
    };
    let prefix = doctor.provisioning.prefix();
    let role = prefix.tenant_role(tenant.id);
    let mut troubles = Vec::new();
    if !found.open {
        troubles.push(Trouble::ClosedDatabase(tenant.id, name.clone()));
    }
    if !found.admitted.iter().any(|admitted| admitted == role.as_str()) {
        troubles.push(Trouble::LockedOut(tenant.id, name.clone()));
    }
    for grantee in found.admitted.iter().filter(|admitted| *admitted != role.as_str()) {
        troubles.push(Trouble::OpenDatabase { database: name.clone(), grantee: grantee.clone() });
    }
    if found.owner != prefix.owner_role().as_str() {
        troubles.push(Trouble::WrongOwner(name, found.owner.clone()));
    }
    troubles
}

async fn known(doctor: &Doctor, server: &Server) -> Result<Vec<Known>, DoctorError> {
    let client = doctor.pool.get().await.map_err(StoreError::from)?;
    let sql = "SELECT t.id, t.database_name, t.status, t.released_at IS NOT NULL, EXISTS (SELECT 1 FROM sagas s \
               WHERE s.tenant_id = t.id AND s.finished_at IS NULL) FROM tenants t WHERE t.server_id = $1 \
               AND (t.released_at IS NULL OR EXISTS (SELECT 1 FROM sagas s WHERE s.tenant_id = t.id AND s.finished_at IS NULL))";
    let rows = client.query(sql, &[&server.id]).await?;
    Ok(rows
        .iter()
        .map(|row| Known {
            id: row.get(0),
            database: row.get(1),
            status: row.get(2),
            released: row.get(3),
            in_hand: row.get(4),
        })
        .collect())
}

async fn stock(doctor: &Doctor, server: &Server) -> Result<HashMap<DatabaseName, bool>, DoctorError> {
    let client = doctor.pool.get().await.map_err(StoreError::from)?;
    let rows = client.query("SELECT database_name, ready FROM stock WHERE server_id = $1", &[&server.id]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Databases that are not the tenants' and that every role of the server may enter, so tenants' roles too. Our own and
/// those that every server has must be closed; about others only their owner can decide.
async fn neighbours(client: &Client, prefix: &str) -> Result<Vec<Trouble>, DoctorError> {
    let sql = "SELECT d.datname, d.datname = current_database() OR d.datname = ANY($2) FROM pg_database d, \
               aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0 \
               AND a.privilege_type = 'CONNECT' AND d.datallowconn AND NOT starts_with(d.datname, $1)";
    let rows = client.query(sql, &[&prefix, &provisioning::roles::COMMON.as_slice()]).await?;
    let trouble = |row: &tokio_postgres::Row| match DatabaseName::parse(row.get(0)) {
        Ok(database) if row.get(1) => Trouble::OpenDatabase { database, grantee: "PUBLIC".to_owned() },
        _ => Trouble::OpenNeighbour(row.get(0)),
    };
    Ok(rows.iter().map(trouble).collect())
}

async fn databases(client: &Client, prefix: &str) -> Result<HashMap<DatabaseName, Found>, DoctorError> {
    let sql = "SELECT d.datname, d.datconnlimit = -2, d.datallowconn, pg_get_userbyid(d.datdba), coalesce((SELECT \
               array_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END) \
               FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a \
               WHERE a.privilege_type = 'CONNECT' AND a.grantee <> d.datdba), '{}') \
               FROM pg_database d WHERE starts_with(d.datname, $1)";
    let rows = client.query(sql, &[&prefix]).await?;
    // A name that is none of ours can't be the platform's.
    let database = |row: &tokio_postgres::Row| {
        let name = DatabaseName::parse(row.get(0)).ok()?;
        let found = Found { broken: row.get(1), open: row.get(2), owner: row.get(3), admitted: row.get(4) };
        Some((name, found))
    };
    Ok(rows.iter().filter_map(database).collect())
}
