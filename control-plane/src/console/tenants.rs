//! `/admin/tenants`: all tenants, searched and filtered.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::{Problem, TenantStatus};
use ui::{Choice, Console, Page};

use super::{
    console,
    words::{Badge, Pages, address, at, dash, moment, state, state_word},
};
use crate::{
    fleet::Fleet,
    identity::Caller,
    packages::{Package, Packages, name_in},
    tenants::{Listed, Search, Tenants},
};

/// What is asked of the list. What can't be read is as if it was not there: an old link still leads to a list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    search: String,
    status: String,
    package: String,
    page: String,
}

struct Row {
    href: String,
    slug: String,
    name: String,
    state: Badge,
    package: String,
    database: String,
    version: i32,
    is_behind: bool,
    size: String,
    last_use: String,
    created: String,
}

#[derive(Template)]
#[template(path = "console/tenants.html")]
struct TenantsTemplate {
    page: Page,
    console: Console,
    search: String,
    states: Vec<Choice>,
    packages: Vec<Choice>,
    is_filtered: bool,
    rows: Vec<Row>,
    pages: Pages,
}

const PATH: &str = "/admin/tenants";
/// The farthest page that is looked for.
const LAST_PAGE: u32 = 1_000_000;

pub(super) async fn list(
    page: Page,
    caller: Caller,
    tenants: Data<Tenants>,
    packages: Data<Packages>,
    fleet: Data<Fleet>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.into_inner();
    let status: Option<TenantStatus> = asked.status.parse().ok();
    let number = asked.page.parse::<u32>().unwrap_or(1).clamp(1, LAST_PAGE);
    let packages = packages.all().await?;
    let package = packages.iter().find(|package| package.key == asked.package).map(|package| package.key.clone());
    let search = Search { text: asked.search.clone(), status, package: package.clone(), page: number };
    let found = tenants.search(&search).await?;
    let target = fleet.target().await?;
    let names: HashMap<&str, &str> =
        packages.iter().map(|package| (package.key.as_str(), name_in(package, page.language))).collect();
    let asked_again =
        [("search", asked.search.as_str()), ("status", &asked.status), ("package", package.as_deref().unwrap_or(""))];
    // An old link, to where there was a page once.
    if found.total > 0 && found.tenants.is_empty() {
        return Ok(page.see_other(&address(PATH, &asked_again, 1)));
    }
    let rows = found.tenants.into_iter().map(|tenant| row(&page, tenant, &names, target)).collect();
    let template = TenantsTemplate {
        console: console(&page, &caller),
        states: states(&page, status),
        packages: choices(&page, &packages, package.as_deref()),
        is_filtered: !asked.search.trim().is_empty() || status.is_some() || package.is_some(),
        rows,
        pages: Pages::new(&page, PATH, &asked_again, number, found.total),
        search: asked.search,
        page: page.clone(),
    };
    Ok(page.ok(&template))
}

fn row(page: &Page, tenant: Listed, names: &HashMap<&str, &str>, target: i32) -> Row {
    let package = tenant.package.map(|key| names.get(key.as_str()).map_or(key.clone(), |name| (*name).to_owned()));
    let size = match tenant.size {
        None if tenant.is_elsewhere => page.t("admin-elsewhere").to_owned(),
        size => dash(page, size.map(|size| page.bytes(&size))),
    };
    Row {
        // Another one may have the slug of what is gone.
        href: match tenant.status.is_live() {
            true => format!("{PATH}/{}", tenant.slug),
            false => format!("{PATH}/{}", tenant.id),
        },
        slug: tenant.slug.to_string(),
        state: state(page, tenant.status),
        package: dash(page, package),
        database: tenant.database.to_string(),
        version: tenant.schema_version,
        is_behind: tenant.status.is_live() && tenant.schema_version < target,
        size,
        last_use: moment(page, tenant.last_use),
        created: at(page, &tenant.created_at),
        name: tenant.name,
    }
}

fn states(page: &Page, chosen: Option<TenantStatus>) -> Vec<Choice> {
    let any = Choice { value: String::new(), label: page.t("admin-any-state").to_owned(), is_chosen: chosen.is_none() };
    let of = |status: &TenantStatus| Choice {
        value: status.to_string(),
        label: state_word(page, *status).to_owned(),
        is_chosen: chosen == Some(*status),
    };
    std::iter::once(any).chain(TenantStatus::ALL.iter().map(of)).collect()
}

fn choices(page: &Page, packages: &[Package], chosen: Option<&str>) -> Vec<Choice> {
    let any =
        Choice { value: String::new(), label: page.t("admin-any-package").to_owned(), is_chosen: chosen.is_none() };
    let of = |package: &Package| Choice {
        value: package.key.clone(),
        label: name_in(package, page.language).to_owned(),
        is_chosen: chosen == Some(package.key.as_str()),
    };
    std::iter::once(any).chain(packages.iter().map(of)).collect()
}
