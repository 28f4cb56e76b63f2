//! A run: waves of tenants, so many at a time, until nobody is behind.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde::Serialize;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use uuid::Uuid;

use super::{
    Failure, Fleet, FleetError, Outcome, Policy, Run, RunState, TenantResult,
    hold::Hold,
    manners::Manners,
    patience::{AGAIN, PATIENCE, patiently},
    queue::{Job, Queue},
    store::{self, Behind},
    tenant::Trouble,
};
use crate::{audit, platform::StoreError, servers::Server};

/// How often a tenant is tried whose database is locked by somebody.
const MOST_TRIES: i32 = 5;
/// How often the lease is renewed, whatever else goes on.
const RENEW: Duration = Duration::from_secs(3);
/// How often connections are claimed anew.
const CLAIM_EVERY: Duration = Duration::from_secs(5);
/// How long a tenant that is being made at an older version is waited for.
const MADE: Duration = Duration::from_secs(60);

/// Where a run is now.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Progress {
    /// The wave, from 1; the first are the canaries, where there are any.
    pub wave: usize,
    /// How many tenants were to be brought up when it began.
    pub total: usize,
    /// How many are.
    pub done: usize,
    /// How many could not be.
    pub failed: usize,
    /// How many are newer, or gone.
    pub passed_over: usize,
    /// The last that failed, and why.
    pub last_failure: Option<String>,
}

impl Progress {
    /// How many have had their turn.
    #[must_use]
    pub const fn turns(&self) -> usize {
        self.done + self.failed + self.passed_over
    }
}

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The run.
    pub run: Run,
    /// Who is not at the target, and why.
    pub failures: Vec<TenantResult>,
}

/// Asks a run to stop after the databases in hand. Clones are the same one.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<Option<String>>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stop {
    /// Asks for it; the first reason counts.
    pub fn ask(&self, reason: String) {
        self.0.send_if_modified(|known| {
            let is_first = known.is_none();
            if is_first {
                *known = Some(reason);
            }
            is_first
        });
    }

    /// Why, where it was asked for.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Waits until it is asked for.
    pub async fn asked(&self) {
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}

