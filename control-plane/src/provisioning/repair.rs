//! Putting one thing on a server back to what the platform made of it, for the doctor.

use tenancy::{DatabaseName, RoleName, TenantId, naming::DatabasePurpose};
use tokio_postgres::Client;

use super::{ProvisionError, Provisioning, ddl, fence::end_sessions};
use crate::{platform::StoreError, servers::Server};

/// How long sessions may take to end.
const SESSIONS_END: std::time::Duration = std::time::Duration::from_secs(10);

impl Provisioning {
    /// Drops a database that nothing refers to; looks once more whether something does.
    pub(crate) async fn drop_leftover(&self, server: &Server, name: &DatabaseName) -> Result<(), ProvisionError> {
        let purpose = self.0.prefix.purpose(name.as_str());
        let _one = self.0.janitor.lock().await;
        let client = server.connect().await?;
        self.check_ownership(&client).await?;
        if purpose.is_none() || self.is_referred(server, name).await? {
            return Ok(());
        }
        if purpose == Some(DatabasePurpose::UnfinishedTemplate) && !self.template_is_abandoned(&client).await? {
            return Ok(());
        }
        let open =
            client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1 AND datconnlimit <> -2", &[name]).await?;
        if open.is_some() {
            client.batch_execute(&format!("ALTER DATABASE {name} IS_TEMPLATE false ALLOW_CONNECTIONS false")).await?;
            end_sessions(&client, name, SESSIONS_END).await?;
        }
        if purpose == Some(DatabasePurpose::Tenant) && open.is_some() {
            return self.drop_renamed(server, &client, name).await;
        }
        Ok(client.batch_execute(&ddl::drop_database(name)).await?)
    }

    /// A tenant's name can be taken again at any moment: the database loses it first, and only if that is not too late
    /// it is dropped.
    async fn drop_renamed(&self, server: &Server, client: &Client, name: &DatabaseName) -> Result<(), ProvisionError> {
        let nameless = self.0.prefix.dropped(TenantId::generate());
        client.batch_execute(&ddl::rename(name, &nameless)).await?;
        if self.is_referred(server, name).await? {
            client.batch_execute(&ddl::rename(&nameless, name)).await?;
            return Ok(client.batch_execute(&ddl::allow_connections(name, true)).await?);
        }
        Ok(client.batch_execute(&ddl::drop_database(&nameless)).await?)
    }

    async fn is_referred(&self, server: &Server, name: &DatabaseName) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE server_id = $1 AND database_name = $2 AND released_at IS NULL) \
                   OR EXISTS (SELECT 1 FROM stock WHERE server_id = $1 AND database_name = $2)";
        let client = self.0.pool.get().await?;
        Ok(client.query_one(sql, &[&server.id, name]).await?.get(0))
    }

    pub(crate) async fn reopen(&self, server: &Server, name: &DatabaseName) -> Result<(), ProvisionError> {
        Ok(server.connect().await?.batch_execute(&ddl::allow_connections(name, true)).await?)
    }

    pub(crate) async fn shut_out(
        &self,
        server: &Server,
        name: &DatabaseName,
        grantee: &str,
    ) -> Result<(), ProvisionError> {
        let client = server.connect().await?;
        let statement = if grantee == "PUBLIC" {
            ddl::close_to_public(name)
        } else {
            // A role of somebody else's may have any name.
            let quoted: String = client.query_one("SELECT quote_ident($1)", &[&grantee]).await?.get(0);
            format!("REVOKE ALL ON DATABASE {name} FROM {quoted} CASCADE")
        };
        Ok(client.batch_execute(&statement).await?)
    }

    pub(crate) async fn restore_owner(&self, server: &Server, name: &DatabaseName) -> Result<(), ProvisionError> {
        let owner = self.0.prefix.owner_role();
        Ok(server.connect().await?.batch_execute(&format!("ALTER DATABASE {name} OWNER TO {owner}")).await?)
    }

    /// Drops a role that no tenant has, if it is one that this platform named after a tenant.
    pub(crate) async fn drop_role(&self, server: &Server, role: &RoleName) -> Result<(), ProvisionError> {
        if self.0.prefix.tenant_of_role(role.as_str()).is_none() {
            return Ok(());
        }
        let client = server.connect().await?;
        self.check_ownership(&client).await?;
        let sql = "SELECT d.datname FROM pg_database d, aclexplode(d.datacl) a WHERE pg_get_userbyid(a.grantee) = $1";
        for row in client.query(sql, &[role]).await? {
            // A grant of ours is on a database with a name of ours; any other keeps the role, and DROP ROLE says so.
            if let Ok(database) = DatabaseName::parse(row.get(0)) {
                client.batch_execute(&format!("REVOKE ALL ON DATABASE {database} FROM {role}")).await?;
            }
        }
        Ok(client.batch_execute(&ddl::drop_role(role)).await?)
    }

    /// Makes a tenant's role what it was, or makes it anew.
    pub(crate) async fn restore_role(
        &self,
        server: &Server,
        tenant: TenantId,
        database: &DatabaseName,
        may_login: bool,
    ) -> Result<(), ProvisionError> {
        let mut client = server.connect().await?;
        let role = self.role(tenant);
        let verifier = self.0.master_key.tenant_password(tenant).literal();
        let settings = &self.0.settings;
        let transaction = client.transaction().await?;
        if transaction.query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role]).await?.is_none() {
            transaction.batch_execute(&ddl::create_role(&role, &verifier, settings, &self.0.prefix)).await?;
        }
        let foreign = "SELECT quote_ident(g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
                       JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1 AND g.rolname <> $2";
        for row in transaction.query(foreign, &[&role, &self.0.prefix.data_role()]).await? {
            let group: String = row.get(0);
            transaction.batch_execute(&format!("REVOKE {group} FROM {role}")).await?;
        }
        for row in transaction
            .query(
                "SELECT d.datname FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase \
                                      JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = $1",
                &[&role],
            )
            .await?
        {
            if let Ok(name) = DatabaseName::parse(row.get(0)) {
                transaction.batch_execute(&format!("ALTER ROLE {role} IN DATABASE {name} RESET ALL")).await?;
            }
        }
        let statements = [
            ddl::reset_role(&role, &verifier, settings, &self.0.prefix),
            ddl::login(&role, may_login),
            ddl::let_in(database, &role),
        ];
        transaction.batch_execute(&statements.join(";")).await?;
        Ok(transaction.commit().await?)
    }
}
