//! A rehearsal: every tenant's pending migrations, in transactions that are rolled back.

use std::{collections::HashSet, future::ready};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::json;
use tenancy::{TenantSlug, ids::ServerId, text_enum};
use tokio::sync::watch;

use super::{
    Failure, Fleet, FleetError, Policy, Progress, Stop,
    store::{self, Behind},
};
use crate::{
    audit::{self, By},
    platform::StoreError,
    servers::Server,
};

text_enum! {
    /// What a rehearsal says of one tenant.
    pub enum Verdict {
        /// Everything that is pending would go well.
        Passes = "passes",
        /// Something would fail.
        Fails = "fails",
        /// It went well as far as it could be tried: a migration runs outside a transaction.
        Partly = "partly",
        /// It is at a version that this program does not know yet.
        Newer = "newer",
    }
}

/// What was tried on one tenant.
#[derive(Debug, Clone, Serialize)]
pub struct Rehearsal {
    /// The tenant.
    pub slug: TenantSlug,
    /// What is to be expected.
    pub verdict: Verdict,
    /// The version that it is at.
    pub version: i32,
    /// How many migrations went well.
    pub passed: usize,
    /// Why the next would fail.
    pub failure: Option<Failure>,
    /// In words; or the migration that can't be tried.
    pub message: Option<String>,
}

impl Fleet {
    /// Tries on everybody whom the policy names what [`Fleet::migrate`] would do, and changes nothing of theirs. Locks are
    /// taken as they would be, for as long as a tenant's migrations take: who did so is recorded.
    ///
    /// # Errors
    /// [`FleetError`]. That a tenant would fail is none.
    pub async fn rehearse(
        &self,
        policy: &Policy,
        by: impl Into<By>,
        progress: &watch::Sender<Progress>,
        stop: &Stop,
    ) -> Result<Vec<Rehearsal>, FleetError> {
        let by = by.into();
        self.check(policy).await?;
        let behind = {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            let details = json!({ "target": self.own_version(), "policy": policy });
            audit::record(&client, audit::Entry::by(audit::Action::FleetRehearsed, &by).details(details)).await?;
            store::behind(&client, self.own_version(), policy, None).await?
        };
        progress.send_modify(|progress| progress.total = behind.len());
        let connections = &self.connections(policy.concurrency).await?;
        let servers: HashSet<ServerId> = behind.iter().map(|tenant| tenant.server).collect();
        let tries = behind.into_iter().map(|tenant| async move {
            let _one = connections.one(tenant.server).await;
            if stop.reason().is_some() {
                return None;
            }
            let rehearsal = self.rehearse_one(connections.server(tenant.server), tenant, policy).await;
            progress.send_modify(|progress| match rehearsal.verdict {
                Verdict::Passes | Verdict::Partly => progress.done += 1,
                Verdict::Fails => progress.failed += 1,
                Verdict::Newer => progress.passed_over += 1,
            });
            Some(rehearsal)
        });
        let tries = stream::iter(tries).buffer_unordered(connections.wanted() * servers.len().max(1));
        let tries = tries.filter_map(ready).collect();
        Ok(self.with_connections(connections, servers, tries).await)
    }

    async fn rehearse_one(&self, server: &Server, tenant: Behind, policy: &Policy) -> Rehearsal {
        let tried = self.rehearse_on(server, &tenant.database, policy).await;
        let said = |verdict, version, passed| Rehearsal {
            slug: tenant.slug.clone(),
            verdict,
            version,
            passed,
            failure: None,
            message: None,
        };
        match tried {
            Ok(rehearsed) => {
                let verdict = if rehearsed.beyond.is_some() { Verdict::Partly } else { Verdict::Passes };
                Rehearsal { message: rehearsed.beyond, ..said(verdict, rehearsed.from, rehearsed.passed) }
            }
            Err(trouble) => match trouble.newer {
                Some(found) => Rehearsal { message: Some(trouble.message), ..said(Verdict::Newer, found, 0) },
                None => Rehearsal {
                    failure: Some(trouble.failure),
                    message: Some(trouble.message),
                    ..said(Verdict::Fails, tenant.version, 0)
                },
            },
        }
    }
}
