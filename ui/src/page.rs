//! A page on its way to a browser: who looks at it, in which language, and what is sent beside it.

use std::{
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse,
    cookie::Cookie,
    dev::Payload,
    http::{Method, StatusCode, header},
    web::Data,
};
use askama::Template;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tenancy::{Language, Problem};

use crate::{
    Site, Speech, Tone, asset,
    cookies::{Cookies, LANGUAGE, LocalPath, VISITOR, encoded},
    form::{FormOwner, comes_from_elsewhere},
};

/// A notice after something was done.
#[derive(Debug, Clone)]
pub struct Flash {
    /// How it is meant.
    pub tone: Tone,
    /// What it says.
    pub text: String,
}

/// What every template is given. Handlers take it as an argument.
#[derive(Clone)]
pub struct Page {
    /// How it speaks.
    pub speech: Speech,
    /// The path that was asked for.
    pub path: String,
    /// What forms on it carry.
    pub form_token: String,
    /// What was done just before.
    pub flash: Option<Flash>,
    here: String,
    site: Site,
    /// A browser that was not here before.
    newcomer: Option<String>,
    is_signed_in: bool,
}

impl Deref for Page {
    type Target = Speech;
    fn deref(&self) -> &Speech {
        &self.speech
    }
}

impl Page {
    /// The page for a request.
    ///
    /// # Errors
    /// A fault of ours: pages are served without a [`Site`], or there is no randomness to be had.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let site = request.app_data::<Data<Site>>().ok_or_else(|| Problem::internal("a page without a site"))?;
        let site = site.get_ref().clone();
        let known = visitor(request);
        let newcomer = match known {
            Some(_) => None,
            None => {
                let mut bytes = [0_u8; 16];
                getrandom::fill(&mut bytes).map_err(Problem::internal)?;
                Some(URL_SAFE_NO_PAD.encode(bytes))
            }
        };
        let owner = request.extensions().get::<FormOwner>().map_or_else(String::new, |owner| owner.0.clone());
        let visitor = known.as_deref().or(newcomer.as_deref()).unwrap_or_default();
        let speech = Speech::new(language(request));
        let done = request.query_string().split('&').find_map(|pair| pair.strip_prefix("done="));
        // Only where we have led there ourselves: nobody else says what was done here.
        let flash =
            done.filter(|_| !comes_from_elsewhere(request)).and_then(|word| speech.find(&format!("done-{word}")));
        let flash = flash.map(|text| Flash { tone: Tone::Good, text: text.to_owned() });
        Ok(Self {
            is_signed_in: !owner.is_empty(),
            form_token: site.form_token(visitor, &owner),
            path: request.path().to_owned(),
            here: here(request),
            flash,
            speech,
            site,
            newcomer,
        })
    }

    /// The address of a file that pages use.
    #[must_use]
    pub fn asset(&self, name: &str) -> &'static str {
        asset(name)
    }

    /// The other language: its word, and what it calls itself.
    #[must_use]
    pub const fn other_language(&self) -> (&'static str, &'static str) {
        match self.speech.language {
            Language::Turkish => ("en", "English"),
            Language::English => ("tr", "Türkçe"),
        }
    }

    /// Where the page is shown in the other language.
    #[must_use]
    pub fn in_other_language(&self) -> String {
        let next = if self.here.is_empty() { "/" } else { &self.here };
        format!("/language/{}?next={}", self.other_language().0, encoded(next))
    }

    /// Makes cookies.
    #[must_use]
    pub const fn cookies(&self) -> Cookies<'_> {
        Cookies(&self.site)
    }

    /// What pages are made with.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Sends a template.
    #[must_use]
    pub fn ok(&self, template: &impl Template) -> HttpResponse {
        self.answer(StatusCode::OK, template)
    }

    /// Sends a template with a status.
    #[must_use]
    pub fn answer(&self, status: StatusCode, template: &impl Template) -> HttpResponse {
        let text = match template.render() {
            Ok(text) => text,
            Err(error) => return HttpResponse::from_error(Problem::internal(error)),
        };
        let mut response = HttpResponse::build(status);
        response
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_LANGUAGE, self.language.as_str()));
        self.dress(&mut response);
        response.body(text)
    }

    /// Sends somebody on to another page, after what they did was done.
    #[must_use]
    pub fn see_other(&self, location: &str) -> HttpResponse {
        self.see_other_with(location, [])
    }

    /// [`Page::see_other`] with cookies.
    #[must_use]
    pub fn see_other_with(&self, location: &str, cookies: impl IntoIterator<Item = Cookie<'static>>) -> HttpResponse {
        let mut response = HttpResponse::SeeOther();
        response.insert_header((header::LOCATION, location));
        self.dress(&mut response);
        for cookie in cookies {
            response.cookie(cookie);
        }
        response.finish()
    }

    fn dress(&self, response: &mut actix_web::HttpResponseBuilder) {
        guard(&self.site, self.is_signed_in, response);
        if let Some(newcomer) = &self.newcomer {
            response.cookie(self.cookies().keep(VISITOR, newcomer.clone(), "/", 365 * 24 * 3600));
        }
    }
}

impl FromRequest for Page {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// The address that shows this page: that of the page before, where a form led to it.
fn here(request: &HttpRequest) -> String {
    if *request.method() == Method::GET {
        return request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    }
    let before = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok());
    let path = before.and_then(|url| {
        let rest = url.split_once("://")?.1;
        rest.find('/').map(|at| &rest[at..])
    });
    LocalPath::parse(path, "/").as_str().to_owned()
}

/// The language that somebody chose, else the browser's, else that of the platform's home.
fn language(request: &HttpRequest) -> Language {
    let chosen = request.cookie(LANGUAGE).and_then(|cookie| cookie.value().parse().ok());
    let accepted = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    chosen.or_else(|| Language::of_header(accepted)).unwrap_or(Language::Turkish)
}

pub(crate) fn visitor(request: &HttpRequest) -> Option<String> {
    let known = request.cookie(VISITOR)?.value().to_owned();
    // What is not of our making is not used.
    URL_SAFE_NO_PAD.decode(&known).is_ok_and(|bytes| bytes.len() == 16).then_some(known)
}

/// Nothing from elsewhere, nothing inline, nothing kept by others.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What goes with every page (OWASP Secure Headers).
fn guard(site: &Site, is_signed_in: bool, response: &mut actix_web::HttpResponseBuilder) {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .insert_header(("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"))
        // Not kept by anything on the way; and what somebody saw who was signed in, not by the browser either, which would
        // show it again after they signed out.
        .insert_header((header::CACHE_CONTROL, if is_signed_in { "private, no-store" } else { "private, no-cache" }))
        .insert_header((header::VARY, "cookie, accept-language"));
    if site.is_secure() {
        response.insert_header((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"));
    }
}
