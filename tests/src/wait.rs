//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// How long a condition may take before the test counts as failed.
pub const LONG: Duration = Duration::from_secs(20);

/// How soon a condition is looked at again at first, and in the end: whoever looks keeps the machine from what is waited for.
const AGAIN: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(25));

/// Waits until `condition` gives something, looking again and again; panics with `what` at the deadline.
pub async fn within<T>(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    let (mut pause, longest) = AGAIN;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// [`within`] the usual time, for a condition that is true or not.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    within(LONG, what, async || condition().await.then_some(())).await;
}
