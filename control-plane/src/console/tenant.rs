//! `/admin/tenants/{slug}`: one tenant, how it is made or unmade, and what can be done with it.

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use askama::Template;
use tenancy::{Problem, TenantSlug, TenantStatus, fields::FieldErrors};
use ui::{Arg, Console, Field, Form, Kind, Look, Page, events};

use super::{
    console,
    making::{Making, making},
    sources::Sources,
    words::{Badge, dash, moment, state, state_word},
};
use crate::{
    identity::Caller,
    packages::name_in,
    tenants::{LifecycleError, Tenants},
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
    slug: String,
    name: String,
    state: Badge,
    reason: Option<String>,
    facts: Vec<(String, String)>,
    months: Vec<Month>,
    making: Option<Making>,
    is_moving: bool,
    may_suspend: bool,
    may_activate: bool,
    may_drop: bool,
    suspend_reason: Field,
    confirm: Field,
    without_backup: Field,
}

/// Where a change of a tenant came to nothing.
#[derive(Default)]
struct Refused {
    problem: Option<String>,
    wrong: Option<Problem>,
}

fn known(slug: &str) -> Result<TenantSlug, Problem> {
    TenantSlug::known(slug).map_err(|_| Problem::not_found("tenant"))
}

pub(super) async fn show(
    page: Page,
    caller: Caller,
    sources: Sources,
    slug: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(page.ok(&template(&page, &caller, &sources, &known(&slug)?, Refused::default()).await?))
}

async fn template(
    page: &Page,
    caller: &Caller,
    sources: &Sources,
    slug: &TenantSlug,
    refused: Refused,
) -> Result<TenantTemplate, Problem> {
    let Sources { tenants, packages, servers, fleet } = sources;
    let tenant = tenants.detail(slug).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    let (steps, saga) = (tenants.steps(tenant.id).await?, tenants.saga(tenant.id).await?);
    let (size, (months, last_use)) = (tenants.size(tenant.id).await?, tenants.usage(tenant.id).await?);
    let package = match &tenant.package {
        Some(key) => packages.find(key).await?.map(|package| name_in(&package, page.language).to_owned()),
        None => None,
    };
    // A server whose address can't be opened any more is no reason to show nothing.
    let server = servers.get(tenant.server_id).await.map_or_else(|_| tenant.server_id.to_string(), |it| it.name);
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
        ("admin-size", dash(page, size.map(|size| page.bytes(&size)))),
        ("admin-trial-ends", moment(page, tenant.trial_ends_at.filter(|_| tenant.is_trialing))),
        ("admin-created", page.moment(&tenant.created_at)),
        ("admin-last-use", moment(page, last_use)),
    ];
    let is_moving = saga.as_ref().is_some_and(|saga| saga.finished_at.is_none());
    let (may, wrong) = (|next| tenant.status.may_become(next), refused.wrong.as_ref().map(Problem::errors));
    let wrong_in = |field: &str| wrong.and_then(|wrong| wrong.get(field));
    let is_made = tenant.status != TenantStatus::Provisioning;
    Ok(TenantTemplate {
        console: console(page, caller),
        problem: refused.problem,
        slug: tenant.slug.to_string(),
        state: state(page, tenant.status),
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
        making: saga.map(|saga| making(page, &saga, &steps)),
        is_moving,
        may_suspend: is_made && may(TenantStatus::Suspended),
        may_activate: is_made && matches!(tenant.status, TenantStatus::Suspended | TenantStatus::Cancelled),
        may_drop: may(TenantStatus::Deleted),
        suspend_reason: Field::new("reason", page.t("admin-reason"), Kind::Text)
            .errors(&page.speech, wrong_in("reason"))
            .wide()
            .hint(page.t("admin-reason-hint"))
            .autocomplete("off"),
        confirm: Field::new("confirm", page.t1("admin-drop-confirm", "slug", tenant.slug.as_str()), Kind::Text)
            .errors(&page.speech, wrong_in("confirm"))
            .wide()
            .autocomplete("off")
            .with("spellcheck", "false")
            .with("autocapitalize", "none"),
        without_backup: Field::new("without_backup", page.t("admin-drop-without-backup"), Kind::Check),
        name: tenant.name,
        page: page.clone(),
    })
}

