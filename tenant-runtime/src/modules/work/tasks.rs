//! Tasks, of a project or of none.

use std::sync::LazyLock;

use super::{MODULES, projects::PROJECTS};
use crate::{
    modules::resource::{Field, Resource},
    usage::Metric,
};

pub(super) static TASKS: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("tasks", "task", "tsk")
        .in_modules(MODULES)
        .metered_as(Metric::Tasks)
        .on_a_board_by("status")
        .belongs_to(|| &PROJECTS, "project_id")
        .limited_per_parent("max_tasks_per_project", "projects", "tasks_count")
        .fields([
            Field::reference("project_id", "prj").fixed().filtered().listed(),
            Field::text("title", 300).required().searched(),
            Field::text("description", 5000).searched(),
            Field::one_of("status", STATES).filtered().listed(),
            Field::one_of("priority", PRIORITIES).filtered().listed(),
            Field::user("assignee").filtered().listed(),
            Field::user("reporter").prefilled(),
            Field::decimal("estimated_hours", 100_000),
            Field::day("due_date").sorted().listed(),
            Field::reference("customer_id", "cus").filtered(),
            Field::shown_decimal("total_hours"),
        ])
});

const STATES: &[&str] = &["todo", "in_progress", "review", "done"];
/// The usual one first.
const PRIORITIES: &[&str] = &["medium", "low", "high", "critical"];
