//! Customers: whom a tenant does business with.

mod api;
mod store;

use actix_web::{http::Method, web};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use tenancy::{
    Money, Permission, UserId,
    fields::FieldErrors,
    http::{Access, Route},
    ids::CustomerId,
    money::MoneyError,
};

use crate::modules::{
    fields::{Field, Takes, Value, Values, find},
    list::ListRules,
};

/// A customer, as clients see it.
#[derive(Debug, Serialize)]
struct Customer {
    id: CustomerId,
    company_name: String,
    company_title: Option<String>,
    contact_person: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    city: Option<String>,
    address: Option<String>,
    sector: Option<String>,
    relationship_type: String,
    status: String,
    customer_since: Option<Date>,
    total_revenue: String,
    currency: String,
    tags: Vec<String>,
    created_by: UserId,
    created_by_name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

const RELATIONSHIPS: &[&str] = &["customer", "prospect", "partner", "supplier"];
const STATES: &[&str] = &["active", "inactive"];

/// What clients may write.
const FIELDS: &[Field] = &[
    Field { name: "company_name", takes: Takes::RequiredText(200) },
    Field { name: "company_title", takes: Takes::Text(200) },
    Field { name: "contact_person", takes: Takes::Text(200) },
    Field { name: "email", takes: Takes::Email },
    Field { name: "phone", takes: Takes::Text(50) },
    Field { name: "country", takes: Takes::Text(100) },
    Field { name: "city", takes: Takes::Text(100) },
    Field { name: "address", takes: Takes::Text(1000) },
    Field { name: "sector", takes: Takes::Text(100) },
    Field { name: "relationship_type", takes: Takes::OneOf(RELATIONSHIPS) },
    Field { name: "status", takes: Takes::OneOf(STATES) },
    Field { name: "customer_since", takes: Takes::Day },
    Field { name: "total_revenue", takes: Takes::Amount },
    Field { name: "currency", takes: Takes::Currency },
    Field { name: "tags", takes: Takes::Tags(50) },
];

const COLUMNS: &str = "id, company_name, company_title, contact_person, email, phone, country, city, address, sector, \
    relationship_type, status, customer_since, total_revenue, currency, tags, created_by, created_by_name, created_at, \
    updated_at";

const LIST: ListRules = ListRules {
    table: "customers",
    columns: COLUMNS,
    // Each has an index: a tenant may have very many.
    sorts: &[("created_at", "created_at"), ("updated_at", "updated_at"), ("company_name", "lower(company_name)")],
    search: &["company_name", "contact_person", "email"],
    filters: &[
        ("status", STATES),
        ("relationship_type", RELATIONSHIPS),
        ("country", &[]),
        ("city", &[]),
        ("sector", &[]),
    ],
};

const fn may(action: &'static str) -> Access {
    Access::Tenant(Permission::new("customers", action))
}

/// The routes of customers.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/customers", may("read"), || web::to(api::list)),
        Route::new(Method::POST, "/customers", may("create"), || web::to(api::create)),
        Route::new(Method::GET, "/customers/{id}", may("read"), || web::to(api::read)),
        Route::new(Method::PUT, "/customers/{id}", may("update"), || web::to(api::replace)),
        Route::new(Method::PATCH, "/customers/{id}", may("update"), || web::to(api::change)),
        Route::new(Method::DELETE, "/customers/{id}", may("delete"), || web::to(api::delete)),
    ]
}

/// Amount and currency as they are among the values.
fn money(values: &Values) -> (Option<rust_decimal::Decimal>, Option<&str>) {
    let amount = match find(values, "total_revenue") {
        Some(Value::Amount(amount)) => Some(*amount),
        _ => None,
    };
    let currency = match find(values, "currency") {
        Some(Value::Text(text)) => text.as_deref(),
        _ => None,
    };
    (amount, currency)
}

/// An amount must fit its currency.
fn check_money(amount: rust_decimal::Decimal, currency: &str, errors: &mut FieldErrors) {
    if let Err(error) = Money::new(amount, currency) {
        match error {
            MoneyError::Currency => errors.add("currency", "must be a code of ISO 4217, like TRY"),
            _ => errors.add("total_revenue", error),
        }
    }
}
