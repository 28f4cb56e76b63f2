//! How long the server takes for each page, one request after another.

use std::time::{Duration, Instant};

use tests::{
    TestPlatform,
    measure::{
        Effort,
        report::{Line, Report, median, note, percentile, shown},
    },
    pages::{Filled, PAGES, Who},
};

/// What the median of a page may take.
const LIMIT: Duration = Duration::from_millis(20);

pub(crate) async fn measure(platform: &TestPlatform, filled: &Filled, effort: Effort, report: &mut Report) {
    note("what the server takes for a page …");
    let (stranger, owner) = (platform.visitor(), platform.visitor());
    owner.sign_in(filled.owner).await;
    for page in PAGES.iter().filter(|page| !page.is_refused && page.status == 200) {
        let visitor = match page.who {
            Who::Stranger => &stranger,
            Who::Owner => &owner,
            _ => continue,
        };
        let path = filled.address(page.path);
        let mut times = Vec::new();
        for _ in 0..effort.pick(200, 10) {
            let began = Instant::now();
            visitor.get(&path).await.expect(200);
            times.push(began.elapsed());
        }
        let middle = median(&times);
        let measured = format!("{}, p99 {}", shown(middle), shown(percentile(&times, 0.99)));
        report.add(Line::fact(&format!("{}: the server's time", page.path), measured).at_most(middle, LIMIT));
    }
}
