//! What the end-to-end tests share: one throwaway PostgreSQL for a test program, a platform of its own for each test,
//! and a client that speaks to it over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "test code: a panic is a failed test")]

pub mod browser;
pub mod chance;
pub mod client;
pub mod forge;
pub mod ground;
pub mod mailbox;
pub mod measure;
pub mod migrations;
pub mod pages;
pub mod platform;
pub mod program;
pub mod proxy;
pub mod quiet;
pub mod visitor;
pub mod wait;
pub mod watch;

pub use client::{Client, Reply};
pub use platform::{TestPlatform, TestSettings, lift_hourly_limits, shared_cluster};
pub use quiet::{QuietPlatform, new_tenant};
pub use visitor::Visitor;
pub use wait::{eventually, within};
pub use watch::Watch;

/// Marks ids of customers, as far as tests know them.
pub enum CustomerKind {}

impl tenancy::ids::Kind for CustomerKind {
    const PREFIX: &'static str = "cus";
}

pub type CustomerId = tenancy::ids::Id<CustomerKind>;
