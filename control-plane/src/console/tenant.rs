//! `/admin/tenants/{tenant}`: one tenant, how it is made or unmade, and what can be done with it.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use tenancy::{Problem, TenantId, TenantStatus, fields::FieldErrors};
use ui::{Arg, Console, Field, Form, Kind, Look, Page, events};

use super::{
    console,
    making::{Making, making},
    sources::Sources,
    words::{Badge, at, dash, moment, state, state_word},
};
use crate::{
    audit::By,
    identity::Caller,
    packages::name_in,
    tenants::{LifecycleError, Meant, Tenants},
};

struct Month {
    name: String,
    api_calls: String,
    page_views: String,
}

#[derive(Template)]
#[template(path = "console/tenant.html")]
struct TenantTemplate {
    page: Page,
    console: Console,
    problem: Option<String>,
    /// What forms are sent to: its slug may be another's by then.
    id: TenantId,
    slug: String,
    name: String,
    status: TenantStatus,
    state: Badge,
    reason: Option<String>,
    facts: Vec<(String, String)>,
    months: Vec<Month>,
    making: Option<Making>,
    is_moving: bool,
    /// How it stands, in few words for those who listen.
    told: String,
    may_suspend: bool,
    may_activate: bool,
    may_drop: bool,
    suspend_reason: Field,
    confirm: Field,
    without_backup: Field,
    /// Which form was refused.
    was_suspending: bool,
    was_dropping: bool,
}

/// Where a change of a tenant came to nothing: what was sent, and why.
#[derive(Default)]
struct Refused {
    form: Form,
    problem: Option<String>,
    wrong: Option<Problem>,
}

/// Forms name the one tenant whose page they stood on.
fn one(id: &str) -> Result<TenantId, Problem> {
    id.parse().map_err(|_| Problem::not_found("tenant"))
}

pub(super) async fn show(
    page: Page,
    caller: Caller,
    sources: Sources,
    tenant: Path<String>,
) -> Result<HttpResponse, Problem> {
    let meant = Meant::read(&tenant).ok_or_else(|| Problem::not_found("tenant"))?;
    Ok(page.ok(&template(&page, &caller, &sources, meant, Refused::default()).await?))
}

async fn template(
    page: &Page,
    caller: &Caller,
    sources: &Sources,
    meant: Meant,
    refused: Refused,
) -> Result<TenantTemplate, Problem> {
    let Sources { tenants, packages, servers, fleet } = sources;
    let tenant = tenants.detail(meant).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    let (steps, saga) = (tenants.steps(tenant.id).await?, tenants.saga(tenant.id).await?);
    let (size, (months, last_use)) = (tenants.size(tenant.id).await?, tenants.usage(tenant.id).await?);
    let package = match &tenant.package {
        Some(key) => packages.find(key).await?.map(|package| name_in(&package, page.language).to_owned()),
        None => None,
    };
    // A server whose address can't be opened any more is no reason to show nothing.
    let server = servers.get(tenant.server_id).await.ok();
    let size = match size {
        None if server.as_ref().is_some_and(|server| !server.is_platform) => page.t("admin-elsewhere").to_owned(),
        size => dash(page, size.map(|size| page.bytes(&size))),
    };
    let server = server.map_or_else(|| tenant.server_id.to_string(), |it| it.name);
    let target = fleet.target().await?;
    let version = tenant.schema_version;
    let schema = match tenant.status.is_live() && version < target {
        true => page.with("admin-behind-of", [("version", Arg::from(version)), ("target", Arg::from(target))]),
        false => version.to_string(),
    };
    let facts = [
        ("admin-slug", tenant.slug.to_string()),
        ("admin-id", tenant.id.to_string()),
        ("package", dash(page, package)),
        ("admin-owner", dash(page, tenant.owner_email.clone())),
        ("admin-database", tenant.database.to_string()),
        ("admin-server", server),
        ("admin-schema", schema),
        ("admin-size", size),
        ("admin-trial-ends", moment(page, tenant.trial_ends_at.filter(|_| tenant.is_trialing))),
        ("admin-created", at(page, &tenant.created_at)),
        ("admin-last-use", moment(page, last_use)),
    ];
    let is_moving = saga.as_ref().is_some_and(|saga| saga.finished_at.is_none());
    let (may, wrong) = (|next| tenant.status.may_become(next), refused.wrong.as_ref().map(Problem::errors));
    let wrong_in = |field: &str| wrong.and_then(|wrong| wrong.get(field));
    let sent = |field: &str| refused.form.get(field).unwrap_or_default();
    let is_made = tenant.status != TenantStatus::Provisioning;
    let making = saga.map(|saga| making(page, &saga, &steps));
    let state = state(page, tenant.status);
    Ok(TenantTemplate {
        console: console(page, caller),
        problem: refused.problem,
        id: tenant.id,
        status: tenant.status,
        told: making.as_ref().filter(|_| is_moving).map_or_else(|| state.label.clone(), Making::told),
        was_suspending: refused.form.get("reason").is_some(),
        was_dropping: refused.form.get("confirm").is_some(),
        slug: tenant.slug.to_string(),
        state,
        reason: tenant.status_reason.clone(),
        facts: facts.map(|(label, value)| (page.t(label).to_owned(), value)).into(),
        months: months
            .iter()
            .map(|month| Month {
                name: month_name(page, month.period),
                api_calls: page.count(&month.api_calls),
                page_views: page.count(&month.page_views),
            })
            .collect(),
        making,
        is_moving,
        may_suspend: is_made && may(TenantStatus::Suspended),
        may_activate: is_made && matches!(tenant.status, TenantStatus::Suspended | TenantStatus::Cancelled),
        may_drop: may(TenantStatus::Deleted),
        suspend_reason: Field::new("reason", page.t("admin-reason"), Kind::Text)
            .value(sent("reason"))
            .errors(&page.speech, wrong_in("reason"))
            .wide()
            .hint(page.t("admin-reason-hint"))
            .autocomplete("off"),
        confirm: Field::new("confirm", page.t1("admin-drop-confirm", "slug", tenant.slug.as_str()), Kind::Text)
            .value(sent("confirm"))
            .errors(&page.speech, wrong_in("confirm"))
            .wide()
            .autocomplete("off")
            .with("spellcheck", "false")
            .with("autocapitalize", "none"),
        without_backup: Field::new("without_backup", page.t("admin-drop-without-backup"), Kind::Check)
            .value(sent("without_backup")),
        name: tenant.name,
        page: page.clone(),
    })
}

