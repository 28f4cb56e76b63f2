//! Mending: each remedy looks again before it acts, under the same locks as whoever might be at work.

use tenancy::{
    DatabaseName, TenantId,
    migrate::Migrations,
    postgres::{Failure, failure},
};

use super::{Doctor, DoctorError, Finding, Trouble, directories};
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
                let kind = if kind == Kind::Create.as_str() { Kind::Create } else { Kind::Drop };
                provisioning.run_saga(*tenant, kind).await?;
            }
            Trouble::HalfMade(tenant) => self.finish_half_made(*tenant).await?,
            Trouble::Behind { tenant, .. } | Trouble::WrongVersion { tenant, .. } => {
                self.bring_up(&server, *tenant).await?;
            }
            Trouble::OrphanDirectory { oid, path, .. } => {
                let client = server.connect().await?;
                if directories::orphans(&client).await?.is_some_and(|orphans| orphans.contains(oid)) {
                    tokio::fs::remove_dir_all(path).await.map_err(|source| {
                        ProvisionError::Backup(crate::backups::BackupError::File { path: path.clone(), source })
                    })?;
                }
            }
            Trouble::MissingDatabase(..)
            | Trouble::Unreadable { .. }
            | Trouble::OpenNeighbour(_)
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
        let Some(row) = tenants::store::address(&transaction, tenant).await? else { return Ok(()) };
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

    async fn bring_up(&self, server: &Server, tenant: TenantId) -> Result<(), DoctorError> {
        let client = self.pool.get().await.map_err(StoreError::from)?;
        let Some(row) = tenants::store::address(&client, tenant).await? else { return Ok(()) };
        let mut inside = server.connect_to(&row.database).await?;
        let owner = self.provisioning.prefix().owner_role();
        self.provisioning.migrations().run(&mut inside, Some(&owner)).await.map_err(ProvisionError::from)?;
        let version = Migrations::version_of(&inside).await?;
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
                let found = match server.connect_to(&row.database).await {
                    Ok(client) => {
                        Migrations::version_of(&client).await.map_err(|error| (failure(&error), error.to_string()))
                    }
                    Err(error) => Err((Failure::Other, error.to_string())),
                };
                match found {
                    Ok(found) if found != row.schema_version => {
                        findings.push(server.finding(Trouble::WrongVersion {
                            tenant,
                            recorded: row.schema_version,
                            found,
                        }));
                    }
                    Ok(found) if found < target.version => {
                        findings.push(server.finding(Trouble::Behind {
                            tenant,
                            version: found,
                            target: target.version,
                        }));
                    }
                    Ok(_) => {}
                    Err(_) if !self.is_still_at(tenant, &row.database).await? => {}
                    Err((_, reason)) => findings.push(server.finding(Trouble::Unreadable { tenant, reason })),
                }
            }
        }
        Ok(findings)
    }
}

impl Server {
    pub(super) fn finding(&self, trouble: Trouble) -> Finding {
        Finding { server: self.id, server_name: self.name.clone(), trouble }
    }
}
