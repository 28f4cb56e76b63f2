//! Products: what a tenant builds, rents out and sells.

use std::sync::LazyLock;

use crate::modules::resource::{Field, Resource};

pub(super) static PRODUCTS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("products", "product", "prd").in_modules(&["crm"]).fields([
        Field::text("name", 200).required().sorted().searched(),
        Field::upper_text("code", 50).searched().listed(),
        Field::text("description", 2000).searched(),
        Field::one_of("category", CATEGORIES).filtered().listed(),
        Field::one_of("unit", &["piece", "m", "m2", "hour", "day", "set"]).listed(),
        Field::amount("unit_price", "currency").listed(),
        Field::currency("currency"),
        Field::one_of("status", &["active", "inactive"]).filtered().listed(),
        Field::tags("tags", 50),
    ])
});

const CATEGORIES: &[&str] = &["other", "stand", "furniture", "graphics", "lighting", "electronics", "service"];
