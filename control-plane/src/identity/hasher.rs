//! Hashing passwords: slow on purpose, so bounded.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Password, password::MAX_BYTES};

/// What OWASP's password storage cheat sheet asks of Argon2id: memory in KiB, passes, lanes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many may wait for each core. At about 25 ms a hash, whoever waits longest waits a few seconds.
const WAITING_PER_CORE: usize = 128;

/// Hashes and checks passwords (Argon2id), one at a time per core, away from the threads that serve requests.
#[derive(Clone)]
pub struct PasswordHasher {
    places: Arc<Semaphore>,
    cores: Arc<Semaphore>,
}

/// Why there is no hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many are waiting already.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// A fault of ours.
    #[error("hashing a password failed: {0}")]
    Failed(String),
}

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is another one, or there is none to compare with.
    Wrong,
    /// It is right.
    Right,
    /// It is right, and should be hashed anew with today's parameters.
    RightButOutdated,
}

impl Default for PasswordHasher {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores, cores * WAITING_PER_CORE)
    }
}

impl PasswordHasher {
    /// A hasher that uses so many cores and lets so many wait.
    #[must_use]
    pub fn new(cores: usize, waiting: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(cores + waiting)), cores: Arc::new(Semaphore::new(cores)) }
    }

    /// The hash to keep, as a PHC string with its own salt and parameters.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.hash_secret(password.into_secret()).await
    }

    pub(super) async fn hash_secret(&self, password: SecretString) -> Result<String, HashError> {
        self.run(move || {
            let hash = argon2()?.hash_password(password.expose_secret().as_bytes());
            hash.map(|hash: PasswordHash| hash.to_string()).map_err(failed)
        })
        .await
    }

    /// Compares a password with a kept hash. Without one the same work is done, so that the time tells nobody whether
    /// there is such an account.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn check(&self, password: SecretString, kept: Option<String>) -> Result<Checked, HashError> {
        self.run(move || {
            let clear = password.expose_secret().as_bytes();
            let clear = if clear.len() > MAX_BYTES { b"" } else { clear };
            let text = kept.unwrap_or_else(nobodys_hash);
            let hash = PasswordHash::new(&text).map_err(failed)?;
            match argon2()?.verify_password(clear, &hash) {
                Ok(()) if is_current(&hash) => Ok(Checked::Right),
                Ok(()) => Ok(Checked::RightButOutdated),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Checked::Wrong),
                Err(error) => Err(failed(error)),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| HashError::Busy)?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(failed)?;
        // The permits go along: a request that is given up must not make room while its hash is still being made.
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, core);
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(held);
            result
        })
        .await
        .map_err(failed)?
    }
}

fn failed(error: impl std::fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn is_current(hash: &PasswordHash) -> bool {
    hash.algorithm.as_str() == "argon2id"
        && Params::try_from(hash)
            .is_ok_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES))
}

/// A hash that no password is known for.
fn nobodys_hash() -> String {
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn hashes_are_checked_and_grow_old() {
        let hasher = PasswordHasher::default();
        let hash = hasher.hash_secret(secret("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(hasher.check(secret("correct horse"), Some(hash.clone())).await, Ok(Checked::Right));
        assert_eq!(hasher.check(secret("wrong"), Some(hash)).await, Ok(Checked::Wrong));

        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8192, 1, 1, None).unwrap());
        let old: PasswordHash = weak.hash_password(b"correct horse").unwrap();
        let old = Some(old.to_string());
        assert_eq!(hasher.check(secret("correct horse"), old).await, Ok(Checked::RightButOutdated));
    }

    #[tokio::test]
    async fn without_a_hash_the_same_work_is_done() {
        assert_eq!(PasswordHasher::default().check(secret("anything"), None).await, Ok(Checked::Wrong));
        assert_eq!(PasswordHasher::default().check(secret(&"x".repeat(5000)), None).await, Ok(Checked::Wrong));
    }

    #[tokio::test]
    async fn too_many_are_turned_away() {
        let hasher = PasswordHasher::new(1, 1);
        let (a, b, c) = tokio::join!(
            hasher.check(secret("a"), None),
            hasher.check(secret("b"), None),
            hasher.check(secret("c"), None)
        );
        assert_eq!([a, b, c].into_iter().filter(|result| *result == Err(HashError::Busy)).count(), 1);
    }
}
