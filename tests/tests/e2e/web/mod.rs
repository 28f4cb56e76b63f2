//! The pages, in a real browser, as people use them.

mod looks;
mod making;
mod operators;
mod signup;
mod wizard;
mod work;
