//! Access tokens: what a request's token says, checked once and then remembered.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use moka::sync::Cache;
use tenancy::{
    Problem,
    token::{Claims, PublicKey, TokenError, TokenVerifier},
};

use super::Directory;

/// How many tokens are remembered, and for how long: together they bound the memory that tokens take.
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
/// A longer token is none of ours.
const MAX_TOKEN_BYTES: usize = 4096;
/// An unknown key makes us look for new ones at most this often, so that strangers can't make us read all the time.
const KEYS_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// The tokens that were checked, and the keys to check others with.
pub(crate) struct Tokens {
    keys: ArcSwap<Keys>,
    /// By the whole token: an answer is never given for another one. Refused tokens are not remembered.
    checked: Cache<String, Checked>,
    asked_for_keys: Mutex<Option<Instant>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct Keys {
    public: Vec<PublicKey>,
    verifier: TokenVerifier,
    /// Moves on with every change, so that no answer outlives the key it rests on.
    epoch: u64,
}

#[derive(Clone)]
struct Checked {
    claims: Arc<Claims>,
    epoch: u64,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            keys: ArcSwap::from_pointee(Keys { public: Vec::new(), verifier: TokenVerifier::new([]), epoch: 0 }),
            checked: Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build(),
            asked_for_keys: Mutex::new(None),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Checks with these keys from now on.
    pub(crate) fn use_keys(&self, public: Vec<PublicKey>) {
        let known = self.keys.load();
        if known.public != public {
            let verifier = TokenVerifier::new(&public);
            self.keys.store(Arc::new(Keys { public, verifier, epoch: known.epoch + 1 }));
            self.checked.invalidate_all();
        }
    }

    /// What a token says.
    pub(crate) async fn check(&self, token: &str, directory: &Directory) -> Result<Arc<Claims>, Problem> {
        let refuse = |error: TokenError| Problem::unauthorized(&error.to_string());
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refuse(TokenError::Invalid));
        }
        if let Some(checked) = self.checked.get(token)
            && checked.epoch == self.keys.load().epoch
        {
            self.hits.fetch_add(1, Ordering::Relaxed);
            let over = checked.claims.is_over(jiff::Timestamp::now().as_second());
            return if over { Err(refuse(TokenError::Expired)) } else { Ok(checked.claims) };
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        match self.verify(token) {
            Err(TokenError::Invalid) if self.may_have_a_new_key(token) => {
                directory.refresh_keys().await.map_err(Problem::unavailable)?;
                self.verify(token)
            }
            result => result,
        }
        .map_err(refuse)
    }

    fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        let keys = self.keys.load();
        let claims = Arc::new(keys.verifier.verify(token)?);
        self.checked.insert(token.to_owned(), Checked { claims: claims.clone(), epoch: keys.epoch });
        Ok(claims)
    }

    fn may_have_a_new_key(&self, token: &str) -> bool {
        if self.keys.load().verifier.knows_key_of(token) {
            return false;
        }
        let mut asked = self.asked_for_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.is_none_or(|asked| asked.elapsed() >= KEYS_AT_MOST_EVERY);
        if due {
            *asked = Some(Instant::now());
        }
        due
    }

    /// How many tokens were remembered, and how many had to be checked.
    pub(crate) fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}
