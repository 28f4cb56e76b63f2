//! What all pages of a process have in common.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use tenancy::secrets::MasterKey;

/// What pages are made with. A clone is the same.
#[derive(Clone)]
pub struct Site {
    master: Arc<MasterKey>,
    secure: bool,
}

impl Site {
    /// A site; `secure` where browsers reach it by HTTPS.
    #[must_use]
    pub const fn new(master: Arc<MasterKey>, secure: bool) -> Self {
        Self { master, secure }
    }

    /// Whether browsers reach it by HTTPS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// What a form of ours carries: bound to the browser, and to whoever is signed in there, so that neither another
    /// site nor another person can make one.
    #[must_use]
    pub fn form_token(&self, visitor: &str, owner: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.master.keyed_hash("form", format!("{visitor}\0{owner}").as_bytes()))
    }

    /// Whether a form carries what it should.
    #[must_use]
    pub fn is_form_token(&self, visitor: &str, owner: &str, presented: &str) -> bool {
        self.form_token(visitor, owner).as_bytes().ct_eq(presented.as_bytes()).into()
    }

    /// What a browser keeps for us and can neither read nor change; `None` where there is no randomness to be had.
    #[must_use]
    pub fn seal(&self, purpose: &str, clear: &[u8]) -> Option<String> {
        self.master.seal(purpose, clear).ok().map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What was sealed, where it still is what it was.
    #[must_use]
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        self.master.open(purpose, &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }
}
