//! Amounts of money: a decimal and its currency, never a float.

use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An amount in a currency of ISO 4217, with no more decimal places than the currency has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// Why an amount is not money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The currency is not in ISO 4217.
    #[error("currency must be a code of ISO 4217, like TRY")]
    Currency,
    /// More decimal places than the currency's smallest unit.
    #[error("must have at most {0} decimal places")]
    Precision(u32),
    /// Outside what the platform can store: 14 digits before the point.
    #[error("must be below 100,000,000,000,000")]
    Range,
}

#[derive(Serialize, Deserialize)]
struct Plain {
    amount: Decimal,
    currency: String,
}

impl Money {
    /// An amount of a currency given by its three-letter code.
    ///
    /// # Errors
    /// [`MoneyError`] when the code is unknown or the amount does not fit it.
    pub fn new(amount: Decimal, currency: &str) -> Result<Self, MoneyError> {
        let currency = Currency::from_code(currency).ok_or(MoneyError::Currency)?;
        let places = currency.exponent().map_or(0, u32::from);
        if amount.normalize().scale() > places {
            return Err(MoneyError::Precision(places));
        }
        if amount.abs() >= Decimal::from(100_000_000_000_000_i64) {
            return Err(MoneyError::Range);
        }
        let mut amount = amount;
        amount.rescale(places);
        Ok(Self { amount, currency })
    }

    /// The number, with the currency's decimal places.
    #[must_use]
    pub const fn amount(&self) -> Decimal {
        self.amount
    }

    /// The currency's code, for example `TRY`.
    #[must_use]
    pub fn currency(&self) -> &'static str {
        self.currency.code()
    }
}

impl TryFrom<Plain> for Money {
    type Error = MoneyError;
    fn try_from(plain: Plain) -> Result<Self, MoneyError> {
        Self::new(plain.amount, &plain.currency)
    }
}

impl From<Money> for Plain {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency().to_owned() }
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wrong_money_is_refused() {
        assert_eq!(Money::new(Decimal::ONE, "XYZ"), Err(MoneyError::Currency));
        assert_eq!(Money::new(Decimal::new(1, 3), "TRY"), Err(MoneyError::Precision(2)));
        assert_eq!(Money::new(Decimal::new(15, 1), "JPY"), Err(MoneyError::Precision(0)));
        assert_eq!(Money::new(Decimal::from(100_000_000_000_000_i64), "USD"), Err(MoneyError::Range));
    }

    proptest! {
        #[test]
        fn money_survives_json(cents in -9_999_999_999_999_999_i64..9_999_999_999_999_999) {
            let money = Money::new(Decimal::new(cents, 2), "TRY").unwrap();
            let text = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), money);
            prop_assert_eq!(money.amount().scale(), 2);
        }
    }
}
