//! How long the server takes for each page, one request after another.

use std::time::{Duration, Instant};

use tests::{
    TestPlatform, Visitor,
    client::PASSWORD,
    measure::{
        Effort,
        report::{Line, Report, median, note, percentile, shown},
    },
    pages::{Filled, PAGES, Who},
};

/// What the median of a page may take.
const LIMIT: Duration = Duration::from_millis(20);

async fn visitor_as(platform: &TestPlatform, filled: &Filled, who: Who) -> Visitor {
    let visitor = platform.visitor();
    let whom = |email| [("email", email), ("password", PASSWORD)];
    match who {
        Who::Stranger | Who::Waiting | Who::Suspended => {}
        Who::Owner => visitor.sign_in(filled.owner).await,
        Who::Beginner => visitor.sign_in(filled.beginner).await,
        Who::Operator => drop(visitor.fill("/admin/login", &whom(filled.operator)).await.expect(303)),
        Who::Newcomer => {
            let package = [("package_key", "starter"), ("billing_cycle", "monthly")];
            let account = [("owner_name", "Ada Lovelace"), ("owner_email", "ada@example.com"), ("password", PASSWORD)];
            visitor.fill("/signup", &[("company_name", "Acme"), ("slug", "")]).await.expect(303);
            visitor.fill("/signup/package", &package).await.expect(303);
            visitor.fill("/signup/account", &account).await.expect(303);
        }
    }
    visitor
}

pub(crate) async fn measure(platform: &TestPlatform, filled: &Filled, effort: Effort, report: &mut Report) {
    note("what the server takes for a page …");
    let mut visitor = (Who::Stranger, platform.visitor());
    for page in PAGES.iter().filter(|page| page.is_plain()) {
        if page.who != visitor.0 {
            visitor = (page.who, visitor_as(platform, filled, page.who).await);
        }
        let visitor = &visitor.1;
        let path = filled.address(page.path);
        let mut times = Vec::new();
        for _ in 0..effort.pick(200, 10) {
            let began = Instant::now();
            visitor.get(&path).await.expect(200);
            times.push(began.elapsed());
        }
        let middle = median(&times);
        let measured = format!("{}, p99 {}", shown(middle), shown(percentile(&times, 0.99)));
        report.add(
            Line::fact(&format!("{}: the server's time for {}", page.name, page.path), measured).at_most(middle, LIMIT),
        );
    }
}
