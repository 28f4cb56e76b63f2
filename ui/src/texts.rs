//! What pages say, by key, in each language: Fluent files, read once.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use rust_decimal::{Decimal, prelude::FromPrimitive};
use tenancy::Language;
use unic_langid::langid;

use crate::formats;

macro_rules! files {
    ($language:literal) => {
        [
            include_str!(concat!("../texts/", $language, "/common.ftl")),
            include_str!(concat!("../texts/", $language, "/signup.ftl")),
            include_str!(concat!("../texts/", $language, "/console.ftl")),
            include_str!(concat!("../texts/", $language, "/words.ftl")),
            include_str!(concat!("../texts/", $language, "/admin.ftl")),
        ]
    };
}

/// A value that a text is told with.
pub type Arg<'a> = FluentValue<'a>;

/// The texts of one language.
pub struct Texts {
    bundle: FluentBundle<FluentResource>,
    /// Those that say the same whoever asks: most of them, and found without formatting anything.
    fixed: HashMap<String, String>,
    keys: Vec<String>,
}

impl Texts {
    /// The texts of a language.
    #[must_use]
    pub fn of(language: Language) -> &'static Self {
        static TURKISH: LazyLock<Texts> = LazyLock::new(|| Texts::read(Language::Turkish, &files!("tr")));
        static ENGLISH: LazyLock<Texts> = LazyLock::new(|| Texts::read(Language::English, &files!("en")));
        match language {
            Language::Turkish => &TURKISH,
            Language::English => &ENGLISH,
        }
    }

    fn read(language: Language, files: &[&str]) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![match language {
            Language::Turkish => langid!("tr"),
            Language::English => langid!("en"),
        }]);
        // Names that people chose stand in elements of their own, which isolate them.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match language {
            Language::Turkish => turkish,
            Language::English => english,
        }));
        let mut keys = Vec::new();
        for text in files {
            // What is wrong with a file is found by a test; a page has the rest of it meanwhile.
            let resource = match FluentResource::try_new((*text).to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            keys.extend(text.lines().filter_map(key_of).map(str::to_owned));
            let _ = bundle.add_resource(resource);
        }
        let fixed = keys.iter().filter_map(|key| Some((key.clone(), fixed(&bundle, key)?))).collect();
        Self { bundle, fixed, keys }
    }

    /// Every key, in the order of the files.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// A text that says the same whoever asks; the key where there is none.
    #[must_use]
    pub fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.find(key).unwrap_or(key)
    }

    /// The same, where there is one.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&str> {
        self.fixed.get(key).map(String::as_str)
    }

    /// A text that is told with values; the key where there is none.
    #[must_use]
    pub fn with<'a>(&self, key: &str, values: impl IntoIterator<Item = (&'a str, Arg<'a>)>) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let arguments: FluentArgs<'a> = values.into_iter().map(|(name, value)| (Cow::from(name), value)).collect();
        self.bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned()
    }
}

/// Figures in texts are written as everywhere else.
fn turkish<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    figure(Language::Turkish, value)
}

fn english<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    figure(Language::English, value)
}

fn figure(language: Language, value: &FluentValue<'_>) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    Decimal::from_f64(number.value).map(|number| formats::number(language, number))
}

fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(" =").or_else(|| line.split_once('='))?;
    let fits = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    fits.then_some(key)
}

fn fixed(bundle: &FluentBundle<FluentResource>, key: &str) -> Option<String> {
    let mut errors = Vec::new();
    let text = bundle.format_pattern(bundle.get_message(key)?.value()?, None, &mut errors).into_owned();
    errors.is_empty().then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_can_be_read_whole() {
        for text in files!("tr").into_iter().chain(files!("en")) {
            if let Err((_, errors)) = FluentResource::try_new(text.to_owned()) {
                panic!("{errors:?}");
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_keys_once() {
        let keys = |language| {
            let all = Texts::of(language).keys();
            let once: BTreeSet<&String> = all.iter().collect();
            assert_eq!(once.len(), all.len(), "a key stands twice in {language}");
            once
        };
        let (turkish, english) = (keys(Language::Turkish), keys(Language::English));
        let missing: Vec<_> = turkish.symmetric_difference(&english).collect();
        assert!(missing.is_empty(), "in one language only: {missing:?}");
    }

    #[test]
    fn figures_are_written_as_in_their_language() {
        let told = |language| Texts::of(language).with("refusal-too-long", [("a", 10_000.into())]);
        assert!(told(Language::Turkish).contains("10.000"), "{}", told(Language::Turkish));
        assert!(told(Language::English).contains("10,000"), "{}", told(Language::English));
    }

    #[test]
    fn a_text_without_a_key_is_its_key() {
        assert_eq!(Texts::of(Language::Turkish).get("no-such-key"), "no-such-key");
        assert_eq!(Texts::of(Language::English).with("no-such-key", []), "no-such-key");
    }
}
