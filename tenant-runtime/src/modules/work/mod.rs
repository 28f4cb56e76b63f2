//! Projects, their tasks, and the time that they took: the same for every product that has them.

mod projects;
mod tasks;
mod time_entries;

use super::resource::Resource;

/// The resources of the module, in the order in which pages name them.
pub(super) fn resources() -> Vec<&'static Resource> {
    vec![&projects::PROJECTS, &tasks::TASKS, &time_entries::TIME_ENTRIES]
}

/// The packages' modules that have projects.
const MODULES: &[&str] = &["crm", "work"];