fn month_name(page: &Page, period: i32) -> String {
    let (year, month) = (i16::try_from(period / 100), i8::try_from(period % 100));
    let first = year.ok().zip(month.ok()).and_then(|(year, month)| jiff::civil::Date::new(year, month, 1).ok());
    first.map_or_else(|| period.to_string(), |first| page.month(&first))
}

pub(super) async fn tell(tenants: Data<Tenants>, tenant: Path<String>) -> Result<HttpResponse, Problem> {
    let id = one(&tenant)?;
    events(move || {
        let tenants = tenants.clone();
        async move {
            let tenant = tenants.detail(id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
            let (steps, saga) = (tenants.steps(id).await?, tenants.saga(id).await?);
            let state = format!("{} {saga:?} {steps:?}", tenant.status);
            Ok(Look { state, is_over: saga.is_none_or(|saga| saga.finished_at.is_some()) })
        }
    })
}

pub(super) async fn suspend(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    sources: Sources,
    tenant: Path<String>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (id, mut errors) = (one(&tenant)?, FieldErrors::default());
    let reason = errors.optional_text("reason", form.get("reason"), 300);
    if let Err(wrong) = errors.finish() {
        let refused = Refused { form, problem: None, wrong: Some(wrong) };
        return again(&page, &caller, &sources, id, StatusCode::UNPROCESSABLE_ENTITY, refused).await;
    }
    let done = sources.tenants.suspend(id, reason.as_deref(), By::of(caller.actor(), &http)).await;
    answer(&page, &caller, &sources, id, form, done.map(|_| "suspended")).await
}

pub(super) async fn activate(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    sources: Sources,
    tenant: Path<String>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let id = one(&tenant)?;
    let done = sources.tenants.activate(id, By::of(caller.actor(), &http)).await;
    answer(&page, &caller, &sources, id, form, done.map(|_| "activated")).await
}

pub(super) async fn drop(
    page: Page,
    caller: Caller,
    http: HttpRequest,
    sources: Sources,
    tenant: Path<String>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (id, backup) = (one(&tenant)?, form.filled("without_backup").is_none());
    let tenant = sources.tenants.by_id(id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    if form.filled("confirm") != Some(tenant.slug.as_str()) {
        let mut errors = FieldErrors::default();
        errors.add("confirm", page.t("admin-drop-mistyped"));
        let refused = Refused { form, problem: None, wrong: Some(errors.problem()) };
        return again(&page, &caller, &sources, id, StatusCode::UNPROCESSABLE_ENTITY, refused).await;
    }
    let done = sources.tenants.begin_delete(id, backup, By::of(caller.actor(), &http)).await;
    let word = if backup { "dropping" } else { "dropping-without-backup" };
    answer(&page, &caller, &sources, id, form, done.map(|_| word)).await
}

async fn again(
    page: &Page,
    caller: &Caller,
    sources: &Sources,
    id: TenantId,
    status: StatusCode,
    refused: Refused,
) -> Result<HttpResponse, Problem> {
    Ok(page.answer(status, &template(page, caller, sources, id.into(), refused).await?))
}

async fn answer(
    page: &Page,
    caller: &Caller,
    sources: &Sources,
    id: TenantId,
    form: Form,
    done: Result<&str, LifecycleError>,
) -> Result<HttpResponse, Problem> {
    let problem = match done {
        Ok(word) => return Ok(page.see_other(&format!("/admin/tenants/{id}?done={word}"))),
        // Somebody else was quicker, or the page was an old one.
        Err(LifecycleError::NotAllowed { from, to }) => {
            let states = [("from", Arg::from(state_word(page, from))), ("to", Arg::from(state_word(page, to)))];
            page.with("admin-not-allowed", states)
        }
        Err(LifecycleError::NotFound(_)) => page.t("admin-gone").to_owned(),
        Err(error) => return Err(error.into()),
    };
    let refused = Refused { form, problem: Some(problem), wrong: None };
    again(page, caller, sources, id, StatusCode::CONFLICT, refused).await
}
