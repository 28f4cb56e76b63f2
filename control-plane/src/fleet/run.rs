//! A run: waves of tenants, so many at a time, until nobody is behind.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use tenancy::ids::ServerId;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Fleet, FleetError, Policy, Progress, RunState, Stop, Summary,
    connections::Connections,
    hold::Hold,
    manners::Manners,
    patience::{AGAIN, patiently},
    queue::Queue,
    store::{self, Behind},
};
use crate::{
    audit::{self, By},
    platform::StoreError,
};

/// How often the lease is renewed, whatever else goes on.
const RENEW: Duration = Duration::from_secs(3);
/// How long a tenant that is being made at an older version is waited for.
const MADE: Duration = Duration::from_secs(60);

/// What the workers of a run share.
pub(super) struct Course<'a> {
    hold: Hold,
    pub(super) policy: &'a Policy,
    pub(super) stop: &'a Stop,
    pub(super) progress: &'a watch::Sender<Progress>,
    pub(super) connections: Connections,
    /// Of a polite run, by server.
    pub(super) manners: HashMap<ServerId, Manners>,
}

impl Fleet {
    /// Brings everybody up whom the policy names. Goes on with a run that was left; a run that is under way elsewhere is
    /// an error. Stops after the databases in hand when asked to.
    ///
    /// # Errors
    /// [`FleetError`]. That tenants failed is none: the summary says so.
    pub async fn migrate(
        &self,
        policy: &Policy,
        by: impl Into<By>,
        progress: &watch::Sender<Progress>,
        stop: &Stop,
    ) -> Result<Summary, FleetError> {
        let by = by.into();
        self.check(policy).await?;
        self.carry_out(policy, &by, progress, stop).await
    }

    /// [`Fleet::migrate`] with a policy that was looked at.
    pub(super) async fn carry_out(
        &self,
        policy: &Policy,
        by: &By,
        progress: &watch::Sender<Progress>,
        stop: &Stop,
    ) -> Result<Summary, FleetError> {
        let (own, target) = (self.own_version(), self.0.provisioning.target().await?.version);
        if target > own {
            return Err(FleetError::OldProgram { target, own });
        }
        let hold = self.hold(policy, by).await?;
        let connections = self.connections(if policy.polite { 1 } else { policy.concurrency }).await?;
        let polite_to = connections.ids().filter(|_| policy.polite);
        let manners = polite_to.map(|server| (server, Manners::new())).collect();
        let course = Course { hold, policy, stop, progress, connections, manners };
        self.count_what_was_done(&course).await?;
        let ended = self.all(&course).await;
        let client = patiently(move || async move { Ok(self.0.pool.get().await.map_err(StoreError::from)?) }).await?;
        self.give_back(&course.connections).await;
        let (state, reason) = match &ended {
            Ok(None) => (RunState::Done, None),
            Ok(Some(reason)) => (RunState::Stopped, Some(reason.clone())),
            Err(FleetError::LostHold) => return Err(FleetError::LostHold),
            Err(error) => (RunState::Stopped, Some(error.to_string())),
        };
        let hold = &course.hold;
        if !store::finish(&client, hold.run, hold.token, state, reason.as_deref()).await? {
            return Err(FleetError::LostHold);
        }
        let run = store::run(&client, hold.run).await?.ok_or(FleetError::LostHold)?;
        let details = json!({
            "run": run.id, "done": run.done, "failed": run.failed, "state": run.state, "reason": run.reason,
        });
        audit::record(&client, audit::Entry::by(audit::Action::FleetMigrated, by).details(details)).await?;
        ended?;
        let failures = store::failures(&client, hold.run, None).await?;
        Ok(Summary { run, failures })
    }

