//! Stands before every route that is not for anyone: checks the access token, and what became of it since it was made.

use std::{
    future::{Ready, ready},
    pin::Pin,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    body::BoxBody,
    dev::{Payload, ServiceRequest},
    middleware::{Next, from_fn},
};
use tenancy::{
    Problem, UserId,
    http::{Access, bearer},
    token::{Claims, TenantClaims},
};
use ui::FormOwner;

use super::{Identity, IdentityError, UserStatus, store};

/// Who asks. Handlers behind the guard take it as an argument.
#[derive(Debug, Clone)]
pub struct Caller(Claims);

impl Caller {
    pub(super) const fn new(claims: Claims) -> Self {
        Self(claims)
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.0.user_id
    }

    /// What the access token says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.0
    }

    /// The tenant that they ask for.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantClaims> {
        self.0.tenant.as_ref()
    }

    /// The word for them in the audit log.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.0.email.as_str()
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| IdentityError::NoToken.into()))
    }
}

impl Identity {
    /// Who presents this access token: it must hold, its user must be active, and their place in its tenant the same
    /// as when it was made.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn authenticate(&self, token: &str) -> Result<Caller, IdentityError> {
        let mut claims = self.verify(token)?;
        let tenant = claims.tenant.as_ref();
        let standing = store::standing(&self.db().await?, claims.user_id, tenant.map(|t| t.tenant_id)).await?;
        let standing = standing.ok_or(IdentityError::Outdated)?;
        if standing.status != UserStatus::Active {
            return Err(IdentityError::Suspended);
        }
        if standing.place != tenant.map(|tenant| (tenant.tenant_generation, tenant.member_version)) {
            return Err(IdentityError::Outdated);
        }
        claims.super_admin = standing.super_admin;
        Ok(Caller(claims))
    }

    async fn admit(&self, access: Access, request: &HttpRequest) -> Result<Caller, IdentityError> {
        let caller = self.authenticate(bearer(request).ok_or(IdentityError::NoToken)?).await?;
        allowed(caller, access)
    }

    /// Who looks at a page: by a cookie, which programs don't have.
    async fn admit_to_page(&self, access: Access, request: &HttpRequest) -> Result<Caller, IdentityError> {
        let cookie = |name| request.cookie(name).map(|cookie| cookie.value().to_owned()).ok_or(IdentityError::NoToken);
        match access {
            Access::SuperAdmin => self.operator(&cookie(OPERATOR)?).await,
            _ => allowed(self.authenticate(&cookie(ui::ACCESS)?).await?, access),
        }
    }
}

fn allowed(caller: Caller, access: Access) -> Result<Caller, IdentityError> {
    match access {
        Access::Public | Access::Onboarding | Access::User => {}
        Access::Tenant { permission, .. } => {
            let tenant = caller.tenant().ok_or(IdentityError::TenantRequired)?;
            if !tenant.role.may(permission) {
                return Err(IdentityError::Forbidden);
            }
        }
        Access::SuperAdmin if caller.0.super_admin => {}
        Access::SuperAdmin => return Err(IdentityError::Forbidden),
    }
    Ok(caller)
}

/// The cookie of those who run the platform.
pub const OPERATOR: &str = "tenantry_operator";

/// [`guarded`] for pages.
pub fn guarded_pages(identity: Identity) -> impl Fn(Access, actix_web::Route) -> actix_web::Route {
    around(identity, |identity, access, request| {
        Box::pin(async move { identity.admit_to_page(access, &request).await })
    })
}

/// What [`tenancy::http::register`] puts around each route.
pub fn guarded(identity: Identity) -> impl Fn(Access, actix_web::Route) -> actix_web::Route {
    around(identity, |identity, access, request| Box::pin(async move { identity.admit(access, &request).await }))
}

type Admission = Pin<Box<dyn Future<Output = Result<Caller, IdentityError>>>>;

fn around(
    identity: Identity,
    admit: fn(Identity, Access, HttpRequest) -> Admission,
) -> impl Fn(Access, actix_web::Route) -> actix_web::Route {
    move |access, route| {
        if matches!(access, Access::Public | Access::Onboarding) {
            return route;
        }
        let identity = identity.clone();
        route.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let identity = identity.clone();
            async move {
                let caller = match admit(identity, access, request.request().clone()).await {
                    Ok(caller) => caller,
                    // As an answer and not as an error, so that whatever surrounds the application still has the request.
                    Err(error) => return Ok(request.error_response(Problem::from(error))),
                };
                if let Some(tenant) = caller.tenant() {
                    tenancy::telemetry::is_for(&tenant.tenant_slug);
                }
                request
                    .extensions_mut()
                    .insert(FormOwner::new(caller.user(), caller.tenant().map(|tenant| tenant.tenant_id)));
                request.extensions_mut().insert(caller);
                next.call(request).await
            }
        }))
    }
}
