//! How many connections all tenants together may have to one server, and who gets the next one.

use std::{
    collections::VecDeque,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tokio_postgres::Config;

use super::{
    Figures, Pools,
    breaker::Breaker,
    heat::{Clock, Moment},
    room::Room,
};

/// The connections to one server.
pub(crate) struct Budget {
    /// How to reach the server.
    pub(super) server: Config,
    places: Mutex<Places>,
    /// Connections that are being made.
    connecting: AtomicUsize,
    /// Connections that were made, and that pools or requests have.
    open: AtomicUsize,
    leases: AtomicUsize,
    /// One at a time looks for idle connections to close, so that none is closed in vain.
    pub(super) making_room: Mutex<()>,
    pub(super) breaker: Breaker,
    clock: Clock,
    /// Whether somebody waits, or more is taken than there should be: so that the usual lease need not lock to know.
    crowded: AtomicBool,
    full: AtomicBool,
    /// What was given last, for whoever needs no lock to know it roughly.
    size: AtomicUsize,
    /// How many requests of one tenant may have a connection.
    each: AtomicUsize,
}

struct Places {
    size: usize,
    taken: usize,
    waiting: VecDeque<Waiting>,
}

/// Somebody who waits for room.
struct Waiting {
    since: Instant,
    room: Arc<Room>,
    /// It is for the tenant's first connection.
    first: bool,
    place: oneshot::Sender<Place>,
}

/// Room for one connection, for as long as this lives.
pub(crate) struct Place(Option<Arc<Budget>>);

/// Counts a connection that was made.
pub(super) struct Open {
    budget: Arc<Budget>,
    room: Arc<Room>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.budget.open.fetch_sub(1, Ordering::SeqCst);
        self.room.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Who waits for room when a connection comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    /// Nobody.
    Nobody,
    /// The next in turn is of the same tenant.
    Own,
    /// Another tenant is the next in turn.
    Others {
        /// It has waited for longer than a tenant may go on with what it has.
        overdue: bool,
    },
}

/// For so long a tenant may use its connections again and again while others wait: connecting anew for every request
/// would cost all of them more.
const SLICE: Duration = Duration::from_millis(10);

/// How many statements this machine can usefully have on their way at once. More only wait for one another, and what a
/// tenant has there makes the others wait.
static AT_ONCE: LazyLock<usize> = LazyLock::new(|| 4 * std::thread::available_parallelism().map_or(1, usize::from));

/// Counts one for as long as it lives.
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(super) fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How many connections may be about to change hands: as many as keep the server's processors busy, and not most of a
/// small budget.
fn changing(size: usize) -> usize {
    (*AT_ONCE * 3 / 4).min(size / 2).max(2)
}

impl Budget {
    pub(crate) fn new(server: Config, size: usize) -> Self {
        let places = Places { size, taken: 0, waiting: VecDeque::new() };
        Self {
            server,
            places: Mutex::new(places),
            connecting: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            leases: AtomicUsize::new(0),
            making_room: Mutex::new(()),
            breaker: Breaker::default(),
            clock: Clock::default(),
            crowded: AtomicBool::new(false),
            full: AtomicBool::new(false),
            size: AtomicUsize::new(size),
            each: AtomicUsize::new(usize::MAX),
        }
    }

    /// Divides what the machine can do at once among so many tenants that ask now.
    pub(super) fn divide_among(&self, tenants: usize) {
        let each = AT_ONCE.checked_div(tenants).map_or(usize::MAX, |each| each.max(1));
        self.each.store(each, Ordering::Relaxed);
    }

    /// How many requests of one tenant may have a connection at once, as long as none of them is slow.
    pub(super) fn for_each_tenant(&self) -> usize {
        self.each.load(Ordering::Relaxed)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one connection. At the budget an idle connection is closed for it; where none is idle, this waits until
    /// one is, in turn. The caller bounds the wait.
    pub(super) async fn place(self: &Arc<Self>, pools: &Pools, room: &Arc<Room>) -> Option<Place> {
        let receiver = {
            let mut places = self.places();
            places.forget_the_impatient();
            if places.taken < places.size && places.waiting.is_empty() {
                places.taken += 1;
                self.full.store(places.taken >= places.size, Ordering::Relaxed);
                return Some(Place(Some(self.clone())));
            }
            let (place, receiver) = oneshot::channel();
            // A tenant that has none goes before those who want another.
            let first = room.open() == 0;
            let last = places.waiting.len();
            let turn = if first { places.waiting.partition_point(|waiting| waiting.first) } else { last };
            let waiting = Waiting { since: Instant::now(), room: room.clone(), first, place };
            places.waiting.insert(turn, waiting);
            self.crowded.store(true, Ordering::SeqCst);
            receiver
        };
        pools.make_room(self);
        receiver.await.ok()
    }

    fn release(self: &Arc<Self>) {
        let mut places = self.places();
        places.taken -= 1;
        self.grant(&mut places);
    }

    /// Gives what is free to those who wait.
    fn grant(self: &Arc<Self>, places: &mut Places) {
        while places.taken < places.size {
            let Some(next) = places.waiting.pop_front() else { break };
            match next.place.send(Place(Some(self.clone()))) {
                Ok(()) => places.taken += 1,
                // Nobody waits there any more; the place was not taken.
                Err(mut place) => place.0 = None,
            }
        }
        self.full.store(places.taken >= places.size, Ordering::Relaxed);
    }

    /// The server has no connection left: makes do with what there is, until the next share is known.
    pub(super) fn squeeze(self: &Arc<Self>) {
        let size = {
            let places = self.places();
            places.taken.saturating_sub(1).clamp(1, places.size.max(1))
        };
        self.resize(size);
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.places().taken
    }

    /// Changes the size. Where it shrinks, places that are taken come back as their connections are closed.
    pub(super) fn resize(self: &Arc<Self>, size: usize) {
        let mut places = self.places();
        places.size = size;
        self.size.store(size, Ordering::Relaxed);
        self.grant(&mut places);
        self.crowded.store(!places.waiting.is_empty() || places.taken > size, Ordering::SeqCst);
    }

    /// How many connections must be closed now for those who wait, and for a budget that shrank. Only few change hands at
    /// a time: a server makes connections no faster for being asked for many at once, and those that are being made and
    /// closed answer nobody.
    pub(super) fn lacking(&self) -> usize {
        let mut places = self.places();
        places.forget_the_impatient();
        let connecting = self.connecting.load(Ordering::SeqCst);
        // What is on its way out has its place until the server has closed its end.
        let leaving = places.taken.saturating_sub(self.open.load(Ordering::SeqCst) + connecting);
        let too_many = places.taken.saturating_sub(places.size);
        let wanted = (places.taken + places.waiting.len()).saturating_sub(places.size);
        let changing = changing(places.size).saturating_sub(leaving + connecting);
        wanted.saturating_sub(leaving).min(changing).max(too_many.saturating_sub(leaving))
    }

    /// Counts a connection that is being made, for as long as the answer lives.
    pub(super) fn connecting(&self) -> Counted<'_> {
        Counted::new(&self.connecting)
    }

    /// Counts a connection that was made, for as long as the answer lives.
    pub(super) fn opened(self: &Arc<Self>, room: &Arc<Room>) -> Open {
        self.open.fetch_add(1, Ordering::SeqCst);
        room.open.fetch_add(1, Ordering::SeqCst);
        Open { budget: self.clone(), room: room.clone() }
    }

    /// Whether a new connection would have to wait for another's end.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Counts a use of one of the connections.
    pub(super) fn use_now(&self) -> Moment {
        self.clock.advance(self.size.load(Ordering::Relaxed))
    }

    /// Now, in uses.
    pub(super) fn now(&self) -> Moment {
        self.clock.now(self.size.load(Ordering::Relaxed))
    }

    /// Notes that a connection is lent out.
    pub(super) fn lent(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a tenant's lent connection is back, or closed, and says who waits.
    pub(super) fn returned(&self, room: &Arc<Room>) -> Crowd {
        self.leases.fetch_sub(1, Ordering::Relaxed);
        if !self.crowded.load(Ordering::SeqCst) {
            return Crowd::Nobody;
        }
        let mut places = self.places();
        places.forget_the_impatient();
        self.crowded.store(!places.waiting.is_empty() || places.taken > places.size, Ordering::SeqCst);
        match places.waiting.front() {
            Some(next) if Arc::ptr_eq(&next.room, room) => Crowd::Own,
            Some(next) => Crowd::Others { overdue: next.since.elapsed() > SLICE },
            None if places.taken > places.size => Crowd::Others { overdue: true },
            None => Crowd::Nobody,
        }
    }

    /// Whether the next in turn has waited for longer than a tenant may go on with what it has.
    pub(super) fn is_overdue(&self) -> bool {
        self.places().waiting.front().is_some_and(|next| next.since.elapsed() > SLICE)
    }

    pub(crate) fn add_to(&self, figures: &mut Figures) {
        let places = self.places();
        figures.open += places.taken;
        figures.waiting += places.waiting.len();
        figures.leases += self.leases.load(Ordering::Relaxed);
    }
}

impl Places {
    fn forget_the_impatient(&mut self) {
        self.waiting.retain(|waiting| !waiting.place.is_closed());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(budget) = self.0.take() {
            budget.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(budget: &Arc<Budget>) -> oneshot::Receiver<Place> {
        let (place, receiver) = oneshot::channel();
        let room = Arc::default();
        budget.places().waiting.push_back(Waiting { since: Instant::now(), room, first: true, place });
        receiver
    }

    fn taken(budget: &Arc<Budget>) -> Place {
        budget.places().taken += 1;
        Place(Some(budget.clone()))
    }

    #[test]
    fn places_are_given_in_turn_and_who_left_is_passed_over() {
        let budget = Arc::new(Budget::new(Config::new(), 1));
        let place = taken(&budget);
        drop(wait(&budget));
        let (mut first, mut second) = (wait(&budget), wait(&budget));
        drop(place);
        let place = first.try_recv().unwrap();
        assert!(second.try_recv().is_err());
        drop(place);
        drop(second.try_recv().unwrap());
        assert_eq!(budget.places().taken, 0);
    }

    #[test]
    fn a_place_that_nobody_took_comes_back() {
        let budget = Arc::new(Budget::new(Config::new(), 1));
        let place = taken(&budget);
        let waiting = wait(&budget);
        drop(place);
        assert_eq!(budget.places().taken, 1);
        drop(waiting);
        assert_eq!(budget.places().taken, 0);
    }

    #[test]
    fn a_smaller_budget_says_how_much_must_go() {
        let budget = Arc::new(Budget::new(Config::new(), 4));
        let mut places: Vec<Place> = (0..4).map(|_| taken(&budget)).collect();
        let mut open: Vec<Open> = (0..4).map(|_| budget.opened(&Arc::default())).collect();
        assert_eq!(budget.lacking(), 0);
        budget.resize(2);
        assert_eq!(budget.lacking(), 2);
        // One is on its way out.
        open.truncate(3);
        assert_eq!(budget.lacking(), 1);
        open.truncate(2);
        places.truncate(2);
        assert_eq!(budget.lacking(), 0);
        let mut waiting = wait(&budget);
        assert_eq!(budget.lacking(), 1);
        budget.resize(3);
        drop(waiting.try_recv().unwrap());
    }
}
