//! What can't be reached is not hammered: after a failure nobody tries for a while, and then one at a time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause; so long a server that is back may wait to be noticed.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Lets connections be tried.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    /// Nobody tries before this.
    until: Option<Instant>,
    /// Whether somebody tries, after a pause.
    is_tried: bool,
    worked: Option<Instant>,
}

impl Breaker {
    /// Whether this is the moment to try. After a failure, one may, and the others wait for how that goes.
    pub(super) fn admits(&self) -> bool {
        self.admits_at(Instant::now())
    }

    fn admits_at(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            None => true,
            Some(until) if until > now => false,
            Some(_) => {
                state.until = Some(now + pause(state.failures));
                state.is_tried = true;
                true
            }
        }
    }

    /// It could not be reached.
    pub(super) fn failed(&self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever was at it when it went away finds out by now: all of them are one failure.
        if !state.is_tried && state.until.is_some_and(|until| until > now) {
            return;
        }
        state.is_tried = false;
        state.failures = state.failures.saturating_add(1);
        state.until = Some(now + pause(state.failures));
    }

    /// It gave no answer since then: a failure, unless it answered somebody else meanwhile.
    pub(super) fn silent(&self, since: Instant) {
        let worked = self.0.lock().unwrap_or_else(PoisonError::into_inner).worked;
        if worked.is_none_or(|worked| worked < since) {
            self.failed();
        }
    }

    /// It was reached.
    pub(super) fn worked(&self) {
        let worked = State { worked: Some(Instant::now()), ..State::default() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = worked;
    }
}

fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE * 2_u32.pow(failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tries_at_a_time_and_less_and_less_often() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        assert!(breaker.admits_at(start) && breaker.admits_at(start));
        breaker.failed_at(start);
        assert!(!breaker.admits_at(start + Duration::from_millis(49)));
        let later = start + Duration::from_millis(50);
        assert!(breaker.admits_at(later) && !breaker.admits_at(later));
        breaker.failed_at(later);
        assert!(!breaker.admits_at(later + Duration::from_millis(99)));
        let mut last = later;
        for _ in 0..40 {
            last += LONGEST_PAUSE;
            assert!(breaker.admits_at(last));
            breaker.failed_at(last);
        }
        assert!(!breaker.admits_at(last + Duration::from_millis(799)));
        assert!(breaker.admits_at(last + Duration::from_millis(800)));
        let before = Instant::now();
        breaker.worked();
        assert!(breaker.admits_at(later));
        breaker.silent(before);
        assert!(breaker.admits_at(later), "it answered meanwhile");
        breaker.silent(Instant::now());
        assert!(!breaker.admits());
    }

    #[test]
    fn all_who_were_at_it_are_one_failure() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..40 {
            breaker.failed_at(start);
        }
        let later = start + FIRST_PAUSE;
        assert!(!breaker.admits_at(later - Duration::from_millis(1)) && breaker.admits_at(later));
    }
}
