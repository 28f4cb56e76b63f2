//! Calendar events: when something happens, and who is there.

use std::sync::LazyLock;

use crate::modules::resource::{Field, Resource};

pub(super) static CALENDAR_EVENTS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("calendar_events", "calendar event", "evt")
        .in_modules(&["crm"])
        .in_a_calendar("starts_at", "ends_at")
        .fields([
            Field::text("title", 300).required().searched(),
            Field::text("description", 2000),
            Field::one_of("kind", KINDS).filtered().listed(),
            Field::time("starts_at").required().sorted().listed(),
            Field::time("ends_at").listed(),
            Field::flag("all_day"),
            Field::text("location", 300).searched().listed(),
            Field::reference("customer_id", "cus").filtered(),
            Field::reference("project_id", "prj").filtered(),
            Field::users("attendees", 100),
        ])
});

const KINDS: &[&str] = &["meeting", "call", "fair", "installation", "dismantling", "deadline", "other"];
