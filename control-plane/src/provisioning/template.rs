//! Templates: one migrated database for each schema version, cloned and never connected to again.

use std::time::Duration;

use tenancy::{DatabaseName, NamePrefix, TenantId};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{ProvisionError, Provisioning, SchemaTarget, ddl};
use crate::servers::Server;

/// Templates of one server are made by whoever comes first.
const LOCK: i64 = 0x7465_6e61_6e74_0002;

/// How long the session that migrated a template may linger after it was closed.
const CLOSING: Duration = Duration::from_secs(10);

impl Provisioning {
    /// The template of a target version on a server; it is made where it is missing and this program has the
    /// migrations for it.
    pub(super) async fn ensure_template(
        &self,
        server: &Server,
        target: SchemaTarget,
    ) -> Result<DatabaseName, ProvisionError> {
        let name = self.0.prefix.template(target.version, target.fingerprint);
        let own = SchemaTarget { version: self.0.migrations.version(), fingerprint: self.0.migrations.fingerprint() };
        let client = server.connect().await?;
        if target != own || is_ready(&client, &name).await? {
            return Ok(name);
        }
        let _one = self.0.template.lock().await;
        client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
        // Ending the session frees the lock, however this ends.
        if !is_ready(&client, &name).await? {
            self.make_template(server, &client, &name).await?;
        }
        Ok(name)
    }

    /// Clones the current template into a database that administrators alone can connect to; whoever asked drops it
    /// again, or the doctor does.
    pub(crate) async fn clone_for_a_look(&self, server: &Server, name: &DatabaseName) -> Result<(), ProvisionError> {
        let own = SchemaTarget { version: self.0.migrations.version(), fingerprint: self.0.migrations.fingerprint() };
        let template = self.ensure_template(server, own).await?;
        let client = server.connect().await?;
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} ALLOW_CONNECTIONS false")).await?;
        let open = format!("{}; {}", ddl::close_to_public(name), ddl::allow_connections(name, true));
        Ok(client.batch_execute(&open).await?)
    }

    async fn make_template(&self, server: &Server, client: &Client, name: &DatabaseName) -> Result<(), ProvisionError> {
        let prefix = &self.0.prefix;
        let making = prefix.unfinished_template(Uuid::now_v7());
        // template0 and not template1: what an operator put there must not reach tenants.
        client
            .batch_execute(&format!(
                "CREATE DATABASE {making} TEMPLATE template0 ENCODING 'UTF8' OWNER {} ALLOW_CONNECTIONS false",
                prefix.owner_role()
            ))
            .await?;
        // Open to nobody but us before it is open at all.
        client
            .batch_execute(&format!("{}; {}", ddl::close_to_public(&making), ddl::allow_connections(&making, true)))
            .await?;
        let mut inside = server.connect_to(&making).await?;
        inside.batch_execute(&privileges(prefix)).await?;
        inside.batch_execute(&close_exhausting_functions(&inside, prefix).await?).await?;
        self.0.migrations.run(&mut inside, Some(&prefix.owner_role())).await?;
        inside.batch_execute(&format!("REVOKE ALL ON refinery_schema_history FROM {}", prefix.data_role())).await?;
        drop(inside);
        let finish =
            format!("{}; ALTER DATABASE {name} IS_TEMPLATE true ALLOW_CONNECTIONS false", ddl::rename(&making, name));
        let closed = wait_for_sessions(client, &making, CLOSING).await?;
        if !closed {
            return Err(ProvisionError::Busy(making));
        }
        client.batch_execute(&finish).await?;
        tracing::info!(template = %name, server = server.name, "a template was made");
        Ok(())
    }
}

impl Provisioning {
    /// Whether nobody is making a template on this server now: then an unfinished one will stay unfinished.
    pub(super) async fn template_is_abandoned(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        let locked: bool = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0);
        Ok(locked)
    }
}

pub(super) async fn is_ready(client: &Client, name: &DatabaseName) -> Result<bool, tokio_postgres::Error> {
    let sql = "SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate AND NOT datallowconn";
    Ok(client.query_opt(sql, &[name]).await?.is_some())
}

/// Waits until nobody is in a database; `false` when somebody stays.
pub(super) async fn wait_for_sessions(
    client: &Client,
    database: &DatabaseName,
    limit: Duration,
) -> Result<bool, tokio_postgres::Error> {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 LIMIT 1";
        if client.query_opt(sql, &[database]).await?.is_none() {
            return Ok(true);
        }
        if tokio::time::Instant::now() > deadline {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Provisioning {
    /// Puts the privileges inside a tenant's database back to what its template had.
    pub(crate) async fn restore_privileges(
        &self,
        server: &Server,
        tenant: TenantId,
        database: &DatabaseName,
    ) -> Result<(), ProvisionError> {
        let (owner, data, role) = (self.0.prefix.owner_role(), self.0.prefix.data_role(), self.role(tenant));
        let inside = server.connect_to(database).await?;
        inside
            .batch_execute(&format!(
                "REASSIGN OWNED BY {role} TO {owner};
                 REVOKE ALL ON DATABASE {database} FROM PUBLIC;
                 REVOKE CREATE, TEMP ON DATABASE {database} FROM {role}, {data};
                 REVOKE ALL ON SCHEMA public FROM {role}, {data};
                 REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}, {data};
                 REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pg_catalog FROM {role}, {data};
                 {}
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {data};
                 GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {data};
                 REVOKE ALL ON refinery_schema_history FROM {data};",
                privileges(&self.0.prefix)
            ))
            .await?;
        Ok(inside.batch_execute(&close_exhausting_functions(&inside, &self.0.prefix).await?).await?)
    }
}

/// What tenant roles may do, through their group. Privileges inside a database are copied by cloning.
fn privileges(prefix: &NamePrefix) -> String {
    let (owner, data) = (prefix.owner_role(), prefix.data_role());
    format!(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;
         GRANT USAGE, CREATE ON SCHEMA public TO {owner};
         GRANT USAGE ON SCHEMA public TO {data};
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {data};
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {data};"
    )
}

/// Advisory locks and large objects are counted for the whole server: with them one tenant could stop all others.
/// Only a superuser can revoke them; under any other administrator the doctor names them.
async fn close_exhausting_functions(client: &Client, prefix: &NamePrefix) -> Result<String, tokio_postgres::Error> {
    let superuser: bool =
        client.query_one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", &[]).await?.get(0);
    if !superuser {
        return Ok(String::new());
    }
    let owner = prefix.owner_role();
    let sql = "SELECT coalesce(string_agg(format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC; GRANT EXECUTE ON FUNCTION %s \
               TO %s;', oid::regprocedure, oid::regprocedure, $1::text), ' '), '') FROM pg_proc \
               WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname ~ '^pg_(try_)?advisory' OR proname ~ '^lo_' \
               OR proname IN ('loread', 'lowrite'))";
    Ok(client.query_one(sql, &[&owner.as_str()]).await?.get(0))
}
