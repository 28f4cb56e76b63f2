//! What is sold: packages with their prices and limits, and a tenant's hold on one.

pub mod api;
mod store;

use deadpool_postgres::Pool;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;
pub(crate) use store::insert_subscription;
use tenancy::{Language, text_enum};

use crate::platform::StoreError;

text_enum! {
    /// How often a subscription is paid.
    pub enum BillingCycle {
        /// Every month.
        Monthly = "monthly",
        /// Every year.
        Yearly = "yearly",
    }
}

impl BillingCycle {
    /// The end of a period that begins at `start`, by the calendar in UTC.
    #[must_use]
    pub fn period_end(self, start: Timestamp) -> Timestamp {
        let span = match self {
            Self::Monthly => 1.month(),
            Self::Yearly => 1.year(),
        };
        start.to_zoned(TimeZone::UTC).checked_add(span).map_or(start, |end| end.timestamp())
    }
}

/// A package as anyone may see it.
#[derive(Debug, Clone, Serialize)]
pub struct Package {
    /// Its key, for example `professional`.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its name in Turkish.
    pub name_tr: String,
    /// What it is for.
    pub description: String,
    /// What it is for, in Turkish.
    pub description_tr: String,
    /// Price of a month; `None` is on request.
    pub price_monthly: Option<rust_decimal::Decimal>,
    /// Price of a year; `None` is not offered.
    pub price_yearly: Option<rust_decimal::Decimal>,
    /// The prices' currency.
    pub currency: String,
    /// The modules that it unlocks.
    pub modules: Vec<String>,
    /// Limits by name; -1 is unlimited, a missing one 0.
    pub limits: Value,
    /// Features by name.
    pub features: Value,
    /// Whether tenants can be put on it at all.
    #[serde(skip)]
    pub is_active: bool,
    /// Whether strangers see it.
    #[serde(skip)]
    pub is_visible: bool,
    /// Whether it is put forward among those of its product.
    #[serde(skip)]
    pub is_recommended: bool,
}

impl Package {
    /// Whether somebody can sign up for it without talking to anybody.
    #[must_use]
    pub const fn is_self_service(&self) -> bool {
        self.is_active && self.is_visible && self.price_monthly.is_some()
    }
}

/// What a package brings.
#[derive(Debug, Clone)]
pub struct Sales {
    /// Its key.
    pub package: String,
    /// The prices' currency.
    pub currency: String,
    /// How many tenants are on it.
    pub tenants: i64,
    /// What those pay in a month who pay; a year's price counts a twelfth.
    pub paid: rust_decimal::Decimal,
    /// What those would pay in a month who are in trial.
    pub in_trial: rust_decimal::Decimal,
}

/// What a package is called in a language.
#[must_use]
pub fn name_in(package: &Package, language: Language) -> &str {
    match language {
        Language::Turkish => &package.name_tr,
        Language::English => &package.name,
    }
}

/// The catalogue of packages.
#[derive(Clone)]
pub struct Packages {
    pool: Pool,
}

impl Packages {
    /// The catalogue in the platform database.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// What strangers are offered, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn offered(&self) -> Result<Vec<Package>, StoreError> {
        let client = self.pool.get().await?;
        store::offered(&client).await
    }

    /// Every package, offered or not, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Vec<Package>, StoreError> {
        store::all(&self.pool.get().await?).await
    }

    /// How many tenants are on which package, and what they pay.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sales(&self) -> Result<Vec<Sales>, StoreError> {
        store::sales(&self.pool.get().await?).await
    }

    /// One package, offered or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, key: &str) -> Result<Option<Package>, StoreError> {
        // What PostgreSQL can't even compare with a key is none.
        if key.contains('\0') {
            return Ok(None);
        }
        let client = self.pool.get().await?;
        store::find(&client, key).await
    }
}
