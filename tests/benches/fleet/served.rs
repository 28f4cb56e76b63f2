//! What requests feel while the fleet is migrated: a runtime under half of its maximum.

use std::{cell::Cell, time::Duration};

use control_plane::fleet::Policy;
use tests::measure::{
    Effort,
    load::{Load, get},
    report::{Line, Report, note, percentile, shown},
    served::token,
};

use crate::ground::Ground;

/// Of the 99th percentile without a run.
const POLITE: f64 = 2.0;
const CLIENTS: usize = 16;

pub(crate) async fn measure(ground: &mut Ground, effort: Effort, report: &mut Report) {
    note("requests while the fleet is migrated …");
    let served = &ground.served;
    let path = format!("/api/v1/customers/{}", served.customer);
    let load = Load::of(served.address, get(&path, Some(&token(&served.signer, &served.born))), CLIENTS);
    let time = effort.pick(Duration::from_secs(10), Duration::from_secs(2));
    load.run(time / 5).await;
    let half = load.run(time / 2).await / 2.0;
    let alone = percentile(&load.at_rate(half, time).await, 0.99);
    report.add(Line::fact("requests at half of the runtime's maximum: p99 without a run", shown(alone)));
    for (what, polite) in [("at full speed", false), ("with --polite", true)] {
        let name = if polite { "polite" } else { "full" };
        ground.add(&[&format!("ALTER TABLE customers ADD COLUMN while_{name} text")]);
        let policy = Policy { polite, ..Policy::default() };
        let (over, mut times) = (Cell::new(false), Vec::new());
        let migrate = async {
            let (took, _) = ground.migrate(&policy).await;
            over.set(true);
            took
        };
        // For as long as the run takes: its beginning, with a template to make, is not all of it.
        let requests = async {
            while !over.get() {
                times.extend(load.at_rate(half, Duration::from_secs(2)).await);
            }
        };
        let (took, ()) = tokio::join!(migrate, requests);
        let tail = percentile(&times, 0.99);
        let count = ground.slugs.len();
        let line = Line::fact(
            &format!("p99 while {count} tenants are migrated {what}"),
            format!("{}; the run took {:.1} s", shown(tail), took.as_secs_f64()),
        );
        let (line, ratio) = (line.beside(shown(alone)), tail.as_secs_f64() / alone.as_secs_f64());
        report.add(if polite { line.ratio_at_most(ratio, POLITE) } else { line.remark(format!("{ratio:.1} times")) });
    }
}
