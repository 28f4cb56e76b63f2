//! `/admin/login`: whoever runs the platform signs in here, apart from any sign-in to a workspace.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::Problem;
use ui::{Form, Page, encoded};

use super::next_path;
use crate::{
    audit::Origin,
    identity::{
        Identity, OPERATOR,
        sign_in_form::{SignInForm, language, sent},
    },
};

/// Where the cookie is sent.
const PATH: &str = "/admin";
/// Where the form is sent.
const LOGIN: &str = "/admin/login";
/// How long it is kept, in seconds: as long as its token.
const KEPT: i64 = 12 * 3600;

#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginTemplate {
    page: Page,
    form: SignInForm,
}

pub(super) async fn login(page: Page, next: Query<Next>) -> HttpResponse {
    let form = SignInForm::new(&page, LOGIN, &next_path(next.next.as_deref()), "");
    page.ok(&LoginTemplate { form, page: page.clone() })
}

pub(super) async fn sign_in(
    page: Page,
    http: HttpRequest,
    identity: Data<Identity>,
    query: Query<Next>,
    form: Result<Form, Problem>,
) -> Result<HttpResponse, Problem> {
    // A form of another page, sent here because its sign-in was over: what it was for is looked at again first.
    if query.next.is_some() {
        return Ok(page.see_other(&format!("/admin/login?next={}", encoded(PATH))));
    }
    let form = form?;
    let next = next_path(form.get("next"));
    let (email, password) = sent(&form);
    match identity.sign_in_operator(email, password, &Origin::of(&http)).await {
        Ok(session) => {
            let language = language(&page, &http, &session);
            let cookie = page.cookies().keep_strictly(OPERATOR, session.token, PATH, KEPT);
            Ok(page.see_other_with(next.as_str(), [cookie].into_iter().chain(language)))
        }
        Err(error) => {
            let problem = Problem::from(error);
            let form = SignInForm::new(&page, LOGIN, &next, email).refused(&problem)?;
            Ok(page.answer(problem.code().status(), &LoginTemplate { form, page: page.clone() }))
        }
    }
}

pub(super) async fn sign_out(
    page: Page,
    http: HttpRequest,
    identity: Data<Identity>,
    _: Form,
) -> Result<HttpResponse, Problem> {
    if let Some(token) = http.cookie(OPERATOR) {
        identity.leave_browser(token.value(), &Origin::of(&http)).await?;
    }
    Ok(page.see_other_with("/admin/login?done=signed-out", [page.cookies().forget(OPERATOR, PATH)]))
}
