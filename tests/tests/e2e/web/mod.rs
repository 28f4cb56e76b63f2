//! The pages, in a real browser, as people use them.

mod making;
mod signup;
mod wizard;
