//! The one program, `tenantry`: it assembles both planes, and is the operators' hand on them.

pub mod cluster;
mod commands;
pub mod config;
mod description;
mod dev;
mod error;
mod locate;
mod output;
mod progress;
pub mod serving;

pub use commands::run;
pub use error::{CliError, Failed};
