//! Time entries: who worked on a task, and for how long.

use std::sync::LazyLock;

use super::{MODULES, tasks::TASKS};
use crate::modules::resource::{Field, Resource};

pub(super) static TIME_ENTRIES: LazyLock<Resource> = LazyLock::new(|| {
    Resource::new("time_entries", "time entry", "tim")
        .at("time-entries")
        .in_modules(MODULES)
        .belongs_to(|| &TASKS, "task_id")
        .fields([
            Field::reference("task_id", "tsk").required().fixed().filtered().listed(),
            Field::user("user").prefilled().filtered().listed(),
            Field::text("description", 2000),
            Field::decimal("hours", 10_000).required().listed(),
            Field::time("logged_at").prefilled().sorted().listed(),
        ])
});
