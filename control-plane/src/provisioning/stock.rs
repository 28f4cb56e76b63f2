//! Stock: databases cloned in advance, so that a tenant is born without waiting for one.

use deadpool_postgres::{Object, Pool, Transaction};
use tenancy::{DatabaseName, TenantId};
use uuid::Uuid;

use super::{ProvisionError, Provisioning, SchemaTarget, ddl, lock::LockedSession, store};
use crate::{platform::StoreError, servers::Server};

/// A database from stock that belongs to a transaction which is about to make a tenant.
pub(crate) struct Claimed {
    stock: DatabaseName,
}

impl Provisioning {
    /// Takes one ready database of the target version, inside the transaction that makes the tenant. `None`: none is
    /// left. The version can't move on before that transaction ends.
    pub(crate) async fn take_stock(
        &self,
        transaction: &Transaction<'_>,
        server: &Server,
    ) -> Result<(SchemaTarget, Option<Claimed>), StoreError> {
        let (target, taken) = store::take_stock(transaction, server.id).await?;
        Ok((target, taken.map(|stock| Claimed { stock })))
    }

    /// Gives a claimed database its tenant: role, grant, name. All of it happens or vanishes with the transaction.
    pub(crate) async fn hand_over(
        &self,
        transaction: &Transaction<'_>,
        claimed: &Claimed,
        tenant: TenantId,
        database: &DatabaseName,
    ) -> Result<(), StoreError> {
        let role = self.role(tenant);
        let verifier = self.0.master_key.tenant_password(tenant).literal();
        let statements = [
            ddl::create_role(&role, &verifier, &self.0.settings, &self.0.prefix),
            ddl::let_in(&claimed.stock, &role),
            ddl::rename(&claimed.stock, database),
            ddl::allow_connections(database, true),
        ];
        Ok(transaction.batch_execute(&statements.join(";")).await?)
    }

    /// Tells that stock was taken, or that none was left, once that is committed.
    pub(crate) fn wants_stock(&self) {
        self.0.stock_taken.notify_one();
    }

    /// Waits until stock was taken since the last call.
    pub(crate) async fn stock_taken(&self) {
        self.0.stock_taken.notified().await;
    }

    /// Brings the stock up to its size, one database at a time, and removes what is of another version. Stops at the
    /// first error; whoever calls does so again later.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn refill(&self) -> Result<(), ProvisionError> {
        let server = self.0.servers.platform().await?;
        self.remove_old_stock().await?;
        let mut sure_of = None;
        loop {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            let target = store::target_on(&client).await?;
            if store::stock_size(&client, server.id, target).await? >= self.0.settings.stock {
                return Ok(());
            }
            drop(client);
            // Found or made once; whoever raises the target meanwhile has made the template of that before.
            let template = match sure_of.take_if(|(version, _)| *version == target) {
                Some((_, template)) => template,
                None => self.ensure_template(&server, target).await?,
            };
            let name = self.0.prefix.stock(Uuid::now_v7());
            locked(&self.0.pool, &name, async |client| {
                // Recorded before it is made: a database without a record would be an orphan.
                store::record_stock(client, &name, server.id, target).await?;
                client.batch_execute(&ddl::clone(&name, &template, &self.0.prefix)).await?;
                client.batch_execute(&ddl::close_to_public(&name)).await?;
                store::stock_is_ready(client, &name).await?;
                Ok(())
            })
            .await?;
            sure_of = Some((target, template));
        }
    }

    async fn remove_old_stock(&self) -> Result<(), ProvisionError> {
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        for name in store::old_stock(&client).await? {
            self.drop_stock(&name).await?;
        }
        Ok(())
    }

    /// How many databases of the platform's server are ready for tenants, and how many should be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stock_level(&self) -> Result<(i64, usize), StoreError> {
        Ok((store::ready_stock(&self.0.pool.get().await?).await?, self.0.settings.stock))
    }

    /// Forgets stock whose database is not there.
    pub(crate) async fn forget_lost_stock(&self) -> Result<(), StoreError> {
        store::forget_lost_stock(&self.0.pool.get().await?).await
    }

    /// Removes a database of the stock and its record, unless somebody is just making it or a tenant is getting it.
    pub(crate) async fn drop_stock(&self, name: &DatabaseName) -> Result<(), ProvisionError> {
        let _one = self.0.janitor.lock().await;
        locked(&self.0.pool, name, async |client| {
            // Not ready any more, so that nobody claims it; the record goes last, so that it stays known until it is gone.
            if store::withdraw_stock(client, name).await? {
                client.batch_execute(&ddl::drop_database(name)).await?;
                store::forget_stock(client, name).await?;
            }
            Ok(())
        })
        .await
    }
}

/// Runs `work` under a lock on a database's name. Where somebody has the lock, nothing is done.
async fn locked(
    pool: &Pool,
    name: &DatabaseName,
    work: impl AsyncFnOnce(&Object) -> Result<(), ProvisionError>,
) -> Result<(), ProvisionError> {
    let Some((session, ())) = LockedSession::try_lock(pool, name.as_str(), async |_| Ok(())).await? else {
        return Ok(());
    };
    work(&session).await?;
    session.unlock(name.as_str()).await
}
