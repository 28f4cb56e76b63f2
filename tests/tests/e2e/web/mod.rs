//! The pages, in a real browser, as people use them.

mod looks;
mod making;
mod signup;
mod wizard;
