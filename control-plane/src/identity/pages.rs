//! `/login`, `/session`, `/password`, `/language`: the pages of signing in.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::Cookie,
    http::{Method, StatusCode, header},
    web::{self, Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::{
    Code, EmailAddress, Language, Problem,
    fields::FieldErrors,
    http::{Access, Route},
};
use ui::{ACCESS, Field, Form, Kind, LocalPath, Page};

use super::{
    BrowserSession, Identity,
    sign_in_form::{SignInForm, language, sent},
};
use crate::audit::Origin;

/// The cookie with the token of a browser's sign-in; it is sent to `/session` alone.
const SESSION: &str = "tenantry_session";
/// Where it is sent.
const SESSION_PATH: &str = "/session";
/// How long the cookies of a sign-in are kept, in seconds: as long as its token.
const KEPT: i64 = 30 * 24 * 3600;
/// Where somebody works who is signed in.
const HOME: &str = "/app";

/// The pages of this capability.
#[must_use]
pub fn pages() -> Vec<Route> {
    let public = Access::Public;
    vec![
        Route::page(Method::GET, "/", public, || web::to(home)),
        Route::page(Method::GET, "/login", public, || web::to(login)),
        Route::page(Method::POST, "/login", public, || web::to(sign_in)),
        Route::page(Method::GET, SESSION_PATH, public, || web::to(session)),
        Route::page(Method::POST, SESSION_PATH, public, || web::to(session)),
        Route::page(Method::POST, "/session/end", Access::User, || web::to(sign_out)),
        Route::page(Method::GET, "/language/{code}", public, || web::to(choose_language)),
        Route::page(Method::GET, "/password", public, || web::to(password)),
        Route::page(Method::POST, "/password", public, || web::to(set_password)),
        Route::page(Method::GET, "/password/forgot", public, || web::to(forgot)),
        Route::page(Method::POST, "/password/forgot", public, || web::to(send_reset)),
    ]
}

#[derive(Deserialize)]
struct Next {
    next: Option<String>,
    tenant: Option<String>,
}

impl Next {
    fn path(&self) -> LocalPath {
        LocalPath::parse(self.next.as_deref(), HOME)
    }

    /// Where somebody goes who has to sign in first: by the tenant that was named, where one was.
    fn whole(&self) -> LocalPath {
        let Some(tenant) = &self.tenant else { return self.path() };
        let next = ui::encoded(self.path().as_str());
        LocalPath::parse(Some(&format!("{SESSION_PATH}?tenant={}&next={next}", ui::encoded(tenant))), HOME)
    }
}

#[derive(Template)]
#[template(path = "identity/login.html")]
struct LoginTemplate {
    page: Page,
    form: SignInForm,
}

impl LoginTemplate {
    fn form(page: &Page, next: &LocalPath, email: &str) -> SignInForm {
        SignInForm::new(page, "/login", next, email).with_help()
    }
}

async fn home(page: Page) -> HttpResponse {
    page.see_other(HOME)
}

async fn login(page: Page, next: Query<Next>) -> HttpResponse {
    let form = LoginTemplate::form(&page, &next.path(), "");
    page.ok(&LoginTemplate { form, page: page.clone() })
}

async fn sign_in(page: Page, http: HttpRequest, identity: Data<Identity>, form: Form) -> Result<HttpResponse, Problem> {
    let next = LocalPath::parse(form.get("next"), HOME);
    let (email, password) = sent(&form);
    match identity.sign_in_browser(email, password, &Origin::of(&http)).await {
        Ok(session) => {
            let cookies = signed_in(&page, &session).into_iter().chain(language(&page, &http, &session));
            Ok(page.see_other_with(&to_session(&next), cookies))
        }
        Err(error) => {
            let problem = Problem::from(error);
            let form = LoginTemplate::form(&page, &next, email).refused(&problem)?;
            Ok(page.answer(problem.code().status(), &LoginTemplate { form, page: page.clone() }))
        }
    }
}

/// The cookies of a browser that is signed in from now on. What an earlier sign-in left there is taken away.
#[must_use]
pub fn signed_in(page: &Page, session: &BrowserSession) -> Vec<Cookie<'static>> {
    let cookies = page.cookies();
    vec![cookies.keep(SESSION, session.token.clone(), SESSION_PATH, KEPT), cookies.forget(ACCESS, "/")]
}

fn to_session(next: &LocalPath) -> String {
    format!("{SESSION_PATH}?next={}", ui::encoded(next.as_str()))
}

