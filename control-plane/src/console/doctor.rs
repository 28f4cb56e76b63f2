//! `/admin/doctor`: what differs between the platform database and its servers, and mending it.

use std::{collections::HashMap, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use askama::Template;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use tenancy::{Problem, TenantId, TenantSlug};
use ui::{Console, Form, Look, Page, Tone, events};

use super::{
    console,
    desk::Desk,
    words::{Badge, and_more, at, count},
};
use crate::{
    audit::By,
    doctor::{Doctor, Finding, Severity},
    identity::Caller,
    tenants::Tenants,
};

/// How many findings of a kind a page shows; the rest is counted.
const SHOWN: usize = 50;
/// How long a form waits for what it began, before the page shows that it is under way.
const WAIT: Duration = Duration::from_secs(3);

/// What the doctor found, and what became of what was to be mended before that.
pub(super) struct Examined {
    findings: Vec<Finding>,
    slugs: HashMap<TenantId, TenantSlug>,
    /// What could not be mended, and why.
    failures: Vec<(Finding, String)>,
}

struct Group {
    kind: &'static str,
    name: String,
    text: String,
    badge: Badge,
    count: String,
    mend: Option<Mend>,
    subjects: Vec<Subject>,
    more: Option<String>,
}

struct Subject {
    name: String,
    /// Of a tenant.
    tenant: Option<TenantId>,
    server: String,
    detail: String,
}

/// The form that mends what is shown, after it was asked back.
#[derive(Template)]
#[template(path = "console/mend.html")]
struct Mend {
    page: Page,
    /// One kind; else all.
    kind: Option<&'static str>,
    /// What a screen reader says of the button.
    name: String,
    /// What is done, in words.
    text: String,
    /// What it would be done to, as it was shown.
    shown: String,
}

impl Mend {
    /// Nothing where nothing of it can be mended.
    fn of(page: &Page, kind: Option<&'static str>, name: String, findings: &[&Finding]) -> Option<Self> {
        let many = findings.iter().filter(|finding| finding.trouble.can_be_mended()).count();
        let key = if kind.is_some() { "admin-mend-text" } else { "admin-mend-all-text" };
        let text = page.t1(key, "count", count(page, many));
        (many > 0).then(|| Self { page: page.clone(), kind, name, text, shown: digest(findings) })
    }
}

/// Tells whether two examinations came to the same.
fn digest(findings: &[&Finding]) -> String {
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.sort();
    URL_SAFE_NO_PAD.encode(Sha256::digest(lines.join("\n")))
}

#[derive(Template)]
#[template(path = "console/doctor.html")]
struct DoctorTemplate {
    page: Page,
    console: Console,
    is_under_way: bool,
    was_examined: bool,
    ended: Option<String>,
    /// Why nothing was mended.
    refused: Option<String>,
    /// Why nothing was found out, as it came.
    problem: Option<String>,
    groups: Vec<Group>,
    failures: Vec<(String, String)>,
    more_failures: Option<String>,
    mend_all: Option<Mend>,
    /// How it stands, in few words for those who listen.
    told: String,
}

pub(super) async fn show(page: Page, caller: Caller, desk: Data<Desk>) -> HttpResponse {
    page.ok(&template(&page, &caller, &desk, None))
}

fn template(page: &Page, caller: &Caller, desk: &Desk, refused: Option<String>) -> DoctorTemplate {
    let (last, is_under_way) = (desk.examination().last(), desk.examination().since().is_some());
    let result = last.as_ref().map(|last| last.result.as_ref());
    let examined = result.and_then(Result::ok);
    let groups = examined.map(|examined| groups(page, examined)).unwrap_or_default();
    let findings: Vec<&Finding> = examined.iter().flat_map(|examined| &examined.findings).collect();
    let told = match &examined {
        _ if is_under_way => page.t("admin-examining").to_owned(),
        None => page.t("admin-not-examined").to_owned(),
        Some(_) if findings.is_empty() => page.t("admin-all-well").to_owned(),
        Some(_) => page.t1("admin-found", "count", count(page, findings.len())),
    };
    let failure = |(finding, reason): &(Finding, String)| {
        let name = page.t(&format!("admin-trouble-{}", finding.trouble.word())).to_owned();
        (format!("{name}: {}", finding.subject().subject), reason.clone())
    };
    let failures = examined.map(|examined| examined.failures.as_slice()).unwrap_or_default();
    DoctorTemplate {
        console: console(page, caller),
        is_under_way,
        was_examined: examined.is_some(),
        ended: last.as_ref().map(|last| at(page, &last.ended_at)),
        refused,
        problem: result.and_then(Result::err).cloned(),
        more_failures: and_more(page, failures.len(), SHOWN),
        failures: failures.iter().take(SHOWN).map(failure).collect(),
        mend_all: Mend::of(page, None, page.t("admin-mend-all").to_owned(), &findings),
        told,
        groups,
        page: page.clone(),
    }
}

/// What is wrong first, then what is only advice; each kind in a group.
fn groups(page: &Page, examined: &Examined) -> Vec<Group> {
    let mut kinds: Vec<(&'static str, Vec<&Finding>)> = Vec::new();
    for finding in &examined.findings {
        let word = finding.trouble.word();
        match kinds.iter_mut().find(|(known, _)| *known == word) {
            Some((_, group)) => group.push(finding),
            None => kinds.push((word, vec![finding])),
        }
    }
    let is_advice = |group: &[&Finding]| group.iter().all(|one| one.severity() == Severity::Advice);
    kinds.sort_by_key(|(_, group)| is_advice(group));
    let group = |(kind, findings): (&'static str, Vec<&Finding>)| {
        let badge = match is_advice(&findings) {
            true => Badge { tone: Tone::Warn, label: page.t("admin-advice").to_owned() },
            false => Badge { tone: Tone::Bad, label: page.t("admin-wrong").to_owned() },
        };
        let name = page.t(&format!("admin-trouble-{kind}")).to_owned();
        Group {
            mend: Mend::of(page, Some(kind), format!("{}: {name}", page.t("admin-mend")), &findings),
            name,
            text: page.t(&format!("admin-trouble-{kind}-text")).to_owned(),
            badge,
            count: count(page, findings.len()),
            subjects: findings.iter().take(SHOWN).map(|finding| subject(finding, examined)).collect(),
            more: and_more(page, findings.len(), SHOWN),
            kind,
        }
    };
    kinds.into_iter().map(group).collect()
}

fn subject(finding: &Finding, examined: &Examined) -> Subject {
    let tenant = finding.trouble.tenant().filter(|tenant| examined.slugs.contains_key(tenant));
    let slug = tenant.and_then(|tenant| examined.slugs.get(&tenant)).map(ToString::to_string);
    Subject {
        name: slug.unwrap_or_else(|| finding.subject().subject),
        tenant,
        server: finding.server_name.clone(),
        detail: finding.trouble.detail().unwrap_or_default(),
    }
}

pub(super) async fn tell(desk: Data<Desk>) -> Result<HttpResponse, Problem> {
    events(move || {
        let since = desk.examination().since();
        async move { Ok(Look { state: format!("{since:?}"), is_over: since.is_none() }) }
    })
}

pub(super) async fn examine(
    page: Page,
    doctor: Data<Doctor>,
    tenants: Data<Tenants>,
    desk: Data<Desk>,
    _: Form,
) -> Result<HttpResponse, Problem> {
    let (doctor, tenants) = (doctor.get_ref().clone(), tenants.get_ref().clone());
    desk.examination().begin(async move { examined(&doctor, &tenants, Vec::new()).await });
    desk.examination().is_over_within(WAIT).await;
    Ok(page.see_other("/admin/doctor"))
}

/// Mends what was shown, one kind of it or all, and looks again.
pub(super) async fn mend(
    page: Page,
    http: HttpRequest,
    doctor: Data<Doctor>,
    tenants: Data<Tenants>,
    desk: Data<Desk>,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (last, kind) = (desk.examination().last(), form.filled("kind"));
    let findings = last.as_ref().and_then(|last| last.result.as_ref().ok()).map(|it| it.findings.as_slice());
    let chosen = findings.unwrap_or_default().iter();
    let chosen: Vec<&Finding> = chosen.filter(|one| kind.is_none_or(|kind| kind == one.trouble.word())).collect();
    // Somebody has looked again since, or it was another process that was asked.
    if chosen.is_empty() || form.get("shown") != Some(digest(&chosen).as_str()) {
        let refused = page.t("admin-mend-changed").to_owned();
        return Ok(page.answer(StatusCode::CONFLICT, &template(&page, &caller, &desk, Some(refused))));
    }
    let chosen: Vec<Finding> = chosen.into_iter().filter(|one| one.trouble.can_be_mended()).cloned().collect();
    let (doctor, tenants) = (doctor.get_ref().clone(), tenants.get_ref().clone());
    let (many, by) = (chosen.len(), By::of(caller.actor(), &http));
    let begun = desk.examination().begin(async move {
        let mended = doctor.mend(&chosen, by).await;
        let failures = mended.into_iter().filter_map(|(finding, result)| Some((finding, result.err()?)));
        examined(&doctor, &tenants, failures.collect()).await
    });
    let is_over = desk.examination().is_over_within(WAIT).await;
    let last = desk.examination().last().filter(|_| begun && is_over);
    let is_mended = last.is_some_and(|last| last.result.as_ref().is_ok_and(|it| it.failures.len() < many));
    Ok(page.see_other(if is_mended { "/admin/doctor?done=mended" } else { "/admin/doctor" }))
}

async fn examined(doctor: &Doctor, tenants: &Tenants, failures: Vec<(Finding, String)>) -> Result<Examined, String> {
    let findings = doctor.examine().await.map_err(|error| error.to_string())?;
    let concerned: Vec<TenantId> = findings.iter().filter_map(|finding| finding.trouble.tenant()).collect();
    let slugs = tenants.slugs(&concerned).await.map_err(|error| error.to_string())?;
    Ok(Examined { findings, slugs, failures })
}
