//! What a tenant's requests wait for: their turn, and then a connection.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::{breaker::Breaker, budget::Counted};

/// A tenant none of whose connections comes back for this long may have another: its statements are slow.
const SLOW: Duration = Duration::from_millis(50);

/// One tenant's requests and connections, in numbers.
#[derive(Default)]
pub(super) struct Room {
    turns: Mutex<Turns>,
    waiting: AtomicUsize,
    getting: AtomicUsize,
    connecting: AtomicUsize,
    pub(super) open: AtomicUsize,
    /// Tells whoever waits for a new connection that one is idle.
    pub(super) idle: Notify,
    pub(super) breaker: Breaker,
}

#[derive(Default)]
struct Turns {
    /// Requests that have a connection, or may take one.
    admitted: usize,
    waiting: VecDeque<oneshot::Sender<Admitted>>,
    /// When a request was admitted last, or had to wait for the first time.
    moved: Option<Instant>,
}

/// A request that may have a connection, for as long as this lives or until [`Room::leave`].
pub(super) struct Admitted(Option<Arc<Room>>);

impl Admitted {
    /// The request has its connection, and leaves when it gives that back.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(room) = self.0.take() {
            // Its turn goes to the next one: that is no more than there were.
            room.admit(|turns| {
                let limit = turns.admitted;
                turns.admitted -= 1;
                limit
            });
        }
    }
}

impl Room {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a request at once, where nobody waits and fewer than so many are admitted.
    pub(super) fn enter(&self, limit: usize) -> bool {
        let mut turns = self.turns();
        let enters = turns.waiting.is_empty() && turns.admitted < limit;
        turns.admitted += usize::from(enters);
        enters
    }

    /// How many requests have a connection.
    pub(super) fn holding(&self) -> usize {
        let admitted = self.turns().admitted;
        admitted.saturating_sub(self.getting.load(Ordering::SeqCst))
    }

    /// Counts one that was admitted and has no connection yet, for as long as the answer lives.
    pub(super) fn get(&self) -> Counted<'_> {
        Counted::new(&self.getting)
    }

    pub(super) fn is_getting(&self) -> bool {
        self.getting.load(Ordering::SeqCst) > 0
    }

    /// Waits until it is the request's turn. `limit` is asked again and again; where none of the tenant's connections
    /// comes back for long, one more is admitted, up to `most`.
    pub(super) async fn turn(self: &Arc<Self>, limit: impl Fn() -> usize, most: usize) -> Admitted {
        let _waiting = self.wait();
        let mut receiver = {
            let mut turns = self.turns();
            if turns.waiting.is_empty() && turns.admitted < limit() {
                turns.admitted += 1;
                return Admitted(Some(self.clone()));
            }
            let (sender, receiver) = oneshot::channel();
            if turns.waiting.is_empty() {
                turns.moved = Some(Instant::now());
            }
            turns.waiting.push_back(sender);
            receiver
        };
        loop {
            match tokio::time::timeout(SLOW, &mut receiver).await {
                Ok(Ok(admitted)) => return admitted,
                // Nobody drops a sender that still waits.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) if self.is_connecting() => {}
                Err(_) => self.admit(|turns| {
                    let stands_still = turns.moved.is_some_and(|moved| moved.elapsed() >= SLOW);
                    if stands_still { most.min(turns.admitted + 1) } else { limit() }
                }),
            }
        }
    }

    /// A request that was admitted is done; others are admitted up to the limit.
    pub(super) fn leave(self: &Arc<Self>, limit: usize) {
        self.admit(|turns| {
            turns.admitted -= 1;
            limit
        });
    }

    fn admit(self: &Arc<Self>, limit: impl FnOnce(&mut Turns) -> usize) {
        let mut turns = self.turns();
        let limit = limit(&mut turns);
        while turns.admitted < limit {
            let Some(next) = turns.waiting.pop_front() else { return };
            turns.admitted += 1;
            turns.moved = Some(Instant::now());
            // To wake another thread takes long: nobody should have to wait for this lock meanwhile.
            drop(turns);
            let unwanted = next.send(Admitted(Some(self.clone()))).err();
            turns = self.turns();
            if let Some(unwanted) = unwanted {
                unwanted.keep();
                turns.admitted -= 1;
            }
        }
    }

    /// Counts one that waits, for its turn or for room in the budget, for as long as the answer lives.
    pub(super) fn wait(&self) -> Counted<'_> {
        Counted::new(&self.waiting)
    }

    /// Counts one that is being made, for as long as the answer lives.
    pub(super) fn connect(&self) -> Counted<'_> {
        Counted::new(&self.connecting)
    }

    /// How many connections the tenant has.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn is_connecting(&self) -> bool {
        self.connecting.load(Ordering::SeqCst) > 0
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, poll};

    use super::*;

    #[tokio::test]
    async fn requests_take_turns_and_nobody_goes_before_one_who_waits() {
        let room = Arc::<Room>::default();
        assert!(room.enter(1));
        let (mut first, mut second) = (Box::pin(room.turn(|| 1, 1)), Box::pin(room.turn(|| 1, 1)));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        room.leave(1);
        assert!(!room.enter(1));
        assert!(poll!(&mut second).is_pending());
        let admitted = first.now_or_never().unwrap();
        assert_eq!(room.holding(), 1);
        drop(admitted);
        second.now_or_never().unwrap().keep();
        room.leave(1);
        assert_eq!(room.holding(), 0);
        assert!(room.enter(1));
    }

    #[tokio::test]
    async fn who_left_is_passed_over_and_what_nobody_took_comes_back() {
        let room = Arc::<Room>::default();
        assert!(room.enter(1));
        let mut turns: Vec<_> = (0..3).map(|_| Box::pin(room.turn(|| 1, 1))).collect();
        for turn in &mut turns {
            assert!(poll!(turn).is_pending());
        }
        drop(turns.remove(0));
        room.leave(1);
        // This one was given its turn, and leaves without having looked.
        drop(turns.remove(0));
        drop(turns.remove(0).now_or_never().unwrap());
        assert_eq!((room.holding(), room.is_wanted()), (0, false));
    }

    #[tokio::test]
    async fn a_larger_share_admits_more_and_a_smaller_one_fewer() {
        let room = Arc::<Room>::default();
        assert!(room.enter(2) && room.enter(2) && !room.enter(2));
        let mut turns: Vec<_> = (0..3).map(|_| Box::pin(room.turn(|| 2, 8))).collect();
        for turn in &mut turns {
            assert!(poll!(turn).is_pending());
        }
        room.leave(1);
        assert_eq!(room.holding(), 1);
        room.leave(3);
        assert_eq!(room.holding(), 3);
    }

    #[tokio::test]
    async fn slow_statements_have_more_than_the_share_one_after_another_up_to_the_most() {
        let room = Arc::<Room>::default();
        assert!(room.enter(1));
        let started = Instant::now();
        room.turn(|| 1, 3).await.keep();
        assert!(started.elapsed() >= SLOW);
        room.turn(|| 1, 3).await.keep();
        assert!(started.elapsed() >= 2 * SLOW);
        assert_eq!(room.holding(), 3);
        assert!(tokio::time::timeout(3 * SLOW, room.turn(|| 1, 3)).await.is_err());
        assert_eq!((room.holding(), room.is_wanted()), (3, false));
    }
}
