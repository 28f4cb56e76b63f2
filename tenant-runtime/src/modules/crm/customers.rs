//! Customers: whom a tenant does business with.

use std::sync::LazyLock;

use crate::modules::resource::{Field, Resource};

pub(super) static CUSTOMERS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("customers", "customer", "cus").in_modules(&["crm"]).limited_by("max_customers").fields([
        Field::text("company_name", 200).required().sorted().searched(),
        Field::text("company_title", 200),
        Field::text("contact_person", 200).searched().listed(),
        Field::email("email").searched().listed(),
        Field::text("phone", 50),
        Field::text("country", 100).filtered(),
        Field::text("city", 100).filtered().listed(),
        Field::text("address", 1000),
        Field::text("sector", 100).filtered(),
        Field::one_of("relationship_type", &["customer", "prospect", "partner", "supplier"]).filtered().listed(),
        Field::one_of("status", &["active", "inactive"]).filtered().listed(),
        Field::day("customer_since"),
        Field::amount("total_revenue", "currency").listed(),
        Field::currency("currency"),
        Field::tags("tags", 50),
    ])
});