fn month_name(page: &Page, period: i32) -> String {
    let (year, month) = (i16::try_from(period / 100), i8::try_from(period % 100));
    let first = year.ok().zip(month.ok()).and_then(|(year, month)| jiff::civil::Date::new(year, month, 1).ok());
    first.map_or_else(|| period.to_string(), |first| page.month(&first))
}

pub(super) async fn tell(tenants: Data<Tenants>, slug: Path<String>) -> Result<HttpResponse, Problem> {
    let slug = known(&slug)?;
    events(move || {
        let (tenants, slug) = (tenants.clone(), slug.clone());
        async move {
            let tenant = tenants.detail(&slug).await?.ok_or_else(|| Problem::not_found("tenant"))?;
            let (steps, saga) = (tenants.steps(tenant.id).await?, tenants.saga(tenant.id).await?);
            let state = format!("{} {saga:?} {steps:?}", tenant.status);
            Ok(Look { state, is_over: saga.is_none_or(|saga| saga.finished_at.is_some()) })
        }
    })
}

pub(super) async fn suspend(
    page: Page,
    caller: Caller,
    sources: Sources,
    slug: Path<String>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (slug, mut errors) = (known(&slug)?, FieldErrors::default());
    let reason = errors.optional_text("reason", form.get("reason"), 300);
    if let Err(wrong) = errors.finish() {
        return again(&page, &caller, &sources, &slug, wrong).await;
    }
    let done = sources.tenants.suspend(&slug, reason.as_deref(), caller.actor()).await;
    answer(&page, &caller, &sources, &slug, done.map(|_| "suspended")).await
}

pub(super) async fn activate(
    page: Page,
    caller: Caller,
    sources: Sources,
    slug: Path<String>,
    _: Form,
) -> Result<HttpResponse, Problem> {
    let slug = known(&slug)?;
    let done = sources.tenants.activate(&slug, caller.actor()).await;
    answer(&page, &caller, &sources, &slug, done.map(|_| "activated")).await
}

pub(super) async fn drop(
    page: Page,
    caller: Caller,
    sources: Sources,
    slug: Path<String>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (slug, backup) = (known(&slug)?, form.filled("without_backup").is_none());
    if form.filled("confirm") != Some(slug.as_str()) {
        let mut errors = FieldErrors::default();
        errors.add("confirm", page.t("admin-drop-mistyped"));
        return again(&page, &caller, &sources, &slug, errors.problem()).await;
    }
    let done = sources.tenants.begin_delete(&slug, backup, caller.actor()).await;
    let word = if backup { "dropping" } else { "dropping-without-backup" };
    answer(&page, &caller, &sources, &slug, done.map(|_| word)).await
}

async fn again(
    page: &Page,
    caller: &Caller,
    sources: &Sources,
    slug: &TenantSlug,
    wrong: Problem,
) -> Result<HttpResponse, Problem> {
    let refused = Refused { wrong: Some(wrong), ..Refused::default() };
    let template = template(page, caller, sources, slug, refused).await?;
    Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &template))
}

async fn answer(
    page: &Page,
    caller: &Caller,
    sources: &Sources,
    slug: &TenantSlug,
    done: Result<&str, LifecycleError>,
) -> Result<HttpResponse, Problem> {
    match done {
        Ok(word) => Ok(page.see_other(&format!("/admin/tenants/{slug}?done={word}"))),
        // Somebody else was quicker, or the page was an old one.
        Err(LifecycleError::NotAllowed { from, to }) => {
            let states = [("from", Arg::from(state_word(page, from))), ("to", Arg::from(state_word(page, to)))];
            let refused = Refused { problem: Some(page.with("admin-not-allowed", states)), wrong: None };
            let template = template(page, caller, sources, slug, refused).await?;
            Ok(page.answer(StatusCode::CONFLICT, &template))
        }
        Err(error) => Err(error.into()),
    }
}
