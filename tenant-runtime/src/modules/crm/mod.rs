//! Customers, and what is done with them.

mod calendar_events;
mod customers;
mod documents;
mod leads;
mod products;

use tenancy::http::Route;

/// The routes of the module.
pub(super) fn routes() -> Vec<Route> {
    [customers::CUSTOMERS.routes(), products::PRODUCTS.routes(), leads::LEADS.routes()]
        .into_iter()
        .chain([calendar_events::CALENDAR_EVENTS.routes(), documents::routes()])
        .flatten()
        .collect()
}
