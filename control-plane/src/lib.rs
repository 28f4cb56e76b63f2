//! The control plane: owns the platform database, makes and unmakes tenants, and knows who people are.

pub mod audit;
pub mod identity;
pub mod mail;
pub mod packages;
pub mod platform;
pub mod signup;
