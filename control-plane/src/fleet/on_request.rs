//! Tenants that somebody waits for: a runtime that can't serve one as it is asks for it, and it is brought up at once,
//! before whoever else is behind. And the control plane's own runs, where an operator wants them.

use tenancy::TenantId;
use tokio::sync::watch;

use super::{Fleet, FleetError, Policy, Progress, Stop, Strategy, store};
use crate::{audit, platform::StoreError};

/// How many are brought up at once.
pub(super) const AT_ONCE: usize = 4;
/// Somebody waits: a statement does so for a lock only briefly, and is tried again.
const LOCK_TIMEOUT_MS: u32 = 500;

impl Fleet {
    /// Who was asked for and has not been answered.
    pub(crate) async fn requested(&self) -> Result<Vec<TenantId>, StoreError> {
        // A newer program's requests are for that one to answer.
        if self.0.settings.strategy == Strategy::Full
            || self.0.provisioning.target().await?.version > self.own_version()
        {
            return Ok(Vec::new());
        }
        store::requests(&self.0.pool.get().await?).await
    }

    /// Brings up a tenant that was asked for.
    pub(crate) async fn answer_request(&self, tenant: TenantId) {
        let _turn = self.0.answers.acquire().await;
        if let Err(error) = self.answer(tenant).await {
            tracing::warn!(%tenant, %error, "a tenant that is waited for can't be brought up now");
            if let Ok(client) = self.0.pool.get().await {
                let _ = store::unanswered(&client, tenant, &error.to_string()).await;
            }
        }
    }

    async fn answer(&self, tenant: TenantId) -> Result<(), FleetError> {
        let own = self.own_version();
        let behind = {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            store::one_behind(&client, tenant, own).await?
        };
        let brought_up = match &behind {
            None => Ok(None),
            Some(behind) => {
                let server = self.0.provisioning.servers().get(behind.server).await?;
                let policy = Policy { lock_timeout_ms: LOCK_TIMEOUT_MS, ..Policy::default() };
                self.bring_up(&server, behind, &policy).await.map(|_| Some(own))
            }
        };
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        match brought_up {
            Ok(version) => store::answered(&client, tenant, version).await?,
            Err(trouble) => {
                tracing::warn!(%tenant, failure = trouble.failure.as_str(), error = trouble.message, "a tenant can't be brought up");
                store::unanswered(&client, tenant, &trouble.message).await?;
            }
        }
        Ok(())
    }

    /// Begins a run of the control plane's own, where those are wanted and one is due.
    pub(crate) async fn progress(&self) -> Result<(), FleetError> {
        if self.0.settings.strategy != Strategy::Progressive {
            return Ok(());
        }
        let due = {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            store::is_run_due(&client, self.own_version()).await?
        };
        if due {
            let policy = Policy { polite: true, ..Policy::default() };
            let (sender, _) = watch::channel(Progress::default());
            match self.migrate(&policy, audit::PLATFORM, &sender, &Stop::default()).await {
                Err(FleetError::Busy(_)) => {}
                other => drop(other?),
            }
        }
        Ok(())
    }
}
