//! What the owner tells about the company at the end of the wizard. All of it may be left out.

use rust_decimal::Decimal;
use serde::Deserialize;
use tenancy::{Language, Money, fields::FieldErrors};

use super::countries;
use crate::tenants::time_zone;

/// The wizard's last page as it comes.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompanyBody {
    company_info: CompanyInfo,
    billing_info: BillingInfo,
    preferences: Preferences,
    /// For those who send the onboarding token here and not as a bearer token.
    pub(super) onboarding_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CompanyInfo {
    industry: Option<String>,
    company_size: Option<String>,
    website: Option<String>,
    referral_source: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BillingInfo {
    company_name: Option<String>,
    tax_number: Option<String>,
    tax_office: Option<String>,
    address: Option<String>,
    country: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Preferences {
    timezone: Option<String>,
    language: Option<String>,
    currency: Option<String>,
}

/// The same, checked. What is `None` stays as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Company {
    pub(super) industry: Option<String>,
    pub(super) company_size: Option<String>,
    pub(super) website: Option<String>,
    pub(super) referral_source: Option<String>,
    pub(super) billing_company_name: Option<String>,
    pub(super) tax_number: Option<String>,
    pub(super) tax_office: Option<String>,
    pub(super) billing_address: Option<String>,
    pub(super) billing_country: Option<String>,
    pub(super) timezone: Option<String>,
    pub(super) language: Option<Language>,
    pub(super) currency: Option<String>,
}

impl CompanyBody {
    pub(super) fn parse(&self, errors: &mut FieldErrors) -> Company {
        let (company, billing, wishes) = (&self.company_info, &self.billing_info, &self.preferences);
        let mut text = |field: &str, value: &Option<String>, most| errors.optional_text(field, value.as_deref(), most);
        let mut parsed = Company {
            industry: text("company_info.industry", &company.industry, 100),
            company_size: text("company_info.company_size", &company.company_size, 50),
            website: text("company_info.website", &company.website, 300),
            referral_source: text("company_info.referral_source", &company.referral_source, 200),
            billing_company_name: text("billing_info.company_name", &billing.company_name, 300),
            tax_number: text("billing_info.tax_number", &billing.tax_number, 50),
            tax_office: text("billing_info.tax_office", &billing.tax_office, 100),
            // Above 500, so that it may have several lines.
            billing_address: text("billing_info.address", &billing.address, 1000),
            billing_country: text("billing_info.country", &billing.country, 100),
            timezone: text("preferences.timezone", &wishes.timezone, 100),
            language: None,
            currency: text("preferences.currency", &wishes.currency, 100),
        };
        parsed.website = parsed.website.and_then(|url| errors.take("company_info.website", web_address(url)));
        parsed.billing_country = parsed
            .billing_country
            .and_then(|code| errors.take("billing_info.country", countries::parse(&code).map(str::to_owned)));
        parsed.timezone = parsed.timezone.and_then(|zone| errors.take("preferences.timezone", time_zone(&zone)));
        parsed.language =
            wishes.language.as_deref().and_then(|word| errors.take("preferences.language", word.trim().parse()));
        parsed.currency = parsed
            .currency
            .and_then(|code| errors.take("preferences.currency", Money::new(Decimal::ZERO, &code.to_ascii_uppercase())))
            .map(|money| money.currency().to_owned());
        parsed
    }
}

/// Shown to people as a link later, so nothing but the web.
fn web_address(url: String) -> Result<String, &'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let fits =
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || "<>\"".contains(c)));
    if fits { Ok(url) } else { Err("must be a web address that begins with https:// or http://") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: serde_json::Value) -> Result<Company, Vec<String>> {
        let mut errors = FieldErrors::default();
        let body: CompanyBody = serde_json::from_value(body).unwrap();
        let company = body.parse(&mut errors);
        errors.finish().map(|()| company).map_err(|problem| problem.errors().keys().cloned().collect())
    }

    #[test]
    fn everything_may_be_left_out() {
        assert_eq!(parse(json!({})), Ok(Company::default()));
        assert_eq!(parse(json!({ "company_info": { "industry": " " } })), Ok(Company::default()));
    }

    #[test]
    fn codes_are_put_into_their_usual_form() {
        let company = parse(json!({
            "billing_info": { "country": "tr", "address": "Line 1\nLine 2" },
            "preferences": { "timezone": "europe/istanbul", "language": "tr", "currency": "try" },
        }))
        .unwrap();
        assert_eq!(company.billing_country.as_deref(), Some("TR"));
        assert_eq!(company.timezone.as_deref(), Some("Europe/Istanbul"));
        assert_eq!(company.language, Some(Language::Turkish));
        assert_eq!(company.currency.as_deref(), Some("TRY"));
    }

    #[test]
    fn wrong_codes_are_refused() {
        let wrong = parse(json!({
            "company_info": { "website": "javascript:alert(1)" },
            "billing_info": { "country": "XX" },
            "preferences": { "timezone": "Mars/Olympus", "language": "xx", "currency": "XYZ" },
        }));
        let fields = [
            "billing_info.country",
            "company_info.website",
            "preferences.currency",
            "preferences.language",
            "preferences.timezone",
        ];
        assert_eq!(wrong, Err(fields.map(str::to_owned).to_vec()));
    }
}
