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
    let of_resources = shelves().into_iter().flat_map(|(_, resources)| resources).flat_map(Resource::routes);
    let common = [activities::ACTIVITIES.routes(), settings::SETTINGS.routes()];
    of_resources.chain(crm::routes()).chain(common.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tenancy::Language;
    use ui::Texts;

    use super::*;

    #[test]
    fn pages_have_a_text_for_every_word_of_every_description_and_no_other() {
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for resource in shelves().into_iter().flat_map(|(_, resources)| resources) {
            wanted.extend(resource.words());
        }
        wanted.extend(ACTIONS.map(|action| format!("value-{action}")));
        wanted.extend(["field-created_at", "field-created_by", "field-updated_at", "one-settings"].map(str::to_owned));
        let families = ["field-", "value-", "resource-", "one-", "new-", "empty-"];
        for language in Language::ALL {
            let is_of_families = |key: &&String| families.iter().any(|family| key.starts_with(family));
            let known: BTreeSet<&String> = Texts::of(*language)
                .keys()
                .iter()
                .filter(is_of_families)
                .filter(|key| *key != "new-password")
                .collect();
            let missing: Vec<&String> = wanted.iter().filter(|key| !known.contains(key)).collect();
            let unused: Vec<&&String> = known.iter().filter(|key| !wanted.contains(**key)).collect();
            assert!(missing.is_empty() && unused.is_empty(), "{language}: no {missing:?}; nobody asks for {unused:?}");
        }
    }

    /// What activities say was done.
    const ACTIONS: [&str; 3] = ["created", "updated", "deleted"];
}
