//! The roles that all tenants of a platform share, and the one of its runtimes.

use deadpool_postgres::Pool;
use tenancy::{DatabaseName, NamePrefix, RoleName, postgres::Failure, postgres::failure, secrets::MasterKey};
use tokio_postgres::Client;

use super::ProvisionError;
use crate::platform::StoreError;

/// Roles are made by whoever comes first.
const LOCK: i64 = 0x7465_6e61_6e74_0001;

/// The owner of all tables and the group with the data privileges; nobody logs in as either.
pub(super) async fn ensure_shared(client: &Client, prefix: &NamePrefix) -> Result<(), ProvisionError> {
    for role in [prefix.owner_role(), prefix.data_role()] {
        if !exists(client, &role).await? {
            let created = client.batch_execute(&format!("CREATE ROLE {role} NOLOGIN")).await;
            // Another control plane may have been quicker.
            if let Err(error) = created
                && failure(&error) != Failure::Duplicate
            {
                return Err(error.into());
            }
        }
    }
    // An administrator who is no superuser must be a member of a role to create objects that belong to it.
    let superuser: bool =
        client.query_one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", &[]).await?.get(0);
    if !superuser {
        client.batch_execute(&format!("GRANT {} TO CURRENT_USER", prefix.owner_role())).await?;
    }
    Ok(())
}

/// Databases that every server has and that PostgreSQL opens to everybody.
pub(crate) const COMMON: [&str; 2] = ["postgres", "template1"];

/// Closes to everybody what is open to everybody: a tenant may connect to its own database alone. Superusers and owners
/// still get in; whoever else needs to is granted CONNECT by name. Where we may not do this, the doctor names it.
pub(super) async fn close_common(client: &Client) -> Result<(), ProvisionError> {
    for name in open_common(client).await? {
        let closed = client.batch_execute(&format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC")).await;
        // Another platform on this server may have been at the same: then it is closed all the same.
        if let Err(error) = closed
            && open_common(client).await?.contains(&name)
        {
            return Err(error.into());
        }
    }
    Ok(())
}

async fn open_common(client: &Client) -> Result<Vec<DatabaseName>, tokio_postgres::Error> {
    let sql = "SELECT d.datname FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a \
               WHERE d.datname = ANY($1) AND a.grantee = 0 AND a.privilege_type = 'CONNECT'";
    Ok(client.query(sql, &[&COMMON.as_slice()]).await?.iter().map(|row| row.get(0)).collect())
}

/// The role with which runtimes read tenants and keys in the platform database, and nothing else there.
pub(super) async fn ensure_runtime(
    pool: &Pool,
    prefix: &NamePrefix,
    master_key: &MasterKey,
) -> Result<(), ProvisionError> {
    let mut client = pool.get().await.map_err(StoreError::from)?;
    let role = prefix.runtime_role();
    let password = master_key.runtime_password();
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let known = transaction.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_some();
    let verb = if known { "ALTER" } else { "CREATE" };
    let database: String = transaction.query_one("SELECT quote_ident(current_database())", &[]).await?.get(0);
    transaction
        .batch_execute(&format!(
            "{verb} ROLE {role} LOGIN CONNECTION LIMIT -1 PASSWORD {};
             REVOKE ALL ON DATABASE {database} FROM PUBLIC;
             REVOKE ALL ON SCHEMA public FROM PUBLIC;
             GRANT CONNECT ON DATABASE {database} TO {role};
             GRANT USAGE ON SCHEMA public TO {role};
             GRANT SELECT ON tenants, memberships, token_keys, packages, subscriptions TO {role};
             GRANT SELECT (id, name) ON users TO {role};
             GRANT EXECUTE ON FUNCTION record_usage(uuid, bigint, uuid[], text[], numeric[]) TO {role};
             GRANT EXECUTE ON FUNCTION request_upgrade(uuid) TO {role};
             GRANT EXECUTE ON FUNCTION share_connections(text, integer, uuid, integer, integer) TO {role};
             GRANT SELECT (id, name, is_platform, host, port) ON servers TO {role};",
            password.literal()
        ))
        .await?;
    transaction.commit().await?;
    Ok(())
}

async fn exists(client: &Client, role: &RoleName) -> Result<bool, tokio_postgres::Error> {
    Ok(client.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[role]).await?.is_some())
}
