//! What the wizard offers: the packages of each product, with their limits side by side.

use serde_json::Value;
use tenancy::Language;
use ui::Page;

use crate::packages::{Package, name_in};

/// The packages of one product.
#[derive(Clone)]
pub(super) struct Offer {
    /// Its key: its modules.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) plans: Vec<Plan>,
    pub(super) has_yearly: bool,
    /// The limits that differ, with what each plan has.
    pub(super) limits: Vec<(String, Vec<String>)>,
}

/// A package as its card shows it.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) monthly: Option<String>,
    pub(super) yearly: Option<String>,
    pub(super) is_recommended: bool,
    /// Sold by the wizard, and not by a talk.
    pub(super) is_self_service: bool,
    /// The first limits, in words.
    pub(super) highlights: Vec<String>,
}

impl Offer {
    pub(super) fn has(&self, package: &str) -> bool {
        self.plans.iter().any(|plan| plan.key == package)
    }

    pub(super) fn recommended(&self) -> String {
        let of_choice = self.plans.iter().filter(|plan| plan.is_self_service);
        let recommended = of_choice.clone().find(|plan| plan.is_recommended).or_else(|| of_choice.clone().next());
        recommended.map_or_else(String::new, |plan| plan.key.clone())
    }
}

/// The limits that are shown, in order.
const LIMITS: [&str; 13] = [
    "max_users",
    "max_customers",
    "max_projects",
    "max_tasks_per_project",
    "max_storage_mb",
    "max_api_keys",
    "max_api_calls_per_month",
    "max_domains",
    "max_containers",
    "max_bandwidth_gb",
    "max_groups",
    "max_messages_per_day",
    "api_rate_limit_per_hour",
];
/// How many of them a card names.
const ON_CARDS: usize = 4;

/// The offers, in the packages' order.
pub(super) fn offers(page: &Page, packages: Vec<Package>) -> Vec<Offer> {
    let mut groups: Vec<(String, Vec<Package>)> = Vec::new();
    for package in packages {
        let key = package.modules.join("-");
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(package),
            None => groups.push((key, vec![package])),
        }
    }
    groups.into_iter().map(|(key, group)| offer(page, key, &group)).collect()
}

fn offer(page: &Page, key: String, packages: &[Package]) -> Offer {
    let limits: Vec<&str> =
        LIMITS.into_iter().filter(|limit| packages.iter().any(|package| limit_of(package, limit) != 0)).collect();
    let plans: Vec<Plan> = packages.iter().map(|package| plan(page, package, &limits)).collect();
    let rows = limits.iter().map(|limit| {
        let values = packages.iter().map(|package| limit_in_words(page, limit, limit_of(package, limit))).collect();
        (page.t(&format!("limit-{limit}")).to_owned(), values)
    });
    Offer {
        name: page.t(&format!("product-{key}")).to_owned(),
        has_yearly: plans.iter().any(|plan| plan.yearly.is_some()),
        limits: rows.collect(),
        plans,
        key,
    }
}

fn plan(page: &Page, package: &Package, limits: &[&str]) -> Plan {
    let price = |amount: Option<rust_decimal::Decimal>| amount.map(|amount| page.money(&amount, &package.currency));
    let highlight = |limit: &&str| {
        let words = limit_in_words(page, limit, limit_of(package, limit));
        format!("{}: {words}", page.t(&format!("limit-{limit}")))
    };
    Plan {
        key: package.key.clone(),
        name: name_in(package, page.language).to_owned(),
        description: match page.language {
            Language::Turkish => package.description_tr.clone(),
            Language::English => package.description.clone(),
        },
        monthly: price(package.price_monthly),
        yearly: price(package.price_yearly),
        is_recommended: package.is_recommended,
        is_self_service: package.is_self_service(),
        highlights: limits.iter().take(ON_CARDS).map(highlight).collect(),
    }
}

fn limit_of(package: &Package, limit: &str) -> i64 {
    package.limits.get(limit).and_then(Value::as_i64).unwrap_or(0)
}

fn limit_in_words(page: &Page, limit: &str, value: i64) -> String {
    match value {
        ..0 => page.t("unlimited").to_owned(),
        0 => page.t("optional-none").to_owned(),
        _ if limit == "max_storage_mb" => page.bytes(&(value * 1024 * 1024)),
        _ if limit == "max_bandwidth_gb" => page.bytes(&(value * 1024 * 1024 * 1024)),
        _ => page.count(&value),
    }
}
