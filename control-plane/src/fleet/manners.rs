//! Holding back while the server feels busy: how long it takes to answer next to nothing tells how long everybody else
//! waits for their turn.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_postgres::Client;

use super::Stop;
use crate::servers::Server;

/// How often a server is asked before the run, to learn what is usual.
const LEARN: usize = 20;
/// How often it is asked after a tenant.
const LOOKS: usize = 5;
/// A tenant's work is followed by a pause of so many times its length: the least, and the most.
const PAUSES: (f64, f64) = (0.5, 10.0);
/// A server that answers so many times slower than usual is busy.
const BUSY: f64 = 2.0;

/// How a server felt before, and how much is held back now.
pub(super) struct Manners {
    session: Client,
    usual: Duration,
    pause: Mutex<f64>,
}

impl Manners {
    /// Learns what is usual on a server; `None` where it does not answer, and then nothing is known.
    pub(super) async fn toward(server: &Server) -> Option<Self> {
        let session = server.connect().await.ok()?;
        let mut looks = Vec::new();
        for _ in 0..LEARN {
            looks.push(look(&session).await?);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        looks.sort();
        Some(Self { session, usual: looks[LEARN / 2], pause: Mutex::new(PAUSES.0 * 4.0) })
    }

    /// Waits in proportion to what the last tenant took, longer each time that the server is slow to answer.
    pub(super) async fn hold_back(&self, took: Duration, stop: &Stop) {
        let mut looks = [Duration::ZERO; LOOKS];
        for each in &mut looks {
            *each = look(&self.session).await.unwrap_or_default();
        }
        looks.sort();
        let pause = {
            let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
            let is_busy = looks[LOOKS / 2].as_secs_f64() > self.usual.as_secs_f64() * BUSY;
            *pause = if is_busy { (*pause * 1.3).min(PAUSES.1) } else { (*pause * 0.9).max(PAUSES.0) };
            took.mul_f64(*pause)
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.asked() => {}
        }
    }
}

async fn look(session: &Client) -> Option<Duration> {
    let began = Instant::now();
    session.simple_query("SELECT 1").await.ok()?;
    Some(began.elapsed())
}
