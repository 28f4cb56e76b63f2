//! Customers, and what is done with them.

mod customers;

use tenancy::http::Route;

/// The routes of the module.
pub(super) fn routes() -> Vec<Route> {
    customers::routes()
}
