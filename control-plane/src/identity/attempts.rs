//! How often somebody did something within an hour, counted in the platform database: all replicas count together.

use deadpool_postgres::GenericClient;
use tenancy::text_enum;

use crate::platform::StoreError;

text_enum! {
    /// What is counted.
    pub enum What {
        /// Failed sign-ins with one e-mail address, from anywhere.
        FailedSignInOfAccount = "failed_sign_in_account",
        /// Failed sign-ins with one e-mail address from one network.
        FailedSignInOfAccountFrom = "failed_sign_in_account_from",
        /// Failed sign-ins from one network.
        FailedSignInFrom = "failed_sign_in_from",
        /// Mails for a new password to one e-mail address.
        ForgottenPasswordOf = "forgotten_password_of",
        /// Mails for a new password asked for from one network.
        ForgottenPasswordFrom = "forgotten_password_from",
        /// Signups from one network.
        SignupFrom = "signup_from",
        /// All signups.
        SignupInAll = "signup_in_all",
    }
}

/// Counts one more and returns how many there are in this hour.
///
/// # Errors
/// [`StoreError`].
pub async fn count(db: &impl GenericClient, what: What, who: &str) -> Result<u32, StoreError> {
    let statement = db
        .prepare_cached(
            "INSERT INTO attempts (what, who, hour, counted) VALUES ($1, $2, date_trunc('hour', now(), 'UTC'), 1)
             ON CONFLICT (what, who, hour) DO UPDATE SET counted = least(attempts.counted, 1000000000) + 1
             RETURNING counted",
        )
        .await?;
    let counted: i32 = db.query_one(&statement, &[&what, &who]).await?.get(0);
    Ok(counted.unsigned_abs())
}

/// How many there are in this hour.
///
/// # Errors
/// [`StoreError`].
pub async fn counted(db: &impl GenericClient, what: What, who: &str) -> Result<u32, StoreError> {
    let statement = db
        .prepare_cached(
            "SELECT counted FROM attempts WHERE what = $1 AND who = $2 AND hour = date_trunc('hour', now(), 'UTC')",
        )
        .await?;
    let row = db.query_opt(&statement, &[&what, &who]).await?;
    Ok(row.map_or(0, |row| row.get::<_, i32>(0).unsigned_abs()))
}

/// Deletes the hours that are over.
///
/// # Errors
/// [`StoreError`].
pub async fn purge(db: &impl GenericClient) -> Result<u64, StoreError> {
    Ok(db.execute("DELETE FROM attempts WHERE hour < now() - interval '2 hours'", &[]).await?)
}

/// Seconds until counting begins anew, for `Retry-After`.
#[must_use]
pub fn seconds_left_in_hour() -> u32 {
    let into = jiff::Timestamp::now().as_second().rem_euclid(3600);
    u32::try_from(3600 - into).unwrap_or(3600)
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_hour_has_3600_seconds() {
        assert!((1..=3600).contains(&super::seconds_left_in_hour()));
    }
}
