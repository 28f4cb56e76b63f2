//! The rules by which a request's tenant is found and judged. Nothing here waits or reads.

use tenancy::{Code, Problem, TenantSlug, TenantStatus, token::TenantClaims};

use super::{TenantRecord, revocations::Standing};

/// When to come back to a tenant that is being migrated, in seconds.
const UPGRADED_IN: u32 = 1;

/// The label before the base domain, in `acme.localhost:8080`, where it can be a tenant's.
pub(crate) fn subdomain<'a>(host: &'a str, base: &str) -> Option<&'a str> {
    let host = without_port(host);
    let split = host.len().checked_sub(base.len())?;
    let (head, tail) = (host.get(..split)?, host.get(split..)?);
    let label = head.strip_suffix('.')?;
    // `www`, `api` and the like are the platform itself.
    (tail.eq_ignore_ascii_case(base) && TenantSlug::parse(&label.to_ascii_lowercase()).is_ok()).then_some(label)
}

/// A host without its port; an IPv6 address keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The request names another tenant than its token.
pub(crate) fn mismatch() -> Problem {
    Problem::new(Code::TenantMismatch, "The request names another tenant than its access token")
}

/// There is no such tenant.
pub(crate) fn not_found() -> Problem {
    Problem::new(Code::TenantNotFound, "There is no such tenant")
}

/// Whether the token was made for this tenant as it is now.
pub(crate) fn same_tenant(record: &TenantRecord, claims: &TenantClaims) -> Result<(), Problem> {
    if record.generation == claims.tenant_generation && record.slug == claims.tenant_slug {
        Ok(())
    } else {
        Err(Problem::unauthorized("The tenant has changed since the access token was made; refresh it"))
    }
}

/// Whether the member is still the one that the token was made for.
pub(crate) fn still_member(standing: Standing) -> Result<(), Problem> {
    match standing {
        Standing::Good => Ok(()),
        Standing::Outdated => {
            Err(Problem::unauthorized("The membership has changed since the access token was made; refresh it"))
        }
        Standing::Ended => Err(Problem::new(Code::TenantAccessDenied, "You are not a member of this tenant")),
    }
}

/// Whether the tenant is served now.
pub(crate) fn is_served(record: &TenantRecord) -> Result<(), Problem> {
    let why = match record.status {
        TenantStatus::Trial | TenantStatus::Active => None,
        TenantStatus::Provisioning => Some("The tenant is still being set up"),
        TenantStatus::Suspended => Some("The tenant is suspended"),
        TenantStatus::Cancelled => Some("The tenant has been cancelled"),
        TenantStatus::Failed | TenantStatus::Deleted => return Err(not_found()),
    };
    match why {
        Some(why) => Err(Problem::new(Code::TenantInactive, why)),
        None => Ok(()),
    }
}

/// The tenant's schema is not one that this program can serve yet.
pub(crate) fn upgrading() -> Problem {
    let problem = Problem::new(Code::TenantUpgrading, "The tenant is being upgraded; please try again soon");
    problem.retry_after(UPGRADED_IN)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use proptest::prelude::*;
    use tenancy::{DatabaseName, Role, TenantId};

    use super::*;
    use crate::context::{Address, Server};

    fn record(status: TenantStatus, schema_version: i32) -> TenantRecord {
        TenantRecord {
            id: TenantId::generate(),
            slug: TenantSlug::parse("acme").unwrap(),
            name: "Acme".to_owned(),
            trial_ends_at: None,
            domain: None,
            status,
            generation: 2,
            schema_version,
            currency: "TRY".to_owned(),
            timezone: "UTC".to_owned(),
            package: Arc::default(),
            calls_per_hour: -1,
            limit_overrides: BTreeMap::new(),
            meter: Arc::default(),
            address: Address { server: Server::Platform, database: DatabaseName::parse("tenant_acme").unwrap() },
        }
    }

    #[test]
    fn subdomains_name_tenants() {
        for (host, found) in [
            ("acme.localhost:8080", Some("acme")),
            ("Acme.LOCALHOST", Some("Acme")),
            ("localhost:8080", None),
            ("www.localhost", None),
            ("a.b.localhost", None),
            ("acmelocalhost", None),
            (".localhost", None),
            ("acme.example.com", None),
            ("[::1]:8080", None),
            ("ğlocalhost", None),
            ("", None),
        ] {
            assert_eq!(subdomain(host, "localhost"), found, "{host}");
        }
    }

    #[test]
    fn only_trial_and_active_are_served() {
        for status in TenantStatus::ALL {
            let code = is_served(&record(*status, 4)).err().map(|problem| problem.code());
            let expected = match status {
                TenantStatus::Trial | TenantStatus::Active => None,
                TenantStatus::Failed | TenantStatus::Deleted => Some(Code::TenantNotFound),
                _ => Some(Code::TenantInactive),
            };
            assert_eq!(code, expected, "{status}");
        }
        assert_eq!(upgrading().code(), Code::TenantUpgrading);
    }

    #[test]
    fn old_tokens_are_refused() {
        let record = record(TenantStatus::Active, 4);
        let mut claims = TenantClaims {
            tenant_id: record.id,
            tenant_slug: record.slug.clone(),
            role: Role::Owner,
            tenant_generation: 2,
            member_version: 1,
        };
        assert!(same_tenant(&record, &claims).is_ok());
        claims.tenant_generation = 1;
        assert_eq!(same_tenant(&record, &claims).unwrap_err().code(), Code::Unauthorized);
    }

    proptest! {
        #[test]
        fn any_host_is_harmless(host in ".*", base in "[a-z.]{1,12}") {
            if let Some(label) = subdomain(&host, &base) {
                prop_assert!(host.starts_with(label));
            }
        }
    }
}
