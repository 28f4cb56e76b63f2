//! The one table that comes out.

use std::{fmt, time::Duration};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// What was measured, in order.
#[derive(Default)]
pub struct Report(Vec<Line>);

/// One line of the table.
pub struct Line {
    pub what: String,
    pub measured: String,
    /// The bare operation, where there is one.
    pub floor: String,
    /// What it comes to, against what it should be.
    pub verdict: String,
    /// `None`: there is no target.
    pub met: Option<bool>,
}

impl Line {
    /// A line without a target.
    pub fn fact(what: &str, measured: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            measured: measured.into(),
            floor: String::new(),
            verdict: String::new(),
            met: None,
        }
    }

    /// [`Line::fact`] beside its floor.
    pub fn beside(mut self, floor: impl Into<String>) -> Self {
        self.floor = floor.into();
        self
    }

    /// A remark where a verdict would be.
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.verdict = remark.into();
        self
    }

    /// A time that must not be longer than this.
    pub fn at_most(self, value: Duration, limit: Duration) -> Self {
        let verdict = format!("≤ {}", shown(limit));
        Self { verdict, met: Some(value <= limit), ..self }
    }

    /// A ratio that must not be above this.
    pub fn ratio_at_most(self, ratio: f64, limit: f64) -> Self {
        Self { verdict: format!("{ratio:.2} (≤ {limit})"), met: Some(ratio <= limit), ..self }
    }

    /// A value that must be below this.
    pub fn limit(self, value: f64, limit: f64, unit: &str) -> Self {
        Self { verdict: format!("< {limit} {unit}"), met: Some(value < limit), ..self }
    }

    /// A ratio that must not be below this.
    pub fn ratio_at_least(self, ratio: f64, limit: f64) -> Self {
        Self { verdict: format!("{ratio:.2} (≥ {limit})"), met: Some(ratio >= limit), ..self }
    }
}

impl Report {
    pub fn add(&mut self, line: Line) {
        note(&format!("{}: {} | {} | {}", line.what, line.measured, line.floor, line.verdict));
        self.0.push(line);
    }

    pub fn all_met(&self) -> bool {
        self.0.iter().all(|line| line.met != Some(false))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "measured", "floor", "ratio / target", "met"]);
        for line in &self.0 {
            let met = line.met.map_or("", |met| if met { "yes" } else { "NO" });
            table.add_row([line.what.as_str(), &line.measured, &line.floor, &line.verdict, met]);
        }
        write!(f, "{table}")
    }
}

/// Progress, for whoever waits.
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// A time as people read it.
pub fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        0.0..1_000.0 => format!("{micros:.0} µs"),
        1_000.0..1_000_000.0 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

/// The value below which this share of the values lies.
pub fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

pub fn median(times: &[Duration]) -> Duration {
    percentile(times, 0.5)
}

pub fn mean(times: &[Duration]) -> Duration {
    times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(u32::MAX)
}

/// The middle of some rates.
pub fn middle(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
