//! Where the link in the mail leads.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::Problem;
use ui::Page;

use crate::{audit::Origin, signup::Signup};

#[derive(Deserialize)]
pub(super) struct VerifyLink {
    slug: Option<String>,
    token: Option<String>,
}

#[derive(Template)]
#[template(path = "signup/verify.html")]
struct VerifyTemplate {
    page: Page,
    is_verified: bool,
}

/// Where the link in the mail leads.
pub(super) async fn show(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    link: Query<VerifyLink>,
) -> Result<HttpResponse, Problem> {
    let (slug, token) = (link.slug.as_deref().unwrap_or_default(), link.token.as_deref().unwrap_or_default());
    let verified = signup.verify(slug, token, &Origin::of(&http)).await.map_err(Problem::from);
    match verified {
        Ok(()) => Ok(page.ok(&VerifyTemplate { is_verified: true, page: page.clone() })),
        Err(problem) if problem.code().status().is_client_error() => {
            Ok(page.answer(problem.code().status(), &VerifyTemplate { is_verified: false, page: page.clone() }))
        }
        Err(problem) => Err(problem),
    }
}
