//! What a run would do.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use tenancy::TenantSlug;

use super::{Fleet, FleetError, Policy, Run, store};
use crate::platform::StoreError;

/// What a run would do now.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The version that it would bring everybody to.
    pub target_version: i32,
    /// How many tenants are at which version.
    pub versions: BTreeMap<i32, i64>,
    /// Who is behind, in the order in which their turns would come.
    pub tenants: Vec<PlannedTenant>,
    /// The migrations that those who are furthest behind lack, in order.
    pub migrations: Vec<String>,
    /// How long it would take, in seconds, by the pace of the last run; `None` before the first.
    pub estimate_seconds: Option<f64>,
    /// The run that is under way, or was left by a program that was killed.
    pub running: Option<Run>,
}

/// One tenant of a [`Plan`].
#[derive(Debug, Clone, Serialize)]
pub struct PlannedTenant {
    /// Its slug.
    pub slug: TenantSlug,
    /// Its version.
    pub version: i32,
}

impl Fleet {
    /// What [`Fleet::migrate`] would do with this policy. Changes nothing.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn plan(&self, policy: &Policy) -> Result<Plan, FleetError> {
        self.check(policy).await?;
        let target = self.own_version();
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        let behind = store::behind(&client, target, policy, None).await?;
        let oldest = behind.iter().map(|tenant| tenant.version).min().unwrap_or(target);
        let migrations = self.0.provisioning.migrations().after(oldest).collect();
        let pace = store::pace(&client).await?.map(|each| Duration::from_secs_f64(each / 1_000.0));
        Ok(Plan {
            target_version: target,
            versions: store::versions(&client).await?.into_iter().collect(),
            migrations,
            estimate_seconds: pace.map(|each| each.mul_f64(behind.len() as f64).as_secs_f64()),
            running: store::running(&client).await?,
            tenants: behind.into_iter().map(|it| PlannedTenant { slug: it.slug, version: it.version }).collect(),
        })
    }
}
