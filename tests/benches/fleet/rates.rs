//! How many databases a second.

use std::{fs, time::Duration};

use control_plane::fleet::{Policy, Progress, Stop, Verdict};
use tests::measure::{
    Effort,
    report::{Line, Report, middle, note},
};
use tokio::{sync::watch, time::Instant};

use crate::{floor, ground::Ground};

/// Of the bare statement's rate.
const RATIO: f64 = 0.8;
/// What the bare statement is tried with.
const AT_ONCE: [usize; 3] = [4, 8, 16];

pub(crate) async fn measure(ground: &mut Ground, effort: Effort, report: &mut Report) {
    let (databases, admin) = (ground.databases(), ground.served.platform.admin.clone());
    let count = databases.len();
    let mut columns = 0;
    let mut column = || {
        columns += 1;
        format!("ALTER TABLE customers ADD COLUMN bench_{columns} text")
    };
    let rate = |count: usize, took: Duration| count as f64 / took.as_secs_f64();

    note("the best concurrency of the bare statement …");
    floor::alter(&admin, &databases, &column(), 8).await;
    let (mut at_once, mut fastest) = (0, 0.0);
    for candidate in AT_ONCE {
        let found = rate(count, floor::alter(&admin, &databases, &column(), candidate).await);
        note(&format!("{candidate} at a time: {found:.0} a second"));
        if found > fastest {
            (at_once, fastest) = (candidate, found);
        }
    }

    note("one migration, and the bare statement, in turn …");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..effort.pick(7, 2) {
        for turn in 0..2 {
            ground.settle().await;
            if (round + turn) % 2 == 0 {
                ground.add(&[&column()]);
                ours.push(rate(count, ground.migrate(&Policy::default()).await.0));
                note(&format!("ours: {:.0} a second", ours[ours.len() - 1]));
            } else {
                bare.push(rate(count, floor::alter(&admin, &databases, &column(), at_once).await));
                note(&format!("bare: {:.0} a second", bare[bare.len() - 1]));
            }
        }
    }
    let (rate_of_ours, rate_of_bare) = (middle(&ours), middle(&bare));
    // Of rounds beside each other: the machine's own speed drifts from minute to minute.
    let ratios: Vec<f64> = ours.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect();
    let line = Line::fact(&format!("one migration, {count} tenants"), format!("{rate_of_ours:.0} a second"));
    let line = line.beside(format!("{rate_of_bare:.0} a second, one ALTER each, {at_once} at a time"));
    report.add(line.ratio_at_least(middle(&ratios), RATIO));

    let some = count.min(effort.pick(100, 20));
    let only = Policy { only: ground.slugs[..some].to_vec(), ..Policy::default() };
    ground.add(&[&column()]);
    let few = rate(some, ground.migrate(&only).await.0);
    let bare = rate(some, floor::alter(&admin, &databases[..some], &column(), at_once).await);
    let line = Line::fact(&format!("one migration, {some} of them"), format!("{few:.0} a second"));
    report.add(line.beside(format!("{bare:.0} a second")).remark(format!("{:.2}", few / bare)));
    ground.migrate(&Policy::default()).await;

    note("five migrations, none, a rehearsal …");
    let five: Vec<String> = (0..5).map(|_| column()).collect();
    ground.add(&five.iter().map(String::as_str).collect::<Vec<_>>());
    let took = rehearse(ground, count).await;
    report.add(Line::fact("a rehearsal of five migrations", format!("{:.0} a second", rate(count, took))));
    let took = ground.migrate(&Policy::default()).await.0;
    report.add(Line::fact("five migrations", format!("{:.0} a second", rate(count, took))));
    let (took, summary) = ground.migrate(&Policy::default()).await;
    assert_eq!(summary.run.done, 0);
    report.add(Line::fact("nothing to do", format!("{:.0} ms in all", took.as_secs_f64() * 1_000.0)));

    note("other programs …");
    for at_once in [1, 4] {
        let some = &databases[..count.min(200)];
        let found = rate(some.len(), floor::psql(&ground.served.url(), some, &column(), at_once).await);
        let line = Line::fact(&format!("psql under xargs -P {at_once}"), format!("{found:.0} a second"));
        report.add(line.remark(format!("ours is {:.1} times as fast", rate_of_ours / found)));
    }
    let some = count.min(200);
    ground.add(&[&column()]);
    let found = rate(some, floor::refinery(&admin, &databases[..some], &texts(ground)).await);
    let line = Line::fact("refinery as it is, one tenant after another", format!("{found:.0} a second"));
    report.add(line.remark(format!("ours is {:.1} times as fast", rate_of_ours / found)));
    ground.migrate(&Policy::default()).await;
}

async fn rehearse(ground: &Ground, count: usize) -> Duration {
    let (progress, stop) = (watch::channel(Progress::default()).0, Stop::default());
    let (program, began) = (ground.program(), Instant::now());
    let rehearsals = program.fleet.rehearse(&Policy::default(), "bench", &progress, &stop).await.unwrap();
    assert_eq!(rehearsals.iter().filter(|it| it.verdict == Verdict::Passes).count(), count);
    began.elapsed()
}

/// The migrations' names and texts.
fn texts(ground: &Ground) -> Vec<(String, String)> {
    let files = fs::read_dir(ground.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}
