//! The rehearsal of a run, as a page shows it.

use tokio::sync::watch;
use ui::{Page, Tone};

use super::{
    desk::Desk,
    words::{Badge, and_more, at, count, quarters},
};
use crate::{
    audit::By,
    fleet::{Fleet, Policy, Progress, Rehearsal, Stop, Verdict},
};

/// How many verdicts a page shows; the rest is counted.
const SHOWN: usize = 50;

/// What came of a rehearsal, or how far it is.
pub(super) struct Rehearsed {
    pub(super) is_under_way: bool,
    pub(super) turns: usize,
    pub(super) total: usize,
    /// Both, in words.
    pub(super) progress: String,
    /// How it stands, in few words for those who listen.
    pub(super) told: String,
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
    /// Why, as far as it is said in somebody's language.
    pub(super) reason: String,
    /// As it came.
    pub(super) message: String,
}

/// Begins one; `false` where one is under way.
pub(super) fn begin(desk: &Desk, fleet: Fleet, policy: Policy, by: By) -> bool {
    let (progress, seen) = watch::channel(Progress::default());
    let begun = desk.rehearsal().begin(async move {
        let ended = fleet.rehearse(&policy, by, &progress, &Stop::default()).await;
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
    let (work, progress) = (desk.rehearsal(), desk.rehearsed());
    let (turns, total) = (progress.turns(), progress.total);
    let of_all = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut told = Rehearsed {
        is_under_way: work.since().is_some(),
        turns,
        total,
        progress: format!("{} / {}", count(page, turns), count(page, total)),
        told: quarters(page, "admin-rehearsal-told", of_all(turns), of_all(total)),
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
    told.ended = Some(at(page, &last.ended_at));
    told.told = page.t("admin-rehearsal-over").to_owned();
    match &last.result {
        Err(problem) => told.problem = Some(problem.clone()),
        Ok(all) => {
            told.counts = Verdict::ALL.iter().filter_map(|verdict| counted(page, all, *verdict)).collect();
            let others: Vec<&Rehearsal> = all.iter().filter(|one| one.verdict != Verdict::Passes).collect();
            told.verdicts = others.iter().take(SHOWN).map(|one| tell(page, one)).collect();
            told.more = and_more(page, others.len(), SHOWN);
        }
    }
    Some(told)
}

fn counted(page: &Page, all: &[Rehearsal], verdict: Verdict) -> Option<(Badge, String)> {
    let many = all.iter().filter(|one| one.verdict == verdict).count();
    (many > 0).then(|| (badge(page, verdict), count(page, many)))
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
    let (reason, message) = match (one.verdict, one.failure) {
        (Verdict::Partly, _) => (page.t1("admin-not-tried", "migration", message), String::new()),
        (_, Some(failure)) => (format!("{}: ", page.t(&format!("admin-failure-{failure}"))), message),
        _ => (String::new(), message),
    };
    Told { slug: one.slug.to_string(), verdict: badge(page, one.verdict), reason, message }
}
