//! Tables of rows that lead somewhere, a page at a time, and the form that searches and narrows them.

use askama::Template;

use crate::{Choice, Speech, Tone};

/// A column, after the one of the titles as well as that one.
#[derive(Debug, Clone)]
pub struct Column {
    /// What it is called.
    pub label: String,
    /// Whether it holds figures.
    pub is_number: bool,
    /// The address that sorts by it, and how it is sorted now, as `aria-sort` has it.
    pub sort: Option<(String, &'static str)>,
}

/// What a row says in a column, or on a page of its own.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What the column is called.
    pub label: String,
    /// What is said.
    pub text: String,
    /// How a state is meant.
    pub tone: Option<Tone>,
    /// Whether it is a figure.
    pub is_number: bool,
    /// Better cut nowhere: a day, a number of a series.
    pub is_tight: bool,
    /// Where it leads.
    pub href: Option<String>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it leads.
    pub href: String,
    /// What it is called.
    pub title: String,
    /// What stands below that; often nothing.
    pub note: String,
    /// What it says in each column.
    pub cells: Vec<Cell>,
}

/// A table.
#[derive(Debug, Clone, Template)]
#[template(path = "table.html")]
pub struct Table {
    /// What it shows.
    pub label: String,
    /// The columns, that of the titles first.
    pub columns: Vec<Column>,
    /// The rows.
    pub lines: Vec<Line>,
}

/// The links from one page of a list to the next.
#[derive(Debug, Clone, Template)]
#[template(path = "pages.html")]
pub struct Pages {
    speech: Speech,
    shown: String,
    previous: Option<String>,
    next: Option<String>,
}

impl Pages {
    /// The links of page `number`, from 1, of a list of `total` rows with so many on a page; `at` gives where a page is.
    #[must_use]
    pub fn new(speech: &Speech, number: u32, size: i64, total: i64, at: impl Fn(u32) -> String) -> Self {
        let before = i64::from(number.saturating_sub(1)) * size;
        let to = (before + size).min(total);
        let range = [("from", (before + 1).min(total)), ("to", to), ("total", total)];
        Self {
            shown: speech.with("page-rows", range.map(|(name, value)| (name, value.into()))),
            previous: (number > 1).then(|| at(number - 1)),
            next: (to < total).then(|| at(number + 1)),
            speech: speech.clone(),
        }
    }

    /// Which rows are shown, in words.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

/// A list of values that rows can be narrowed by.
#[derive(Debug, Clone)]
pub struct Filter {
    /// What is sent.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// The values; that for all of them first, and empty.
    pub choices: Vec<Choice>,
}

/// The form that searches and narrows a list. With the script `filters.js` it does so while somebody types: what stands
/// in the element `rows` is taken over, and nothing that is typed is lost.
#[derive(Debug, Clone, Template)]
#[template(path = "tools.html")]
pub struct Tools {
    /// How it speaks.
    pub speech: Speech,
    /// The address of the list.
    pub action: String,
    /// What is searched for, and what that is called; `None` where nothing is searched.
    pub search: Option<(String, String)>,
    /// Why it can't be searched for.
    pub problem: Option<String>,
    /// What can be chosen.
    pub filters: Vec<Filter>,
    /// What is sent as it is.
    pub kept: Vec<(String, String)>,
    /// Which rows are shown, for those who can't see that they change.
    pub shown: String,
}
