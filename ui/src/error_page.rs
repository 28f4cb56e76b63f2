//! What goes wrong, told to a person: what happened, that nothing is lost, and what to do next.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderValue},
    },
};
use askama::Template;
use tenancy::{Code, Problem, http::ErrorPage, ids::RequestId};

use crate::{Page, cookies::encoded};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorTemplate {
    page: Page,
    title: &'static str,
    text: &'static str,
    request: String,
    home: &'static str,
    to_home: String,
    /// For what passes by itself.
    comes_back: bool,
}

/// Where somebody signs in who has to.
#[derive(Debug, Clone, Copy)]
pub struct SignIn {
    /// The page, which is told where to go on.
    pub path: &'static str,
    /// Where a person begins.
    pub home: &'static str,
}

/// Tells problems by a page. Whoever is not signed in is sent to do so; a form goes along, and is sent on afterwards.
#[must_use]
pub fn error_page(sign_in: SignIn) -> ErrorPage {
    ErrorPage::new(move |request, problem, id| tell(sign_in, request, problem, id))
}

/// Tells by a page that nothing is at an address, where a person looks for it: whoever asks for no page gets none, nor
/// does anybody below `/api`.
#[must_use]
pub fn nowhere_page() -> ErrorPage {
    ErrorPage::new(|request, problem, id| {
        if problem.code() != Code::NotFound {
            return problem.response(Some(id));
        }
        let accepted = request.headers().get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
        let is_looked_at = accepted.is_some_and(|accepted| accepted.contains("text/html"));
        if !is_looked_at || request.path().starts_with("/api/") {
            let mut response = problem.response(Some(id));
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
            return response;
        }
        tell(SignIn { path: "/login", home: "/" }, request, problem, id)
    })
}

fn tell(sign_in: SignIn, request: &HttpRequest, problem: &Problem, id: RequestId) -> HttpResponse {
    let Ok(page) = Page::of(request) else { return problem.response(Some(id)) };
    if problem.code() == Code::Unauthorized && request.path() != sign_in.path {
        let here = request.uri().path_and_query().map_or("/", |here| here.as_str());
        let to = format!("{}?next={}", sign_in.path, encoded(here));
        if *request.method() == Method::GET {
            return page.see_other(&to);
        }
        // The browser sends the form there as well, and from there back to here (RFC 9110, 15.4.8).
        return HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, to)).finish();
    }
    let (title, text) = page.problem(problem.code());
    let is_of_workspace = matches!(
        problem.code(),
        Code::TenantInactive | Code::TenantAccessDenied | Code::TenantRequired | Code::TenantMismatch
    );
    let (home, to_home) = if is_of_workspace { ("/account", "workspaces") } else { (sign_in.home, "go-home") };
    let template = ErrorTemplate {
        title,
        text,
        request: id.to_string(),
        home,
        to_home: page.t(to_home).to_owned(),
        // A form that was not taken is sent again by whoever sent it: the browser would ask for its address instead.
        comes_back: *request.method() == Method::GET
            && matches!(problem.code(), Code::TenantUpgrading | Code::Unavailable),
        page: page.clone(),
    };
    let mut response = page.answer(problem.code().status(), &template);
    if let Some(after) = problem.response(None).headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    response
}