/// What the workers of a run share.
struct Course<'a> {
    hold: Hold,
    policy: &'a Policy,
    stop: &'a Stop,
    progress: &'a watch::Sender<Progress>,
    servers: HashMap<tenancy::ids::ServerId, Server>,
    process: Uuid,
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
        actor: &str,
        progress: &watch::Sender<Progress>,
        stop: &Stop,
    ) -> Result<Summary, FleetError> {
        self.check(policy).await?;
        let (own, target) = (self.own_version(), self.0.provisioning.target().await?.version);
        if target > own {
            return Err(FleetError::OldProgram { target, own });
        }
        let hold = self.hold(policy, actor).await?;
        let servers = self.0.provisioning.servers().all().await?.into_iter().map(|server| (server.id, server));
        let course = Course { hold, policy, stop, progress, servers: servers.collect(), process: Uuid::now_v7() };
        self.count_what_was_done(&course).await?;
        let ended = self.all(&course).await;
        let client = patiently(move || async move { Ok(self.0.pool.get().await.map_err(StoreError::from)?) }).await?;
        store::release_connections(&client, course.process).await?;
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
        ended?;
        let run = store::run(&client, hold.run).await?.ok_or(FleetError::LostHold)?;
        let details = serde_json::json!({ "run": run.id, "done": run.done, "failed": run.failed, "state": run.state });
        audit::record(&client, audit::Entry::new(audit::Action::FleetMigrated, actor).details(details)).await?;
        let failures = store::failures(&client, hold.run).await?;
        Ok(Summary { run, failures })
    }

    /// Asks whoever is at the run to stop; `false` where no run is under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn request_stop(&self) -> Result<bool, StoreError> {
        store::request_stop(&self.0.pool.get().await?).await
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
            let (server, sender) = (&course.servers[&server], sender.clone());
            async move { self.on_server(course, server, Queue::of(tenants), sender).await }
        });
        let work = join_all(work.collect::<Vec<_>>());
        // The record ends when the last worker is done.
        drop(sender);
        let (_, recorded) = tokio::join!(work, self.record_all(&course.hold, results, course.stop));
        recorded
    }

    /// So many workers as the server has connections for, up to what the policy says.
    async fn on_server(&self, course: &Course<'_>, server: &Server, queue: Queue, results: mpsc::Sender<TenantResult>) {
        let wanted = if course.policy.polite { 1 } else { course.policy.concurrency.max(1) };
        let busy = AtomicUsize::new(0);
        let allowed = AtomicUsize::new(self.claim(course, server, wanted).await.unwrap_or(1));
        let manners = if course.policy.polite { Manners::toward(server).await } else { None };
        let workers = (0..wanted).map(|_| {
            let (busy, queue, allowed, manners, results) = (&busy, &queue, &allowed, manners.as_ref(), &results);
            async move {
                while let Some(job) = queue.next(course.stop).await {
                    // Some wait until there are connections for them.
                    if busy.fetch_add(1, Ordering::SeqCst) >= allowed.load(Ordering::SeqCst) {
                        busy.fetch_sub(1, Ordering::SeqCst);
                        queue.again(job, Duration::ZERO);
                        tokio::time::sleep(AGAIN).await;
                        continue;
                    }
                    let began = Instant::now();
                    let result = self.turn(course, server, queue, job).await;
                    busy.fetch_sub(1, Ordering::SeqCst);
                    if let Some(result) = result {
                        course.count(&result);
                        let _ = results.send(result).await;
                    }
                    if let Some(manners) = manners {
                        manners.hold_back(began.elapsed(), course.stop).await;
                    }
                }
            }
        });
        let claim = async {
            loop {
                let full = allowed.load(Ordering::Relaxed) >= wanted;
                tokio::time::sleep(if full { CLAIM_EVERY } else { AGAIN }).await;
                if let Ok(given) = self.claim(course, server, wanted).await {
                    allowed.store(given, Ordering::Relaxed);
                }
            }
        };
        tokio::select! {
            _ = join_all(workers.collect::<Vec<_>>()) => {}
            () = claim => {}
        }
    }

    /// How many of a server's connections the run may use now.
    async fn claim(&self, course: &Course<'_>, server: &Server, wanted: usize) -> Result<usize, StoreError> {
        let client = self.0.pool.get().await?;
        store::claim_connections(&client, server.id, course.process, wanted).await
    }

    /// One tenant's turn; `None` when it is to be tried again later.
    async fn turn(&self, course: &Course<'_>, server: &Server, queue: &Queue, mut job: Job) -> Option<TenantResult> {
        let mut deadline = None;
        job.tries += 1;
        loop {
            let began = Instant::now();
            let trouble = match self.bring_up(server, &job.tenant, course.policy).await {
                Ok((ran, backup)) => {
                    let mut result = result_of(&job, Outcome::Done, began);
                    result.from_version = Some(ran.from);
                    result.backup = backup;
                    result.to_version = Some(self.own_version());
                    return Some(result);
                }
                Err(trouble) => trouble,
            };
            if !trouble.passing || trouble.failure != Failure::Unreachable {
                return self.after(trouble, job, began, queue).await;
            }
            // The server itself: trying others meanwhile would only use up their tries.
            if Instant::now() > *deadline.get_or_insert(Instant::now() + PATIENCE)
                || course.stop.reason().is_some()
                || self.is_gone(&job).await
            {
                return self.after(Trouble { passing: false, ..trouble }, job, began, queue).await;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn after(&self, trouble: Trouble, job: Job, began: Instant, queue: &Queue) -> Option<TenantResult> {
        if let Some(found) = trouble.newer {
            let mut result = result_of(&job, Outcome::Newer, began);
            result.message = Some(trouble.message);
            result.to_version = Some(found);
            return Some(result);
        }
        if self.is_gone(&job).await {
            return Some(result_of(&job, Outcome::Gone, began));
        }
        if trouble.passing && job.tries < MOST_TRIES {
            let pause = AGAIN * 2_u32.pow(job.tries.unsigned_abs());
            queue.again(job, pause);
            return None;
        }
        let mut result = result_of(&job, Outcome::Failed, began);
        result.failure = Some(trouble.failure);
        result.message = Some(trouble.message);
        Some(result)
    }

    /// Whether the tenant was dropped meanwhile. While nobody can say, it was not.
    async fn is_gone(&self, job: &Job) -> bool {
        let Ok(client) = self.0.pool.get().await else { return false };
        matches!(store::is_there(&client, job.tenant.id).await, Ok(false))
    }
}

impl Course<'_> {
    /// Counts a result, and asks for a stop at the threshold.
    fn count(&self, result: &TenantResult) {
        self.progress.send_modify(|progress| match result.outcome {
            Outcome::Done => progress.done += 1,
            Outcome::Newer | Outcome::Gone => progress.passed_over += 1,
            Outcome::Failed => {
                progress.failed += 1;
                progress.last_failure = result.message.as_ref().map(|message| format!("{}: {message}", result.slug));
            }
        });
        let failed = self.progress.borrow().failed;
        if result.outcome == Outcome::Failed && self.policy.max_failures.is_some_and(|most| failed >= most.max(1)) {
            self.stop.ask(format!("{failed} failed"));
        }
    }
}

fn result_of(job: &Job, outcome: Outcome, began: Instant) -> TenantResult {
    TenantResult {
        tenant: job.tenant.id,
        slug: job.tenant.slug.clone(),
        outcome,
        failure: None,
        message: None,
        from_version: Some(job.tenant.version),
        to_version: None,
        backup: None,
        tries: job.tries,
        milliseconds: i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX),
    }
}
