//! Every page, seen every way: in both languages, by telephone and at a desk, by day and by night.

use std::path::Path;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tests::{
    TestPlatform,
    browser::{Browser, Look},
    pages::{Filled, WebPage},
};

/// How many browsers walk at once.
const AT_ONCE: usize = 2;

/// What a page is made of, as far as everybody relies on it.
const SHAPE: &str = "
const text = document.body.innerText;
return {
  lang: document.documentElement.lang,
  h1: document.querySelectorAll('h1').length,
  title: document.title.split(' · ')[0].trim(),
  status: performance.getEntriesByType('navigation')[0].responseStatus,
  untold: text.match(/\\b(?:problem|refusal|field|limit|status|role|step|done|signup|action)-[a-z_-]+\\b/g) ?? [],
};
";

async fn wrong_with(browser: &Browser, page: &WebPage) -> Vec<String> {
    let mut wrong = browser.axe().await;
    let shape = browser.run(SHAPE).await;
    let wanted = |what: &str, wanted: Value| (shape[what] != wanted).then(|| format!("{what} is {}", shape[what]));
    wrong.extend(wanted("lang", json!(browser.look.language.as_str())));
    wrong.extend(wanted("h1", json!(1)));
    wrong.extend(wanted("untold", json!([])));
    let is_as_it_should =
        if page.is_refused { shape["status"].as_u64() >= Some(400) } else { shape["status"] == page.status };
    wrong.extend((!is_as_it_should).then(|| format!("status is {}", shape["status"])));
    wrong.extend((shape["title"] == "").then(|| "there is no title".to_owned()));
    let sideways = browser.sideways().await;
    if sideways > 0 {
        wrong.push(format!("it is {sideways} pixels too wide: {}", browser.too_wide().await));
    }
    let of_status = format!("status of {}", shape["status"]);
    wrong.extend(browser.problems().await.into_iter().filter(|problem| !problem.contains(&of_status)));
    wrong
}

async fn seen(platform: &TestPlatform, filled: &Filled, look: Look) -> Vec<String> {
    let browser = platform.browser_with(look).await;
    let mut all = Vec::new();
    let on_page = async |page: &'static WebPage| {
        let wrong = wrong_with(&browser, page).await;
        all.extend(wrong.into_iter().map(|line| format!("{look} {}: {line}", page.name)));
    };
    filled.tour(&browser, on_page).await;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_well_made_in_every_look() {
    let platform = TestPlatform::start().await;
    let filled = Filled::fill(&platform).await;
    let looks = stream::iter(Look::all()).map(|look| seen(&platform, &filled, look));
    let wrong: Vec<String> = looks.buffered(AT_ONCE).collect::<Vec<_>>().await.concat();
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    platform.stop().await;
}

/// `scripts/screenshots` runs this one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes pictures for people to look at"]
async fn pictures() {
    let platform = TestPlatform::start().await;
    let filled = Filled::fill(&platform).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/screenshots");
    stream::iter(Look::all())
        .for_each_concurrent(AT_ONCE, async |look| {
            let browser = platform.browser_with(look).await;
            let take =
                async |page: &'static WebPage| browser.picture(&folder.join(format!("{}/{look}.png", page.name))).await;
            filled.tour(&browser, take).await;
        })
        .await;
    platform.stop().await;
}
