//! What may be said of a run that is begun over HTTP, and how it is begun.

use std::time::Duration;

use serde::Deserialize;
use tenancy::{Problem, TenantSlug, fields::FieldErrors};
use tokio::{sync::watch, time::Instant};

use super::{Fleet, FleetError, Order, Policy, Progress, RunId, RunState, Stop};
use crate::audit::By;

/// What may be said of a run; the rest is as by default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Databases at a time.
    pub concurrency: Option<u16>,
    /// How many come first and on their own.
    pub canaries: Option<u16>,
    /// After so many failures it stops; 0 is never.
    pub max_failures: Option<u32>,
    /// Holds back while the server feels busy.
    pub polite: bool,
    /// Slugs of the only ones.
    pub only: Vec<String>,
    /// Slugs of those who are left out.
    pub exclude: Vec<String>,
    /// In which order.
    pub order: Option<String>,
}

impl Wanted {
    /// How the run goes about it.
    ///
    /// # Errors
    /// `VALIDATION_FAILED` with every field that is wrong.
    pub fn policy(self) -> Result<Policy, Problem> {
        let (usual, mut errors) = (Policy::default(), FieldErrors::default());
        let concurrency = self.concurrency.map_or(usual.concurrency, usize::from);
        if !(1..=64).contains(&concurrency) {
            errors.add("concurrency", "must be from 1 to 64");
        }
        let order = self.order.as_deref().map(|text| errors.take("order", text.parse::<Order>()));
        let policy = Policy {
            concurrency,
            canaries: self.canaries.map_or(usual.canaries, usize::from),
            max_failures: match self.max_failures {
                None => usual.max_failures,
                Some(0) => None,
                Some(most) => usize::try_from(most).ok(),
            },
            polite: self.polite,
            only: slugs("only", &self.only, &mut errors),
            exclude: slugs("exclude", &self.exclude, &mut errors),
            order: order.flatten().unwrap_or(usual.order),
            ..usual
        };
        errors.finish().map(|()| policy)
    }
}

fn slugs(field: &str, given: &[String], errors: &mut FieldErrors) -> Vec<TenantSlug> {
    let parsed = given.iter().map(|slug| TenantSlug::known(slug)).collect::<Result<Vec<_>, _>>();
    errors.take(field, parsed).unwrap_or_default()
}

/// How long whoever begins a run waits to see it under way.
const BEGINS: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Fleet {
    /// Begins a run, which goes on in the background of this process.
    ///
    /// # Errors
    /// [`FleetError`], also where the run ends with one at once.
    pub async fn begin(&self, policy: Policy, by: impl Into<By>) -> Result<(), FleetError> {
        let by = by.into();
        self.check(&policy).await?;
        if let Some(run) = self.running().await?.filter(|run| run.is_held) {
            return Err(FleetError::Busy(Box::new(run)));
        }
        self.launch(policy, by).await
    }

    /// Goes on with a run that was left, or does what one left that was stopped; either way as that one went about it.
    ///
    /// # Errors
    /// [`FleetError`], also where the run ends with one at once.
    pub async fn resume(&self, id: RunId, by: impl Into<By>) -> Result<(), FleetError> {
        let by = by.into();
        self.check_migrations()?;
        match self.running().await? {
            Some(run) if run.is_held => return Err(FleetError::Busy(Box::new(run))),
            Some(run) if run.id != id => return Err(FleetError::Left(Box::new(run))),
            _ => {}
        }
        let is_over = self.run(id).await?.is_none_or(|run| run.state == RunState::Done);
        // Whoever it names may be gone by now, and that is no reason to do nothing for the others.
        let policy = self.policy(id).await?.filter(|_| !is_over).ok_or(FleetError::Over(id))?;
        self.launch(policy, by).await
    }

    async fn launch(&self, policy: Policy, by: By) -> Result<(), FleetError> {
        let (progress, seen) = watch::channel(Progress::default());
        self.follow(seen);
        let fleet = self.clone();
        let run = tokio::spawn(async move {
            let ended = fleet.carry_out(&policy, &by, &progress, &Stop::default()).await;
            ended.map(drop).inspect_err(|error| tracing::error!(%error, "a fleet run ended"))
        });
        let until = Instant::now() + BEGINS;
        while Instant::now() < until && !run.is_finished() {
            if self.running().await?.is_some_and(|run| run.is_held) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        if run.is_finished() { run.await.unwrap_or(Err(FleetError::LostHold)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wanted = Wanted {
            concurrency: Some(65),
            order: Some("weight".to_owned()),
            only: vec!["Acme!".to_owned()],
            exclude: vec!["acme".to_owned()],
            ..Wanted::default()
        };
        let problem = wanted.policy().unwrap_err();
        assert_eq!(problem.errors().keys().collect::<Vec<_>>(), ["concurrency", "only", "order"]);
    }

    #[test]
    fn none_at_most_is_never() {
        let at_most = |max_failures| Wanted { max_failures, ..Wanted::default() }.policy().unwrap().max_failures;
        assert_eq!([at_most(None), at_most(Some(0)), at_most(Some(3))], [Some(10), None, Some(3)]);
    }
}
