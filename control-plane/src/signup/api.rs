//! `/api/onboarding/…`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{ACCEPT_LANGUAGE, CACHE_CONTROL, LOCATION, RETRY_AFTER},
    },
    web::{self, Data, Json, Path, Query},
};
use serde::Deserialize;
use serde_json::json;
use tenancy::{
    Language, Problem, TenantStatus,
    fields::FieldErrors,
    http::{Access, Route, bearer},
};

use super::{CompanyBody, IdempotencyKey, Signup, SignupBody, description};
use crate::audit::Origin;

/// The routes of this capability. Those of one tenant ask for a token themselves: the wizard has one before anybody
/// signed in.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/onboarding/signup", Access::Public, description::sign_up(), || web::to(sign_up)),
        Route::new(Method::GET, "/api/onboarding/{slug}/status", Access::Onboarding, description::status(), || {
            web::to(status)
        }),
        Route::new(Method::POST, "/api/onboarding/{slug}/verify", Access::Public, description::verify(), || {
            web::to(verify)
        }),
        Route::new(
            Method::POST,
            "/api/onboarding/{slug}/complete",
            Access::Onboarding,
            description::complete(),
            || web::to(complete),
        ),
    ]
}

async fn sign_up(http: HttpRequest, signup: Data<Signup>, body: Json<SignupBody>) -> Result<HttpResponse, Problem> {
    let key = http.headers().get("Idempotency-Key").map(|value| IdempotencyKey::parse(value.as_bytes()));
    let key = key.transpose()?;
    let accepted = http.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = Language::of_header(accepted).unwrap_or(Language::Turkish);
    let made = signup.sign_up(body.into_inner(), key.as_ref(), language, &Origin::of(&http)).await?;
    let mut response = if made.tenant.status == TenantStatus::Provisioning {
        let mut accepted = HttpResponse::Accepted();
        let place = format!("/api/onboarding/{}/status", made.tenant.slug);
        accepted.insert_header((LOCATION, place)).insert_header((RETRY_AFTER, "1"));
        accepted
    } else {
        HttpResponse::Created()
    };
    Ok(response.insert_header((CACHE_CONTROL, "no-store")).json(made))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusQuery {
    token: Option<String>,
}

async fn status(
    http: HttpRequest,
    signup: Data<Signup>,
    slug: Path<String>,
    query: Query<StatusQuery>,
) -> Result<HttpResponse, Problem> {
    let (tenant, steps) = signup.status(&slug, bearer(&http).or(query.token.as_deref())).await?;
    let steps: Vec<_> = steps
        .iter()
        .map(|step| {
            let state = if step.finished_at.is_some() { "done" } else { "doing" };
            json!({
                "step": step.step,
                "state": state,
                "started_at": step.started_at,
                "finished_at": step.finished_at,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "tenant": tenant, "steps": steps })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    token: String,
}

async fn verify(
    http: HttpRequest,
    signup: Data<Signup>,
    slug: Path<String>,
    body: Json<Verify>,
) -> Result<HttpResponse, Problem> {
    signup.verify(&slug, &body.token, &Origin::of(&http)).await?;
    Ok(HttpResponse::Ok().json(json!({ "verified": true })))
}

async fn complete(
    http: HttpRequest,
    signup: Data<Signup>,
    slug: Path<String>,
    body: Json<CompanyBody>,
) -> Result<HttpResponse, Problem> {
    // Who may comes first: nobody else learns what the fields should be.
    let admitted = signup.admit(&slug, bearer(&http).or(body.onboarding_token.as_deref())).await?;
    let mut errors = FieldErrors::default();
    let company = body.parse(&mut errors);
    errors.finish()?;
    let tenant = signup.complete(&admitted, &company, &Origin::of(&http)).await?;
    Ok(HttpResponse::Ok().json(json!({ "tenant": tenant })))
}
