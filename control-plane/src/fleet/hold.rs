//! Who is at the run. The row has a lease, so that a program which hangs can't keep others out for ever, and a token, so
//! that it writes nothing once it has been replaced. A session holds a lock beside it: PostgreSQL frees that at once when
//! the program dies, and nobody needs to wait for the lease.

use serde_json::json;
use tenancy::postgres::connect;
use tokio::sync::Mutex;
use tokio_postgres::{Client, Config};
use uuid::Uuid;

use super::{Fleet, FleetError, Policy, RunId, store};
use crate::{
    audit::{self, Action, By},
    platform::StoreError,
    servers::ServerError,
};

/// One run of a fleet at a time; counted in the platform database.
const LOCK: i64 = 0x7465_6e61_6e74_0003;

/// A run in this program's hands.
pub(super) struct Hold {
    pub(super) run: RunId,
    pub(super) token: Uuid,
    lock: Mutex<Client>,
}

impl Hold {
    /// Takes the lock again where PostgreSQL has ended its session, by a restart say. Where another program was quicker,
    /// the token tells.
    pub(super) async fn renew(&self, admin: &Config) {
        let mut lock = self.lock.lock().await;
        if lock.is_closed()
            && let Ok(session) = connect(admin).await
            && session.execute("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await.is_ok()
        {
            *lock = session;
        }
    }
}

impl Fleet {
    /// Begins a run, or goes on with one that was left; records which of them, and how it is gone about.
    pub(super) async fn hold(&self, policy: &Policy, by: &By) -> Result<Hold, FleetError> {
        let lock = connect(&self.0.admin)
            .await
            .map_err(|error| ServerError::Connect { name: "platform".to_owned(), reason: error.to_string() })?;
        let is_free: bool = lock.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0);
        let mut client = self.0.pool.get().await.map_err(StoreError::from)?;
        let transaction = client.transaction().await?;
        let (token, target) = (Uuid::now_v7(), self.own_version());
        let held = match store::take_over(&transaction, token, is_free, target, policy).await? {
            Some(run) => Some((run, Action::FleetResumed)),
            None => {
                let run = RunId::generate();
                let tenants = store::behind(&transaction, target, policy, None).await?.len();
                let begun = store::begin(&transaction, run, token, target, policy, &by.actor, tenants).await?;
                begun.then_some((run, Action::FleetBegun))
            }
        };
        if let Some((run, action)) = held {
            let details = json!({ "run": run, "target": target, "policy": policy });
            audit::record(&transaction, audit::Entry::by(action, by).details(details)).await?;
        }
        transaction.commit().await?;
        if let Some((run, _)) = held {
            return Ok(Hold { run, token, lock: Mutex::new(lock) });
        }
        match store::running(&client).await? {
            Some(run) => Err(FleetError::Busy(Box::new(run))),
            // It ended just now.
            None => Box::pin(self.hold(policy, by)).await,
        }
    }
}
