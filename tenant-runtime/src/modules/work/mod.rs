//! Projects, their tasks, and the time that they took: the same for every product that has them.

mod projects;
mod tasks;
mod time_entries;

use tenancy::http::Route;

use super::resource::Resource;

/// The resources of the module, as pages show them.
pub(super) fn resources() -> Vec<&'static Resource> {
    vec![&projects::PROJECTS, &tasks::TASKS, &time_entries::TIME_ENTRIES]
}

/// The packages' modules that have projects.
const MODULES: &[&str] = &["crm", "work"];

/// The routes of the module.
pub(super) fn routes() -> Vec<Route> {
    [projects::PROJECTS.routes(), tasks::TASKS.routes(), time_entries::TIME_ENTRIES.routes()]
        .into_iter()
        .flatten()
        .collect()
}
