//! The rehearsal of a run, as a page shows it.

use tokio::sync::watch;
use ui::{Page, Tone};

use super::{desk::Desk, words::Badge};
use crate::fleet::{Fleet, Policy, Progress, Rehearsal, Stop, Verdict};

/// How many verdicts a page shows; the rest is counted.
const SHOWN: usize = 50;

/// What came of a rehearsal, or how far it is.
pub(super) struct Rehearsed {
    pub(super) is_under_way: bool,
    pub(super) turns: usize,
    pub(super) total: usize,
    pub(super) ended: Option<String>,
    pub(super) problem: Option<String>,
    pub(super) counts: Vec<(Badge, String)>,
    pub(super) verdicts: Vec<Told>,
    pub(super) more: Option<String>,
}

/// One verdict that is not simply good.
pub(super) struct Told {
    pub(super) slug: String,
    pub(super) verdict: Badge,
    pub(super) reason: String,
}

/// Begins one; `false` where one is under way.
pub(super) fn begin(desk: &Desk, fleet: Fleet, policy: Policy) -> bool {
    let (progress, seen) = watch::channel(Progress::default());
    let begun = desk.rehearsal().begin(async move {
        let ended = fleet.rehearse(&policy, crate::audit::PLATFORM, &progress, &Stop::default()).await;
        let mut all = ended.map_err(|error| error.to_string())?;
        all.sort_by(|one, other| one.slug.cmp(&other.slug));
        Ok(all)
    });
    if begun {
        desk.follow(seen);
    }
    begun
}

/// The one under way, else the last of this process.
pub(super) fn rehearsed(page: &Page, desk: &Desk) -> Option<Rehearsed> {
    let (work, Progress { total, .. }) = (desk.rehearsal(), desk.rehearsed());
    let mut told = Rehearsed {
        is_under_way: work.since().is_some(),
        turns: desk.rehearsed().turns(),
        total,
        ended: None,
        problem: None,
        counts: Vec::new(),
        verdicts: Vec::new(),
        more: None,
    };
    if told.is_under_way {
        return Some(told);
    }
    let last = work.last()?;
    told.ended = Some(page.moment(&last.ended_at));
    match &last.result {
        Err(problem) => told.problem = Some(problem.clone()),
        Ok(all) => {
            told.counts = Verdict::ALL.iter().filter_map(|verdict| count(page, all, *verdict)).collect();
            let mut others = all.iter().filter(|one| one.verdict != Verdict::Passes);
            told.verdicts = others.by_ref().take(SHOWN).map(|one| tell(page, one)).collect();
            let left = others.count();
            told.more = (left > 0).then(|| page.t1("admin-and-more", "count", left));
        }
    }
    Some(told)
}

fn count(page: &Page, all: &[Rehearsal], verdict: Verdict) -> Option<(Badge, String)> {
    let count = i64::try_from(all.iter().filter(|one| one.verdict == verdict).count()).unwrap_or(i64::MAX);
    (count > 0).then(|| (badge(page, verdict), page.count(&count)))
}

fn badge(page: &Page, verdict: Verdict) -> Badge {
    let tone = match verdict {
        Verdict::Passes => Tone::Good,
        Verdict::Fails => Tone::Bad,
        Verdict::Partly => Tone::Warn,
        Verdict::Newer => Tone::Neutral,
    };
    Badge { tone, label: page.t(&format!("admin-verdict-{verdict}")).to_owned() }
}

fn tell(page: &Page, one: &Rehearsal) -> Told {
    let message = one.message.clone().unwrap_or_default();
    let reason = match (one.verdict, one.failure) {
        (Verdict::Partly, _) => page.t1("admin-not-tried", "migration", message),
        (_, Some(failure)) => format!("{}: {message}", page.t(&format!("admin-failure-{failure}"))),
        _ => message,
    };
    Told { slug: one.slug.to_string(), verdict: badge(page, one.verdict), reason }
}
