//! `/admin/doctor`: what differs between the platform database and its servers, and mending it.

use std::{collections::HashMap, time::Duration};

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use tenancy::{Problem, TenantId, TenantSlug};
use ui::{Console, Form, Look, Page, Tone, events};

use super::{console, desk::Desk, words::Badge};
use crate::{
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
    is_mendable: bool,
    subjects: Vec<Subject>,
    more: Option<String>,
}

struct Subject {
    name: String,
    /// Of a tenant.
    slug: Option<String>,
    server: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "console/doctor.html")]
struct DoctorTemplate {
    page: Page,
    console: Console,
    is_under_way: bool,
    was_examined: bool,
    ended: Option<String>,
    problem: Option<String>,
    groups: Vec<Group>,
    failures: Vec<(String, String)>,
    can_mend: bool,
}

pub(super) async fn show(page: Page, caller: Caller, desk: Data<Desk>) -> HttpResponse {
    let (last, is_under_way) = (desk.examination().last(), desk.examination().since().is_some());
    let result = last.as_ref().map(|last| last.result.as_ref());
    let examined = result.and_then(Result::ok);
    let groups = examined.map(|examined| groups(&page, examined)).unwrap_or_default();
    let failure = |(finding, reason): &(Finding, String)| {
        let name = page.t(&format!("admin-trouble-{}", finding.trouble.word())).to_owned();
        (format!("{name}: {}", finding.subject().subject), reason.clone())
    };
    page.ok(&DoctorTemplate {
        console: console(&page, &caller),
        is_under_way,
        was_examined: examined.is_some(),
        ended: last.as_ref().map(|last| page.moment(&last.ended_at)),
        problem: result.and_then(Result::err).cloned(),
        failures: examined.map(|it| it.failures.iter().take(SHOWN).map(failure).collect()).unwrap_or_default(),
        can_mend: groups.iter().any(|group| group.is_mendable),
        groups,
        page: page.clone(),
    })
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
        let left = findings.len().saturating_sub(SHOWN);
        Group {
            name: page.t(&format!("admin-trouble-{kind}")).to_owned(),
            text: page.t(&format!("admin-trouble-{kind}-text")).to_owned(),
            badge,
            count: page.count(&i64::try_from(findings.len()).unwrap_or(i64::MAX)),
            is_mendable: findings.iter().any(|finding| finding.trouble.can_be_mended()),
            subjects: findings.iter().take(SHOWN).map(|finding| subject(finding, examined)).collect(),
            more: (left > 0).then(|| page.t1("admin-and-more", "count", left)),
            kind,
        }
    };
    kinds.into_iter().map(group).collect()
}

fn subject(finding: &Finding, examined: &Examined) -> Subject {
    let slug = finding.trouble.tenant().and_then(|tenant| examined.slugs.get(&tenant)).map(ToString::to_string);
    Subject {
        name: slug.clone().unwrap_or_else(|| finding.subject().subject),
        slug,
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

/// Mends what was found last, one kind of it or all, and looks again.
pub(super) async fn mend(
    page: Page,
    doctor: Data<Doctor>,
    tenants: Data<Tenants>,
    desk: Data<Desk>,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Problem> {
    let (last, kind) = (desk.examination().last(), form.filled("kind").map(str::to_owned));
    let findings = last.as_ref().and_then(|last| last.result.as_ref().ok()).map(|it| it.findings.as_slice());
    let chosen = findings.unwrap_or_default().iter();
    let chosen = chosen.filter(|finding| kind.as_deref().is_none_or(|kind| kind == finding.trouble.word()));
    let chosen: Vec<Finding> = chosen.cloned().collect();
    let (doctor, tenants) = (doctor.get_ref().clone(), tenants.get_ref().clone());
    let begun = desk.examination().begin(async move {
        let mended = doctor.mend(&chosen, caller.actor()).await;
        let failures = mended.into_iter().filter_map(|(finding, result)| Some((finding, result.err()?)));
        examined(&doctor, &tenants, failures.collect()).await
    });
    let is_over = desk.examination().is_over_within(WAIT).await;
    Ok(page.see_other(if begun && is_over { "/admin/doctor?done=mended" } else { "/admin/doctor" }))
}

async fn examined(doctor: &Doctor, tenants: &Tenants, failures: Vec<(Finding, String)>) -> Result<Examined, String> {
    let findings = doctor.examine().await.map_err(|error| error.to_string())?;
    let concerned: Vec<TenantId> = findings.iter().filter_map(|finding| finding.trouble.tenant()).collect();
    let slugs = tenants.slugs(&concerned).await.map_err(|error| error.to_string())?;
    Ok(Examined { findings, slugs, failures })
}
