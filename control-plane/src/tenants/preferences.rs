//! What holds for everybody in a tenant: its name, language, time zone and currency.

use rust_decimal::Decimal;
use serde_json::json;
use tenancy::{Language, Money, TenantId, fields::FieldErrors};

use super::{Tenants, store};
use crate::{
    audit::{self, Action, Entry, Origin},
    platform::StoreError,
};

/// The clock that a tenant has until it chooses another: the default of the column.
pub const FIRST_ZONE: &str = "Europe/Istanbul";

/// What a tenant prefers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// Its name.
    pub name: String,
    /// The language of its mails.
    pub language: Language,
    /// Its clock, by its name in the IANA database.
    pub timezone: String,
    /// The currency of amounts that name none (ISO 4217).
    pub currency: String,
}

impl Preferences {
    /// Reads them, noting every one that is wrong.
    pub fn parse(name: &str, language: &str, timezone: &str, currency: &str, errors: &mut FieldErrors) -> Option<Self> {
        let name = errors.text("name", name, 1, 200);
        let language = errors.take("language", language.parse());
        let timezone = errors.take("timezone", time_zone(timezone));
        let currency = errors.take("currency", Money::new(Decimal::ZERO, currency));
        Some(Self { name: name?, language: language?, timezone: timezone?, currency: currency?.currency().to_owned() })
    }
}

/// The name of a time zone as the IANA database writes it.
///
/// # Errors
/// What would be right.
pub fn time_zone(name: &str) -> Result<String, &'static str> {
    let zone = jiff::tz::TimeZone::get(name).ok();
    let name = zone.as_ref().and_then(jiff::tz::TimeZone::iana_name);
    name.map(str::to_owned).ok_or("must be a time zone of the IANA database, like Europe/Istanbul")
}

impl Tenants {
    /// What a tenant prefers; `None`: there is none, or it is not served.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn preferences(&self, id: TenantId) -> Result<Option<Preferences>, StoreError> {
        let client = self.pool.get().await?;
        store::preferences(&client, id).await
    }

    /// Writes what a tenant prefers from now on; `false`: there is no such tenant, or it is not served.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prefer(
        &self,
        id: TenantId,
        preferences: &Preferences,
        actor: &str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        if !store::prefer(&transaction, id, preferences).await? {
            return Ok(false);
        }
        let details = json!({ "name": preferences.name, "timezone": preferences.timezone });
        let entry = Entry::new(Action::TenantChanged, actor).tenant(Some(id)).details(details);
        audit::record(&transaction, entry.from(origin)).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
