//! What pages say: each text that is asked for is there, and each that is there is asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    let not_by_pages = [Code::DuplicateSlug, Code::EmailTaken, Code::InvalidJson, Code::QuotaExhausted];
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

/// Words between quotes that could be a key, with what stands before them.
fn quoted(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_key =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let mut at = 0;
    text.split('"').filter_map(move |word| {
        let before = &text[..at].strip_suffix('"').unwrap_or_default();
        at += word.len() + 1;
        is_key(word).then_some((*before, word))
    })
}

/// Whatever stands between the brackets of a call that asks for a text.
fn asked(text: &str) -> impl Iterator<Item = &str> {
    let calls = [".t(", ".t1(", ".with(", ".find("];
    let places =
        calls.into_iter().flat_map(move |call| text.match_indices(call).map(move |(at, _)| &text[at + call.len()..]));
    places.flat_map(|rest| quoted(rest.split(')').next().unwrap_or_default()).map(|(_, word)| word))
}

/// What looks like a key, and is none.
const NO_KEYS: [&str; 8] = [
    "no-store",
    "one-statement",
    "signup-draft",
    "signup-key",
    "signup-made",
    "signup-request",
    "strength-meter",
    "strength-text",
];

#[test]
fn every_text_that_is_asked_for_is_there() {
    let keys: BTreeSet<&str> = Texts::of(Language::English).keys().iter().map(String::as_str).collect();
    let families: BTreeSet<&str> = keys.iter().filter_map(|key| Some(key.split_once('-')?.0)).collect();
    let mut missing: BTreeSet<String> = made_up().into_iter().filter(|key| !keys.contains(key.as_str())).collect();
    let mut seen = 0;
    for (path, text) in sources() {
        // Wherever it stands: in a call, in a table, behind a name.
        for (before, word) in quoted(&text) {
            let is_of_family =
                word.split_once('-').is_some_and(|(first, rest)| families.contains(first) && !rest.is_empty());
            let is_attribute = path.extension().is_some_and(|ending| ending == "html") && before.ends_with('=');
            // What is put together with a word ends where that begins.
            if is_of_family && !is_attribute && !word.ends_with('-') && !NO_KEYS.contains(&word) {
                seen += 1;
                if !keys.contains(word) {
                    missing.insert(format!("{word} in {}", path.display()));
                }
            }
        }
        for call in [".t(\"", ".t1(\""] {
            for (at, _) in text.match_indices(call) {
                let key = text[at + call.len()..].split('"').next().unwrap();
                if !keys.contains(key) {
                    missing.insert(format!("{key} in {}", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 300, "{seen} were seen");
}

#[test]
fn every_text_that_is_there_is_asked_for() {
    let sources = sources();
    let named: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| quoted(text)).map(|(_, word)| word).collect();
    let called: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| asked(text)).collect();
    // A single word stands for much else too.
    let is_asked = |key: &str| if key.contains('-') { named.contains(key) } else { called.contains(key) };
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
        .filter(|key| !is_asked(key) && !made_up.contains(*key) && !done.contains(*key))
        .filter(|key| !BY_WORD.iter().any(|family| key.strip_prefix(family).is_some_and(|word| named.contains(word))))
        .filter(|key| !FAMILIES.iter().any(|family| key.starts_with(family)) && !views.contains(&key.as_str()))
        .collect();
    assert!(unused.is_empty(), "{unused:#?}");
}

/// The names of the values in each text of a language.
fn values(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/texts").join(language.as_str());
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut key = String::new();
        for line in text.lines() {
            // What goes on from the line before is set in.
            if let Some((name, _)) =
                line.split_once('=').filter(|_| line.starts_with(|c: char| c.is_ascii_alphabetic()))
            {
                name.trim().clone_into(&mut key);
            }
            let names = line.match_indices('$').map(|(at, _)| &line[at + 1..]);
            let names = names.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap());
            values.entry(key.clone()).or_default().extend(names.map(str::to_owned));
        }
    }
    values
}

#[test]
fn texts_are_told_with_the_same_values_in_every_language() {
    let (turkish, english) = (values(Language::Turkish), values(Language::English));
    let names = english.values().map(BTreeSet::len).sum::<usize>();
    assert!(names > 50, "{names} values were seen");
    let differ = english.iter().filter(|(key, names)| turkish.get(*key) != Some(names));
    let differ: Vec<_> = differ.map(|(key, names)| (key, names, turkish.get(key))).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}
