//! How far a run is, what came of it, and how it is asked to stop.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use super::{Run, TenantResult};

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
