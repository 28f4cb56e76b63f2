//! What pages say: each text that is asked for is there, and each that is there is asked for.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use control_plane::{
    fleet::{Failure, Order, Verdict},
    provisioning::saga::{self, Kind},
};
use tenancy::{Code, Language, Role, TenantStatus};
use ui::Texts;

/// Keys that are put together from words of the platform's own.
fn made_up() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut all = |prefix: &str, words: &mut dyn Iterator<Item = String>| {
        keys.extend(words.map(|word| format!("{prefix}-{word}")));
    };
    all("status", &mut TenantStatus::ALL.iter().map(ToString::to_string));
    all("role", &mut Role::ALL.iter().map(ToString::to_string));
    all("language", &mut Language::ALL.iter().map(ToString::to_string));
    for kind in Kind::ALL {
        all("step", &mut saga::steps(*kind).map(str::to_owned));
    }
    all("admin-order", &mut Order::ALL.iter().map(ToString::to_string));
    all("admin-verdict", &mut Verdict::ALL.iter().map(ToString::to_string));
    all("admin-failure", &mut Failure::ALL.iter().map(ToString::to_string));
    for trouble in troubles() {
        all("admin-trouble", &mut [trouble.clone(), format!("{trouble}-text")].into_iter());
    }
    let code = |code: &Code| code.as_str().to_ascii_lowercase().replace('_', "-");
    // What pages tell themselves, and what no page is asked for with.
    let not_by_pages =
        [Code::DuplicateSlug, Code::EmailTaken, Code::IdempotencyKeyReused, Code::InvalidJson, Code::QuotaExhausted];
    for part in ["title", "text"] {
        let told = Code::ALL.iter().filter(|code| !not_by_pages.contains(code));
        all("problem", &mut told.map(|one| format!("{}-{part}", code(one))));
    }
    keys
}

/// The words of what the doctor can find, as they stand in its source.
fn troubles() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../control-plane/src/doctor/finding.rs");
    let source = fs::read_to_string(path).unwrap();
    let words = source.split_once("pub const fn word(").unwrap().1.split_once("\n    }\n").unwrap().0;
    let words: Vec<String> =
        words.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert!(words.len() > 10, "{words:?}");
    words
}

/// Keys that end with a word which stands in the code.
const BY_WORD: [&str; 2] = ["admin-policy-", "done-"];

/// Families of keys whose last words stand in the database or in descriptions; the latter are checked beside these.
const FAMILIES: [&str; 8] = ["field-", "value-", "resource-", "one-", "new-", "empty-", "limit-", "product-"];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["ui/src", "ui/templates", "control-plane/src", "control-plane/templates"]
        .into_iter()
        .chain(["tenant-runtime/src", "tenant-runtime/templates"])
        .map(|folder| root.join(folder))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "html") {
                let text = fs::read_to_string(&path).unwrap();
                // What stands in tests is asked for by nobody.
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                files.push((path, text));
            }
        }
    }
    files
}

/// Everything between quotes that could be a key.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let is_key =
        |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    text.split('"').filter(is_key)
}

#[test]
fn every_text_that_is_asked_for_is_there() {
    let keys: BTreeSet<&str> = Texts::of(Language::English).keys().iter().map(String::as_str).collect();
    let mut missing: BTreeSet<String> = made_up().into_iter().filter(|key| !keys.contains(key.as_str())).collect();
    for (path, text) in sources() {
        for call in [".t(\"", ".t1(\"", ".find(\"", ".with(\n", "page.with(\""] {
            for (at, _) in text.match_indices(call) {
                let rest = &text[at + call.len()..];
                let key = rest.trim_start().trim_start_matches('"').split('"').next().unwrap();
                let is_key =
                    key.contains('-') && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
                if is_key && !keys.contains(key) {
                    missing.insert(format!("{key} in {}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_text_that_is_there_is_asked_for() {
    let sources = sources();
    let asked: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| quoted(text)).collect();
    let done: BTreeSet<String> = sources
        .iter()
        .flat_map(|(_, text)| text.match_indices("done=").map(|(at, _)| &text[at + 5..]))
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>())
        .map(|word| format!("done-{word}"))
        .chain(["done-welcome".to_owned()])
        .collect();
    let made_up = made_up();
    let views = ["view-list", "view-board", "view-calendar", "problem-other-title", "problem-other-text"];
    let unused: Vec<&String> = Texts::of(Language::English)
        .keys()
        .iter()
        .filter(|key| !asked.contains(key.as_str()) && !made_up.contains(*key) && !done.contains(*key))
        .filter(|key| !BY_WORD.iter().any(|family| key.strip_prefix(family).is_some_and(|word| asked.contains(word))))
        .filter(|key| !FAMILIES.iter().any(|family| key.starts_with(family)) && !views.contains(&key.as_str()))
        .collect();
    assert!(unused.is_empty(), "{unused:#?}");
}
