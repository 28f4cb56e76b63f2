//! Why somebody may not, in one place.

use tenancy::{Code, Problem, token::TokenError};

use super::{attempts::seconds_left_in_hour, hasher::HashError, password::PasswordError};
use crate::platform::StoreError;

/// Why somebody can't sign in, or may not do something.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No such user, or another password: nobody is told which.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// The user was suspended.
    #[error("the account is suspended")]
    Suspended,
    /// Too many attempts in this hour.
    #[error("too many attempts")]
    TooMany,
    /// The user has no place in the tenant that they name.
    #[error("the user is no member of that tenant")]
    NoPlace,
    /// No access token was sent.
    #[error("no access token")]
    NoToken,
    /// The access token does not hold.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The access token was made before something changed.
    #[error("the access token is outdated")]
    Outdated,
    /// The refresh token is unknown, over, or was used before.
    #[error("the refresh token is not valid")]
    SessionOver,
    /// The token of a mail is unknown, over, or was used before.
    #[error("the mailed token is not valid")]
    MailedToken,
    /// The onboarding token is unknown or over.
    #[error("the onboarding token is not valid")]
    Onboarding,
    /// The token's tenant is not the one that the request names.
    #[error("the token is for another tenant")]
    OtherTenant,
    /// The token names no tenant.
    #[error("the token names no tenant")]
    TenantRequired,
    /// The user may not do that.
    #[error("not allowed")]
    Forbidden,
    /// The password may not be chosen.
    #[error("{0}")]
    Password(#[from] PasswordError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The token could not be signed.
    #[error("an access token could not be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The platform database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for IdentityError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<deadpool_postgres::PoolError> for IdentityError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Store(error.into())
    }
}

fn field(name: &str, message: impl std::fmt::Display) -> Problem {
    Problem::validation([(name.to_owned(), vec![message.to_string()])].into())
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        use IdentityError as E;
        match error {
            E::WrongCredentials => Self::unauthorized("The e-mail address or the password is wrong"),
            E::Suspended => Self::new(Code::Forbidden, "This account is suspended; please contact support"),
            E::TooMany => Self::new(Code::RateLimited, "Too many attempts; please try again later")
                .retry_after(seconds_left_in_hour()),
            E::NoPlace => Self::new(Code::TenantAccessDenied, "You are no member of this tenant"),
            E::NoToken => Self::unauthorized("Sign in and send the access token as: Authorization: Bearer"),
            E::Token(reason) => Self::unauthorized(&reason.to_string()),
            E::Outdated => Self::unauthorized("The access token is no longer valid; refresh it or sign in again"),
            E::SessionOver => Self::unauthorized("The session is over; please sign in again"),
            E::MailedToken => field("token", "is not valid or has expired; ask for a new one"),
            E::Onboarding => Self::unauthorized("The onboarding token is not valid or has expired; please sign in"),
            E::OtherTenant => Self::new(Code::TenantMismatch, "The token is for another tenant"),
            E::TenantRequired => Self::new(Code::TenantRequired, "The token names no tenant; switch to one first"),
            E::Forbidden => Self::new(Code::Forbidden, "You may not do this"),
            E::Password(reason) => field("password", reason),
            E::Hash(HashError::Busy) => Self::unavailable(HashError::Busy),
            E::Hash(error) => Self::internal(error),
            E::Sign(error) => Self::internal(error),
            E::Store(error) => error.into(),
        }
    }
}