/// Gives the browser a new access token and sends it on; with the form that it came with, if it did (RFC 9110, 15.4.8).
async fn session(
    page: Page,
    http: HttpRequest,
    identity: Data<Identity>,
    query: Query<Next>,
) -> Result<HttpResponse, Problem> {
    let next = query.path();
    let token = http.cookie(SESSION).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
    match identity.browser_access(&token, query.tenant.as_deref(), &Origin::of(&http)).await {
        Ok(access) => {
            let cookie = page.cookies().keep(ACCESS, access.access_token, "/", KEPT);
            if *http.method() == Method::GET {
                return Ok(page.see_other_with(next.as_str(), [cookie]));
            }
            Ok(HttpResponse::TemporaryRedirect()
                .insert_header((header::LOCATION, next.as_str()))
                .cookie(cookie)
                .finish())
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.code() != Code::Unauthorized {
                return Err(problem);
            }
            // What a form had is lost only here: nobody is signed in any more.
            let back = if *http.method() == Method::GET { query.whole() } else { LocalPath::parse(None, HOME) };
            let login = format!("/login?next={}", ui::encoded(back.as_str()));
            // A form that another site sent comes without our cookies (SameSite), which says nothing of the sign-in.
            if http.cookie(SESSION).is_none() {
                return Ok(page.see_other(&login));
            }
            Ok(page.see_other_with(&login, forgotten(&page)))
        }
    }
}

fn forgotten(page: &Page) -> [Cookie<'static>; 2] {
    [page.cookies().forget(SESSION, SESSION_PATH), page.cookies().forget(ACCESS, "/")]
}

async fn sign_out(page: Page, http: HttpRequest, identity: Data<Identity>, _: Form) -> Result<HttpResponse, Problem> {
    if let Some(token) = http.cookie(SESSION) {
        identity.leave_browser(token.value(), &Origin::of(&http)).await?;
    }
    Ok(page.see_other_with("/login?done=signed-out", forgotten(&page)))
}

async fn choose_language(page: Page, code: Path<String>, next: Query<Next>) -> Result<HttpResponse, Problem> {
    let language: Language = code.parse().map_err(|_| Problem::not_found("language"))?;
    let to = LocalPath::parse(next.next.as_deref(), "/");
    Ok(page.see_other_with(to.as_str(), [page.cookies().language(language)]))
}

#[derive(Deserialize)]
struct Mailed {
    token: Option<String>,
}

#[derive(Template)]
#[template(path = "identity/password.html")]
struct PasswordTemplate {
    page: Page,
    token: String,
    problem: Option<String>,
    password: Field,
}

impl PasswordTemplate {
    fn new(page: &Page, token: &str) -> Self {
        let password = Field::new("password", page.t("new-password"), Kind::Password)
            .required()
            .wide()
            .hint(page.t("password-hint"))
            .autocomplete("new-password");
        Self { page: page.clone(), token: token.to_owned(), problem: None, password }
    }
}

async fn password(page: Page, mailed: Query<Mailed>) -> HttpResponse {
    page.ok(&PasswordTemplate::new(&page, mailed.token.as_deref().unwrap_or_default()))
}

async fn set_password(
    page: Page,
    http: HttpRequest,
    identity: Data<Identity>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let token = form.get("token").unwrap_or_default();
    let password = form.get("password").unwrap_or_default().to_owned();
    let problem = match identity.set_password(token, password, &Origin::of(&http)).await {
        Ok(_) => return Ok(page.see_other("/login?done=password")),
        Err(error) => Problem::from(error),
    };
    let mut template = PasswordTemplate::new(&page, token);
    match problem.code() {
        Code::ValidationFailed if problem.errors().contains_key("password") => {
            template.password = template.password.errors(&page.speech, problem.errors().get("password"));
        }
        Code::ValidationFailed => template.problem = Some(page.t("password-link-over").to_owned()),
        _ => return Err(problem),
    }
    Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &template))
}

#[derive(Template)]
#[template(path = "identity/forgot.html")]
struct ForgotTemplate {
    page: Page,
    email: Field,
}

impl ForgotTemplate {
    fn new(page: &Page) -> Self {
        let email = Field::new("email", page.t("field-email"), Kind::Email).required().wide().autocomplete("username");
        Self { page: page.clone(), email }
    }
}

async fn forgot(page: Page) -> HttpResponse {
    page.ok(&ForgotTemplate::new(&page))
}

async fn send_reset(
    page: Page,
    http: HttpRequest,
    identity: Data<Identity>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let mut errors = FieldErrors::default();
    let given = form.filled("email").unwrap_or_default();
    let Some(email) = errors.take("email", EmailAddress::parse(given)) else {
        let problem = errors.problem();
        let mut template = ForgotTemplate::new(&page);
        template.email = template.email.value(given).errors(&page.speech, problem.errors().get("email"));
        return Ok(page.answer(problem.code().status(), &template));
    };
    identity.forgot_password(&email, &Origin::of(&http)).await?;
    Ok(page.see_other("/login?done=mailed"))
}
