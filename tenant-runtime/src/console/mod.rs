//! The tenant console: what stands around its pages, and where they begin.

mod dashboard;
mod store;

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, http::Method, web};
use jiff::Timestamp;
use tenancy::{
    Permission, Problem,
    http::{Access, Route},
};
use ui::{Banner, Console, NavGroup, NavItem, Page, Tone};

use crate::{
    Tenant,
    modules::{self, Resource},
};

/// What every member may do: look at what happens.
const MEMBER: Access = Access::Tenant { permission: Permission::new("activities", "read"), modules: &[] };

/// The pages that belong to no resource.
pub(crate) fn pages() -> Vec<Route> {
    vec![
        Route::page(Method::GET, "/app", MEMBER, || web::to(dashboard::show)),
        // As links of long ago have it.
        Route::page(Method::GET, "/{slug}/dashboard", Access::Public, || web::to(by_slug)),
    ]
}

/// To the workspace of this slug, whichever somebody was in.
async fn by_slug(page: Page, slug: web::Path<String>) -> HttpResponse {
    page.see_other(&format!("/session?tenant={}&next=/app", ui::encoded(&slug)))
}

/// A page of a tenant, with what stands around it.
pub(crate) struct Desk {
    pub(crate) page: Page,
    pub(crate) tenant: Tenant,
    pub(crate) console: Console,
}

impl FromRequest for Desk {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut desk = || {
            let mut page = Page::of(request)?;
            let tenant = Tenant::from_request(request, payload).into_inner()?;
            page.speech.zone = tenant.zone();
            let console = around(&page, &tenant);
            Ok(Self { page, tenant, console })
        };
        ready(desk())
    }
}

fn around(page: &Page, tenant: &Tenant) -> Console {
    let item = |href: &str, label: String, icon: &'static str| NavItem {
        is_current: if href == "/app" { page.path == href } else { is_below(&page.path, href) },
        href: href.to_owned(),
        label,
        icon,
    };
    let first = NavGroup { caption: String::new(), items: vec![item("/app", page.t("dashboard").to_owned(), "home")] };
    let of_products = modules::shelves().into_iter().map(|(caption, resources)| {
        let shown = resources.into_iter().filter(|resource| tenant.may(resource.reading()));
        let items = shown.map(|resource| item(&resource.page(), resource.in_words(page), resource.name()));
        NavGroup { caption: page.t(caption).to_owned(), items: items.collect() }
    });
    let mut own = vec![item("/account", page.t("workspaces").to_owned(), "workspaces")];
    if tenant.role().may(Permission::new("settings", "update")) {
        own.insert(0, item("/account/settings", page.t("settings").to_owned(), "settings"));
    }
    let own = NavGroup { caption: page.t("workspace").to_owned(), items: own };
    Console {
        is_admin: false,
        workspace: tenant.name().to_owned(),
        slug: tenant.slug().to_string(),
        user: tenant.user_name().to_owned(),
        sign_out: "/session/end",
        groups: std::iter::once(first)
            .chain(of_products)
            .filter(|group| !group.items.is_empty())
            .chain(std::iter::once(own))
            .collect(),
        banners: trial(page, tenant).into_iter().collect(),
    }
}

fn is_below(path: &str, href: &str) -> bool {
    path.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Fewer days left than this deserve attention.
const SOON: i64 = 4;
/// In seconds.
const DAY: i64 = 24 * 3600;

fn trial(page: &Page, tenant: &Tenant) -> Option<Banner> {
    let ends = tenant.trial_ends_at()?;
    let seconds = ends.as_second() - Timestamp::now().as_second();
    let days = (seconds + DAY - 1).div_euclid(DAY);
    if seconds <= 0 {
        return Some(Banner { tone: Tone::Warn, text: page.t("trial-over").to_owned() });
    }
    let tone = if days < SOON { Tone::Warn } else { Tone::Info };
    let text = page.with("trial-left", [("days", days.into()), ("date", page.day_of(&ends).into())]);
    Some(Banner { tone, text })
}

/// A limit that is shown with what is used of it.
pub(crate) struct Usage {
    pub(crate) label: String,
    pub(crate) text: String,
    /// Of a thousand; `None` where there is no limit.
    pub(crate) share: Option<i64>,
    pub(crate) tone: Tone,
}

impl Usage {
    pub(crate) fn new(page: &Page, limit: &str, used: i64, allowed: i64) -> Self {
        let written = |value: &i64| {
            if limit == "max_storage_mb" { page.bytes(&value.saturating_mul(1024 * 1024)) } else { page.count(value) }
        };
        let used_text = if limit == "max_storage_mb" { page.bytes(&used) } else { page.count(&used) };
        let (used, allowed_text) = match allowed {
            ..0 => (0, page.t("unlimited").to_owned()),
            _ if limit == "max_storage_mb" => (used.div_euclid(1024 * 1024), written(&allowed)),
            _ => (used, written(&allowed)),
        };
        let share = (allowed >= 0).then(|| (used * 1000).checked_div(allowed).unwrap_or(1000).clamp(0, 1000));
        let tone = match share {
            Some(950..) => Tone::Bad,
            Some(800..) => Tone::Warn,
            _ => Tone::Good,
        };
        let text = page.with("used-of", [("used", used_text.into()), ("limit", allowed_text.into())]);
        Self { label: page.t(&format!("limit-{limit}")).to_owned(), text, share, tone }
    }
}

/// A limit that is nearly reached, and what would give more.
pub(crate) struct Full {
    pub(crate) usage: Usage,
    pub(crate) upgrade: Upgrade,
}

impl Full {
    pub(crate) fn of(page: &Page, tenant: &Tenant, limit: &str, used: i64) -> Option<Self> {
        let usage = Usage::new(page, limit, used, tenant.limit(limit));
        (usage.tone != Tone::Good).then(|| Self { upgrade: Upgrade::of(page, tenant, limit), usage })
    }
}

/// What the next package would give, where one has more of something.
pub(crate) struct Upgrade {
    pub(crate) now: String,
    pub(crate) next: Option<String>,
}

impl Upgrade {
    pub(crate) fn of(page: &Page, tenant: &Tenant, limit: &str) -> Self {
        let of = |value: i64| match value {
            ..0 => page.t("unlimited").to_owned(),
            _ if limit == "max_storage_mb" => page.bytes(&value.saturating_mul(1024 * 1024)),
            _ => page.count(&value),
        };
        let what = page.t(&format!("limit-{limit}")).to_owned();
        let now = page.with(
            "limit-now",
            [
                ("package", tenant.package().name(page.language).to_owned().into()),
                ("what", what.clone().into()),
                ("limit", of(tenant.limit(limit)).into()),
            ],
        );
        let next = tenant.larger_package(limit).map(|package| {
            let has = package.limits.get(limit).copied().unwrap_or(0);
            let price = page.money(&package.price.unwrap_or_default(), &package.currency);
            let values = [
                ("package", package.name(page.language).to_owned().into()),
                ("what", what.clone().into()),
                ("limit", of(has).into()),
                ("price", price.into()),
            ];
            page.with("limit-next", values)
        });
        Self { now, next }
    }
}

impl Resource {
    /// What the rows are called together.
    pub(crate) fn in_words(&self, page: &Page) -> String {
        page.t(&format!("resource-{}", self.name())).to_owned()
    }
}
