//! `/admin/login`: whoever runs the platform signs in here, apart from any sign-in to a workspace.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use secrecy::SecretString;
use serde::Deserialize;
use tenancy::{Code, Problem};
use ui::{Field, Form, Kind, LANGUAGE, LocalPath, Page, encoded};

use super::next_path;
use crate::{
    audit::Origin,
    identity::{Identity, OPERATOR},
};

/// Where the cookie is sent.
const PATH: &str = "/admin";
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
    next: String,
    problem: Option<String>,
    email: Field,
    password: Field,
}

impl LoginTemplate {
    fn new(page: &Page, next: &LocalPath, email: &str, problem: Option<String>) -> Self {
        Self {
            email: Field::new("email", page.t("field-email"), Kind::Email)
                .value(email)
                .required()
                .wide()
                .autocomplete("username"),
            password: Field::new("password", page.t("password"), Kind::Password)
                .required()
                .wide()
                .autocomplete("current-password"),
            next: next.as_str().to_owned(),
            problem,
            page: page.clone(),
        }
    }
}

pub(super) async fn login(page: Page, next: Query<Next>) -> HttpResponse {
    page.ok(&LoginTemplate::new(&page, &next_path(next.next.as_deref()), "", None))
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
    let email = form.filled("email").unwrap_or_default();
    let password = SecretString::from(form.get("password").unwrap_or_default().to_owned());
    match identity.sign_in_operator(email, password, &Origin::of(&http)).await {
        Ok(session) => {
            let language = session.language.filter(|_| http.cookie(LANGUAGE).is_none());
            let mut cookies = vec![page.cookies().keep_strictly(OPERATOR, session.token, PATH, KEPT)];
            cookies.extend(language.map(|language| page.cookies().language(language)));
            Ok(page.see_other_with(next.as_str(), cookies))
        }
        Err(error) => {
            let problem = Problem::from(error);
            let told = match problem.code() {
                Code::Unauthorized => page.t("login-wrong"),
                Code::Forbidden => page.t("login-suspended"),
                Code::RateLimited => page.t("login-too-many"),
                _ => return Err(problem),
            };
            let template = LoginTemplate::new(&page, &next, email, Some(told.to_owned()));
            Ok(page.answer(problem.code().status(), &template))
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
