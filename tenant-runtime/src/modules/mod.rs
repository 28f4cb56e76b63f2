//! The products: a folder each, a file for each resource. What resources have in common is written once, in `resource`.

mod activities;
mod crm;
mod resource;
mod settings;
mod work;

use tenancy::http::Route;

/// Every route of the runtime, relative to the prefixes that they are served under.
#[must_use]
pub fn routes() -> Vec<Route> {
    let common = [activities::ACTIVITIES.routes(), settings::SETTINGS.routes()];
    [crm::routes(), work::routes()].into_iter().chain(common).flatten().collect()
}
