//! Who people are: users, sign-ins, tokens, and what each may ask for.

mod api;
pub mod attempts;
mod browser;
mod description;
mod error;
mod guard;
mod hasher;
mod keys;
mod pages;
mod password;
mod recovery;
mod session;
mod settings;
mod sign_in;
pub(crate) mod sign_in_form;
mod signer;
mod store;
pub mod tokens;
mod user;

use std::sync::Arc;

pub use api::routes;
pub use browser::{BrowserAccess, BrowserSession};
use deadpool_postgres::{Client, Pool};
pub use error::IdentityError;
pub use guard::{Caller, OPERATOR, guarded, guarded_pages};
pub use hasher::{Checked, HashError, PasswordHasher};
use keys::Keys;
pub use pages::{pages, signed_in};
pub use password::{Password, PasswordError};
pub use session::Session;
pub use settings::{AccessTokenSeconds, Settings};
pub use signer::{Subject, TokenSigner};
pub use store::insert_user;
use tenancy::{
    EmailAddress, UserId,
    secrets::MasterKey,
    token::{Claims, PublicKey},
};
pub use tokens::TokenKind;
pub use user::{NewUser, Place, User, UserStatus};

use crate::{mail::Bell, platform::StoreError};

/// Knows who people are, and lets them in.
#[derive(Clone)]
pub struct Identity {
    pool: Pool,
    signer: Arc<TokenSigner>,
    keys: Arc<Keys>,
    passwords: PasswordHasher,
    bell: Bell,
    settings: Settings,
}

impl Identity {
    /// Identity on the platform database. [`Identity::publish`] is still to be called.
    #[must_use]
    pub fn new(pool: Pool, master: &MasterKey, bell: Bell, settings: Settings) -> Self {
        let signer = TokenSigner::new(master, settings.access_token_seconds.duration());
        let keys = Keys::new(vec![signer.public_key().clone()]);
        Self {
            pool,
            signer: Arc::new(signer),
            keys: Arc::new(keys),
            passwords: PasswordHasher::default(),
            bell,
            settings,
        }
    }

    /// Makes the public key known to everybody who checks tokens, retires those before it, and learns theirs. To be
    /// called before serving.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn publish(&self) -> Result<(), StoreError> {
        let db = self.pool.get().await?;
        store::publish_key(&db, self.signer.public_key()).await?;
        store::retire_keys_before(&db, self.signer.public_key()).await?;
        self.keys.replace(store::keys(&db).await?);
        Ok(())
    }

    /// Forgets what is over, and reads the keys again. To be called every few minutes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tend(&self) -> Result<(), StoreError> {
        // Again, so that keys before it are retired when their time has come, not only at the next start.
        self.publish().await?;
        let db = self.pool.get().await?;
        attempts::purge(&db).await?;
        tokens::purge(&db).await?;
        Ok(())
    }

    /// The public keys that tokens may be signed with.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.known().list.clone()
    }

    /// What hashes passwords here; there is one queue for it.
    #[must_use]
    pub const fn passwords(&self) -> &PasswordHasher {
        &self.passwords
    }

    /// Makes a user who runs the platform, unless there is one with the address already; their password then stays.
    /// `true` when the user was made.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn create_super_admin(
        &self,
        email: EmailAddress,
        name: &str,
        password: Password,
    ) -> Result<bool, IdentityError> {
        if store::by_email(&self.db().await?, &email).await?.is_some() {
            return Ok(false);
        }
        let new = NewUser {
            id: UserId::generate(),
            email,
            name: name.to_owned(),
            password_hash: Some(self.passwords.hash(password).await?),
            verified: true,
            super_admin: true,
            language: None,
        };
        match insert_user(&self.db().await?, &new).await {
            Ok(()) => Ok(true),
            Err(error) if error.violates(EMAIL_IS_UNIQUE) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The claims of an access token that holds, as far as the token itself can tell.
    pub(crate) fn verify(&self, token: &str) -> Result<Claims, IdentityError> {
        Ok(self.keys.known().verifier.verify(token)?)
    }

    async fn db(&self) -> Result<Client, IdentityError> {
        Ok(self.pool.get().await?)
    }
}

/// The unique index that a second user with one address breaks.
pub const EMAIL_IS_UNIQUE: &str = "users_email_key";
