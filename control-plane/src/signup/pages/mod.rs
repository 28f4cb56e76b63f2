//! `/signup`: the wizard, a page a step; and `/verify`, where the link of a mail leads.

mod account;
mod company;
mod making;
mod package;
mod verify;

use std::collections::BTreeMap;

use actix_web::{http::Method, web};
use askama::Template;
use tenancy::{
    Problem, TenantSlug,
    http::{Access, Route},
};
use ui::{Field, Form, Page, Step};

use super::{Signup, draft::Draft};

/// The pages of this capability.
#[must_use]
pub fn pages() -> Vec<Route> {
    let public = Access::Public;
    vec![
        Route::page(Method::GET, "/signup", public, || web::to(company::show)),
        Route::page(Method::POST, "/signup", public, || web::to(company::take)),
        Route::page(Method::GET, "/signup/slug", public, || web::to(company::tell_slug)),
        Route::page(Method::GET, "/signup/package", public, || web::to(package::show)),
        Route::page(Method::POST, "/signup/package", public, || web::to(package::take)),
        Route::page(Method::GET, "/signup/account", public, || web::to(account::show)),
        Route::page(Method::POST, "/signup/account", public, || web::to(account::take)),
        Route::page(Method::GET, "/signup/payment", public, || web::to(making::show)),
        Route::page(Method::POST, "/signup/payment", public, || web::to(making::make)),
        Route::page(Method::GET, "/signup/done", public, || web::to(making::done)),
        Route::page(Method::GET, "/signup/done/events", public, || web::to(making::done_events)),
        Route::page(Method::GET, "/verify", public, || web::to(verify::show)),
        Route::page(Method::POST, "/verify", public, || web::to(verify::prove)),
        Route::page(Method::POST, "/verify/again", Access::User, || web::to(verify::send_again)),
    ]
}

/// The steps of the wizard, with the fields of each.
const STEPS: [(&str, &str, &[&str]); 5] = [
    ("/signup", "signup-step-company", &["company_name", "slug"]),
    ("/signup/package", "signup-step-package", &["package_key", "billing_cycle"]),
    ("/signup/account", "signup-step-account", &["owner_name", "owner_email", "password"]),
    ("/signup/payment", "signup-step-payment", &[]),
    ("/signup/done", "signup-step-done", &[]),
];

fn steps(page: &Page, current: usize) -> Vec<Step> {
    let step = |(place, (_, name, _)): (usize, &(&str, &str, &[&str]))| Step {
        number: place + 1,
        name: page.t(name).to_owned(),
        is_done: place < current,
        is_current: place == current,
    };
    STEPS.iter().enumerate().map(step).collect()
}

/// Whether a step is left backwards: what was typed is kept then, and not yet looked at.
fn goes_back(form: &Form) -> bool {
    form.get("back").is_some()
}

type Wrong = BTreeMap<String, Vec<String>>;

/// What is wrong with the fields of one step.
async fn wrong_in(signup: &Signup, draft: &Draft, step: usize) -> Result<Wrong, Problem> {
    let mut wrong = signup.check(draft.body()).await?;
    wrong.retain(|field, _| STEPS[step].2.contains(&field.as_str()));
    // An empty slug is made from the name.
    if step == 0
        && !wrong.contains_key("slug")
        && let Ok(slug) = TenantSlug::parse(&draft.slug)
        && !signup.is_free(&slug).await?
    {
        wrong.insert("slug".to_owned(), vec!["is taken".to_owned()]);
    }
    Ok(wrong)
}

/// The first step that is not filled in rightly, up to this one: who comes too early is sent there.
async fn missing_before(signup: &Signup, draft: &Draft, step: usize) -> Result<Option<&'static str>, Problem> {
    let mut wrong = signup.check(draft.body()).await?;
    // The one that is usual is for those who sign up without a wizard.
    if draft.package.is_empty() {
        wrong.entry("package_key".to_owned()).or_default();
    }
    let is_missing = |(_, _, fields): &&(&str, &str, &[&str])| fields.iter().any(|field| wrong.contains_key(*field));
    Ok(STEPS[..step].iter().find(is_missing).map(|(path, _, _)| *path))
}

#[derive(Template)]
#[template(path = "signup/fields.html")]
struct FieldsTemplate {
    page: Page,
    steps: Vec<Step>,
    action: &'static str,
    has_back: bool,
    title: String,
    lead: String,
    wrong: usize,
    fields: Vec<Field>,
    slug_url: Option<&'static str>,
    strength: bool,
}
