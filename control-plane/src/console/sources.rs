//! The capabilities that a tenant's page shows something of.

use std::future::{Ready, ready};

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload, web::Data};
use tenancy::Problem;

use crate::{fleet::Fleet, packages::Packages, servers::Servers, tenants::Tenants};

/// What a tenant's page is made of.
pub(super) struct Sources {
    pub(super) tenants: Data<Tenants>,
    pub(super) packages: Data<Packages>,
    pub(super) servers: Data<Servers>,
    pub(super) fleet: Data<Fleet>,
}

impl FromRequest for Sources {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sources = || {
            Some(Self {
                tenants: request.app_data::<Data<Tenants>>()?.clone(),
                packages: request.app_data::<Data<Packages>>()?.clone(),
                servers: request.app_data::<Data<Servers>>()?.clone(),
                fleet: request.app_data::<Data<Fleet>>()?.clone(),
            })
        };
        ready(sources().ok_or_else(|| Problem::internal("a console without its capabilities").into()))
    }
}
