//! Holding back while the server feels busy: how long it takes to answer next to nothing tells how long everybody else
//! waits for their turn. It is asked all the time, as often while a tenant is in hand as after that, so that the worst
//! hundredth of its answers is what the worst hundredth of requests feels.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{Stop, patience::AGAIN};
use crate::servers::Server;

/// How often a server is asked.
const EVERY: Duration = Duration::from_millis(5);
/// How many answers tell how it feels: those of four seconds, when it is quick.
const WINDOW: usize = 600;
/// How many tell what is usual.
const USUAL: usize = 1_200;
/// Longer than this nobody waits to learn what is usual on a server that does not answer.
const LEARN: Duration = Duration::from_secs(30);
/// A tenant's work is followed by a pause of so many times its length: at first, the least, and the most.
const PAUSES: (f64, f64, f64) = (8.0, 4.0, 64.0);
/// More than so many times of what was usual is too much.
const TOLERATED: f64 = 1.3;
/// By how much the pause grows where it was too much, and shrinks where it was not: slowly, because what is felt is that of
/// the last few seconds, and two dozen tenants.
const CHANGES: (f64, f64) = (1.03, 0.97);

/// How a server felt before and feels now, and how much is held back.
pub(super) struct Manners {
    felt: Mutex<VecDeque<Duration>>,
    /// The worst hundredth before the run, once it is known.
    usual: watch::Sender<Option<Duration>>,
    pause: Mutex<f64>,
}

impl Manners {
    pub(super) fn new() -> Self {
        Self { felt: Mutex::default(), usual: watch::Sender::new(None), pause: Mutex::new(PAUSES.0) }
    }

    /// Asks a server for as long as this is polled.
    pub(super) async fn look(&self, server: &Server) -> Infallible {
        loop {
            // Whoever is cut off from it has no tenants to hold back with either.
            let Ok(session) = server.connect().await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            loop {
                let began = Instant::now();
                if session.simple_query("SELECT 1").await.is_err() {
                    break;
                }
                self.note(began.elapsed());
                tokio::time::sleep(EVERY).await;
            }
        }
    }

    fn note(&self, answer: Duration) {
        let mut felt = locked(&self.felt);
        felt.push_back(answer);
        let is_learned = self.usual.borrow().is_some();
        while is_learned && felt.len() > WINDOW {
            felt.pop_front();
        }
        if !is_learned && felt.len() == USUAL {
            let usual = worst_hundredth(&felt);
            drop(felt);
            self.usual.send_replace(Some(usual));
        }
    }

    /// Waits until it is known what is usual.
    pub(super) async fn learn(&self, stop: &Stop) {
        let mut usual = self.usual.subscribe();
        tokio::select! {
            _ = usual.wait_for(Option::is_some) => {}
            () = tokio::time::sleep(LEARN) => {}
            () = stop.asked() => {}
        }
    }

    /// Waits in proportion to what the last tenant took, longer each time that the server feels worse than usual.
    pub(super) async fn hold_back(&self, took: Duration, stop: &Stop) {
        let usual = self.usual.borrow().unwrap_or_default();
        let feels = worst_hundredth(&locked(&self.felt));
        let pause = {
            let mut pause = locked(&self.pause);
            let change = if feels > usual.mul_f64(TOLERATED) { CHANGES.0 } else { CHANGES.1 };
            *pause = (*pause * change).clamp(PAUSES.1, PAUSES.2);
            took.mul_f64(*pause)
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.asked() => {}
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn worst_hundredth(felt: &VecDeque<Duration>) -> Duration {
    let mut felt: Vec<Duration> = felt.iter().copied().collect();
    felt.sort_unstable();
    felt.get(felt.len() * 99 / 100).copied().unwrap_or_default()
}
