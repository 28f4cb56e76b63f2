//! Mending: each remedy looks again before it acts, under the same locks as whoever might be at work.

use tenancy::{DatabaseName, TenantId, migrate::Migrations};

use super::{Doctor, DoctorError, Finding, Trouble, directories, privileges};
use crate::{
    platform::StoreError,
    provisioning::{self, ProvisionError, saga::Kind},
    servers::Server,
    tenants,
};

impl Doctor {
    pub(super) async fn mend_one(&self, finding: &Finding) -> Result<(), DoctorError> {
        let server = self.provisioning.servers().get(finding.server).await?;
        let provisioning = &self.provisioning;
        match &finding.trouble {
            Trouble::BrokenDatabase(name) | Trouble::LeftoverDatabase(name) => {
                provisioning.drop_leftover(&server, name).await?;
            }
            Trouble::OrphanDatabase(name) => self.drop_orphan(&server, name).await?,
            Trouble::LostStock(name) => provisioning.drop_stock(name).await?,
            Trouble::ClosedDatabase(_, name) => provisioning.reopen(&server, name).await?,
            Trouble::OpenDatabase { database, grantee } => provisioning.shut_out(&server, database, grantee).await?,
            Trouble::WrongOwner(name, _) => provisioning.restore_owner(&server, name).await?,
            Trouble::OrphanRole(role) => provisioning.drop_role(&server, role).await?,
            // With its role a tenant gets its way in.
            Trouble::LockedOut(tenant, _)
            | Trouble::MissingRole(tenant)
            | Trouble::ChangedRole(tenant, _)
            | Trouble::WrongLogin { tenant, .. } => {
                self.restore_role(&server, *tenant).await?;
            }
            Trouble::StuckSaga { tenant, kind, .. } => {
                let Ok(kind) = kind.parse::<Kind>() else { return Ok(()) };
                provisioning.run_saga(*tenant, kind).await?;
            }
            Trouble::HalfMade(tenant) => self.finish_half_made(*tenant).await?,
            Trouble::WrongVersion { tenant, .. } => self.correct_version(&server, *tenant).await?,
            Trouble::WrongPrivileges { tenant, database, .. } => {
                provisioning.restore_privileges(&server, *tenant, database).await?;
            }
            Trouble::OrphanDirectory { oid, path, .. } => {
                let client = server.connect().await?;
                let there = directories::orphans(&client).await?.is_some_and(|orphans| orphans.contains(oid));
                if there && directories::is_here(&client).await? {
                    tokio::fs::remove_dir_all(path).await.map_err(|source| {
                        ProvisionError::Backup(crate::backups::BackupError::File { path: path.clone(), source })
                    })?;
                }
            }
            Trouble::MissingDatabase(..)
            | Trouble::Unreadable { .. }
            | Trouble::Unreachable(_)
            | Trouble::OpenNeighbour(_)
            | Trouble::Behind { .. }
            | Trouble::Setting { .. } => {}
        }
        Ok(())
    }

    /// An orphan may hold somebody's rows: it is dropped only once a backup of it is there.
    async fn drop_orphan(&self, server: &Server, name: &DatabaseName) -> Result<(), DoctorError> {
        let backups = self.provisioning.backups();
        let file = backups.final_backup(name, TenantId::generate());
        let client = server.connect().await?;
        self.provisioning.reopen(server, name).await?;
        backups.dump(&server.admin, name, &file).await.map_err(ProvisionError::from)?;
        drop(client);
        Ok(self.provisioning.drop_leftover(server, name).await?)
    }

    async fn restore_role(&self, server: &Server, tenant: TenantId) -> Result<(), DoctorError> {
        let mut client = self.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        // Whoever suspends the tenant now waits, so that its role is not let in again after that.
        tenants::store::hold(&transaction, tenant).await?;
        let row = tenants::store::address(&transaction, tenant).await?;
        // Of one that is being dropped, role and database are the saga's.
        let Some(row) = row.filter(|row| row.status.is_live()) else { return Ok(()) };
        self.provisioning.restore_role(server, tenant, &row.database, row.status.is_served()).await?;
        Ok(transaction.commit().await?)
    }

