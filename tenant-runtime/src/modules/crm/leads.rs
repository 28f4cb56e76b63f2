//! Leads: who may become a customer.

use std::sync::LazyLock;

use crate::modules::resource::{Field, Resource};

pub(super) static LEADS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("leads", "lead", "led").in_modules(&["crm"]).on_a_board_by("status").fields([
        Field::text("company_name", 200).required().sorted().searched(),
        Field::text("contact_person", 200).searched().listed(),
        Field::email("email").searched(),
        Field::text("phone", 50),
        Field::one_of("source", &["other", "website", "referral", "fair", "phone", "email", "social"])
            .filtered()
            .listed(),
        Field::one_of("status", &["new", "contacted", "qualified", "proposal", "won", "lost"]).filtered().listed(),
        Field::text("fair", 200),
        Field::day("fair_date").sorted().listed(),
        // Square metres.
        Field::decimal("stand_area", 100_000),
        Field::amount("estimated_value", "currency").listed(),
        Field::currency("currency"),
        Field::text("notes", 5000),
        Field::user("assignee").filtered().listed(),
        Field::reference("customer_id", "cus").filtered(),
    ])
});
