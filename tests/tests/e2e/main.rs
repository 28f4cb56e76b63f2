//! End to end: real PostgreSQL, real HTTP, real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cluster;
mod first_path;
mod provisioning;
mod onboarding;
mod onboarding_sign_in;
mod routes;
mod signup;
mod signup_fields;
mod signup_limits;
mod tokens;
