//! One tenant's database, brought up or rehearsed on.

use tenancy::{
    DatabaseName,
    migrate::{HistoryError, MigrateError, Migrations, Ran, Rehearsed},
    postgres::{ConnectError, connect, connect_task, failure, on_database},
};
use tokio_postgres::{Client, error::SqlState};

use super::{Failure, Fleet, Policy, store::Behind};
use crate::servers::Server;

/// Why a tenant's turn did not end well.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) failure: Failure,
    pub(super) message: String,
    /// Whether the same may work later.
    pub(super) passing: bool,
    /// The database's version, where that is the trouble: newer than ours.
    pub(super) newer: Option<i32>,
}

impl Trouble {
    fn of(failure: Failure, message: &impl ToString, passing: bool) -> Self {
        Self { failure, message: message.to_string(), passing, newer: None }
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        use tenancy::postgres::Failure as Cause;
        let passing = match &error {
            ConnectError::Timeout => true,
            ConnectError::Postgres(error) => {
                matches!(failure(error), Cause::Unavailable | Cause::TooManyConnections | Cause::Terminated)
            }
        };
        Self::of(Failure::Unreachable, &error, passing)
    }
}

impl From<MigrateError> for Trouble {
    fn from(error: MigrateError) -> Self {
        use tenancy::postgres::Failure as Cause;
        if let MigrateError::History(HistoryError::Newer { found, .. }) = &error {
            return Self { newer: Some(*found), ..Self::of(Failure::History, &error, false) };
        }
        if matches!(error, MigrateError::History(_)) {
            return Self::of(Failure::History, &error, false);
        }
        let code = error.code().cloned();
        match (code, error.failure()) {
            (Some(SqlState::LOCK_NOT_AVAILABLE), _) | (_, Cause::Serialization) => {
                Self::of(Failure::Locked, &error, true)
            }
            (Some(SqlState::QUERY_CANCELED), _) => Self::of(Failure::TooSlow, &error, false),
            (Some(SqlState::DISK_FULL), _) => Self::of(Failure::Migration, &error, false),
            (_, Cause::Unavailable | Cause::TooManyConnections | Cause::Terminated) => {
                Self::of(Failure::Unreachable, &error, true)
            }
            _ => Self::of(Failure::Migration, &error, false),
        }
    }
}

impl Fleet {
    /// Applies what a tenant's database lacks; a backup comes first where one of its migrations can lose data. Says where
    /// the backup is.
    pub(super) async fn bring_up(
        &self,
        server: &Server,
        tenant: &Behind,
        policy: &Policy,
    ) -> Result<(Ran, Option<String>), Trouble> {
        let loses = |version: i32| self.0.losing.iter().any(|losing| *losing > version);
        let mut backup = None;
        if policy.backups && loses(tenant.version) {
            // As it is, and not as it was recorded: a backup from after the loss is none.
            let found = Migrations::version_of(&connect(&on_database(&server.admin, &tenant.database)).await?).await;
            let found = found.map_err(MigrateError::from)?;
            if loses(found) {
                backup = Some(self.back_up(server, tenant, found).await?);
            }
        }
        let known = tenant.version;
        let work = async |client: &mut Client, migrations: &Migrations| migrations.run_last(client, known).await;
        Ok((self.inside(server, &tenant.database, policy, work).await?, backup))
    }

    async fn back_up(&self, server: &Server, tenant: &Behind, version: i32) -> Result<String, Trouble> {
        let backups = self.0.provisioning.backups();
        let file = backups.before_migration(&tenant.database, tenant.id, version);
        if let Err(error) = backups.dump(&server.admin, &tenant.database, &file).await {
            // Where it was the server, that is the trouble, and passes.
            connect(&on_database(&server.admin, &tenant.database)).await?;
            return Err(Trouble::of(Failure::Backup, &error, false));
        }
        Ok(file.display().to_string())
    }

    /// Tries what a tenant's database lacks, and leaves it as it was.
    pub(super) async fn rehearse_on(
        &self,
        server: &Server,
        database: &DatabaseName,
        policy: &Policy,
    ) -> Result<Rehearsed, Trouble> {
        let work = async |client: &mut Client, migrations: &Migrations| migrations.rehearse(client).await;
        self.inside(server, database, policy, work).await
    }

    /// A session of the owner in a tenant's database, for as long as the work takes.
    async fn inside<T>(
        &self,
        server: &Server,
        database: &DatabaseName,
        policy: &Policy,
        work: impl AsyncFnOnce(&mut Client, &Migrations) -> Result<T, MigrateError>,
    ) -> Result<T, Trouble> {
        let provisioning = &self.0.provisioning;
        let mut config = on_database(&server.admin, database);
        // Said while connecting, because every round trip counts a thousand times.
        config.application_name("tenantry-fleet").options(format!(
            "-c role={} -c lock_timeout={}ms -c statement_timeout={}s -c idle_in_transaction_session_timeout=60s",
            provisioning.prefix().owner_role(),
            policy.lock_timeout_ms,
            policy.statement_seconds,
        ));
        let (mut client, connection) = connect_task(&config).await?;
        let work = async {
            let result = work(&mut client, provisioning.migrations()).await;
            // The connection ends with its client.
            drop(client);
            result
        };
        // In this task: another one would have to be woken for every answer.
        let (result, ()) = tokio::join!(work, connection);
        Ok(result?)
    }
}
