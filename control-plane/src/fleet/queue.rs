//! The tenants of a wave that wait for their turn, and those that are to be tried again later.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Stop, store::Behind};

/// A tenant, and how often it was tried.
pub(super) struct Job {
    pub(super) tenant: Behind,
    pub(super) tries: i32,
}

#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    ready: VecDeque<Job>,
    later: Vec<(Instant, Job)>,
}

enum Next {
    Job(Job),
    At(Instant),
    Nobody,
}

impl Queue {
    pub(super) fn of(tenants: Vec<Behind>) -> Self {
        let ready = tenants.into_iter().map(|tenant| Job { tenant, tries: 0 }).collect();
        Self(Mutex::new(Waiting { ready, later: Vec::new() }))
    }

    /// The next in turn; waits for one that is to be tried again. `None` when there is nobody, or a stop is asked for.
    pub(super) async fn next(&self, stop: &Stop) -> Option<Job> {
        loop {
            if stop.reason().is_some() {
                return None;
            }
            match self.take() {
                Next::Job(job) => return Some(job),
                Next::Nobody => return None,
                Next::At(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = stop.asked() => {}
                },
            }
        }
    }

    /// To be tried again after a while; others go first.
    pub(super) fn again(&self, job: Job, after: Duration) {
        self.waiting().later.push((Instant::now() + after, job));
    }

    fn take(&self) -> Next {
        let (mut waiting, now) = (self.waiting(), Instant::now());
        let due = waiting.later.iter().enumerate().map(|(place, (due, _))| (*due, place)).min();
        match due {
            Some((due, place)) if due <= now => Next::Job(waiting.later.swap_remove(place).1),
            later => match (waiting.ready.pop_front(), later) {
                (Some(job), _) => Next::Job(job),
                (None, Some((due, _))) => Next::At(due),
                (None, None) => Next::Nobody,
            },
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
