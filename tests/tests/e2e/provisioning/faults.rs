//! Scripts of failures: each tenant gets one, at its first step.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use control_plane::provisioning::{
    Fault, Moment,
    saga::{Kind, steps},
};
use tenancy::TenantId;

/// One step that fails at one moment, so many times in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) step: String,
    pub(super) moment: Moment,
    pub(super) times: u32,
}

/// What goes wrong for one tenant.
pub(super) type Script = Vec<Failure>;

#[derive(Default)]
struct Cast {
    waiting: VecDeque<Script>,
    /// As it was given out, and what is left of it.
    playing: HashMap<TenantId, (Script, Script)>,
}

/// Gives scripts out and plays them.
#[derive(Clone)]
pub(super) struct Scripts {
    kind: Kind,
    cast: Arc<Mutex<Cast>>,
}

impl Scripts {
    pub(super) fn new(kind: Kind, scripts: Vec<Script>) -> Self {
        let cast = Cast { waiting: scripts.into(), ..Cast::default() };
        Self { kind, cast: Arc::new(Mutex::new(cast)) }
    }

    /// Fails for good.
    pub(super) fn lasting(&self) -> Fault {
        let this = self.clone();
        Fault::when(move |tenant, step, moment| this.fails(tenant, step, moment))
    }

    /// Fails in a way that is worth another try.
    pub(super) fn passing(&self) -> Fault {
        let this = self.clone();
        Fault::passing(move |tenant, step, moment| this.fails(tenant, step, moment))
    }

    fn fails(&self, tenant: TenantId, step: &str, moment: Moment) -> bool {
        let of_this_kind = step.split(' ').nth(1).is_some_and(|name| steps(self.kind).any(|own| own == name));
        if !of_this_kind {
            return false;
        }
        let mut cast = self.cast.lock().unwrap();
        if !cast.playing.contains_key(&tenant) {
            let Some(script) = cast.waiting.pop_front() else { return false };
            cast.playing.insert(tenant, (script.clone(), script));
        }
        let (_, left) = cast.playing.get_mut(&tenant).unwrap();
        let failure = left.iter_mut().find(|failure| failure.step == step && failure.moment == moment);
        match failure.filter(|failure| failure.times > 0) {
            Some(failure) => {
                failure.times -= 1;
                true
            }
            None => false,
        }
    }

    /// The scripts by tenant, each played to its end: a test that skipped a failure shows nothing.
    pub(super) fn played(&self) -> HashMap<TenantId, Script> {
        let cast = self.cast.lock().unwrap();
        assert!(cast.waiting.is_empty(), "nobody played {:?}", cast.waiting);
        let played = |(tenant, (script, left)): (&TenantId, &(Script, Script))| {
            assert!(left.iter().all(|failure| failure.times == 0), "of {script:?} there is left {left:?}");
            (*tenant, script.clone())
        };
        cast.playing.iter().map(played).collect()
    }
}

/// Every step of a saga in one direction, at both moments.
pub(super) fn moments(kind: Kind, direction: &str) -> Vec<(String, Moment)> {
    let both = |step: &str| [Moment::Before, Moment::After].map(|moment| (format!("{direction} {step}"), moment));
    steps(kind).flat_map(both).collect()
}

pub(super) fn failure(at: &(String, Moment), times: u32) -> Failure {
    Failure { step: at.0.clone(), moment: at.1, times }
}
