//! Bytes and requests of each page, as a browser counts them that has nothing of it yet.

use serde_json::json;
use tenancy::Language;
use tests::{
    TestPlatform,
    measure::report::{Line, Report, note},
    pages::{Filled, WebPage},
};

/// What a dashboard may weigh with all that it loads, in kilobytes.
const DASHBOARD: f64 = 60.0;

/// What came, as Resource Timing has it: headers and bodies as they were sent. `null` while something is on its way; a
/// page's sign is not waited for, because browsers ask for it when they like.
const LOADED: &str = "
const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
const named = [...document.querySelectorAll('link[rel=stylesheet], script[src], use[href]')]
  .map((one) => new URL(one.getAttribute('href') ?? one.getAttribute('src'), location).pathname);
if (!named.every((path) => all.some(({ name }) => new URL(name).pathname === path))) return null;
return [all.length, all.reduce((sum, { transferSize }) => sum + transferSize, 0)];
";

pub(crate) async fn measure(platform: &TestPlatform, filled: &Filled, report: &mut Report) {
    note("what pages load …");
    let browser = platform.browser().await;
    let on_page = async |page: &'static WebPage| {
        if !page.is_plain() {
            return;
        }
        browser.devtools("Network.clearBrowserCache", json!({})).await;
        browser.goto(&filled.address(page.path)).await;
        let all = async || Ok(browser.try_run(LOADED).await?.as_array().cloned());
        let loaded = browser.until("all that the page names", all).await;
        let kilobytes = loaded[1].as_f64().unwrap() / 1000.0;
        let measured = format!("{kilobytes:.1} kB, {} requests", loaded[0]);
        let line = Line::fact(&format!("{} on a cold cache: {}", page.name, page.path), measured);
        report.add(if page.path == "/app" { line.limit(kilobytes, DASHBOARD, "kB") } else { line });
    };
    filled.tour(&browser, Language::English, on_page).await;
}
