//! A field of a form, with what was filled in and what is wrong with it.

use askama::Template;

use crate::Speech;

/// What a field is filled in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Text,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A password.
    Password,
    /// A day.
    Date,
    /// A day and a time.
    DateTime,
    /// A number.
    Number,
    /// Several lines of text.
    Area,
    /// One of a list.
    Select,
    /// Several of a list.
    Many,
    /// Yes or no.
    Check,
}

impl Kind {
    /// The type of an `<input>`.
    const fn input(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "tel",
            Self::Password => "password",
            Self::Date => "date",
            Self::DateTime => "datetime-local",
            _ => "text",
        }
    }
}

/// One of a list.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

/// A field as a page shows it.
#[derive(Debug, Clone, Template)]
#[template(path = "field.html")]
pub struct Field {
    name: String,
    label: String,
    kind: Kind,
    value: String,
    errors: Vec<String>,
    hint: String,
    choices: Vec<Choice>,
    is_required: bool,
    is_wide: bool,
    max: usize,
    autocomplete: &'static str,
    extra: Vec<(&'static str, String)>,
    suffix: String,
    /// The list in which other choices are looked for, and what that is called.
    finder: Option<(String, String)>,
}

impl Field {
    /// A field by its name, with what it is called.
    #[must_use]
    pub fn new(name: &str, label: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            label: label.into(),
            kind,
            value: String::new(),
            errors: Vec::new(),
            hint: String::new(),
            choices: Vec::new(),
            is_required: false,
            is_wide: matches!(kind, Kind::Area | Kind::Many),
            max: 0,
            autocomplete: "",
            extra: Vec::new(),
            suffix: String::new(),
            finder: None,
        }
    }

    /// With a value.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// With what is wrong with it, as the functions behind say it.
    #[must_use]
    pub fn errors(mut self, speech: &Speech, errors: Option<&Vec<String>>) -> Self {
        self.errors = errors.into_iter().flatten().map(|error| speech.refusal(error)).collect();
        self
    }

    /// With a line of help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// With a list to choose from.
    #[must_use]
    pub fn choices(mut self, choices: Vec<Choice>) -> Self {
        self.choices = choices;
        self
    }

    /// Must be filled in.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Over the whole width.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.is_wide = true;
        self
    }

    /// Takes at most so many characters. Browsers count differently than we do, so this stands beside the field and
    /// stops nobody; the answer says what is too long.
    #[must_use]
    pub const fn at_most(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// What browsers fill it in with (HTML, autofill).
    #[must_use]
    pub const fn autocomplete(mut self, word: &'static str) -> Self {
        self.autocomplete = word;
        self
    }

    /// With an attribute for a script.
    #[must_use]
    pub fn with(mut self, attribute: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((attribute, value.into()));
        self
    }

    /// Whose choices are only some of the rows of this list: the script looks others up in it.
    #[must_use]
    pub fn found_in(mut self, list: impl Into<String>, label: impl Into<String>) -> Self {
        self.finder = Some((list.into(), label.into()));
        self
    }

    /// With a fixed text behind it.
    #[must_use]
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// What is sent under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says something more that is wrong with it, in the words of the page.
    pub fn add_error(&mut self, text: String) {
        self.errors.push(text);
    }

    /// Whether something is wrong with it.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        !self.errors.is_empty()
    }

    fn described_by(&self) -> String {
        let hint = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let error = self.is_wrong().then(|| format!("{}-error", self.name));
        hint.into_iter().chain(error).collect::<Vec<_>>().join(" ")
    }

    /// Whether there are at least so many choices.
    #[must_use]
    pub fn has_choices(&self, many: usize) -> bool {
        self.choices.len() >= many
    }

    fn is_checked(&self) -> bool {
        matches!(self.value.as_str(), "true" | "on")
    }
}
