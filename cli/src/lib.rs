//! .
pub mod cluster;
