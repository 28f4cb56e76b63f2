//! `/api/auth/…` and the public keys.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CACHE_CONTROL, CacheControl, CacheDirective},
    },
    web::{self, Data, Json},
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tenancy::{
    EmailAddress, Problem,
    fields::FieldErrors,
    http::{Access, Route},
    token::PublicKey,
};

use super::{Caller, Identity, Session, description};
use crate::audit::Origin;

/// The routes of this capability.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/auth/login", Access::Public, description::login(), || web::to(login)),
        Route::new(Method::POST, "/api/auth/refresh", Access::Public, description::refresh(), || web::to(refresh)),
        Route::new(Method::POST, "/api/auth/logout", Access::Public, description::logout(), || web::to(logout)),
        Route::new(Method::GET, "/api/auth/me", Access::User, description::me(), || web::to(me)),
        Route::new(Method::POST, "/api/auth/switch", Access::User, description::switch(), || web::to(switch)),
        Route::new(Method::POST, "/api/auth/password", Access::Public, description::set_password(), || {
            web::to(set_password)
        }),
        Route::new(Method::POST, "/api/auth/password/forgot", Access::Public, description::forgot_password(), || {
            web::to(forgot_password)
        }),
        Route::new(Method::GET, "/.well-known/jwks.json", Access::Public, description::keys(), || web::to(keys)),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    email: String,
    password: String,
    tenant_slug: Option<String>,
}

async fn login(http: HttpRequest, identity: Data<Identity>, body: Json<Login>) -> Result<HttpResponse, Problem> {
    let Login { email, password, tenant_slug } = body.into_inner();
    let password = SecretString::from(password);
    let session = identity.sign_in(&email, password, tenant_slug.as_deref(), &Origin::of(&http)).await?;
    Ok(answer(&session))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

async fn refresh(http: HttpRequest, identity: Data<Identity>, body: Json<Refresh>) -> Result<HttpResponse, Problem> {
    Ok(answer(&identity.refresh(&body.refresh_token, &Origin::of(&http)).await?))
}

async fn logout(http: HttpRequest, identity: Data<Identity>, body: Json<Refresh>) -> Result<HttpResponse, Problem> {
    identity.sign_out(&body.refresh_token, &Origin::of(&http)).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn me(identity: Data<Identity>, caller: Caller) -> Result<HttpResponse, Problem> {
    let (user, tenant, tenants) = identity.me(caller.claims()).await?;
    Ok(HttpResponse::Ok().json(json!({ "user": user, "tenant": tenant, "tenants": tenants })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    tenant_slug: String,
}

async fn switch(
    http: HttpRequest,
    identity: Data<Identity>,
    caller: Caller,
    body: Json<Switch>,
) -> Result<HttpResponse, Problem> {
    Ok(answer(&identity.switch(caller.claims(), &body.tenant_slug, &Origin::of(&http)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPassword {
    token: String,
    password: String,
}

async fn set_password(
    http: HttpRequest,
    identity: Data<Identity>,
    body: Json<SetPassword>,
) -> Result<HttpResponse, Problem> {
    let SetPassword { token, password } = body.into_inner();
    let email = identity.set_password(&token, password, &Origin::of(&http)).await?;
    Ok(HttpResponse::Ok().json(json!({ "email": email })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forgot {
    email: String,
}

async fn forgot_password(
    http: HttpRequest,
    identity: Data<Identity>,
    body: Json<Forgot>,
) -> Result<HttpResponse, Problem> {
    let mut errors = FieldErrors::default();
    let email = errors.take("email", EmailAddress::parse(&body.email));
    errors.finish()?;
    if let Some(email) = email {
        identity.forgot_password(&email, &Origin::of(&http)).await?;
    }
    let message = "If there is an account with this address, a mail is on its way";
    Ok(HttpResponse::Accepted().json(json!({ "message": message })))
}

async fn keys(identity: Data<Identity>) -> HttpResponse {
    let jwk = |key: &PublicKey| json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.x });
    let keys: Vec<_> = identity.public_keys().iter().map(jwk).collect();
    HttpResponse::Ok()
        .insert_header(CacheControl(vec![CacheDirective::Public, CacheDirective::MaxAge(300)]))
        .json(json!({ "keys": keys }))
}

fn answer(session: &Session) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(session)
}
