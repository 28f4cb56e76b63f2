//! What commands print: one JSON document, or a table for a person, on standard output; talk on standard error.

use comfy_table::{Table, presets};
use serde::Serialize;

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether a program reads.
    pub json: bool,
}

impl Output {
    /// One result: as JSON, or as what `text` makes of it.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(document) => println!("{document}"),
                Err(error) => eprintln!("error: the result can't be written as JSON: {error}"),
            }
        } else {
            println!("{}", text(value).trim_end());
        }
    }
}

/// A table without lines around its cells.
#[must_use]
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
