//! One signup's own share. It is the domain function `Tenants::create` with a hash that is ready: the password's hash is
//! slow on purpose, and what HTTP adds is in a line of its own.

use std::time::{Duration, Instant};

use tokio::{task::JoinSet, time::MissedTickBehavior};

use tests::measure::{
    Effort,
    report::{Line, Report, mean, median, note, percentile, shown},
    stage::{self, Stage, default_stock},
};

/// Signups a second.
const RATE: u32 = 15;
const MEDIAN: Duration = Duration::from_millis(3);
const P99: Duration = Duration::from_millis(15);
const CLONE_RATIO: f64 = 1.2;

/// At a fixed rate, whatever the answers take, while stock is made again beside it.
pub(crate) async fn with_stock(effort: Effort, report: &mut Report) {
    note("signups at a fixed rate, with stock …");
    let stage = Stage::with_stock(default_stock()).await;
    stage.go_through_the_log().await;
    // Connections open and statements get prepared once in the life of a platform.
    at_a_rate(&stage, effort.pick(60, 15)).await;
    stage.stock_is(default_stock()).await;
    stage.settle().await;
    let (times, from_stock) = at_a_rate(&stage, effort.pick(20 * RATE, 30)).await;

    let what = format!("signup from stock, {RATE} a second, {} of them", times.len());
    let (middle, slow) = (median(&times), percentile(&times, 0.99));
    report.add(Line::fact(&format!("{what}: median"), shown(middle)).at_most(middle, MEDIAN));
    report.add(Line::fact(&format!("{what}: p99"), shown(slow)).at_most(slow, P99));
    report.add(Line::fact(&format!("{what}: slowest"), shown(percentile(&times, 1.0))));
    report.add(Line::fact(&format!("{what}: found stock"), format!("{from_stock}")));
    if !effort.quick {
        // Half a minute on, Linux begins to write out what was cloned, in bursts that every commit waits for.
        let (times, _) = at_a_rate(&stage, 40 * RATE).await;
        report.add(Line::fact("the same, gone on with for 40 seconds: p99", shown(percentile(&times, 0.99))));
    }
    over_http(&stage, effort, report).await;
    stage.strike().await;
}

/// Each begins when it is due, whether or not those before it are done.
async fn at_a_rate(stage: &Stage, count: u32) -> (Vec<Duration>, usize) {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / RATE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut running = JoinSet::new();
    for _ in 0..count {
        tick.tick().await;
        // Not the time of the tick: the timer's own resolution is a millisecond.
        let (control_plane, began) = (stage.control_plane(), Instant::now());
        running.spawn(async move {
            let born = stage::make(&control_plane).await;
            (began.elapsed(), born.finished)
        });
    }
    let (times, from_stock): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().unzip();
    (times, from_stock.into_iter().filter(|finished| *finished).count())
}

/// A whole signup, most of which is the hash of the password.
async fn over_http(stage: &Stage, effort: Effort, report: &mut Report) {
    let mut times = Vec::new();
    for _ in 0..effort.pick(40, 5) {
        stage.stock_is(default_stock()).await;
        let email = format!("visitor-{}@example.com", stage::next());
        let started = Instant::now();
        stage.platform.client.sign_up("Visitors", &email).await.expect(201);
        times.push(started.elapsed());
    }
    report.add(Line::fact("signup over HTTP, with the hash: median", shown(median(&times))));
}

/// In pairs with the bare operation, first one first, then the other.
pub(crate) async fn without_stock(effort: Effort, report: &mut Report) {
    note("signups without stock …");
    let stage = Stage::with_stock(0).await;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for pair in 0..effort.pick(103, 8) {
        for turn in 0..2 {
            let started = Instant::now();
            if (pair + turn) % 2 == 0 {
                assert!(!stage.make().await, "there is no stock");
                ours.push(started.elapsed());
            } else {
                stage.clone_bare().await;
                bare.push(started.elapsed());
            }
        }
    }
    // The first ones open connections.
    let (ours, bare) = (&ours[3..], &bare[3..]);
    let ratio = |of: fn(&[Duration]) -> Duration| of(ours).as_secs_f64() / of(bare).as_secs_f64();
    let pairs = ours.len();
    let line = Line::fact(&format!("tenant without stock, {pairs} pairs: median"), shown(median(ours)));
    report.add(line.beside(shown(median(bare))).ratio_at_most(ratio(median), CLONE_RATIO));
    let line = Line::fact(&format!("tenant without stock, {pairs} pairs: mean"), shown(mean(ours)));
    report.add(line.beside(shown(mean(bare))).remark(format!("{:.2}", ratio(mean))));
    stage.strike().await;
}
