//! What somebody fills in to sign up.

use serde::Deserialize;
use tenancy::{EmailAddress, TenantSlug, fields::FieldErrors};

use crate::{
    identity::Password,
    packages::{BillingCycle, Package},
};

/// The package of those who choose none.
const DEFAULT_PACKAGE: &str = "starter";

/// The body of a signup as it comes. It holds a password, and is never logged.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignupBody {
    pub(super) company_name: Option<String>,
    pub(super) owner_email: Option<String>,
    pub(super) owner_name: Option<String>,
    pub(super) password: Option<String>,
    pub(super) package_key: Option<String>,
    pub(super) billing_cycle: Option<String>,
    pub(super) slug: Option<String>,
}

/// A signup that can be made.
pub(super) struct Wanted {
    pub(super) company: String,
    pub(super) email: EmailAddress,
    pub(super) name: String,
    pub(super) password: Password,
    pub(super) package: String,
    pub(super) cycle: BillingCycle,
    pub(super) slug: Option<TenantSlug>,
}

impl SignupBody {
    /// The package that is asked for.
    pub(super) fn package(&self) -> &str {
        self.package_key.as_deref().unwrap_or(DEFAULT_PACKAGE)
    }

    /// What is wanted, or everything that is wrong.
    pub(super) fn parse(self, package: Option<&Package>, errors: &mut FieldErrors) -> Option<Wanted> {
        let company = required(errors, "company_name", self.company_name)
            .and_then(|name| errors.text("company_name", &name, 1, 200));
        let email = required(errors, "owner_email", self.owner_email)
            .and_then(|email| errors.take("owner_email", EmailAddress::parse(&email)));
        let name =
            required(errors, "owner_name", self.owner_name).and_then(|name| errors.text("owner_name", &name, 1, 200));
        let password = required(errors, "password", self.password)
            .and_then(|password| errors.take("password", Password::parse(password, email.as_ref())));
        let cycle = match self.billing_cycle {
            Some(word) => errors.take("billing_cycle", word.parse()),
            None => Some(BillingCycle::Monthly),
        };
        let package = check_package(errors, package, cycle);
        // A slug that was given must be right; one that was left out is made from the name.
        let slug = self.slug.map(|slug| errors.take("slug", TenantSlug::parse(&slug)));
        if matches!(slug, Some(None)) {
            return None;
        }
        Some(Wanted {
            company: company?,
            email: email?,
            name: name?,
            password: password?,
            package: package?,
            cycle: cycle?,
            slug: slug.flatten(),
        })
    }
}

fn required(errors: &mut FieldErrors, field: &str, value: Option<String>) -> Option<String> {
    if value.is_none() {
        errors.add(field, "is required");
    }
    value
}

fn check_package(errors: &mut FieldErrors, package: Option<&Package>, cycle: Option<BillingCycle>) -> Option<String> {
    // One that strangers are not shown does not exist for them.
    let Some(package) = package.filter(|package| package.is_active && package.is_visible) else {
        errors.add("package_key", "there is no such package");
        return None;
    };
    if !package.is_self_service() {
        errors.add("package_key", "is sold on request; please contact us");
        return None;
    }
    if cycle == Some(BillingCycle::Yearly) && package.price_yearly.is_none() {
        errors.add("billing_cycle", "this package is paid monthly");
        return None;
    }
    Some(package.key.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use rust_decimal::Decimal;
    use serde_json::json;
    use tenancy::Problem;

    use super::*;

    fn package(price_monthly: Option<Decimal>) -> Package {
        Package {
            key: "starter".to_owned(),
            name: String::new(),
            name_tr: String::new(),
            description: String::new(),
            description_tr: String::new(),
            price_monthly,
            price_yearly: None,
            currency: "TRY".to_owned(),
            modules: Vec::new(),
            limits: json!({}),
            features: json!({}),
            is_active: true,
            is_visible: true,
            is_recommended: false,
        }
    }

    pub(in crate::signup) fn parse(body: serde_json::Value) -> Result<Wanted, Problem> {
        parse_with(body, Some(Decimal::ONE))
    }

    fn parse_with(body: serde_json::Value, price: Option<Decimal>) -> Result<Wanted, Problem> {
        let mut errors = FieldErrors::default();
        let body: SignupBody = serde_json::from_value(body).unwrap();
        let wanted = body.parse(Some(&package(price)), &mut errors);
        errors.finish().map(|()| wanted.unwrap())
    }

    pub(in crate::signup) fn body(company: &str) -> serde_json::Value {
        json!({ "company_name": company, "owner_email": "A@Example.com", "owner_name": "Ayşe", "password": "correct horse" })
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let problem = parse(json!({ "owner_email": "x", "password": "short", "slug": "A", "billing_cycle": "daily" }));
        let fields: Vec<String> = problem.err().unwrap().errors().keys().cloned().collect();
        assert_eq!(fields, ["billing_cycle", "company_name", "owner_email", "owner_name", "password", "slug"]);
    }

    #[test]
    fn names_of_companies_are_as_people_write_them() {
        for fine in ["🚀🎉", "شركة", "北京", "Çağrı Şirketi A.Ş.", "'; DROP TABLE tenants; --", &"a".repeat(200)]
        {
            assert_eq!(parse(body(fine)).ok().unwrap().company, *fine);
        }
        for wrong in ["", "   ", "a\nb", &"a".repeat(300)] {
            assert!(parse(body(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_sold_on_request_is_not_signed_up_for() {
        assert!(parse_with(body("Acme"), None).err().unwrap().errors().contains_key("package_key"));
        let mut yearly = body("Acme");
        yearly["billing_cycle"] = json!("yearly");
        assert!(parse(yearly).err().unwrap().errors().contains_key("billing_cycle"));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = serde_json::from_value::<SignupBody>(json!({ "compnay_name": "x" })).err().unwrap();
        assert!(error.to_string().contains("compnay_name"));
    }
}
