//! The fence around a tenant that is not served: its role can't log in, and its sessions end. It holds in PostgreSQL,
//! because a runtime that is cut off can't be told.

use std::time::Duration;

use deadpool_postgres::Transaction;
use tenancy::{DatabaseName, RoleName, TenantId};
use tokio::time::Instant;
use tokio_postgres::Client;

use super::{ProvisionError, Provisioning, ddl, template::wait_for_sessions};
use crate::{platform::StoreError, servers::Server};

/// How long the sessions of a fenced tenant may take to end; the next round ends those that remain.
const ENDING: Duration = Duration::from_secs(2);

impl Provisioning {
    /// Lets a tenant's role log in, or not, in the transaction that changes its state. On another server this happens
    /// right after it; see [`Provisioning::enforce_fence`].
    pub(crate) async fn set_login(
        &self,
        transaction: &Transaction<'_>,
        server: &Server,
        tenant: TenantId,
        allowed: bool,
    ) -> Result<(), StoreError> {
        if server.is_platform {
            let role = self.role(tenant);
            let there = transaction.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role]).await?;
            if there.is_some() {
                transaction.batch_execute(&ddl::login(&role, allowed)).await?;
            }
        }
        Ok(())
    }

    /// What remains of the fence once the change of state is committed: the login on another server, and the end of
    /// the sessions that are open.
    ///
    /// # Errors
    /// [`ProvisionError`]; the doctor's round does the same again.
    pub(crate) async fn enforce_fence(
        &self,
        server: &Server,
        tenant: TenantId,
        allowed: bool,
    ) -> Result<(), ProvisionError> {
        let role = self.role(tenant);
        if server.is_platform {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            return if allowed { Ok(()) } else { end_sessions_of(&client, &role).await };
        }
        let client = server.connect().await?;
        client.batch_execute(&ddl::login(&role, allowed)).await?;
        if allowed { Ok(()) } else { end_sessions_of(&client, &role).await }
    }
}

/// Ends the sessions of a role that can't log in any more, until none is left: one that was just logging in shows up
/// late.
async fn end_sessions_of(client: &Client, role: &RoleName) -> Result<(), ProvisionError> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1";
    let deadline = Instant::now() + ENDING;
    while client.execute(sql, &[role]).await? > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Ends every session in a database and waits until they are gone.
pub(super) async fn end_sessions(
    client: &Client,
    database: &DatabaseName,
    limit: Duration,
) -> Result<(), ProvisionError> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()";
    client.execute(sql, &[database]).await?;
    if wait_for_sessions(client, database, limit).await? { Ok(()) } else { Err(ProvisionError::Busy(database.clone())) }
}

impl Provisioning {
    /// Ends the sessions of every tenant that is not served: of those that were suspended by a process that died
    /// before it could. One look a server.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn enforce_fences(&self) -> Result<(), ProvisionError> {
        let prefix = self.0.prefix.as_str();
        // Only what may not log in: a served tenant's sessions are never touched here.
        let sql = "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid \
                   WHERE NOT r.rolcanlogin AND starts_with(r.rolname, $1)";
        for server in self.0.servers.all().await? {
            if server.is_platform {
                self.0.pool.get().await.map_err(StoreError::from)?.execute(sql, &[&prefix]).await?;
                continue;
            }
            // The tenants of all others are not to wait for a server that is down.
            match server.connect().await {
                Ok(client) => drop(client.execute(sql, &[&prefix]).await?),
                Err(error) => tracing::debug!(%error, "a server's fences can't be looked at now"),
            }
        }
        Ok(())
    }
}
