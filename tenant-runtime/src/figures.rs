//! The runtime's figures. They are taken once a second from plain counters, so that no request pays for them.

use metrics::{counter, gauge};

use crate::context::Guard;

/// Publishes the figures of this moment.
pub(crate) fn publish(guard: &Guard) {
    let pools = guard.pools.figures();
    gauge!("tenant_pools").set(count(pools.pools));
    gauge!("tenant_connections_open").set(count(pools.open));
    gauge!("tenant_connections_waiting").set(count(pools.waiting));
    gauge!("tenant_leases").set(count(pools.leases));
    gauge!("tenant_directory_tenants").set(count(guard.directory.len()));
    gauge!("tenant_directory_deaf_seconds").set(guard.directory.deaf_for().as_secs_f64());
    let (hits, misses) = guard.tokens.hits_and_misses();
    counter!("access_tokens_remembered_total").absolute(hits);
    counter!("access_tokens_checked_total").absolute(misses);
}

/// Counts here are far below what a float holds exactly.
fn count(value: usize) -> f64 {
    u32::try_from(value).map_or(f64::INFINITY, f64::from)
}
