//! The doctor compares the platform database with its servers, names every difference, and mends what can be mended.
//!
//! What it may mend unasked loses nobody's rows; the rest waits for `tenantry doctor --fix`.

mod advice;
mod catalogue;
mod directories;
mod finding;
mod mend;
mod privileges;
mod roles;

use deadpool_postgres::Pool;
pub use finding::{Finding, Severity, Subject, Trouble};

use crate::{
    audit::{self, Action, By},
    platform::StoreError,
    provisioning::{ProvisionError, Provisioning},
    servers::{Server, ServerError},
};

/// Compares the platform database with the servers.
#[derive(Clone)]
pub struct Doctor {
    pool: Pool,
    provisioning: Provisioning,
}

/// Why the examination could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A server can't be reached.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A statement failed.
    #[error("{}", tenancy::postgres::describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Mending failed.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
}

impl Doctor {
    /// A doctor for the tenants that `provisioning` makes.
    #[must_use]
    pub fn new(pool: Pool, provisioning: Provisioning) -> Self {
        Self { pool, provisioning }
    }

    /// Everything that is not as the platform database says.
    ///
    /// # Errors
    /// [`DoctorError`].
    pub async fn examine(&self) -> Result<Vec<Finding>, DoctorError> {
        let mut findings = Vec::new();
        for server in self.provisioning.servers().all().await? {
            match self.examine_server(&server, true).await {
                Err(DoctorError::Server(ServerError::Connect { reason, .. })) => {
                    findings.push(server.finding(Trouble::Unreachable(reason)));
                }
                examined => findings.extend(examined?),
            }
        }
        findings.extend(self.examine_tenants().await?);
        Ok(findings)
    }

    /// Mends what is named, and says which of it could not be mended, with the reason.
    ///
    /// # Errors
    /// None: each failure is with its finding.
    pub async fn mend(&self, findings: &[Finding], by: impl Into<By>) -> Vec<(Finding, Result<(), String>)> {
        let by = by.into();
        let mut results = Vec::new();
        for finding in findings.iter().filter(|finding| finding.trouble.can_be_mended()) {
            let result = self.mend_one(finding).await.map_err(|error| error.to_string());
            tracing::info!(%finding, mended = result.is_ok(), "the doctor acted");
            // The platform's own rounds try the same again every half minute.
            if (result.is_ok() || by.actor != audit::PLATFORM)
                && let Err(error) = self.note(finding, &result, &by).await
            {
                tracing::warn!(%error, "what the doctor did can't be noted now");
            }
            results.push((finding.clone(), result));
        }
        results
    }

    async fn note(&self, finding: &Finding, result: &Result<(), String>, by: &By) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        let action = if result.is_ok() { Action::Mended } else { Action::MendFailed };
        let details = serde_json::json!({ "finding": finding.subject(), "error": result.as_ref().err() });
        audit::record(&client, audit::Entry::by(action, by).details(details)).await
    }

    /// The control plane's own round: mends what loses nobody's rows; says how much that was.
    ///
    /// # Errors
    /// [`DoctorError`].
    pub async fn mend_unasked(&self) -> Result<usize, DoctorError> {
        let mut mended = 0;
        for server in self.provisioning.servers().all().await? {
            let mut findings = match self.examine_server(&server, false).await {
                Err(DoctorError::Server(error)) if !server.is_platform => {
                    tracing::warn!(%error, "a server can't be examined now");
                    continue;
                }
                examined => examined?,
            };
            findings.retain(|finding| finding.trouble.may_be_mended_unasked());
            mended += self.mend(&findings, audit::PLATFORM).await.iter().filter(|(_, result)| result.is_ok()).count();
        }
        Ok(mended)
    }

    async fn examine_server(&self, server: &Server, thorough: bool) -> Result<Vec<Finding>, DoctorError> {
        let client = server.connect().await?;
        // On a server of another platform everything would look like an orphan.
        self.provisioning.check_ownership(&client).await?;
        let mut findings = catalogue::examine(self, server, &client).await?;
        findings.extend(roles::examine(self, server, &client).await?);
        if thorough {
            findings.extend(directories::examine(server, &client).await?);
            findings.extend(advice::examine(server, &client).await?);
        }
        Ok(findings)
    }
}
