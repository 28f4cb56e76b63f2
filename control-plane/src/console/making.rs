//! How a tenant is made or unmade, step by step.

use ui::Page;

use super::words::between;
use crate::{
    provisioning::saga::{self, Direction, Kind, State},
    tenants::{SagaView, StepView},
};

/// The steps of what makes or unmakes a tenant.
pub(super) struct Making {
    pub(super) title: String,
    pub(super) steps: Vec<Step>,
    /// Why it failed last, where it goes on by itself.
    pub(super) trouble: Option<String>,
}

impl Making {
    /// How far it is, in few words for those who listen.
    pub(super) fn told(&self) -> String {
        let now = self.steps.iter().rfind(|step| matches!(step.state, "doing" | "failed"));
        let now = now.map(|step| format!("{} ({})", step.name, step.said)).unwrap_or_default();
        format!("{} {now}", self.title)
    }
}

/// One of them.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) state: &'static str,
    /// The state in words.
    pub(super) said: String,
    pub(super) time: String,
    pub(super) error: Option<String>,
}

pub(super) fn making(page: &Page, saga: &SagaView, steps: &[StepView]) -> Making {
    let title = match (saga.kind, saga.state) {
        (_, State::Undoing) => "admin-being-unmade",
        (_, State::Undone) => "admin-unmade",
        (Kind::Drop, State::Doing) => "admin-being-dropped",
        (Kind::Drop, State::Done) => "admin-dropped",
        (Kind::Create | Kind::Adopt, State::Doing) => "admin-being-made",
        (Kind::Create | Kind::Adopt, State::Done) => "admin-made",
    };
    let find = |name: &str, direction| steps.iter().find(|step| step.step == name && step.direction == direction);
    let is_over = saga.finished_at.is_some();
    let told = |name: &str, step: Option<&StepView>| {
        let is_behind = step.is_some_and(|step| saga::is_behind(saga.kind, step.direction, name, steps));
        told(page, name, step, is_over, is_behind)
    };
    let forward = saga::steps(saga.kind).map(|name| told(name, find(name, Direction::Do)));
    let names: Vec<&str> = saga::steps(saga.kind).collect();
    let back = names.iter().rev().filter_map(|name| {
        let step = find(name, Direction::Undo)?;
        let told = told(name, Some(step));
        let key = if told.state == "done" { "admin-undone" } else { "admin-undo" };
        Some(Step { name: page.t1(key, "step", told.name.as_str()), ..told })
    });
    let trouble = saga.error.clone().filter(|_| !is_over);
    Making { title: page.t(title).to_owned(), steps: forward.chain(back).collect(), trouble }
}

fn told(page: &Page, name: &str, step: Option<&StepView>, is_over: bool, is_behind: bool) -> Step {
    let (state, time) = match step {
        Some(StepView { finished_at: Some(end), started_at, .. }) => ("done", between(page, *started_at, *end)),
        Some(_) if is_behind => ("done", String::new()),
        Some(StepView { error: Some(_), .. }) => ("failed", String::new()),
        Some(_) if !is_over => ("doing", String::new()),
        _ => ("waiting", String::new()),
    };
    let error = step.filter(|_| state == "failed").and_then(|step| step.error.clone());
    let said = match state {
        "done" => "step-is-done",
        "doing" => "admin-step-doing",
        "failed" => "admin-step-failed",
        _ => "admin-step-waiting",
    };
    Step { name: page.t(&format!("step-{name}")).to_owned(), state, said: page.t(said).to_owned(), time, error }
}
