//! Charts, drawn on the server as SVG: without a script, and read out as a table.

use askama::Template;

use crate::Tone;

/// One column of a chart.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// How much.
    pub value: i64,
    /// The value as it is written.
    pub shown: String,
    /// How it is meant.
    pub tone: Tone,
}

/// A chart of columns: few with a name each, or many over time.
#[derive(Debug, Clone, Template)]
#[template(path = "columns.html")]
pub struct Columns {
    caption: String,
    bars: Vec<Bar>,
    /// How many bars apart labels stand.
    every: usize,
    of_labels: (String, String),
}

/// The inner size of a drawing, in its own units.
const WIDTH: i64 = 360;
const HEIGHT: i64 = 110;

impl Columns {
    /// A chart with what it shows, and the words for what its columns and values are.
    #[must_use]
    pub fn new(caption: impl Into<String>, bars: Vec<Bar>, columns: &str, values: &str) -> Self {
        let every = bars.len().div_ceil(8).max(1);
        Self { caption: caption.into(), bars, every, of_labels: (columns.to_owned(), values.to_owned()) }
    }

    fn step(&self) -> i64 {
        WIDTH / i64::try_from(self.bars.len().max(1)).unwrap_or(i64::MAX)
    }

    fn width(&self) -> i64 {
        (self.step() * 7 / 10).clamp(1, 40)
    }

    fn x(&self, place: &usize) -> i64 {
        self.middle(place) - self.width() / 2
    }

    fn middle(&self, place: &usize) -> i64 {
        self.step() * i64::try_from(*place).unwrap_or(0) + self.step() / 2
    }

    fn height(&self, bar: &Bar) -> i64 {
        let most = self.bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
        // What is there is seen, however little.
        (bar.value.max(0) * HEIGHT / most).max(i64::from(bar.value > 0) * 3)
    }

    fn y(&self, bar: &Bar) -> i64 {
        HEIGHT - self.height(bar)
    }

    fn is_labelled(&self, place: &usize) -> bool {
        // The first not at the edge, where it would be cut off.
        (place + self.every - self.every / 2).is_multiple_of(self.every)
    }

    /// Whether there is nothing to see.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bars.iter().all(|bar| bar.value == 0)
    }
}
