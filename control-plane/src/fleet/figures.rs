//! The fleet's figures.

use metrics::gauge;

use super::{RunState, Status};

/// Publishes the figures of this moment.
pub(super) fn publish(status: &Status) {
    let (target, mut behind) = (status.target_version, 0);
    // What nobody has any more is none, and not what it was.
    for version in 1..target {
        if !status.versions.contains_key(&version) {
            gauge!("fleet_tenants", "schema_version" => version.to_string()).set(0.0);
        }
    }
    for (version, count) in &status.versions {
        gauge!("fleet_tenants", "schema_version" => version.to_string()).set(float(*count));
        if *version < target {
            behind += count;
        }
    }
    gauge!("fleet_schema_target").set(f64::from(target));
    gauge!("fleet_tenants_behind").set(float(behind));
    gauge!("fleet_tenants_failing").set(u32::try_from(status.failing.len()).map_or(f64::INFINITY, f64::from));
    let running = status.runs.iter().any(|run| run.state == RunState::Running);
    gauge!("fleet_run_active").set(if running { 1.0 } else { 0.0 });
}

fn float(count: i64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
