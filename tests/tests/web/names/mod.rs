//! What people call things, and what some call them to do harm: in every field of every form, shown as it was typed.

mod forms;
mod shown;
mod signup;

use serde_json::json;
use tests::browser::Browser;

const TEXTS: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus=alert(1) x='",
    "gnp.\u{202e}txt.exe",
    "İstanbul ıIiİ ğĞşŞ 統一 👩‍👩‍👧",
    "{{7*7}} ${7*7} {% raw %}",
    "'; DROP TABLE customers; --",
];

/// All of them in one.
fn all() -> String {
    TEXTS.join(" ")
}

/// Far more than any field takes.
fn long() -> String {
    "ş".repeat(10_000)
}

/// What would stand on a page that took a text for something else; and what turns the writing round beyond its own
/// element, which nothing does that is isolated, or the text of a choice or a title.
const GROWN: &str = r#"
const grown = [...document.querySelectorAll('script:not([src^="/assets/"]), img, iframe, [onerror], [onfocus], [autofocus]')]
  .map((one) => one.outerHTML);
const isIsolated = (one) => one.matches('option, title') || /isolate|plaintext/.test(getComputedStyle(one).unicodeBidi);
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  if (!walker.currentNode.data.includes('\u202e')) continue;
  let one = walker.currentNode.parentElement;
  while (one && !isIsolated(one) && getComputedStyle(one).display.startsWith('inline')) one = one.parentElement;
  if (!one || !isIsolated(one)) grown.push(`not isolated: ${walker.currentNode.parentElement.outerHTML}`);
}
return grown;
"#;

async fn nothing_grew(browser: &Browser) {
    assert_eq!(browser.run(GROWN).await, json!([]), "at {}", browser.here().await);
}
