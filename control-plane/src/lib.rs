//! The control plane: owns the platform database, makes and unmakes tenants, and knows who people are.

pub mod adoption;
mod assembly;
pub mod audit;
pub mod backups;
pub mod console;
pub mod doctor;
pub mod fleet;
pub mod identity;
pub mod mail;
pub mod packages;
pub mod platform;
pub mod provisioning;
mod reconciler;
pub mod servers;
pub mod signup;
pub mod tenants;

pub use assembly::{Background, ControlPlane, Options, Settings, StartError};
