//! What stands around every route: 401 first, then which tenant, its state, and the permission.

use std::sync::Arc;

use actix_web::{
    HttpMessage, HttpRequest, Route,
    body::BoxBody,
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderName},
    middleware::{Next, from_fn},
};
use tenancy::{
    Code, Permission, Problem,
    http::{Access, bearer},
    token::{Claims, TenantClaims},
};
use ui::FormOwner;

use super::{Directory, Tenant, TenantRecord, Tokens, Upgrades, resolve};
use crate::{
    files::Files,
    pools::Pools,
    usage::{Metric, Rate},
};

/// Headers that carry a slug; the names are the contract's.
const NAMING_HEADERS: [&str; 2] = ["x-tenant-id", "x-tenant-slug"];

/// Lets a request through to its handler, with its [`Tenant`].
pub(crate) struct Guard {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) upgrades: Upgrades,
    pub(crate) files: Files,
    pub(crate) max_file_bytes: u64,
    pub(crate) base_domain: String,
}

impl Guard {
    /// Puts the guard around a route.
    pub(crate) fn around(self: &Arc<Self>, access: Access, route: Route) -> Route {
        let guard = self.clone();
        route.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let guard = guard.clone();
            async move {
                // As an answer and not as an error, so that whatever surrounds the application still has the request.
                let rate = match guard.admit(request.request(), access).await {
                    Ok(rate) => rate,
                    Err(problem) => return Ok(request.error_response(problem)),
                };
                let mut response = match rate {
                    Some(rate) if !rate.admitted => request.error_response(too_many(rate)),
                    _ => next.call(request).await?,
                };
                if let Some(rate) = rate {
                    tell(rate, response.headers_mut());
                }
                Ok(response)
            }
        }))
    }

    /// Lets a request in, or says why not. Where calls are limited, the answer has what is left of them.
    async fn admit(self: &Arc<Self>, request: &HttpRequest, access: Access) -> Result<Option<Rate>, Problem> {
        if matches!(access, Access::Public | Access::Onboarding) {
            return Ok(None);
        }
        let token = bearer(request)
            .ok_or_else(|| Problem::unauthorized("Sign in, and send the access token as Authorization: Bearer"))?;
        let claims = self.tokens.check(token, &self.directory).await?;
        match access {
            Access::Public | Access::Onboarding | Access::User => Ok(None),
            Access::SuperAdmin if claims.super_admin => Ok(None),
            Access::SuperAdmin => Err(forbidden("This is for those who run the platform")),
            Access::Tenant { permission, modules } => {
                let tenant = self.tenant(request, claims, permission, modules).await?;
                let rate = tenant.call();
                request.extensions_mut().insert(tenant);
                Ok(rate)
            }
        }
    }

    /// Puts the guard around a page: the token comes in a cookie, which programs don't have. What people look at is
    /// counted, and not held against the limit of calls.
    pub(crate) fn around_page(self: &Arc<Self>, access: Access, route: Route) -> Route {
        let guard = self.clone();
        route.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let guard = guard.clone();
            async move {
                match guard.admit_to_page(request.request(), access).await {
                    Ok(()) => next.call(request).await,
                    Err(problem) => Ok(request.error_response(problem)),
                }
            }
        }))
    }

    async fn admit_to_page(self: &Arc<Self>, request: &HttpRequest, access: Access) -> Result<(), Problem> {
        let (permission, modules) = match access {
            Access::Tenant { permission, modules } => (permission, modules),
            Access::Public => return Ok(()),
            _ => return Err(forbidden("Nobody is signed in here like that")),
        };
        let cookie = request.cookie(ui::ACCESS).ok_or_else(|| Problem::unauthorized("Sign in"))?;
        let claims = self.tokens.check(cookie.value(), &self.directory).await?;
        let owner = FormOwner::new(claims.user_id, claims.tenant.as_ref().map(|tenant| tenant.tenant_id));
        let tenant = self.tenant(request, claims, permission, modules).await?;
        if is_looked_at(request) {
            tenant.count(Metric::PageViews, 1);
        }
        request.extensions_mut().insert(owner);
        request.extensions_mut().insert(tenant);
        Ok(())
    }

    async fn tenant(
        self: &Arc<Self>,
        request: &HttpRequest,
        claims: Arc<Claims>,
        permission: Permission,
        modules: &[&str],
    ) -> Result<Tenant, Problem> {
        let token = claims.tenant.as_ref().ok_or_else(|| {
            Problem::new(Code::TenantRequired, "The access token names no tenant; choose one and sign in to it")
        })?;
        if !self.names_agree(request, token) {
            return Err(resolve::mismatch());
        }
        let record = self.record(token).await?;
        tenancy::telemetry::is_for(&record.slug);
        // State first: whoever's tenant was suspended must learn that, and not be sent for a new token.
        resolve::is_served(&record)?;
        resolve::same_tenant(&record, token)?;
        resolve::still_member(self.directory.standing(record.id, claims.user_id, token.member_version))?;
        if !token.role.may(permission) {
            return Err(forbidden(format!("The role {} does not allow {permission}", token.role)));
        }
        if !record.has_module(modules) {
            let message = format!("The tenant's package has no module {}", modules.join(" or "));
            return Err(Problem::new(Code::ModuleNotIncluded, message));
        }
        if self.upgrades.can_serve(&record) {
            return Ok(Tenant::new(record, claims, self.clone()));
        }
        let record = self.upgrades.ready(record, &self.directory).await;
        resolve::is_served(&record)?;
        if !self.upgrades.can_serve(&record) {
            return Err(resolve::upgrading());
        }
        Ok(Tenant::new(record, claims, self.clone()))
    }

    async fn record(&self, token: &TenantClaims) -> Result<Arc<TenantRecord>, Problem> {
        let mut record = self.directory.find(token.tenant_id).await.map_err(Problem::unavailable)?;
        // A token from the future: the news of the tenant's move is still on its way.
        if record.as_ref().is_some_and(|record| record.generation < token.tenant_generation) {
            record = self.directory.look_again(token.tenant_id).await.map_err(Problem::unavailable)?;
        }
        record.ok_or_else(resolve::not_found)
    }

    /// Whether path, headers and host name no other tenant than the token.
    fn names_agree(&self, request: &HttpRequest, token: &TenantClaims) -> bool {
        let slug = token.tenant_slug.as_str();
        let in_path = request.match_info().get("slug").is_none_or(|name| name == slug);
        let in_headers = NAMING_HEADERS
            .iter()
            .flat_map(|name| request.headers().get_all(*name))
            .all(|value| value.as_bytes() == slug.as_bytes());
        in_path && in_headers && self.host_agrees(request, token)
    }

    fn host_agrees(&self, request: &HttpRequest, token: &TenantClaims) -> bool {
        let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(host) = header.or_else(|| request.uri().host()) else {
            return true;
        };
        match resolve::subdomain(host, &self.base_domain) {
            Some(label) => label.eq_ignore_ascii_case(token.tenant_slug.as_str()),
            None => {
                let owner = self.directory.owner_of_domain(resolve::without_port(host));
                owner.is_none_or(|owner| owner == token.tenant_id)
            }
        }
    }
}

/// Whether somebody looks at the page, and no script reads it for a part of another one (Fetch Metadata,
/// `Sec-Fetch-Mode`).
fn is_looked_at(request: &HttpRequest) -> bool {
    request.headers().get("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
}

fn too_many(rate: Rate) -> Problem {
    let message = format!("The tenant's package allows {} requests an hour", rate.limit);
    Problem::new(Code::RateLimited, message).retry_after(rate.reset)
}

/// The usual headers (draft-ietf-httpapi-ratelimit-headers).
fn tell(rate: Rate, headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("ratelimit-limit"), rate.limit.into());
    headers.insert(HeaderName::from_static("ratelimit-remaining"), rate.remaining.into());
    headers.insert(HeaderName::from_static("ratelimit-reset"), rate.reset.into());
}

fn forbidden(message: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, message)
}
