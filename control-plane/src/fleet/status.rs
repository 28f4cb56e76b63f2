//! The state that the fleet is in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tenancy::TenantSlug;

use super::{Failure, Fleet, FleetError, Run, store};
use crate::platform::StoreError;

/// How many runs are told of.
const RUNS: i64 = 5;

/// The state of the fleet.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The version that new tenants are born with.
    pub target_version: i32,
    /// How many tenants are at which version.
    pub versions: BTreeMap<i32, i64>,
    /// Who is behind and failed when it was last tried.
    pub failing: Vec<Failing>,
    /// The last runs, the newest first.
    pub runs: Vec<Run>,
}

/// A tenant that could not be brought up.
#[derive(Debug, Clone, Serialize)]
pub struct Failing {
    /// Its slug.
    pub slug: TenantSlug,
    /// The version that it is at.
    pub version: i32,
    /// Why.
    pub failure: Failure,
    /// In words.
    pub message: Option<String>,
    /// When it was tried.
    pub at: Timestamp,
}

impl Fleet {
    /// Publishes the fleet's figures as they are now.
    pub(crate) async fn publish_figures(&self) -> Result<(), FleetError> {
        super::figures::publish(&self.status().await?);
        Ok(())
    }

    /// The version that new tenants are born with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn target(&self) -> Result<i32, StoreError> {
        Ok(self.0.provisioning.target().await?.version)
    }

    /// The state that the fleet is in.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn status(&self) -> Result<Status, FleetError> {
        let target = self.0.provisioning.target().await?;
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        Ok(Status {
            target_version: target.version,
            versions: store::versions(&client).await?.into_iter().collect(),
            failing: store::failing(&client, target.version).await?,
            runs: store::last_runs(&client, RUNS).await?,
        })
    }
}
