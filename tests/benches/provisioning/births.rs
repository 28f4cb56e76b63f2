//! Many tenants. What is taken from stock must be there again at the end, so stock makes nobody look faster than they are.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use tests::measure::{
    Effort,
    report::{Line, Report, note},
    stage::{self, Stage, default_stock},
};

const RATE_RATIO: f64 = 0.8;

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    race(1, effort.pick(25, 10), effort.pick(20, 2), report).await;
    race(8, effort.pick(125, 16), effort.pick(4, 2), report).await;
}

/// Tenants and bare databases in turn, block by block: what slows the machine down hits both.
async fn race(at_once: usize, block: usize, blocks: usize, report: &mut Report) {
    note(&format!("{} tenants, {at_once} at a time …", block * blocks));
    let stage = Stage::with_stock(default_stock()).await;
    let bare_sessions = stage.bare_sessions(at_once).await;
    let (mut ours, mut bare) = (Duration::ZERO, Duration::ZERO);
    // The first block is for warming up.
    for number in 0..=blocks {
        let counts = u32::from(number > 0);
        for turn in 0..2 {
            let started = Instant::now();
            if (number + turn) % 2 == 0 {
                tenants(&stage, at_once, block).await;
                ours += started.elapsed() * counts;
            } else {
                databases(&bare_sessions, block).await;
                bare += started.elapsed() * counts;
            }
        }
    }
    let all = (block * blocks) as f64;
    let rate = |time: Duration| all / time.as_secs_f64();
    let line = Line::fact(&format!("{all} tenants, {at_once} at a time"), format!("{:.1} a second", rate(ours)));
    let line = line.beside(format!("{:.1} a second", rate(bare)));
    report.add(line.ratio_at_least(rate(ours) / rate(bare), RATE_RATIO));
    stage.strike().await;
}

/// Tenants until all are served and the stock is what it was.
async fn tenants(stage: &Stage, at_once: usize, count: usize) {
    let one = async |_| {
        stage.make().await;
    };
    stream::iter(0..count).for_each_concurrent(at_once, one).await;
    stage.stock_is(default_stock()).await;
}

/// As many databases, each session one after another.
async fn databases(sessions: &[(tokio_postgres::Client, String)], count: usize) {
    let left = &std::sync::atomic::AtomicUsize::new(count);
    let take = || {
        use std::sync::atomic::Ordering::Relaxed;
        left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    };
    let work = sessions.iter().map(|(session, template)| async move {
        while take() {
            stage::clone(session, template).await;
        }
    });
    futures_util::future::join_all(work).await;
}
