//! `/signup`: the wizard, a page a step; and `/verify`, where the link of a mail leads.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
    web::{self, Data, Query},
};
use askama::Template;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Deserialize;
use serde_json::json;
use tenancy::{
    Code, Problem, TenantSlug, TenantStatus,
    http::{Access, Route},
};
use ui::{Field, Form, Kind, Look, Page, Step, events};

use super::{
    IdempotencyKey, SignedUp, Signup,
    draft::{Draft, Made, forgotten},
    offer::{Offer, offers},
};
use crate::{
    audit::Origin,
    identity::{Identity, signed_in},
    packages::Packages,
    provisioning::saga::{self, Direction, Kind as Saga},
    tenants::StepView,
};

/// How long the last button waits for the workspace before the page shows how far it is.
const WAIT: Duration = Duration::from_millis(150);
/// Where somebody begins who has just signed up.
const WORKSPACE: &str = "/session?next=/app%3Fdone%3Dwelcome";

/// The pages of this capability.
#[must_use]
pub fn pages() -> Vec<Route> {
    let public = Access::Public;
    vec![
        Route::page(Method::GET, "/signup", public, || web::to(company)),
        Route::page(Method::POST, "/signup", public, || web::to(take_company)),
        Route::page(Method::GET, "/signup/slug", public, || web::to(slug)),
        Route::page(Method::GET, "/signup/package", public, || web::to(package)),
        Route::page(Method::POST, "/signup/package", public, || web::to(take_package)),
        Route::page(Method::GET, "/signup/account", public, || web::to(account)),
        Route::page(Method::POST, "/signup/account", public, || web::to(take_account)),
        Route::page(Method::GET, "/signup/payment", public, || web::to(payment)),
        Route::page(Method::POST, "/signup/payment", public, || web::to(make)),
        Route::page(Method::GET, "/signup/done", public, || web::to(done)),
        Route::page(Method::GET, "/signup/done/events", public, || web::to(done_events)),
        Route::page(Method::GET, "/verify", public, || web::to(verify)),
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
    back: Option<&'static str>,
    title: String,
    lead: String,
    wrong: usize,
    fields: Vec<Field>,
    slug_url: Option<&'static str>,
    strength: bool,
}

fn company_page(page: &Page, http: &HttpRequest, draft: &Draft, wrong: &Wrong) -> FieldsTemplate {
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

async fn company(page: Page, http: HttpRequest) -> HttpResponse {
    let draft = Draft::of(&http, &page);
    page.ok(&company_page(&page, &http, &draft, &Wrong::new()))
}

async fn take_company(
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
        return Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &company_page(&page, &http, &draft, &wrong)));
    }
    Ok(page.see_other_with("/signup/package", [draft.cookie(&page)?]))
}

#[derive(Deserialize)]
struct SlugQuery {
    name: Option<String>,
    slug: Option<String>,
}

