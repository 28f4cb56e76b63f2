//! The public keys of the platform: published in the platform database, and checked against here.

use std::sync::{Arc, PoisonError, RwLock};

use tenancy::token::{PublicKey, TokenVerifier};

/// The keys that tokens may be signed with, as last read from the platform database.
pub(super) struct Keys(RwLock<Arc<Known>>);

/// What was read.
pub(super) struct Known {
    pub(super) list: Vec<PublicKey>,
    pub(super) verifier: TokenVerifier,
}

impl Keys {
    pub(super) fn new(list: Vec<PublicKey>) -> Self {
        Self(RwLock::new(Arc::new(Known::new(list))))
    }

    pub(super) fn known(&self) -> Arc<Known> {
        // Nothing panics while the lock is held, and what it holds is whole at any time.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, list: Vec<PublicKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Known::new(list));
    }
}

impl Known {
    fn new(list: Vec<PublicKey>) -> Self {
        Self { verifier: TokenVerifier::new(&list), list }
    }
}
