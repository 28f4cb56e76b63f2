//! Tenants as operators look for them, and what all of them come to.

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date};
use tenancy::{DatabaseName, TenantId, TenantSlug, TenantStatus};

use super::{Tenants, store::listing};
use crate::{
    platform::StoreError,
    provisioning::{self, store::SagaView},
};

/// How many tenants a page of a list has.
pub const PAGE_ROWS: i64 = 50;

/// Which tenants to look for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A part of the slug, of the name, or of the owner's address.
    pub text: String,
    /// Only those in this state; else all but those that were deleted.
    pub status: Option<TenantStatus>,
    /// Only those on this package.
    pub package: Option<String>,
    /// Which page, from 1.
    pub page: u32,
}

impl Search {
    /// The text ready for LIKE, all four letters i of Turkish and English folded into one.
    pub(super) fn pattern(&self) -> Option<String> {
        let text = self.text.trim();
        // What PostgreSQL can't even compare with a text is found nowhere.
        if text.contains('\0') {
            return Some(String::new());
        }
        let mut pattern = String::from("%");
        for letter in text.chars() {
            if matches!(letter, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(if matches!(letter, 'I' | 'İ' | 'ı') { 'i' } else { letter });
        }
        pattern.push('%');
        (!text.is_empty()).then_some(pattern)
    }
}

/// A tenant in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its id.
    pub id: TenantId,
    /// Its short name.
    pub slug: TenantSlug,
    /// Its name.
    pub name: String,
    /// Its state.
    pub status: TenantStatus,
    /// The key of its package.
    pub package: Option<String>,
    /// The database's name on its server.
    pub database: DatabaseName,
    /// The schema version that its database has.
    pub schema_version: i32,
    /// How large its database is, in bytes; `None` where it is on another server, or gone.
    pub size: Option<i64>,
    /// Whether it is on another server than the platform's own.
    pub is_elsewhere: bool,
    /// When it was used last.
    pub last_use: Option<Timestamp>,
    /// When it came to be.
    pub created_at: Timestamp,
}

/// One page of what a search finds.
#[derive(Debug, Clone)]
pub struct Found {
    /// The tenants, the newest first.
    pub tenants: Vec<Listed>,
    /// How many there are on all pages.
    pub total: i64,
}

/// What was used in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Monthly {
    /// The month in UTC, as `YYYYMM`.
    pub period: i32,
    /// Requests to the API.
    pub api_calls: i64,
    /// Pages that people looked at.
    pub page_views: i64,
}

/// What all tenants come to.
#[derive(Debug, Clone)]
pub struct Census {
    /// How many are in each state.
    pub by_status: HashMap<TenantStatus, i64>,
    /// How many came to be on each of the last 30 days, the oldest first.
    pub signups: Vec<(Date, i64)>,
    /// What was used in this month.
    pub used: Monthly,
}

/// The days of [`Census::signups`].
const DAYS: i32 = 30;

impl Tenants {
    /// One page of the tenants that a search finds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let client = self.pool.get().await?;
        let (mut tenants, total) = listing::search(&client, search).await?;
        let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id).collect();
        let sizes = measured(listing::sizes(&client, &ids).await);
        for tenant in &mut tenants {
            tenant.size = sizes.get(&tenant.id).copied();
        }
        Ok(Found { tenants, total })
    }

    /// How large a tenant's database is, in bytes; `None` where it is on another server, or gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn size(&self, id: TenantId) -> Result<Option<i64>, StoreError> {
        let client = self.pool.get().await?;
        Ok(measured(listing::sizes(&client, &[id]).await).remove(&id))
    }

    /// How large all databases of tenants on the platform's own server are together. It looks at every file of each.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn total_size(&self) -> Result<i64, StoreError> {
        listing::total_size(&self.pool.get().await?).await
    }

    /// What a tenant used in each of the last 12 months, the last first, and when it was used last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn usage(&self, id: TenantId) -> Result<(Vec<Monthly>, Option<Timestamp>), StoreError> {
        listing::usage(&self.pool.get().await?, id).await
    }

    /// The slugs of tenants, also of those that are gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn slugs(&self, ids: &[TenantId]) -> Result<HashMap<TenantId, TenantSlug>, StoreError> {
        listing::slugs(&self.pool.get().await?, ids).await
    }

    /// What all tenants come to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn census(&self) -> Result<Census, StoreError> {
        let client = self.pool.get().await?;
        Ok(Census {
            by_status: listing::by_status(&client).await?.into_iter().collect(),
            signups: listing::signups(&client, DAYS).await?,
            used: listing::used(&client).await?,
        })
    }

    /// What makes or unmakes a tenant, or did so last; `None` where it was made at once, of stock.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn saga(&self, id: TenantId) -> Result<Option<SagaView>, StoreError> {
        provisioning::store::last_saga(&self.pool.get().await?, id).await
    }
}

/// A database may be dropped in the middle of being measured: a list is shown all the same.
fn measured(sizes: Result<HashMap<TenantId, i64>, StoreError>) -> HashMap<TenantId, i64> {
    sizes.unwrap_or_else(|error| {
        tracing::warn!(%error, "databases can't be measured now");
        HashMap::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_taken_by_the_letter() {
        let pattern = |text: &str| Search { text: text.to_owned(), ..Search::default() }.pattern();
        assert_eq!(pattern("  "), None);
        assert_eq!(pattern(" IŞIK İnşaat ").as_deref(), Some("%iŞiK inşaat%"));
        assert_eq!(pattern("100%_\\").as_deref(), Some("%100\\%\\_\\\\%"));
        assert_eq!(pattern("a\0b").as_deref(), Some(""));
    }
}
