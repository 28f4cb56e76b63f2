//! How many strangers may sign up.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::Client;

use super::{Signup, SignupError, store};
use crate::{
    audit::Origin,
    identity::attempts::{self, What},
    platform::StoreError,
};

/// For how long a count of unverified tenants is good.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// How many unverified tenants there are, as last counted, and those admitted here since.
#[derive(Clone, Default)]
pub(super) struct Unverified(Arc<Mutex<Option<(Instant, u32)>>>);

impl Unverified {
    /// Admits one more where the last count leaves room for it; `false` asks for a new count.
    fn admit(&self, most: u32) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.as_mut() {
            Some((at, count)) if at.elapsed() < GOOD_FOR && *count < most => {
                *count += 1;
                true
            }
            _ => false,
        }
    }

    fn note(&self, counted: u32) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), counted));
    }
}

impl Signup {
    /// Counts a signup, sent for the first time or again, and refuses it when its network has sent too many.
    pub(super) async fn admit_network(&self, db: &Client, origin: &Origin) -> Result<(), SignupError> {
        self.count(db, What::SignupFrom, &origin.network(), self.settings.per_address_per_hour).await
    }

    async fn count(&self, db: &Client, what: What, who: &str, limit: u32) -> Result<(), SignupError> {
        if limit > 0 && attempts::count(db, what, who).await? > limit { Err(SignupError::TooMany) } else { Ok(()) }
    }

    /// Counts a stranger's signup, and refuses it when there were too many.
    pub(super) async fn admit_stranger(&self, origin: &Origin) -> Result<(), SignupError> {
        let db = self.pool.get().await.map_err(StoreError::from)?;
        // One after the other: whoever is refused for their own address must not use up what all share.
        self.admit_network(&db, origin).await?;
        self.count(&db, What::SignupInAll, "", self.settings.in_all_per_hour).await?;
        let most = self.settings.max_unverified;
        if most == 0 || self.unverified.admit(most) {
            return Ok(());
        }
        self.unverified.note(store::count_unverified(&db, most).await?);
        if self.unverified.admit(most) { Ok(()) } else { Err(SignupError::Full) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admitting_ends_at_the_cap_and_asks_for_a_count() {
        let unverified = Unverified::default();
        assert!(!unverified.admit(10), "nothing was counted yet");
        unverified.note(8);
        assert!(unverified.admit(10) && unverified.admit(10) && !unverified.admit(10));
    }
}
