//! Every page, seen every way: in both languages, by telephone and at a desk, by day and by night.

use std::{fmt::Display, path::Path};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenancy::Language;
use tests::{
    TestPlatform,
    browser::{Browser, Look},
    pages::{Filled, WebPage},
};
use ui::Texts;

/// What a page is made of, as far as everybody relies on it. Keys of texts that are not there stand on it themselves, and
/// so do the names of values that nobody gave.
const SHAPE: &str = "
const read = [document.body.innerText, document.title];
for (const one of document.querySelectorAll('[title], [aria-label], [placeholder]')) {
  read.push(one.title, one.getAttribute('aria-label') ?? '', one.getAttribute('placeholder') ?? '');
}
const dashed = read.join(' ').match(/(?<![\\w@.\\/-])[a-z]+(-[a-z0-9_]+)+(?![\\w@.\\/-])|\\{ *\\$\\w+/g) ?? [];
return {
  lang: document.documentElement.lang,
  h1: document.querySelectorAll('h1').length,
  title: document.title.split(' · ')[0].trim(),
  status: performance.getEntriesByType('navigation')[0].responseStatus,
  flash: document.querySelectorAll('.flash').length,
  dashed,
};
";

/// Whether this is a key without a text, or a value without a name. What keys begin with in few letters, many words do.
fn is_untold(word: &str) -> bool {
    let texts = Texts::of(Language::English);
    let first = word.split('-').next().unwrap_or_default();
    let is_of_family = || {
        let begin_so = |key: &String| key.split_once('-').is_some_and(|(family, _)| family == first);
        first.len() > 3 && texts.keys().iter().any(begin_so)
    };
    word.starts_with('{') || (texts.find(word).is_none() && is_of_family())
}

/// What can be told without looking.
async fn wrong_with(browser: &Browser, language: Language, page: &WebPage) -> Vec<String> {
    let shape = browser.run(SHAPE).await;
    let wanted = |what: &str, wanted: Value| (shape[what] != wanted).then(|| format!("{what} is {}", shape[what]));
    let mut wrong: Vec<String> = wanted("lang", json!(language.as_str())).into_iter().collect();
    wrong.extend(wanted("h1", json!(1)));
    let dashed = shape["dashed"].as_array().into_iter().flatten().filter_map(Value::as_str);
    wrong.extend(dashed.filter(|word| is_untold(word)).map(|word| format!("{word} is said")));
    wrong.extend(wanted("flash", json!(u8::from(page.path.contains("done=")))));
    wrong.extend((shape["title"] == "").then(|| "there is no title".to_owned()));
    let status = shape["status"].as_u64().unwrap();
    wrong.extend((status != u64::from(page.status)).then(|| format!("status is {status}")));
    wrong.extend(problems_at(browser, page).await);
    wrong
}

/// What the browser itself has found since it was asked last.
async fn problems_at(browser: &Browser, page: &WebPage) -> Vec<String> {
    let of_status = format!("status of {}", page.status);
    let mut problems = browser.problems().await;
    problems.retain(|problem| page.status == 200 || !problem.contains(&of_status));
    problems
}

/// Opens all that can be opened, but for the menu, which covers the page.
const OPEN: &str = "document.querySelectorAll('details:not(.menu)').forEach((one) => one.open = true)";
const MENU: &str = "const menu = document.querySelector('details.menu');
    if (menu) menu.open = arguments[0];
    return menu !== null;";

/// What somebody would stumble over who looks at it this way.
async fn wrong_in(browser: &Browser, look: Look) -> Vec<String> {
    browser.put_on(look).await;
    let mut wrong = wrong_in_part(browser, look, "html").await;
    if look.width == Look::NARROW && browser.run_with(MENU, vec![json!(true)]).await == true {
        wrong.extend(wrong_in_part(browser, look, ".top").await);
        browser.run_with(MENU, vec![json!(false)]).await;
    }
    wrong
}

async fn wrong_in_part(browser: &Browser, look: Look, part: &str) -> Vec<String> {
    // In the dark only the colours are others.
    let mut wrong = if look.dark { browser.axe_of_colours(part).await } else { browser.axe(part).await };
    wrong.extend(too_wide(browser).await);
    wrong
}

async fn too_wide(browser: &Browser) -> Option<String> {
    let sideways = browser.sideways().await;
    if sideways > 0 { Some(format!("it is {sideways} pixels too wide: {}", browser.too_wide().await)) } else { None }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_well_made_in_every_look() {
    let (platform, filled) = Filled::start().await;
    let walked = Language::ALL.iter().map(|language| walk(&platform, &filled, *language));
    let wrong = join_all(walked).await.concat();
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    platform.stop().await;
}

async fn walk(platform: &TestPlatform, filled: &Filled, language: Language) -> Vec<String> {
    let browser = platform.browser_with(Look { language, ..Look::default() }).await;
    let mut all = Vec::new();
    let on_page = async |page: &'static WebPage| {
        let mut tell = |how: &dyn Display, wrong: Vec<String>| {
            all.extend(wrong.into_iter().map(|line| format!("{} {how}: {line}", page.name)));
        };
        tell(&language, wrong_with(&browser, language, page).await);
        browser.run(OPEN).await;
        for look in Look::all(language) {
            tell(&look, wrong_in(&browser, look).await);
        }
        // The narrowest that nobody has to scroll sideways in (WCAG 1.4.10).
        let narrowest = Look { width: Look::NARROWEST, ..Look::new(language, Look::NARROW, false) };
        browser.put_on(narrowest).await;
        tell(&narrowest, too_wide(&browser).await.into_iter().collect());
        tell(&"in the end", problems_at(&browser, page).await);
    };
    filled.tour(&browser, language, on_page).await;
    all
}

/// A page that was spoiled, to see that it would be seen.
const SPOIL: &str = "
const main = document.querySelector('main');
const add = (name, text, looks) => Object.assign(main.appendChild(document.createElement(name)), { textContent: text, style: looks });
for (const text of ['a', 'b']) add('button', text, 'width: 12px; height: 12px; min-height: 0; padding: 0; border: 0');
add('p', 'hardly to be read', 'color: #bbb; background: #ccc');
add('p', 'x', 'width: 500px');
";

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_wrong_is_seen() {
    let platform = TestPlatform::start().await;
    let look = Look::new(Language::English, Look::NARROW, false);
    let browser = platform.browser_with(look).await;
    browser.goto("/login").await;
    assert_eq!(wrong_in(&browser, look).await, [""; 0]);
    browser.run(SPOIL).await;
    let seen = wrong_in(&browser, look).await.join("\n");
    for wrong in ["target-size", "color-contrast", "pixels too wide"] {
        assert!(seen.contains(wrong), "{wrong} is not seen: {seen}");
    }
    assert!(is_untold("signup-nothing") && is_untold("{ $count") && is_untold("admin-and-more"));
    assert!(!is_untold("sign-in") && !is_untold("quattro-stand-a-s"));
    platform.stop().await;
}

/// `scripts/screenshots` runs this one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes pictures for people to look at"]
async fn pictures() {
    let (platform, filled) = Filled::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/screenshots");
    let photograph = async |language: &Language| {
        let browser = platform.browser_with(Look { language: *language, ..Look::default() }).await;
        let take = async |page: &'static WebPage| {
            for look in Look::all(*language) {
                browser.put_on(look).await;
                browser.picture(&folder.join(format!("{}-{look}.png", page.name))).await;
            }
        };
        filled.tour(&browser, *language, take).await;
    };
    join_all(Language::ALL.iter().map(photograph)).await;
    platform.stop().await;
}
