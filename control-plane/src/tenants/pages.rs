//! `/account`: a person's workspaces, and what holds for everybody in one.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
    web::{self, Data},
};
use askama::Template;
use tenancy::{
    Code, Language, Permission, Problem, TenantId,
    fields::FieldErrors,
    http::{Access, Route},
};
use ui::{Choice, Console, Field, Form, Kind, NavGroup, NavItem, Page, Tone};

use super::{Preferences, Tenants};
use crate::{
    audit::Origin,
    identity::{Caller, Identity, Place},
};

const CHANGE: Permission = Permission::new("settings", "update");

/// The pages of this capability.
#[must_use]
pub fn pages() -> Vec<Route> {
    let change = Access::Tenant { permission: CHANGE, modules: &[] };
    vec![
        Route::page(Method::GET, "/account", Access::User, || web::to(workspaces)),
        Route::page(Method::GET, "/account/settings", change, || web::to(settings)),
        Route::page(Method::POST, "/account/settings", change, || web::to(change_settings)),
    ]
}

fn around(page: &Page, caller: &Caller, place: Option<&Place>) -> Console {
    let item = |href: &str, key: &str, icon: &'static str| NavItem {
        href: href.to_owned(),
        label: page.t(key).to_owned(),
        icon,
        is_current: page.path == href,
    };
    let mut own = vec![item("/account", "workspaces", "workspaces")];
    if caller.tenant().is_some_and(|tenant| tenant.role.may(CHANGE)) {
        own.insert(0, item("/account/settings", "settings", "settings"));
    }
    let first = NavGroup { caption: String::new(), items: vec![item("/app", "to-console", "back")] };
    Console {
        is_admin: false,
        workspace: place.map_or_else(String::new, |place| place.name.clone()),
        slug: place.map_or_else(String::new, |place| place.slug.to_string()),
        user: caller.claims().name.clone(),
        sign_out: "/session/end",
        groups: vec![first, NavGroup { caption: page.t("workspace").to_owned(), items: own }],
        banners: Vec::new(),
    }
}

struct Workspace {
    name: String,
    slug: String,
    role: String,
    status: String,
    tone: Tone,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "account/workspaces.html")]
struct WorkspacesTemplate {
    page: Page,
    console: Console,
    workspaces: Vec<Workspace>,
    /// The address that was not proven yet.
    unproven: Option<String>,
}

async fn workspaces(page: Page, caller: Caller, identity: Data<Identity>) -> Result<HttpResponse, Problem> {
    let (user, place, places) = identity.me(caller.claims()).await?;
    let workspaces = places.iter().map(|one| Workspace {
        name: one.name.clone(),
        slug: one.slug.to_string(),
        role: page.t(&format!("role-{}", one.role)).to_owned(),
        status: page.t(&format!("status-{}", one.status)).to_owned(),
        tone: if one.status.is_served() { Tone::Good } else { Tone::Warn },
        is_here: place.as_ref().is_some_and(|place| place.id == one.id),
    });
    Ok(page.ok(&WorkspacesTemplate {
        workspaces: workspaces.collect(),
        unproven: (!user.email_verified).then(|| user.email.to_string()),
        console: around(&page, &caller, place.as_ref()),
        page: page.clone(),
    }))
}

#[derive(Template)]
#[template(path = "account/settings.html")]
struct SettingsTemplate {
    page: Page,
    console: Console,
    wrong: usize,
    fields: Vec<Field>,
}

/// What the form holds: as it is, or as it was sent.
struct Filled<'a> {
    name: &'a str,
    language: &'a str,
    timezone: &'a str,
    currency: &'a str,
}

