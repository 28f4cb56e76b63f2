//! Failures as a person at a terminal reads them: what went wrong, then what to do.

use std::{fmt, process::ExitCode};

use control_plane::{
    adoption::AdoptError,
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
    wrong_usage: bool,
}

/// The outcome of a command.
pub type Failed<T> = Result<T, CliError>;

impl CliError {
    /// A failure.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None, wrong_usage: false }
    }

    /// The command makes no sense as it was given.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { wrong_usage: true, ..Self::new(message) }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the program ends with: 1 failed, 2 wrong usage.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.wrong_usage { 2 } else { 1 })
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
        Self { hint: error.hint(), ..Self::new(error) }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self { hint: error.hint(), ..Self::new(error) }
    }
}

impl From<AdoptError> for CliError {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::Create(error) => error.into(),
            AdoptError::Unfit(_) => Self::new(format!("it does not fit:\n  {error}"))
                .hint("mend the mapping or the source; nothing was kept"),
            other => Self::new(other).hint("nothing was kept"),
        }
    }
}

impl From<CreateError> for CliError {
    fn from(error: CreateError) -> Self {
        let hint = match &error {
            CreateError::UnknownPackage(_) => Some("GET /api/packages lists them".to_owned()),
            CreateError::DuplicateSlug(_) => Some("choose another with --slug".to_owned()),
            _ => None,
        };
        Self { hint, ..Self::new(error) }
    }
}
