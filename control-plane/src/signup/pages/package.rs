//! The second step: what is to be paid for, one day.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::Problem;
use ui::{Form, Page, Step};

use super::{goes_back, missing_before, steps, wrong_in};
use crate::{
    packages::Packages,
    signup::{
        Signup,
        draft::Draft,
        offer::{Offer, offers},
    },
};

#[derive(Deserialize)]
pub(super) struct PackageQuery {
    product: Option<String>,
}

#[derive(Template)]
#[template(path = "signup/package.html")]
struct PackageTemplate {
    page: Page,
    steps: Vec<Step>,
    problem: Option<String>,
    offers: Vec<Offer>,
    shown: Offer,
    chosen: String,
    is_yearly: bool,
}

async fn page_of(
    page: &Page,
    packages: &Packages,
    draft: &Draft,
    product: Option<&str>,
    problem: Option<String>,
) -> Result<PackageTemplate, Problem> {
    let offers = offers(page, packages.offered().await?);
    let shown = offers
        .iter()
        .find(|offer| Some(offer.key.as_str()) == product)
        .or_else(|| offers.iter().find(|offer| offer.has(&draft.package)))
        .or_else(|| offers.first())
        .cloned()
        .ok_or_else(|| Problem::internal("no package is offered"))?;
    let chosen = if shown.has(&draft.package) { draft.package.clone() } else { shown.recommended() };
    Ok(PackageTemplate {
        steps: steps(page, 1),
        problem,
        offers,
        shown,
        chosen,
        is_yearly: draft.cycle == "yearly",
        page: page.clone(),
    })
}

pub(super) async fn show(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    packages: Data<Packages>,
    query: Query<PackageQuery>,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::of(&http, &page);
    if let Some(step) = missing_before(&signup, &draft, 1).await? {
        return Ok(page.see_other(step));
    }
    Ok(page.ok(&page_of(&page, &packages, &draft, query.product.as_deref(), None).await?))
}

pub(super) async fn take(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    packages: Data<Packages>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let mut draft = Draft::of(&http, &page);
    draft.package = Draft::typed(&form, "package_key");
    draft.cycle = form.filled("billing_cycle").filter(|cycle| *cycle == "yearly").unwrap_or("monthly").to_owned();
    if goes_back(&form) {
        return Ok(page.see_other_with("/signup", [draft.cookie(&page)?]));
    }
    // What has no price for a year is shown with that of a month, and is paid so.
    let package = packages.find(&draft.package).await?;
    if package.is_some_and(|package| package.price_yearly.is_none()) {
        draft.cycle = "monthly".to_owned();
    }
    let mut wrong = wrong_in(&signup, &draft, 1).await?;
    if draft.package.is_empty() {
        wrong.insert("package_key".to_owned(), vec!["there is no such package".to_owned()]);
    }
    if let Some(first) = wrong.values().flatten().next() {
        let problem = Some(page.refusal(first));
        let template = page_of(&page, &packages, &draft, form.get("product"), problem).await?;
        return Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &template));
    }
    Ok(page.see_other_with("/signup/account", [draft.cookie(&page)?]))
}
