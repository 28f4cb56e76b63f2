//! Tables of routes. A plane's whole surface is a list that can be read, served, and walked by a test; who may call a
//! route stands in the table and is enforced from it, so that no handler can forget to ask.

use std::{borrow::Cow, sync::Arc};

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};

use super::{observe::ErrorPage, openapi::Operation};
use crate::{
    problem::{Code, Problem},
    role::Permission,
};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone; the handler limits what a stranger can cause.
    Public,
    /// The owner of the tenant in the path, by access token or by the onboarding token that signing up gave; the
    /// handler asks, because the wizard runs before anybody signed in.
    Onboarding,
    /// Whoever has a valid access token.
    User,
    /// A member of the token's tenant whose role carries the permission.
    Tenant {
        /// The permission.
        permission: Permission,
        /// The tenant's package must have one of these modules; none: every package will do.
        modules: &'static [&'static str],
    },
    /// Those who run the platform.
    SuperAdmin,
}

/// One method on one path.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path as actix reads it, `/customers/{id}`, relative to where the table is served.
    pub path: Cow<'static, str>,
    /// Who may call it.
    pub access: Access,
    /// What it takes and answers; pages are for people, and have none.
    pub operation: Option<Operation>,
    handler: Box<dyn Fn() -> actix_web::Route + Send + Sync>,
}

impl Route {
    /// A row of the table. The handler is given as `|| web::to(function)`.
    #[must_use]
    pub fn new(
        method: Method,
        path: impl Into<Cow<'static, str>>,
        access: Access,
        operation: Operation,
        handler: impl Fn() -> actix_web::Route + Send + Sync + 'static,
    ) -> Self {
        Self { method, path: path.into(), access, operation: Some(operation), handler: Box::new(handler) }
    }

    /// A page, or a form that one sends.
    #[must_use]
    pub fn page(
        method: Method,
        path: impl Into<Cow<'static, str>>,
        access: Access,
        handler: impl Fn() -> actix_web::Route + Send + Sync + 'static,
    ) -> Self {
        Self { method, path: path.into(), access, operation: None, handler: Box::new(handler) }
    }
}

/// The pattern of the path that was matched. actix-web can tell it too, but looks for it among all routes again.
pub(super) struct Endpoint(pub(super) Arc<str>);

/// Serves a table below `prefix`, each route behind what `guard` puts around it for its [`Access`]. A known path with
/// another method is answered 405 with `Allow`.
pub fn register(
    config: &mut web::ServiceConfig,
    prefix: &str,
    routes: &[Route],
    guard: impl Fn(Access, actix_web::Route) -> actix_web::Route,
) {
    serve(config, prefix, routes, None, guard);
}

/// [`register`] for pages: what goes wrong is told by pages as well.
pub fn register_pages(
    config: &mut web::ServiceConfig,
    routes: &[Route],
    errors: &ErrorPage,
    guard: impl Fn(Access, actix_web::Route) -> actix_web::Route,
) {
    serve(config, "", routes, Some(errors), guard);
}

fn serve(
    config: &mut web::ServiceConfig,
    prefix: &str,
    routes: &[Route],
    errors: Option<&ErrorPage>,
    guard: impl Fn(Access, actix_web::Route) -> actix_web::Route,
) {
    let mut paths: Vec<&str> = routes.iter().map(|route| route.path.as_ref()).collect();
    paths.sort_unstable();
    paths.dedup();
    // Paths without parameters first, so that `/customers/export` is not taken for an id.
    paths.sort_by_key(|path| path.matches('{').count());
    // Those with parameters stand in a scope of their first words, which costs a comparison: each pattern is a regular
    // expression, and all of them would be tried one after another.
    let (mut scopes, mut alone): (Vec<(&str, actix_web::Scope)>, Vec<_>) = (Vec::new(), Vec::new());
    for path in paths {
        let of_path = routes.iter().filter(|route| route.path == path);
        if !prefix.contains('{') && !path.contains('{') {
            config.service(resource(&format!("{prefix}{path}"), path, prefix, of_path, errors, &guard));
            continue;
        }
        let head = if prefix.contains('{') { "" } else { path.split_once("/{").map_or("", |(head, _)| head) };
        if prefix.is_empty() && head.is_empty() {
            // A scope of no words would take every path that comes after it.
            alone.push(resource(path, path, prefix, of_path, errors, &guard));
            continue;
        }
        let one = resource(&path[head.len()..], path, prefix, of_path, errors, &guard);
        match scopes.iter().position(|(known, _)| *known == head) {
            Some(place) => {
                let (head, scope) = scopes.remove(place);
                scopes.insert(place, (head, scope.service(one)));
            }
            None => scopes.push((head, web::scope(&format!("{prefix}{head}")).service(one))),
        }
    }
    for (_, scope) in scopes {
        config.service(scope);
    }
    for resource in alone {
        config.service(resource);
    }
}

/// One path with its methods; `pattern` is what of it is left in its scope.
fn resource<'a>(
    pattern: &str,
    path: &str,
    prefix: &str,
    routes: impl Iterator<Item = &'a Route>,
    errors: Option<&ErrorPage>,
    guard: &impl Fn(Access, actix_web::Route) -> actix_web::Route,
) -> actix_web::Resource {
    let endpoint = format!("{prefix}{path}");
    let mut resource = web::resource(pattern).app_data(Endpoint(endpoint.into()));
    if let Some(errors) = errors {
        resource = resource.app_data(errors.clone());
    }
    let mut allowed = Vec::new();
    for route in routes {
        allowed.push(route.method.to_string());
        resource = resource.route(guard(route.access, (route.handler)()).method(route.method.clone()));
    }
    let allowed = allowed.join(", ");
    resource.default_service(web::to(move || {
        let allowed = allowed.clone();
        async move {
            let problem = Problem::new(Code::MethodNotAllowed, format!("This path knows only {allowed}"));
            let mut response = HttpResponse::from_error(problem);
            if let Ok(value) = HeaderValue::from_str(&allowed) {
                response.headers_mut().insert(header::ALLOW, value);
            }
            response
        }
    }))
}
