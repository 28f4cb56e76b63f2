//! The pages, in a real browser, as people use them.

mod looks;
mod making;
mod names;
mod operators;
mod signing_in;
mod signup;
mod wizard;
mod work;
