//! The pages, in a real browser, as people use them. A program of its own: browsers take what other tests measure.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fleet;
mod journeys;
mod keyboard;
mod lists;
mod looks;
mod making;
mod names;
mod operators;
mod signing_in;
mod signup;
mod turkish;
mod wizard;
mod work;
