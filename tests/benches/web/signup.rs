//! A signup as a person feels it: from the click on the last button to the workspace that can be seen.

use std::time::Duration;

use tenantry::cluster::Cluster;
use tests::{
    TestPlatform, TestSettings,
    measure::{
        Effort,
        report::{Line, Report, median, note, percentile, shown},
        stage::default_stock,
    },
};

const CLICKED: &str = "
document.querySelector('main form[method=post]')
  .addEventListener('submit', () => sessionStorage.setItem('clicked', Date.now()));
";
/// When the workspace was painted first, after the click.
const SEEN: &str = "
const [painted] = performance.getEntriesByName('first-contentful-paint');
return painted ? performance.timeOrigin + painted.startTime - sessionStorage.getItem('clicked') : null;
";

pub(crate) async fn measure(cluster: &Cluster, effort: Effort, report: &mut Report) {
    note("signups …");
    let mut settings = TestSettings::default();
    settings.settings.provisioning.stock = default_stock();
    let platform = TestPlatform::on(cluster, settings).await;
    platform.restocked().await;
    let browser = platform.browser().await;
    let mut times = Vec::new();
    for n in 0..effort.pick(20, 3) {
        browser.sign_up_to_payment(&format!("Company {n}"), &format!("owner-{n}@example.com")).await;
        browser.run(CLICKED).await;
        browser.send().await;
        browser.is_at("/app").await;
        let seen = browser.until("the workspace painted", async || Ok(browser.try_run(SEEN).await?.as_f64())).await;
        times.push(Duration::from_secs_f64(seen / 1e3));
    }
    platform.stop().await;
    let measured = format!("{}, at most {}", shown(median(&times)), shown(percentile(&times, 1.0)));
    report.add(Line::fact("from the last button to the workspace, in a browser", measured));
}
