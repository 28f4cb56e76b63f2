//! Projects: with a customer, a fair and a contract where there is one, and with tasks.

use std::sync::LazyLock;

use tenancy::Code;

use super::{MODULES, tasks::TASKS};
use crate::{
    modules::resource::{Field, Resource},
    usage::Metric,
};

pub(super) static PROJECTS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("projects", "project", "prj")
        .in_modules(MODULES)
        .limited_by("max_projects")
        .metered_as(Metric::Projects)
        .shown_with(|| &TASKS)
        .missing_as(Code::ProjectNotFound)
        .fields([
            Field::number("PR").listed(),
            // The number, where none is given.
            Field::upper_text("key", 20).fixed(),
            Field::text("name", 200).required().sorted().searched(),
            Field::text("description", 5000).searched(),
            Field::one_of("status", &["active", "archived", "completed"]).filtered().listed(),
            Field::reference("customer_id", "cus").filtered().listed(),
            Field::text("fair", 200),
            Field::text("city", 100),
            Field::text("country", 100),
            Field::amount("contract_amount", "currency").listed(),
            Field::currency("currency"),
            Field::day("start_date").sorted().listed(),
            Field::day("end_date"),
            Field::user("owner").prefilled().filtered(),
            Field::users("assigned_users", 100),
            Field::shown_count("tasks_count").listed(),
        ])
});