fn fields(page: &Page, filled: &Filled<'_>, problem: Option<&Problem>) -> Vec<Field> {
    let wrong = |name: &str| problem.and_then(|problem| problem.errors().get(name));
    let choose = |all: Vec<(String, String)>, chosen: &str| {
        let choice = |(value, label): (String, String)| Choice { is_chosen: value == chosen, value, label };
        all.into_iter().map(choice).collect::<Vec<_>>()
    };
    let languages = Language::ALL.iter().map(|one| (one.to_string(), page.t(&format!("language-{one}")).to_owned()));
    let zones = jiff::tz::db().available().map(|zone| zone.to_string());
    // Those with a place in their name; the others are there for old programs.
    let zones = zones.filter(|zone| zone == "UTC" || (zone.contains('/') && !zone.starts_with("Etc/")));
    let mut zones: Vec<(String, String)> = zones.map(|zone| (zone.clone(), zone.replace('_', " "))).collect();
    if !filled.timezone.is_empty() && zones.iter().all(|(zone, _)| zone != filled.timezone) {
        zones.push((filled.timezone.to_owned(), filled.timezone.to_owned()));
    }
    zones.sort();
    let currencies = ui::currencies().map(|code| (code.to_owned(), code.to_owned()));
    let select = |name: &str, key: &str, all, chosen| {
        Field::new(name, page.t(key), Kind::Select).choices(choose(all, chosen)).errors(&page.speech, wrong(name))
    };
    vec![
        Field::new("name", page.t("settings-name"), Kind::Text)
            .value(filled.name)
            .errors(&page.speech, wrong("name"))
            .required()
            .wide()
            .autocomplete("organization"),
        select("language", "settings-language", languages.collect(), filled.language)
            .hint(page.t("settings-language-hint")),
        select("timezone", "settings-timezone", zones, filled.timezone),
        select("currency", "settings-currency", currencies.collect(), filled.currency)
            .hint(page.t("settings-currency-hint")),
    ]
}

fn tenant_of(caller: &Caller) -> Result<TenantId, Problem> {
    let required = || Problem::new(Code::TenantRequired, "Choose a tenant");
    caller.tenant().map(|tenant| tenant.tenant_id).ok_or_else(required)
}

fn not_served() -> Problem {
    Problem::new(Code::TenantInactive, "The tenant is not served now")
}

async fn settings(
    page: Page,
    caller: Caller,
    identity: Data<Identity>,
    tenants: Data<Tenants>,
) -> Result<HttpResponse, Problem> {
    let now = tenants.preferences(tenant_of(&caller)?).await?.ok_or_else(not_served)?;
    let (_, place, _) = identity.me(caller.claims()).await?;
    let filled =
        Filled { name: &now.name, language: now.language.as_str(), timezone: &now.timezone, currency: &now.currency };
    Ok(page.ok(&SettingsTemplate {
        wrong: 0,
        fields: fields(&page, &filled, None),
        console: around(&page, &caller, place.as_ref()),
        page: page.clone(),
    }))
}

async fn change_settings(
    page: Page,
    http: HttpRequest,
    caller: Caller,
    identity: Data<Identity>,
    tenants: Data<Tenants>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant_of(&caller)?;
    let sent = |name| form.get(name).unwrap_or_default();
    let filled = Filled {
        name: sent("name"),
        language: sent("language"),
        timezone: sent("timezone"),
        currency: sent("currency"),
    };
    let mut errors = FieldErrors::default();
    let Filled { name, language, timezone, currency } = filled;
    let Some(wanted) = Preferences::parse(name, language, timezone, currency, &mut errors) else {
        let problem = errors.problem();
        let (_, place, _) = identity.me(caller.claims()).await?;
        let template = SettingsTemplate {
            wrong: problem.errors().len(),
            fields: fields(&page, &filled, Some(&problem)),
            console: around(&page, &caller, place.as_ref()),
            page: page.clone(),
        };
        return Ok(page.answer(StatusCode::UNPROCESSABLE_ENTITY, &template));
    };
    if !tenants.prefer(tenant, &wanted, caller.actor(), &Origin::of(&http)).await? {
        return Err(not_served());
    }
    Ok(page.see_other("/account/settings?done=saved"))
}