/// A slug for a name, or whether one can be had: for the page, while somebody types.
async fn slug(page: Page, signup: Data<Signup>, query: Query<SlugQuery>) -> Result<HttpResponse, Problem> {
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

#[derive(Deserialize)]
struct PackageQuery {
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

async fn package_page(
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

async fn package(
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
    Ok(page.ok(&package_page(&page, &packages, &draft, query.product.as_deref(), None).await?))
}

async fn take_package(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    packages: Data<Packages>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let mut draft = Draft::of(&http, &page);
    draft.package = form.get("package_key").unwrap_or_default().to_owned();
    draft.cycle = form.get("billing_cycle").unwrap_or("monthly").to_owned();
    let mut wrong = wrong_in(&signup, &draft, 1).await?;
    if draft.package.is_empty() {
        wrong.insert("package_key".to_owned(), vec!["there is no such package".to_owned()]);
    }
    if let Some(first) = wrong.values().flatten().next() {
        let problem = Some(page.refusal(first));
        let template = package_page(&page, &packages, &draft, form.get("product"), problem).await?;
        return Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &template));
    }
    Ok(page.see_other_with("/signup/account", [draft.cookie(&page)?]))
}

fn account_page(page: &Page, draft: &Draft, wrong: &Wrong) -> FieldsTemplate {
    let name = Field::new("owner_name", page.t("signup-owner-name"), Kind::Text)
        .value(&draft.name)
        .errors(&page.speech, wrong.get("owner_name"))
        .required()
        .wide()
        .autocomplete("name");
    let email = Field::new("owner_email", page.t("field-email"), Kind::Email)
        .value(&draft.email)
        .errors(&page.speech, wrong.get("owner_email"))
        .required()
        .wide()
        .autocomplete("email");
    let hint = if draft.password.is_empty() { "password-hint" } else { "password-kept" };
    let mut password = Field::new("password", page.t("password"), Kind::Password)
        .errors(&page.speech, wrong.get("password"))
        .wide()
        .hint(page.t(hint))
        .autocomplete("new-password")
        .with("data-strength", "")
        .with("data-strength-meter", "strength-meter")
        .with("data-strength-text", "strength-text");
    if draft.password.is_empty() {
        password = password.required();
    }
    FieldsTemplate {
        steps: steps(page, 2),
        action: "/signup/account",
        back: Some("/signup/package"),
        title: page.t("signup-account-title").to_owned(),
        lead: page.t("signup-account-lead").to_owned(),
        wrong: wrong.len(),
        fields: vec![name, email, password],
        slug_url: None,
        strength: true,
        page: page.clone(),
    }
}

async fn account(page: Page, http: HttpRequest, signup: Data<Signup>) -> Result<HttpResponse, Problem> {
    let draft = Draft::of(&http, &page);
    match missing_before(&signup, &draft, 2).await? {
        Some(step) => Ok(page.see_other(step)),
        None => Ok(page.ok(&account_page(&page, &draft, &Wrong::new()))),
    }
}

async fn take_account(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let mut draft = Draft::of(&http, &page);
    draft.name = form.get("owner_name").unwrap_or_default().trim().to_owned();
    draft.email = form.get("owner_email").unwrap_or_default().trim().to_owned();
    // Left empty after going back: the one that was given before.
    if let Some(password) = form.get("password").filter(|password| !password.is_empty()) {
        draft.password = password.to_owned();
    }
    let wrong = wrong_in(&signup, &draft, 2).await?;
    if !wrong.is_empty() {
        let mut kept = Draft::of(&http, &page);
        if wrong.contains_key("password") {
            draft.password.clear();
        } else {
            // It is not asked for again; the rest stands in the fields.
            kept.password.clone_from(&draft.password);
        }
        let mut response = page.answer(StatusCode::UNPROCESSABLE_ENTITY, &account_page(&page, &draft, &wrong));
        response.add_cookie(&kept.cookie(&page)?).map_err(Problem::internal)?;
        return Ok(response);
    }
    Ok(page.see_other_with("/signup/payment", [draft.cookie(&page)?]))
}

#[derive(Template)]
#[template(path = "signup/payment.html")]
struct PaymentTemplate {
    page: Page,
    steps: Vec<Step>,
    company: String,
    email: String,
    package: String,
    price: String,
    trial_ends: String,
}

async fn payment(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    packages: Data<Packages>,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::of(&http, &page);
    if let Some(step) = missing_before(&signup, &draft, 3).await? {
        return Ok(page.see_other(step));
    }
    let package = packages.find(&draft.package).await?.ok_or_else(|| Problem::not_found("package"))?;
    let is_yearly = draft.cycle == "yearly";
    let amount = if is_yearly { package.price_yearly } else { package.price_monthly }.unwrap_or_default();
    let amount = page.money(&amount, &package.currency);
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let ends = now.checked_add(i64::from(signup.settings.trial_days).days()).unwrap_or(now).timestamp();
    Ok(page.ok(&PaymentTemplate {
        steps: steps(&page, 3),
        package: crate::packages::name_in(&package, page.language).to_owned(),
        price: page.t1(if is_yearly { "price-a-year" } else { "price-a-month" }, "price", amount),
        trial_ends: page.t1("signup-payment-lead", "date", page.day_of(&ends)),
        company: draft.company,
        email: draft.email,
        page: page.clone(),
    }))
}

/// The last button: makes the workspace, and leads into it.
async fn make(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    identity: Data<Identity>,
    _form: Form,
) -> Result<HttpResponse, Problem> {
    if let Some(made) = Made::of(&http, &page) {
        let (tenant, _) = signup.progress(made.tenant).await?;
        // Somebody went back while the workspace was in the making.
        if tenant.status == TenantStatus::Provisioning || tenant.status.is_served() {
            return Ok(page.see_other("/signup/done"));
        }
    }
    let mut draft = Draft::of(&http, &page);
    if let Some(step) = missing_before(&signup, &draft, 3).await? {
        return Ok(page.see_other(step));
    }
    let origin = Origin::of(&http);
    let made = match sign_up(&page, &signup, &draft, &origin).await {
        // Its answer was lost, and something was changed since: it is another signup.
        Err(problem) if problem.code() == Code::IdempotencyKeyReused => {
            draft = draft.anew();
            sign_up(&page, &signup, &draft, &origin).await
        }
        made => made,
    };
    let made = match made {
        Ok(made) => made,
        Err(problem) => return again(&page, &http, draft, problem),
    };
    let session = identity.open_browser(made.user.id, made.tenant.id, made.user.email.as_str(), &origin).await?;
    let mut cookies = signed_in(&page, &session);
    if made.tenant.status == TenantStatus::Provisioning {
        cookies.push(Made { tenant: made.tenant.id, again: draft.anew() }.cookie(&page)?);
        return Ok(page.see_other_with("/signup/done", cookies));
    }
    cookies.push(forgotten(&page));
    Ok(page.see_other_with(WORKSPACE, cookies))
}

async fn sign_up(page: &Page, signup: &Signup, draft: &Draft, origin: &Origin) -> Result<SignedUp, Problem> {
    let key = IdempotencyKey::parse(draft.key.as_bytes())?;
    Ok(signup.sign_up_within(WAIT, draft.body(), Some(&key), page.language, origin).await?)
}

/// What only the making can tell: said at its field, with everything else as it was.
fn again(page: &Page, http: &HttpRequest, draft: Draft, problem: Problem) -> Result<HttpResponse, Problem> {
    let wrong = |field: &str, text: &str| Wrong::from([(field.to_owned(), vec![text.to_owned()])]);
    let draft = draft.anew();
    let mut response = match problem.code() {
        Code::DuplicateSlug => {
            let template = company_page(page, http, &draft, &wrong("slug", "is taken"));
            page.answer(StatusCode::CONFLICT, &template)
        }
        Code::EmailTaken => {
            let template = account_page(page, &draft, &wrong("owner_email", page.t("signup-email-taken")));
            page.answer(StatusCode::CONFLICT, &template)
        }
        _ => return Err(problem),
    };
    response.add_cookie(&draft.cookie(page)?).map_err(Problem::internal)?;
    Ok(response)
}

struct Progress {
    name: String,
    state: &'static str,
    time: String,
}

#[derive(Template)]
#[template(path = "signup/done.html")]
struct DoneTemplate {
    page: Page,
    steps: Vec<Step>,
    progress: Vec<Progress>,
    has_failed: bool,
}

fn progress(page: &Page, steps: &[StepView]) -> Vec<Progress> {
    let written = Progress { name: page.t("step-written").to_owned(), state: "done", time: String::new() };
    let forward: Vec<&StepView> = steps.iter().filter(|step| step.direction == Direction::Do).collect();
    let of_saga = saga::steps(Saga::Create).map(|name| {
        let place = forward.iter().position(|step| step.step == name);
        let (state, time) = match place.map(|place| (forward[place], forward.get(place + 1))) {
            Some((StepView { started_at, finished_at: Some(end), .. }, _)) => {
                ("done", page.t1("milliseconds", "count", end.duration_since(*started_at).as_millis() as i64))
            }
            // Its end is written down with the next one's.
            Some((_, Some(_))) => ("done", String::new()),
            Some((_, None)) => ("doing", String::new()),
            None => ("waiting", String::new()),
        };
        Progress { name: page.t(&format!("step-{name}")).to_owned(), state, time }
    });
    std::iter::once(written).chain(of_saga).collect()
}

async fn done(page: Page, http: HttpRequest, signup: Data<Signup>) -> Result<HttpResponse, Problem> {
    let Some(made) = Made::of(&http, &page) else { return Ok(page.see_other("/signup")) };
    let (tenant, steps_taken) = signup.progress(made.tenant).await?;
    if tenant.status.is_served() {
        return Ok(page.see_other_with(WORKSPACE, [forgotten(&page)]));
    }
    let has_failed = matches!(tenant.status, TenantStatus::Failed | TenantStatus::Deleted);
    Ok(page.ok(&DoneTemplate {
        steps: steps(&page, 4),
        progress: progress(&page, &steps_taken),
        has_failed,
        page: page.clone(),
    }))
}

async fn done_events(page: Page, http: HttpRequest, signup: Data<Signup>) -> Result<HttpResponse, Problem> {
    let made = Made::of(&http, &page).ok_or_else(|| Problem::not_found("signup"))?;
    events(move || {
        let (signup, tenant) = (signup.clone(), made.tenant);
        async move {
            let (tenant, steps) = signup.progress(tenant).await?;
            let state = steps.iter().map(|step| format!("{}{:?}", step.step, step.finished_at)).collect();
            Ok(Look { state, is_over: tenant.status != TenantStatus::Provisioning })
        }
    })
}

#[derive(Deserialize)]
struct VerifyLink {
    slug: Option<String>,
    token: Option<String>,
}

#[derive(Template)]
#[template(path = "signup/verify.html")]
struct VerifyTemplate {
    page: Page,
    is_verified: bool,
}

/// Where the link in the mail leads.
async fn verify(
    page: Page,
    http: HttpRequest,
    signup: Data<Signup>,
    link: Query<VerifyLink>,
) -> Result<HttpResponse, Problem> {
    let (slug, token) = (link.slug.as_deref().unwrap_or_default(), link.token.as_deref().unwrap_or_default());
    let verified = signup.verify(slug, token, &Origin::of(&http)).await.map_err(Problem::from);
    match verified {
        Ok(()) => Ok(page.ok(&VerifyTemplate { is_verified: true, page: page.clone() })),
        Err(problem) if problem.code().status().is_client_error() => {
            Ok(page.answer(problem.code().status(), &VerifyTemplate { is_verified: false, page: page.clone() }))
        }
        Err(problem) => Err(problem),
    }
}
