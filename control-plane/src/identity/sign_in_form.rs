//! The form with which somebody signs in: to a workspace, or to the console of those who run the platform.

use actix_web::{HttpRequest, cookie::Cookie};
use askama::Template;
use secrecy::SecretString;
use tenancy::{Code, Problem};
use ui::{Field, Form, Kind, LANGUAGE, LocalPath, Page};

use super::BrowserSession;

/// The form as a page shows it.
#[derive(Template)]
#[template(path = "identity/sign-in.html")]
pub(crate) struct SignInForm {
    page: Page,
    action: &'static str,
    next: String,
    problem: Option<String>,
    email: Field,
    password: Field,
    /// Whether somebody can help themselves to another password.
    is_forgetful: bool,
}

impl SignInForm {
    /// A form that is sent to `action`, and leads on to `next`.
    pub(crate) fn new(page: &Page, action: &'static str, next: &LocalPath, email: &str) -> Self {
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
            action,
            next: next.as_str().to_owned(),
            problem: None,
            is_forgetful: false,
            page: page.clone(),
        }
    }

    /// With the way to another password.
    pub(crate) fn with_help(mut self) -> Self {
        self.is_forgetful = true;
        self
    }

    /// Says why nobody was let in.
    ///
    /// # Errors
    /// The problem, where it is no matter of the form.
    pub(crate) fn refused(mut self, problem: &Problem) -> Result<Self, Problem> {
        let told = match problem.code() {
            Code::Unauthorized => "login-wrong",
            Code::Forbidden => "login-suspended",
            Code::RateLimited => "login-too-many",
            _ => return Err(problem.clone()),
        };
        self.problem = Some(self.page.t(told).to_owned());
        Ok(self)
    }
}

/// The address and the password that were sent.
pub(crate) fn sent(form: &Form) -> (&str, SecretString) {
    let password = form.get("password").unwrap_or_default().to_owned();
    (form.filled("email").unwrap_or_default(), SecretString::from(password))
}

/// The language that somebody has chosen, for a browser in which nobody has.
pub(crate) fn language(page: &Page, http: &HttpRequest, session: &BrowserSession) -> Option<Cookie<'static>> {
    let language = session.language.filter(|_| http.cookie(LANGUAGE).is_none());
    language.map(|language| page.cookies().language(language))
}
