//! Failures as a person at a terminal reads them: what went wrong, then what to do.

use std::fmt;

use control_plane::{
    doctor::DoctorError,
    identity::IdentityError,
    platform::{PlatformError, StoreError},
    provisioning::ProvisionError,
    servers::ServerError,
    tenants::{CreateError, LifecycleError},
};

use crate::{cluster::ClusterError, config::ConfigError};

/// Why a command failed.
#[derive(Debug)]
pub struct CliError {
    message: String,
    hint: Option<String>,
}

/// The outcome of a command.
pub type Failed<T> = Result<T, CliError>;

impl CliError {
    /// A failure.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

macro_rules! plainly {
    ($($error:ty),*) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        }
    )*};
}
plainly!(
    StoreError,
    PlatformError,
    ProvisionError,
    ServerError,
    LifecycleError,
    DoctorError,
    IdentityError,
    control_plane::StartError,
    std::io::Error
);

impl From<ClusterError> for CliError {
    fn from(error: ClusterError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }
}

impl From<CreateError> for CliError {
    fn from(error: CreateError) -> Self {
        let hint = match &error {
            CreateError::UnknownPackage(_) => Some("GET /api/packages lists them".to_owned()),
            CreateError::DuplicateSlug(_) => Some("choose another with --slug".to_owned()),
            _ => None,
        };
        Self { message: error.to_string(), hint }
    }
}
