//! The last steps: that nothing is to be paid yet, and the workspace in the making.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use tenancy::{Code, Problem, TenantStatus};
use ui::{Form, Look, Page, Step, events};

use super::{Wrong, account, company, missing_before, steps};
use crate::{
    audit::Origin,
    identity::{Identity, signed_in},
    packages::Packages,
    provisioning::saga::{self, Direction, Kind as Saga},
    signup::{
        IdempotencyKey, SignedUp, Signup,
        draft::{Draft, Made, forgotten},
    },
    tenants::{FIRST_ZONE, StepView},
};

/// How long the last button waits for the workspace before the page shows how far it is.
const WAIT: Duration = Duration::from_millis(150);
/// Where somebody begins who has just signed up.
const WORKSPACE: &str = "/session?next=/app%3Fdone%3Dwelcome";

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

pub(super) async fn show(
    mut page: Page,
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
    // By the clock that the workspace will have.
    page.speech.zone = TimeZone::get(FIRST_ZONE).unwrap_or(TimeZone::UTC);
    let now = Timestamp::now();
    let ends = now.checked_add((i64::from(signup.settings.trial_days) * 24).hours()).unwrap_or(now);
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
pub(super) async fn make(
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
        Err(problem) => return again(&page, &http, &signup.base_domain, draft, problem),
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
fn again(page: &Page, http: &HttpRequest, base: &str, draft: Draft, problem: Problem) -> Result<HttpResponse, Problem> {
    let wrong = |field: &str, text: &str| Wrong::from([(field.to_owned(), vec![text.to_owned()])]);
    let draft = draft.anew();
    let mut response = match problem.code() {
        Code::DuplicateSlug => {
            let template = company::page_of(page, http, base, &draft, &wrong("slug", "is taken"));
            page.answer(StatusCode::CONFLICT, &template)
        }
        Code::EmailTaken => {
            let template = account::page_of(page, &draft, &wrong("owner_email", page.t("signup-email-taken")));
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
    let of_saga = saga::steps(Saga::Create).map(|name| {
        let step = steps.iter().find(|step| step.direction == Direction::Do && step.step == name);
        let (state, time) = match step {
            Some(StepView { started_at, finished_at: Some(end), .. }) => {
                ("done", page.t1("milliseconds", "count", end.duration_since(*started_at).as_millis() as i64))
            }
            Some(_) if saga::is_behind(Saga::Create, Direction::Do, name, steps) => ("done", String::new()),
            Some(_) => ("doing", String::new()),
            None => ("waiting", String::new()),
        };
        Progress { name: page.t(&format!("step-{name}")).to_owned(), state, time }
    });
    std::iter::once(written).chain(of_saga).collect()
}

pub(super) async fn done(page: Page, http: HttpRequest, signup: Data<Signup>) -> Result<HttpResponse, Problem> {
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

pub(super) async fn done_events(page: Page, http: HttpRequest, signup: Data<Signup>) -> Result<HttpResponse, Problem> {
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
