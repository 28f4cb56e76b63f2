//! What takes longer than a page is waited for: begun by one page, looked at by others, kept by this process.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio::{sync::watch, time::timeout};

use super::doctor::Examined;
use crate::fleet::{Progress, Rehearsal};

/// What the pages of one process share.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    pool: Pool,
    size: Work<i64>,
    rehearsal: Work<Vec<Rehearsal>>,
    progress: Mutex<Option<watch::Receiver<Progress>>>,
    examination: Work<Examined>,
}

impl Desk {
    /// A desk with nothing on it.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        let (size, rehearsal, examination) = (Work::default(), Work::default(), Work::default());
        Self(Arc::new(Inner { pool, size, rehearsal, progress: Mutex::default(), examination }))
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// How large all databases are.
    pub(super) fn size(&self) -> &Work<i64> {
        &self.0.size
    }

    /// The rehearsal of a fleet run.
    pub(super) fn rehearsal(&self) -> &Work<Vec<Rehearsal>> {
        &self.0.rehearsal
    }

    /// How far the rehearsal is.
    pub(super) fn rehearsed(&self) -> Progress {
        let progress = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.as_ref().map(|progress| progress.borrow().clone()).unwrap_or_default()
    }

    pub(super) fn follow(&self, progress: watch::Receiver<Progress>) {
        *self.0.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// What the doctor found.
    pub(super) fn examination(&self) -> &Work<Examined> {
        &self.0.examination
    }
}

/// One kind of work, done by one at a time, with what came of it last.
pub(super) struct Work<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    /// Since when, and what tells its end, be it a sudden one.
    under_way: Option<(Timestamp, watch::Receiver<()>)>,
    last: Option<Arc<Done<T>>>,
}

/// What work came to.
pub(super) struct Done<T> {
    pub(super) ended_at: Timestamp,
    /// Else why not.
    pub(super) result: Result<T, String>,
}

impl<T> Default for Work<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { under_way: None, last: None })))
    }
}

impl<T: Send + Sync + 'static> Work<T> {
    /// Begins it in the background; `false` where it is under way already.
    pub(super) fn begin(&self, work: impl Future<Output = Result<T, String>> + Send + 'static) -> bool {
        let mut state = self.state();
        if state.since().is_some() {
            return false;
        }
        let shared = self.0.clone();
        let (until_the_end, end) = watch::channel(());
        tokio::spawn(async move {
            let _until_the_end = until_the_end;
            let done = Done { result: work.await, ended_at: Timestamp::now() };
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state.last = Some(Arc::new(done));
            state.under_way = None;
        });
        state.under_way = Some((Timestamp::now(), end));
        true
    }

    /// Since when it is under way.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.state().since()
    }

    /// Waits for its end; `false` where it takes longer than this.
    pub(super) async fn is_over_within(&self, limit: Duration) -> bool {
        let end = self.state().under_way.as_ref().map(|(_, end)| end.clone());
        match end {
            // Nothing is ever sent: it changes by being dropped.
            Some(mut end) => timeout(limit, end.changed()).await.is_ok(),
            None => true,
        }
    }

    /// What came of it last.
    pub(super) fn last(&self) -> Option<Arc<Done<T>>> {
        self.state().last.clone()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Work that came to an unexpected end is not under way any more.
    fn since(&self) -> Option<Timestamp> {
        self.under_way.as_ref().filter(|(_, end)| end.has_changed().is_ok()).map(|(since, _)| *since)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn one_at_a_time_and_the_last_is_kept() {
        let work = Work::<u8>::default();
        let (go, wait) = oneshot::channel();
        assert!(work.begin(async move { wait.await.map_err(|error| error.to_string()) }));
        assert!(!work.begin(async { Ok(2) }) && work.last().is_none());
        go.send(1).unwrap();
        assert!(work.is_over_within(SOON).await);
        assert_eq!(work.last().unwrap().result, Ok(1));
    }

    #[tokio::test]
    async fn what_breaks_down_can_be_begun_again() {
        let work = Work::<u8>::default();
        assert!(work.begin(async { panic!("as a test wants it") }));
        assert!(work.is_over_within(SOON).await);
        assert!(work.last().is_none() && work.begin(async { Ok(3) }));
        assert!(work.is_over_within(SOON).await);
        assert_eq!(work.last().unwrap().result, Ok(3));
    }
}
