//! `/admin/tenants`: all tenants, searched and filtered.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use tenancy::{Problem, TenantStatus};
use ui::{Cell, Choice, Column, Console, Filter, Line, Page, Pages, Table, Tone, Tools};

use super::{
    console,
    words::{Badge, address, at, dash, moment, pages, state, state_word},
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

#[derive(Template)]
#[template(path = "console/tenants.html")]
struct TenantsTemplate {
    page: Page,
    console: Console,
    tools: Tools,
    is_filtered: bool,
    table: Table,
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
    let pages = pages(&page, PATH, &asked_again, number, found.total);
    let columns: Vec<Column> = COLUMNS.iter().map(|(key, is_number)| column(&page, key, *is_number)).collect();
    let line = |tenant| line(&page, &columns, tenant, &names, target);
    let lines: Vec<Line> = found.tenants.into_iter().map(line).collect();
    let filter =
        |name: &str, key: &str, choices| Filter { name: name.to_owned(), label: page.t(key).to_owned(), choices };
    let template = TenantsTemplate {
        console: console(&page, &caller),
        is_filtered: !asked.search.trim().is_empty() || status.is_some() || package.is_some(),
        tools: Tools {
            speech: page.speech.clone(),
            action: PATH.to_owned(),
            search: Some((asked.search.clone(), page.t("admin-search-hint").to_owned())),
            problem: None,
            filters: vec![
                filter("status", "admin-state", states(&page, status)),
                filter("package", "package", choices(&page, &packages, package.as_deref())),
            ],
            kept: Vec::new(),
            shown: if lines.is_empty() { page.t("admin-none-found").to_owned() } else { pages.shown().to_owned() },
        },
        table: Table { label: page.t("admin-tenants").to_owned(), columns, lines },
        pages,
        page: page.clone(),
    };
    Ok(page.ok(&template))
}

/// What the columns are called, and which hold figures.
const COLUMNS: [(&str, bool); 8] = [
    ("admin-name", false),
    ("admin-state", false),
    ("package", false),
    ("admin-database", false),
    ("admin-schema", false),
    ("admin-size", true),
    ("admin-last-use", false),
    ("admin-created", false),
];

fn column(page: &Page, key: &str, is_number: bool) -> Column {
    Column { label: page.t(key).to_owned(), is_number, sort: None }
}

fn line(page: &Page, columns: &[Column], tenant: Listed, names: &HashMap<&str, &str>, target: i32) -> Line {
    let package = tenant.package.map(|key| names.get(key.as_str()).map_or(key.clone(), |name| (*name).to_owned()));
    let size = match tenant.size {
        None if tenant.is_elsewhere => page.t("admin-elsewhere").to_owned(),
        size => dash(page, size.map(|size| page.bytes(&size))),
    };
    let is_behind = tenant.status.is_live() && tenant.schema_version < target;
    let version = match is_behind {
        true => format!("{} · {}", tenant.schema_version, page.t("admin-behind")),
        false => tenant.schema_version.to_string(),
    };
    let Badge { tone, label } = state(page, tenant.status);
    let said = [
        (label, Some(tone)),
        (dash(page, package), Some(Tone::Neutral)),
        (tenant.database.to_string(), None),
        (version, is_behind.then_some(Tone::Warn)),
        (size, None),
        (moment(page, tenant.last_use), None),
        (at(page, &tenant.created_at), None),
    ];
    let cell = |(column, (text, tone)): (&Column, (String, Option<Tone>))| Cell {
        label: column.label.clone(),
        is_number: column.is_number,
        text,
        tone,
        ..Cell::default()
    };
    Line {
        // Another one may have the slug of what is gone.
        href: match tenant.status.is_live() {
            true => format!("{PATH}/{}", tenant.slug),
            false => format!("{PATH}/{}", tenant.id),
        },
        title: tenant.name,
        note: tenant.slug.to_string(),
        cells: columns.iter().skip(1).zip(said).map(cell).collect(),
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
