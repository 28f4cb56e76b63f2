//! End to end: real PostgreSQL, real HTTP, real processes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adoption;
mod architecture;
mod chaos;
mod cli;
mod cli_commands;
mod cluster;
mod customers;
mod customers_list;
mod description;
mod doctor;
mod documents;
mod faults;
mod first_path;
mod fleet;
mod hang_ups;
mod isolation;
mod onboarding;
mod onboarding_sign_in;
mod ownership;
mod pages;
mod projects_and_tasks;
mod provisioning;
mod resources;
mod restart;
mod routes;
mod scale;
mod shares;
mod signup;
mod signup_fields;
mod signup_limits;
mod suspend;
mod suspend_cut_off;
mod texts;
mod tokens;
mod usage;