    /// Asks whoever is at the run to stop, and records who asked; `false` where no run is under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn request_stop(&self, by: impl Into<By>) -> Result<bool, StoreError> {
        let by = by.into();
        let mut client = self.0.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(run) = store::request_stop(&transaction).await? else { return Ok(false) };
        let entry = audit::Entry::by(audit::Action::FleetStopped, &by).details(json!({ "run": run }));
        audit::record(&transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A run that was left goes on with its counts.
    async fn count_what_was_done(&self, course: &Course<'_>) -> Result<(), FleetError> {
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        if let Some(run) = store::run(&client, course.hold.run).await? {
            let count = |count: i64| usize::try_from(count).unwrap_or_default();
            course.progress.send_modify(|progress| {
                progress.done = count(run.done);
                progress.failed = count(run.failed);
                progress.passed_over = count(run.newer + run.gone);
            });
        }
        Ok(())
    }

    /// The canaries, then everybody else; why it stopped before everybody had a turn. New tenants are born at the new
    /// version once the canaries are well, and from then on nobody is born behind: a last look finds those who were.
    async fn all(&self, course: &Course<'_>) -> Result<Option<String>, FleetError> {
        if course.policy.canaries > 0 {
            let canaries = self.behind(course).await?.into_iter().take(course.policy.canaries).collect::<Vec<_>>();
            course.progress.send_modify(|progress| progress.wave = 1);
            let before = course.progress.borrow().failed;
            self.wave(course, canaries).await?;
            if course.progress.borrow().failed > before && !course.policy.despite_canaries {
                course.stop.ask("a canary failed".to_owned());
            }
            self.wait(course, course.policy.pause()).await?;
            if let Some(reason) = course.stop.reason() {
                return Ok(Some(reason));
            }
        }
        // Beside each other: making the template is mostly waiting for the disk.
        let prepare = patiently(move || async move { Ok(self.0.provisioning.prepare().await?) });
        let both = async { tokio::join!(prepare, self.waves(course)) };
        let (prepared, ended) = tokio::select! {
            both = both => both,
            lost = self.keep(course) => return Err(lost),
        };
        prepared?;
        match ended? {
            None => self.waves(course).await,
            stopped => Ok(stopped),
        }
    }

    async fn behind(&self, course: &Course<'_>) -> Result<Vec<Behind>, FleetError> {
        let behind = patiently(move || async move {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            Ok(store::behind(&client, self.own_version(), course.policy, Some(course.hold.run)).await?)
        });
        let behind = behind.await?;
        course.progress.send_modify(|progress| progress.total = progress.total.max(progress.turns() + behind.len()));
        Ok(behind)
    }

    /// Wave after wave, until nobody is behind; why it stopped before that.
    async fn waves(&self, course: &Course<'_>) -> Result<Option<String>, FleetError> {
        let policy = course.policy;
        let mut made_by = None;
        loop {
            if let Some(reason) = course.stop.reason() {
                return Ok(Some(reason));
            }
            let behind = self.behind(course).await?;
            if behind.is_empty() {
                if !(policy.only.is_empty() && self.is_somebody_made_behind().await?) {
                    return Ok(None);
                }
                if Instant::now() > *made_by.get_or_insert(Instant::now() + MADE) {
                    return Ok(Some("tenants are still being made at an older version".to_owned()));
                }
                self.wait(course, AGAIN).await?;
                continue;
            }
            let size = if policy.wave == 0 { behind.len() } else { policy.wave };
            course.progress.send_modify(|progress| progress.wave += 1);
            self.wave(course, behind.into_iter().take(size).collect()).await?;
            self.wait(course, policy.pause()).await?;
        }
    }

    /// Whether somebody is being made who was begun before the target moved on.
    async fn is_somebody_made_behind(&self) -> Result<bool, FleetError> {
        patiently(move || async move {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            Ok(store::is_somebody_made_behind(&client, self.own_version()).await?)
        })
        .await
    }

    /// Keeps the lease, for as long as it can be kept.
    async fn keep(&self, course: &Course<'_>) -> FleetError {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Err(error) = self.record(&course.hold, &[], course.stop).await {
                return error;
            }
        }
    }

    /// Waits, keeping the lease, until the time is over or a stop is asked for.
    async fn wait(&self, course: &Course<'_>, time: Duration) -> Result<(), FleetError> {
        let until = Instant::now() + time;
        while Instant::now() < until && course.stop.reason().is_none() {
            self.record(&course.hold, &[], course.stop).await?;
            let next = until.min(Instant::now() + Duration::from_secs(1));
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = course.stop.asked() => {}
            }
        }
        Ok(())
    }

    async fn wave(&self, course: &Course<'_>, tenants: Vec<Behind>) -> Result<(), FleetError> {
        let mut by_server = HashMap::<_, Vec<Behind>>::new();
        for tenant in tenants {
            by_server.entry(tenant.server).or_default().push(tenant);
        }
        let (sender, results) = mpsc::channel(1024);
        let work = by_server.into_iter().map(|(server, tenants)| {
            let sender = sender.clone();
            async move { self.on_server(course, server, Queue::of(tenants), sender).await }
        });
        let work = join_all(work.collect::<Vec<_>>());
        // The record ends when the last worker is done.
        drop(sender);
        let (_, recorded) = tokio::join!(work, self.record_all(&course.hold, results, course.stop));
        recorded
    }
}
