//! The turns of tenants on one server: so many at a time, each tried until it is clear what becomes of it.

use std::future::pending;

use futures_util::future::join_all;
use tenancy::ids::ServerId;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Failure, Fleet, Outcome, TenantResult,
    patience::{AGAIN, PATIENCE},
    queue::{Job, Queue},
    run::Course,
    store,
    tenant::Trouble,
};
use crate::servers::Server;

/// How often a tenant is tried whose database is locked by somebody.
const MOST_TRIES: i32 = 5;

impl Fleet {
    /// So many workers as are wanted, at work as far as the server has connections for them.
    pub(super) async fn on_server(
        &self,
        course: &Course<'_>,
        server: ServerId,
        queue: Queue,
        results: mpsc::Sender<TenantResult>,
    ) {
        let (connections, manners) = (&course.connections, course.manners.get(&server));
        let server_itself = connections.server(server);
        let workers = (0..connections.wanted()).map(|_| {
            let (queue, results) = (&queue, &results);
            async move {
                if let Some(manners) = manners {
                    manners.learn(course.stop).await;
                }
                loop {
                    let one = connections.one(server).await;
                    let Some(job) = queue.next(course.stop).await else { return };
                    let began = Instant::now();
                    let result = self.turn(course, server_itself, queue, job).await;
                    drop(one);
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
        let look = async {
            match manners {
                Some(manners) => manners.look(server_itself).await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = join_all(workers.collect::<Vec<_>>()) => {}
            never = self.claim(connections, server) => match never {},
            never = look => match never {},
        }
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
