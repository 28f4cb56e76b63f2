//! Stands before every route that is not for anyone: checks the access token, and what became of it since it was made.

use std::future::{Ready, ready};

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

use super::{Identity, IdentityError, UserStatus, store};

/// Who asks. Handlers behind the guard take it as an argument.
#[derive(Debug, Clone)]
pub struct Caller(Claims);

impl Caller {
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
}

/// What [`tenancy::http::register`] puts around each route.
pub fn guarded(identity: Identity) -> impl Fn(Access, actix_web::Route) -> actix_web::Route {
    move |access, route| {
        if matches!(access, Access::Public | Access::Onboarding) {
            return route;
        }
        let identity = identity.clone();
        route.wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
            let identity = identity.clone();
            async move {
                let caller = match identity.admit(access, request.request()).await {
                    Ok(caller) => caller,
                    // As an answer and not as an error, so that whatever surrounds the application still has the request.
                    Err(error) => return Ok(request.error_response(Problem::from(error))),
                };
                if let Some(tenant) = caller.tenant() {
                    tenancy::telemetry::is_for(&tenant.tenant_slug);
                }
                request.extensions_mut().insert(caller);
                next.call(request).await
            }
        }))
    }
}
