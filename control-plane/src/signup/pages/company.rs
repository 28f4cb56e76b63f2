//! The first step: the company, and the address of its workspace.

use std::net::Ipv4Addr;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use serde::Deserialize;
use serde_json::json;
use tenancy::{Problem, TenantSlug};
use ui::{Field, Form, Kind, Page};

use super::{FieldsTemplate, Wrong, steps, wrong_in};
use crate::signup::{Signup, draft::Draft};

pub(super) fn page_of(page: &Page, http: &HttpRequest, draft: &Draft, wrong: &Wrong) -> FieldsTemplate {
    let host = http.connection_info().host().to_owned();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    // A number has no names below it.
    let below =
        if name.parse::<Ipv4Addr>().is_ok() || name.starts_with('[') { String::new() } else { format!(".{name}") };
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
        back: None,
        title: page.t("signup-company-title").to_owned(),
        lead: page.t("signup-company-lead").to_owned(),
        wrong: wrong.len(),
        fields: vec![name, slug],
        slug_url: Some("/signup/slug"),
        strength: false,
        page: page.clone(),
    }
}

pub(super) async fn show(page: Page, http: HttpRequest) -> HttpResponse {
    let draft = Draft::of(&http, &page);
    page.ok(&page_of(&page, &http, &draft, &Wrong::new()))
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
        return Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &page_of(&page, &http, &draft, &wrong)));
    }
    Ok(page.see_other_with("/signup/package", [draft.cookie(&page)?]))
}

#[derive(Deserialize)]
pub(super) struct SlugQuery {
    name: Option<String>,
    slug: Option<String>,
}

/// A slug for a name, or whether one can be had: for the page, while somebody types.
pub(super) async fn tell_slug(
    page: Page,
    signup: Data<Signup>,
    query: Query<SlugQuery>,
) -> Result<HttpResponse, Problem> {
    let (slug, wrong) = match (&query.name, &query.slug) {
        (Some(name), _) if !name.trim().is_empty() => (signup.suggest(name).await?.to_string(), None),
        (_, Some(slug)) => match TenantSlug::parse(slug) {
            Ok(parsed) if signup.is_free(&parsed).await? => (slug.clone(), None),
            Ok(_) => (slug.clone(), Some(page.refusal("is taken"))),
            Err(error) => (slug.clone(), Some(page.refusal(&error.to_string()))),
        },
        _ => return Ok(HttpResponse::Ok().json(json!({ "slug": "", "free": false, "message": "" }))),
    };
    let message = wrong.clone().unwrap_or_else(|| page.t("signup-slug-free").to_owned());
    Ok(HttpResponse::Ok().json(json!({ "slug": slug, "free": wrong.is_none(), "message": message })))
}