    async fn finish_half_made(&self, tenant: TenantId) -> Result<(), DoctorError> {
        {
            let client = self.pool.get().await.map_err(StoreError::from)?;
            provisioning::store::insert_saga(&client, tenant, Kind::Create, false).await?;
        }
        self.provisioning.run_saga(tenant, Kind::Create).await?;
        Ok(())
    }

    /// The record follows the database; bringing that up is the fleet's.
    async fn correct_version(&self, server: &Server, tenant: TenantId) -> Result<(), DoctorError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let Some(row) = tenants::store::address(&client, tenant).await? else { return Ok(()) };
        let inside = server.connect_to(&row.database).await?;
        let version = Migrations::version_of(&inside).await.map_err(StoreError::from)?;
        Ok(tenants::store::set_schema_version(&client, tenant, version).await?)
    }

    /// Whether a tenant was not deleted meanwhile.
    async fn is_still_at(&self, tenant: TenantId, database: &DatabaseName) -> Result<bool, StoreError> {
        let client = self.pool.get().await?;
        let now = tenants::store::address(&client, tenant).await?;
        Ok(now.is_some_and(|now| now.status.is_live() && now.database == *database))
    }

    /// Tenants that stand still half-made, and versions that are not what they should be.
    pub(super) async fn examine_tenants(&self) -> Result<Vec<Finding>, DoctorError> {
        let target = provisioning::store::target(&self.pool).await?;
        let rows = {
            let client = self.pool.get().await.map_err(StoreError::from)?;
            tenants::store::health(&client).await?
        };
        let mut findings = Vec::new();
        for row in rows {
            let server = self.provisioning.servers().get(row.server).await?;
            let tenant = row.id;
            if let Some((kind, error)) = row.stuck {
                findings.push(server.finding(Trouble::StuckSaga { tenant, kind, error }));
            } else if row.half_made {
                findings.push(server.finding(Trouble::HalfMade(tenant)));
            } else if row.status.is_live() && row.status != tenancy::TenantStatus::Provisioning {
                let examined = self.examine_inside(&server, &row, target.version).await;
                match examined {
                    Ok(troubles) => findings.extend(troubles.into_iter().map(|trouble| server.finding(trouble))),
                    Err(_) if !self.is_still_at(tenant, &row.database).await? => {}
                    Err(error) => {
                        let reason = error.to_string();
                        findings.push(server.finding(Trouble::Unreadable { tenant, reason }));
                    }
                }
            }
        }
        Ok(findings)
    }

    /// What only a session in the tenant's database can tell.
    async fn examine_inside(
        &self,
        server: &Server,
        row: &tenants::store::Health,
        target: i32,
    ) -> Result<Vec<Trouble>, DoctorError> {
        let tenant = row.id;
        let inside = server.connect_to(&row.database).await?;
        let found = Migrations::version_of(&inside).await?;
        let mut troubles = Vec::new();
        if found != row.schema_version {
            troubles.push(Trouble::WrongVersion { tenant, recorded: row.schema_version, found });
        } else if found < target {
            troubles.push(Trouble::Behind { tenant, version: found, target });
        }
        let role = self.provisioning.prefix().tenant_role(tenant);
        // Whoever looks at roles names a role that is missing, is a superuser, or has other groups.
        let sql = "SELECT 1 FROM pg_roles r WHERE rolname = $1 AND NOT rolsuper AND rolinherit AND (SELECT array_agg(g.rolname) \
                   FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) = ARRAY[$2::name]";
        let data = self.provisioning.prefix().data_role();
        if inside.query_opt(sql, &[&role, &data]).await?.is_some() {
            let different = privileges::examine(&inside, &role).await?;
            let database = row.database.clone();
            troubles.extend(different.into_iter().map(|what| Trouble::WrongPrivileges {
                tenant,
                database: database.clone(),
                what,
            }));
        }
        Ok(troubles)
    }
}

impl Server {
    pub(super) fn finding(&self, trouble: Trouble) -> Finding {
        Finding { server: self.id, server_name: self.name.clone(), trouble }
    }
}
