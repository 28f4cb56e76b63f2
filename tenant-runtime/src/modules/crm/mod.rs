//! Customers, and what is done with them.

mod calendar_events;
mod customers;
mod documents;
mod leads;
mod products;

use tenancy::http::Route;

use super::resource::Resource;

/// The resources of the module, in the order in which pages name them.
pub(super) fn resources() -> Vec<&'static Resource> {
    vec![
        &customers::CUSTOMERS,
        &leads::LEADS,
        &products::PRODUCTS,
        &calendar_events::CALENDAR_EVENTS,
        documents::resource(),
    ]
}

/// The pages of the module that no description gives.
pub(super) fn pages() -> Vec<Route> {
    documents::pages()
}

/// The routes of the module that no description gives.
pub(super) fn routes() -> Vec<Route> {
    documents::routes()
}
