//! Where the link in the mail leads. Looking at it proves nothing yet: programs that examine mails open links, too.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::Problem;
use ui::{Form, Page};

use crate::{
    audit::Origin,
    identity::{Caller, Identity},
    signup::Signup,
};

#[derive(Deserialize)]
pub(super) struct VerifyLink {
    slug: Option<String>,
    token: Option<String>,
}

enum State {
    /// The button is to be pressed.
    Asked {
        slug: String,
        token: String,
    },
    Proven,
    /// The link is not good any more.
    Over,
}

#[derive(Template)]
#[template(path = "signup/verify.html")]
struct VerifyTemplate {
    page: Page,
    state: State,
}

pub(super) async fn show(page: Page, link: Query<VerifyLink>) -> HttpResponse {
    let VerifyLink { slug, token } = link.into_inner();
    match (slug, token) {
        (Some(slug), Some(token)) => {
            page.ok(&VerifyTemplate { state: State::Asked { slug, token }, page: page.clone() })
        }
        _ => page.answer(StatusCode::UNPROCESSABLE_ENTITY, &VerifyTemplate { state: State::Over, page: page.clone() }),
    }
}

pub(super) async fn prove(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (slug, token) = (form.get("slug").unwrap_or_default(), form.get("token").unwrap_or_default());
    match signup.verify(slug, token, &Origin::of(&http)).await.map_err(Problem::from) {
        Ok(()) => Ok(page.ok(&VerifyTemplate { state: State::Proven, page: page.clone() })),
        Err(problem) if problem.code().status().is_client_error() => {
            Ok(page.answer(problem.code().status(), &VerifyTemplate { state: State::Over, page: page.clone() }))
        }
        Err(problem) => Err(problem),
    }
}

/// Sends the mail once more to whoever is signed in.
pub(super) async fn send_again(
    page: Page,
    caller: Caller,
    identity: Data<Identity>,
    _: Form,
) -> Result<HttpResponse, Problem> {
    let tenant = caller.tenant().map(|tenant| tenant.tenant_id);
    identity.mail_verification(caller.user(), tenant).await?;
    Ok(page.see_other("/account?done=verify-mailed"))
}
