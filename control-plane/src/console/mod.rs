//! `/admin`: the console of those who run the platform. It has no rules and no rows of its own: its pages call what the
//! API and the command line call.

mod desk;
mod doctor;
mod fleet;
mod making;
mod new_tenant;
mod overview;
mod policy;
mod rehearsal;
mod runs;
mod sign_in;
mod sources;
mod tenant;
mod tenants;
mod words;

use actix_web::{http::Method, web};
pub use desk::Desk;
use tenancy::http::{Access, Route};
use ui::{Console, LocalPath, NavGroup, NavItem, Page};

use crate::identity::Caller;

/// The pages of this capability.
#[must_use]
pub fn pages() -> Vec<Route> {
    let access = Access::SuperAdmin;
    vec![
        Route::page(Method::GET, "/admin/login", Access::Public, || web::to(sign_in::login)),
        Route::page(Method::POST, "/admin/login", Access::Public, || web::to(sign_in::sign_in)),
        Route::page(Method::POST, "/admin/sign-out", access, || web::to(sign_in::sign_out)),
        Route::page(Method::GET, "/admin", access, || web::to(overview::show)),
        Route::page(Method::GET, "/admin/tenants", access, || web::to(tenants::list)),
        Route::page(Method::GET, "/admin/tenants/new", access, || web::to(new_tenant::show)),
        Route::page(Method::POST, "/admin/tenants/new", access, || web::to(new_tenant::make)),
        Route::page(Method::GET, "/admin/tenants/{tenant}", access, || web::to(tenant::show)),
        Route::page(Method::GET, "/admin/tenants/{tenant}/events", access, || web::to(tenant::tell)),
        Route::page(Method::POST, "/admin/tenants/{tenant}/suspend", access, || web::to(tenant::suspend)),
        Route::page(Method::POST, "/admin/tenants/{tenant}/activate", access, || web::to(tenant::activate)),
        Route::page(Method::POST, "/admin/tenants/{tenant}/drop", access, || web::to(tenant::drop)),
        Route::page(Method::GET, "/admin/fleet", access, || web::to(fleet::show)),
        Route::page(Method::GET, "/admin/fleet/events", access, || web::to(fleet::tell)),
        Route::page(Method::POST, "/admin/fleet/start", access, || web::to(fleet::start)),
        Route::page(Method::POST, "/admin/fleet/resume", access, || web::to(fleet::resume)),
        Route::page(Method::POST, "/admin/fleet/stop", access, || web::to(fleet::stop)),
        Route::page(Method::POST, "/admin/fleet/rehearse", access, || web::to(fleet::rehearse)),
        Route::page(Method::GET, "/admin/fleet/runs/{id}", access, || web::to(runs::show)),
        Route::page(Method::GET, "/admin/doctor", access, || web::to(doctor::show)),
        Route::page(Method::GET, "/admin/doctor/events", access, || web::to(doctor::tell)),
        Route::page(Method::POST, "/admin/doctor/examine", access, || web::to(doctor::examine)),
        Route::page(Method::POST, "/admin/doctor/mend", access, || web::to(doctor::mend)),
    ]
}

const PLACES: [(&str, &str, &str); 4] = [
    ("/admin", "admin-overview", "home"),
    ("/admin/tenants", "admin-tenants", "tenants"),
    ("/admin/fleet", "admin-fleet", "fleet"),
    ("/admin/doctor", "admin-doctor", "doctor"),
];

/// What stands around every page of the console.
fn console(page: &Page, caller: &Caller) -> Console {
    let items = PLACES.map(|(href, label, icon)| NavItem {
        href: href.to_owned(),
        label: page.t(label).to_owned(),
        icon,
        is_current: page.path == href || (href != "/admin" && page.path.starts_with(&format!("{href}/"))),
    });
    Console {
        is_admin: true,
        workspace: page.t("admin-platform").to_owned(),
        slug: String::new(),
        user: caller.actor().to_owned(),
        sign_out: "/admin/sign-out",
        groups: vec![NavGroup { caption: String::new(), items: items.into() }],
        banners: Vec::new(),
    }
}

/// Where somebody goes on after signing in: on a page of this console.
fn next_path(text: Option<&str>) -> LocalPath {
    LocalPath::parse(text.filter(|text| *text == "/admin" || text.starts_with("/admin/")), "/admin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_out_of_the_console() {
        for fine in ["/admin", "/admin/tenants/acme", "/admin/tenants?search=a&page=2"] {
            assert_eq!(next_path(Some(fine)).as_str(), fine);
        }
        for wrong in ["/app", "/administrator", "//admin/", "https://evil.example/admin/", ""] {
            assert_eq!(next_path(Some(wrong)).as_str(), "/admin", "{wrong}");
        }
        assert_eq!(next_path(None).as_str(), "/admin");
    }

    #[test]
    fn every_page_but_the_first_is_for_operators_alone() {
        for route in pages() {
            let expected = if route.path == "/admin/login" { Access::Public } else { Access::SuperAdmin };
            assert_eq!(route.access, expected, "{}", route.path);
        }
    }
}
