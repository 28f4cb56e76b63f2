//! Quiet tenants beside one that asks as fast as it can.

use std::time::Duration;

use control_plane::tenants::Born;
use tests::measure::{
    Effort,
    load::{Load, get},
    report::{Line, Report, note, percentile, shown},
    served::{Served, token},
};

const QUIET: usize = 20;
/// Requests a second of all quiet tenants together.
const RATE: f64 = 5.0 * QUIET as f64;
/// Connections of the noisy tenant.
const NOISY: usize = 200;
/// How much longer the 99th percentile may be beside a noisy tenant.
const LONGER: f64 = 2.0;

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("a noisy neighbour …");
    let served = Served::start().await;
    let request = |born: &Born| get("/api/v1/customers", Some(&token(&served.signer, born)));
    let mut requests = Vec::new();
    for _ in 0..QUIET {
        requests.push(request(&served.another().await));
    }
    let order = (0..u32::try_from(QUIET).unwrap()).collect();
    let quiet = Load::in_order(served.address, requests, order, QUIET);
    let noisy = Load::of(served.address, request(&served.born), NOISY);

    let time = effort.pick(Duration::from_secs(10), Duration::from_secs(1));
    let (mut alone, mut beside, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    quiet.at_rate(RATE, time / 5).await;
    for _ in 0..effort.pick(3, 1) {
        alone.extend(quiet.at_rate(RATE, time).await);
        let (outcome, times) = tokio::join!(noisy.outcome(time), quiet.at_rate(RATE, time));
        rates.push(outcome.rate);
        beside.extend(times);
    }
    let (before, after) = (percentile(&alone, 0.99), percentile(&beside, 0.99));
    let rate = rates.iter().sum::<f64>() / rates.len() as f64;
    report.add(Line::fact("the noisy tenant, 200 connections", format!("{rate:.0} a second")));
    let line = Line::fact("20 quiet tenants, 5 a second each: p99 beside it", shown(after)).beside(shown(before));
    report.add(line.ratio_at_most(after.as_secs_f64() / before.as_secs_f64(), LONGER));
    let (before, after) = (percentile(&alone, 0.5), percentile(&beside, 0.5));
    report.add(Line::fact("the same: median", shown(after)).beside(shown(before)));
    served.stop().await;
}
