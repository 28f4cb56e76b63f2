//! Why nobody was signed up, in one place.

use tenancy::{Code, Problem};

use crate::{
    identity::{HashError, IdentityError, attempts::seconds_left_in_hour},
    platform::StoreError,
    tenants::CreateError,
};

/// Why a signup, or a step of the wizard, did not go through.
#[derive(Debug, thiserror::Error)]
pub enum SignupError {
    /// Fields are wrong; the problem says which.
    #[error("fields are wrong")]
    Fields(Problem),
    /// Fields were found right, and are missing all the same: a fault of ours.
    #[error("a checked request has no value")]
    Unreadable,
    /// Too many signups in this hour.
    #[error("too many signups in this hour")]
    TooMany,
    /// Too many tenants wait for their owner to prove an address.
    #[error("too many tenants are unverified")]
    Full,
    /// The header `Idempotency-Key` can't be used.
    #[error("the Idempotency-Key is malformed")]
    KeyMalformed,
    /// The key was used for another signup.
    #[error("the Idempotency-Key was used for another signup")]
    KeyReused,
    /// The tenant that the key was used for is deleted.
    #[error("the signup's tenant was deleted since")]
    Deleted,
    /// The tenant could not be made.
    #[error("the tenant could not be made")]
    NotMade,
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// The tenant was refused.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Whoever asks may not.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The platform database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SignupError> for Problem {
    fn from(error: SignupError) -> Self {
        use SignupError as E;
        match error {
            E::Fields(problem) => problem,
            E::Unreadable => Self::internal(error),
            E::TooMany => Self::new(Code::RateLimited, "Too many signups; please try again later")
                .retry_after(seconds_left_in_hour()),
            E::Full => Self::new(
                Code::Unavailable,
                "Too many new workspaces wait for their e-mail address to be confirmed; please try again later",
            )
            .retry_after(600)
            .caused_by(error),
            E::KeyMalformed => {
                Self::new(Code::BadRequest, "Idempotency-Key must have 1 to 255 visible ASCII characters")
            }
            E::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used for another signup; send a new one",
            ),
            E::Deleted => Self::new(
                Code::Conflict,
                "This signup was sent before, and its workspace was deleted since; send a new Idempotency-Key",
            ),
            E::NotMade => Self::new(
                Code::Unavailable,
                "The workspace could not be made and nothing is left of it; please try again",
            )
            .retry_after(5)
            .caused_by(error),
            E::NoTenant => Self::new(Code::TenantNotFound, "There is no such tenant"),
            E::Create(error) => error.into(),
            E::Identity(error) => error.into(),
            E::Hash(error) => IdentityError::from(error).into(),
            E::Store(error) => error.into(),
        }
    }
}
