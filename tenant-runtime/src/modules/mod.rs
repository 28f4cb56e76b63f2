//! The products: a folder each, a file for each resource. What resources have in common is written once, in `resource`.

mod activities;
mod crm;
mod resource;
mod settings;
mod work;

pub(crate) use resource::{Deed, Resource, deeds, tone};
use tenancy::http::Route;

/// The resources that pages show, below what they have in common.
pub(crate) fn shelves() -> [(&'static str, Vec<&'static Resource>); 2] {
    [("module-crm", crm::resources()), ("module-work", work::resources())]
}

/// Who did what.
pub(crate) fn activities() -> &'static Resource {
    &activities::ACTIVITIES
}

/// A resource by its name.
pub(crate) fn named(name: &str) -> Option<&'static Resource> {
    shelves().into_iter().flat_map(|(_, resources)| resources).find(|resource| resource.name() == name)
}

/// Every page of the runtime.
#[must_use]
pub fn pages() -> Vec<Route> {
    let of_resources = shelves().into_iter().flat_map(|(_, resources)| resources).flat_map(Resource::pages);
    of_resources.chain(crm::pages()).chain(crate::console::pages()).chain(ui::asset_routes()).collect()
}

/// Every route of the runtime, relative to the prefixes that they are served under.
#[must_use]
pub fn routes() -> Vec<Route> {
    let common = [activities::ACTIVITIES.routes(), settings::SETTINGS.routes()];
    [crm::routes(), work::routes()].into_iter().chain(common).flatten().collect()
}
