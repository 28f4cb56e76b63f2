//! The first step: the company, and the address of its workspace.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use serde::Deserialize;
use serde_json::json;
use tenancy::{Problem, TenantSlug};
use tokio::sync::Semaphore;
use ui::{Field, Form, Kind, Page};

use super::{FieldsTemplate, Wrong, steps, wrong_in};
use crate::signup::{Signup, draft::Draft};

pub(super) fn page_of(page: &Page, http: &HttpRequest, base: &str, draft: &Draft, wrong: &Wrong) -> FieldsTemplate {
    let host = http.connection_info().host().to_owned();
    let host = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    // Where the platform is reached by another name, or by a number, workspaces have no name of their own.
    let is_below = host.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let below = if is_below { format!(".{base}") } else { String::new() };
    let name = Field::new("company_name", page.t("signup-company-name"), Kind::Text)
        .value(&draft.company)
        .errors(&page.speech, wrong.get("company_name"))
        .required()
        .wide()
        .autocomplete("organization")
        .with("data-slug-source", "");
    let slug = Field::new("slug", page.t("signup-slug"), Kind::Text)
        .value(&draft.slug)
        .errors(&page.speech, wrong.get("slug"))
        .wide()
        .hint(page.t("signup-slug-hint"))
        .suffix(below)
        .autocomplete("off")
        .with("data-slug", "")
        .with("spellcheck", "false")
        .with("autocapitalize", "none");
    FieldsTemplate {
        steps: steps(page, 0),
        action: "/signup",
        has_back: false,
        title: page.t("signup-company-title").to_owned(),
        lead: page.t("signup-company-lead").to_owned(),
        wrong: wrong.len(),
        fields: vec![name, slug],
        slug_url: Some("/signup/slug"),
        strength: false,
        page: page.clone(),
    }
}

pub(super) async fn show(page: Page, http: HttpRequest, signup: Data<Signup>) -> HttpResponse {
    let draft = Draft::of(&http, &page);
    page.ok(&page_of(&page, &http, &signup.base_domain, &draft, &Wrong::new()))
}

pub(super) async fn take(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let mut draft = Draft::of(&http, &page);
    draft.company = form.get("company_name").unwrap_or_default().trim().to_owned();
    draft.slug = form.get("slug").unwrap_or_default().trim().to_owned();
    let wrong = wrong_in(&signup, &draft, 0).await?;
    if !wrong.is_empty() {
        return Ok(
            page.answer(StatusCode::UNPROCESSABLE_ENTITY, &page_of(&page, &http, &signup.base_domain, &draft, &wrong))
        );
    }
    Ok(page.see_other_with("/signup/package", [draft.cookie(&page)?]))
}

#[derive(Deserialize)]
pub(super) struct SlugQuery {
    name: Option<String>,
    slug: Option<String>,
}

/// How many of these questions are asked of the platform database at once, whoever asks them how often.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// A slug for a name, or whether one can be had: for the page, while somebody types.
pub(super) async fn tell_slug(
    page: Page,
    signup: Data<Signup>,
    query: Query<SlugQuery>,
) -> Result<HttpResponse, Problem> {
    let _turn = AT_ONCE.try_acquire().map_err(Problem::unavailable)?;
    let nothing = || HttpResponse::Ok().json(json!({ "slug": "", "free": false, "message": "" }));
    let (slug, wrong) = match (&query.name, &query.slug) {
        (Some(name), _) if !name.trim().is_empty() => match signup.suggest(name).await? {
            Some(slug) => (slug.to_string(), None),
            None => return Ok(nothing()),
        },
        (_, Some(slug)) => match TenantSlug::parse(slug) {
            Ok(parsed) if signup.is_free(&parsed).await? => (slug.clone(), None),
            Ok(_) => (slug.clone(), Some(page.refusal("is taken"))),
            Err(error) => (slug.clone(), Some(page.refusal(&error.to_string()))),
        },
        _ => return Ok(nothing()),
    };
    let message = wrong.clone().unwrap_or_else(|| page.t("signup-slug-free").to_owned());
    Ok(HttpResponse::Ok().json(json!({ "slug": slug, "free": wrong.is_none(), "message": message })))
}
