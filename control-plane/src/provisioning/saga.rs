//! The saga that makes or unmakes a tenant's database where one transaction can't.

use std::time::Duration;

use deadpool_postgres::{Object, Transaction};
use futures_util::{FutureExt, future::BoxFuture};
use tenancy::{DatabaseName, TenantId, TenantStatus, text_enum};
use tokio_postgres::Client;

use super::{
    ProvisionError, Provisioning,
    fault::Moment,
    lock::LockedSession,
    steps::Step,
    store::{self, StepView},
};
use crate::{
    platform::{StoreError, together},
    servers::Server,
};

text_enum! {
    /// What a saga is for.
    pub enum Kind {
        /// A tenant comes to be.
        Create = "create",
        /// A tenant comes to be with rows that it had elsewhere. Only the program that has them at hand can finish it.
        Adopt = "adopt",
        /// A tenant goes.
        Drop = "drop",
    }
}

text_enum! {
    /// How far a saga is.
    pub enum State {
        /// Going forward.
        Doing = "doing",
        /// Going back: nothing of it will be left.
        Undoing = "undoing",
        /// It did what it was for.
        Done = "done",
        /// Nothing of it is left.
        Undone = "undone",
    }
}

text_enum! {
    /// Which way a step is taken.
    pub enum Direction {
        /// Forward.
        Do = "do",
        /// Back.
        Undo = "undo",
    }
}

/// The names of a saga's steps, in the order in which they are done.
pub fn steps(kind: Kind) -> impl Iterator<Item = &'static str> {
    Step::of(kind).iter().map(|step| step.as_str())
}

/// Whether a saga has this step behind it, by the steps on record. The end of a step is recorded with the next one's
/// beginning, and whatever is tried again begins with the first.
pub(crate) fn is_behind(kind: Kind, direction: Direction, name: &str, taken: &[StepView]) -> bool {
    let turns = |later: usize, this: usize| if direction == Direction::Do { later > this } else { later < this };
    let place = |name: &str| steps(kind).position(|step| step == name);
    taken.iter().filter(|step| step.direction == direction).any(|step| {
        (step.step == name && step.finished_at.is_some())
            || place(&step.step).zip(place(name)).is_some_and(|(later, this)| turns(later, this))
    })
}

/// A create that fails this often in passing ways is undone.
const MOST_ATTEMPTS: i32 = 5;

/// How often a saga that somebody is at is asked for again. Waiting inside PostgreSQL would occupy a connection.
const AGAIN: Duration = Duration::from_millis(50);

/// Puts rows into the database of a tenant that is adopted, before the tenant is served; else says why not.
pub(crate) type Fill = Box<dyn FnOnce(Server, DatabaseName) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What the steps of one saga share.
pub(super) struct Context<'a> {
    pub(super) provisioning: &'a Provisioning,
    pub(super) tenant: TenantId,
    pub(super) kind: Kind,
    pub(super) saga: store::SagaRow,
    pub(super) server: Server,
    /// The session on the platform database that holds the lock.
    pub(super) platform: &'a mut Object,
    /// The step that was taken last, and is not recorded as done.
    pub(super) before: Option<Step>,
    /// A session on the tenant's server, where that is another one; it holds the lock there.
    pub(super) remote: Option<Client>,
    /// `None`: whoever runs this saga is not who began to adopt.
    pub(super) fill: Option<Fill>,
}

impl Context<'_> {
    /// The session for statements on the tenant's server.
    pub(super) fn on_server(&self) -> &Client {
        self.remote.as_ref().unwrap_or(self.platform)
    }
}

impl Provisioning {
    /// Begins to make a tenant's database, in the transaction that writes the tenant.
    pub(crate) async fn begin(
        &self,
        transaction: &Transaction<'_>,
        server: &Server,
        tenant: TenantId,
        kind: Kind,
    ) -> Result<(), StoreError> {
        let unhurried = async {
            // CREATE DATABASE writes out this commit with its own, and nobody is told of the tenant before that.
            if server.is_platform {
                transaction.batch_execute("SET LOCAL synchronous_commit = off").await?;
            }
            Ok(())
        };
        together([store::insert_saga(transaction, tenant, kind, false).boxed(), unhurried.boxed()]).await
    }

    /// Takes a tenant's saga as far as it goes. Where another runner is at it, waits for that one and looks again. Goes
    /// on in the background when the caller loses interest.
    ///
    /// # Errors
    /// Why it stopped on the way; the reconciler tries again by itself.
    pub async fn run_saga(&self, tenant: TenantId, kind: Kind) -> Result<State, ProvisionError> {
        self.run_with(tenant, kind, None).await
    }

    /// Makes an adopted tenant's database and has it filled. Where that fails, nothing of the tenant is left.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) async fn adopt(&self, tenant: TenantId, fill: Fill) -> Result<State, ProvisionError> {
        let failed = match self.run_with(tenant, Kind::Adopt, Some(fill)).await {
            Ok(state) => return Ok(state),
            Err(error) => error,
        };
        if let Err(error) = self.run_saga(tenant, Kind::Adopt).await {
            tracing::warn!(%tenant, %error, "what was adopted could not be taken back now; the platform goes on trying");
        }
        Err(failed)
    }

    async fn run_with(&self, tenant: TenantId, kind: Kind, fill: Option<Fill>) -> Result<State, ProvisionError> {
        let this = self.clone();
        let run = tokio::spawn(async move { this.locked_saga(tenant, kind, true, fill).await });
        match run.await {
            Ok(result) => result.map(|state| state.unwrap_or(State::Doing)),
            Err(panicked) => Err(ProvisionError::Panicked(panicked.to_string())),
        }
    }

    /// The sagas that are to be gone on with now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_sagas(&self) -> Result<Vec<(TenantId, Kind)>, StoreError> {
        let client = self.0.pool.get().await?;
        store::unfinished(&client).await
    }

    /// Goes on with a saga unless somebody is at it. A failure is recorded with the saga and logged.
    pub async fn resume(&self, tenant: TenantId, kind: Kind) {
        if let Err(error) = self.locked_saga(tenant, kind, false, None).await {
            tracing::warn!(%tenant, kind = kind.as_str(), %error, "a tenant's saga failed and will be tried again");
        }
    }

    /// `None`: somebody else is at it, and `wait` is false.
    async fn locked_saga(
        &self,
        tenant: TenantId,
        kind: Kind,
        wait: bool,
        fill: Option<Fill>,
    ) -> Result<Option<State>, ProvisionError> {
        let name = tenant.to_string();
        let _turn = self.0.sagas.acquire().await;
        let (mut session, saga) = loop {
            let read = async |session: &Object| store::saga(session, tenant, kind).await;
            match LockedSession::try_lock(&self.0.pool, &name, read).await? {
                Some(locked) => break locked,
                None if wait => tokio::time::sleep(AGAIN).await,
                None => return Ok(None),
            }
        };
        let state = match saga {
            Some(saga) => self.step_through(&mut session, tenant, kind, saga, fill).await?,
            None => State::Done,
        };
        // Nobody needs to wait for that.
        tokio::spawn(async move { session.unlock(&name).await });
        Ok(Some(state))
    }

    async fn step_through(
        &self,
        platform: &mut Object,
        tenant: TenantId,
        kind: Kind,
        saga: store::SagaRow,
        fill: Option<Fill>,
    ) -> Result<State, ProvisionError> {
        if matches!(saga.state, State::Done | State::Undone) {
            return Ok(saga.state);
        }
        if kind != Kind::Drop && saga.status == TenantStatus::Deleted {
            // Deleted while it was being made: its drop takes away whatever is there by now.
            store::saga_finished(platform, tenant, kind, State::Undone).await?;
            return Ok(State::Undone);
        }
        let (state, attempts) = (saga.state, saga.attempts);
        match self.walk(platform, tenant, kind, saga, fill).await {
            Ok(state) => Ok(state),
            Err(error) => {
                let give_up = match kind {
                    Kind::Create => !error.is_transient() || attempts + 1 >= MOST_ATTEMPTS,
                    Kind::Adopt => true,
                    Kind::Drop => false,
                };
                let next = if give_up { State::Undoing } else { state };
                let pause = if next == state { backoff(attempts) } else { Duration::ZERO };
                self.note_failure(platform, tenant, kind, next, &error, pause).await?;
                Err(error)
            }
        }
    }

    async fn note_failure(
        &self,
        platform: &Object,
        tenant: TenantId,
        kind: Kind,
        next: State,
        error: &ProvisionError,
        pause: Duration,
    ) -> Result<(), StoreError> {
        let (error, pause) = (error.to_string(), pause.as_secs_f64());
        if platform.is_closed() {
            let other = self.0.pool.get().await?;
            return store::saga_failed(&other, tenant, kind, next, &error, pause).await;
        }
        store::saga_failed(platform, tenant, kind, next, &error, pause).await
    }

    async fn walk(
        &self,
        platform: &mut Object,
        tenant: TenantId,
        kind: Kind,
        saga: store::SagaRow,
        fill: Option<Fill>,
    ) -> Result<State, ProvisionError> {
        let server = self.0.servers.get_on(platform, saga.server).await?;
        let remote = if server.is_platform {
            None
        } else {
            let client = server.connect().await?;
            // There as well: an earlier runner's statement may still be at work.
            client.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", &[&tenant.to_string()]).await?;
            Some(client)
        };
        let undoing = saga.state == State::Undoing;
        let mut context =
            Context { provisioning: self, tenant, kind, saga, server, platform, before: None, remote, fill };
        let steps = Step::of(kind);
        if undoing {
            self.take_all(&mut context, kind, steps.iter().rev(), Direction::Undo).await?;
            return Ok(State::Undone);
        }
        self.take_all(&mut context, kind, steps.iter(), Direction::Do).await?;
        Ok(State::Done)
    }

    async fn take_all(
        &self,
        context: &mut Context<'_>,
        kind: Kind,
        steps: impl Iterator<Item = &Step>,
        direction: Direction,
    ) -> Result<(), ProvisionError> {
        // The first try of the first step was recorded with the saga.
        let mut recorded = direction == Direction::Do && context.saga.attempts == 0;
        for step in steps {
            let alone = direction == Direction::Undo || !step.records_itself(context);
            if alone && !std::mem::take(&mut recorded) {
                let before = context.before.map(Step::as_str);
                store::step_started(&*context.platform, context.tenant, kind, step.as_str(), direction, before).await?;
            }
            self.take(context, kind, *step, direction).await?;
            context.before = alone.then_some(*step);
        }
        if let Some(last) = context.before {
            store::step_ended(&*context.platform, context.tenant, kind, last.as_str(), direction, None).await?;
        }
        Ok(())
    }

    async fn take(
        &self,
        context: &mut Context<'_>,
        kind: Kind,
        step: Step,
        direction: Direction,
    ) -> Result<(), ProvisionError> {
        let tenant = context.tenant;
        let name = format!("{direction} {step}");
        let taken = async {
            self.0.fault.check(tenant, &name, Moment::Before)?;
            match direction {
                Direction::Do => step.forward(context).await?,
                Direction::Undo => step.back(context).await?,
            }
            self.0.fault.check(tenant, &name, Moment::After)
        };
        if let Err(error) = taken.await {
            let text = error.to_string();
            let recorded =
                store::step_ended(&*context.platform, tenant, kind, step.as_str(), direction, Some(&text)).await;
            if let Err(unrecorded) = recorded {
                tracing::debug!(%tenant, step = name, %unrecorded, "why a step failed could not be recorded");
            }
            return Err(error);
        }
        tracing::debug!(%tenant, step = name, "a step was taken");
        Ok(())
    }
}

fn backoff(attempts: i32) -> Duration {
    Duration::from_millis(250 << attempts.clamp(0, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_is_behind_all_the_same() {
        let at = |second: i64| jiff::Timestamp::from_second(second).unwrap();
        let view = |step: &str, direction, started: i64| StepView {
            step: step.to_owned(),
            direction,
            started_at: at(started),
            finished_at: None,
            tries: 2,
            error: None,
        };
        let behind = |direction, taken: &[StepView]| {
            let names = steps(Kind::Create);
            names.filter(|name| is_behind(Kind::Create, direction, name, taken)).collect::<Vec<_>>()
        };
        let names: Vec<&str> = steps(Kind::Create).collect();
        assert_eq!(names, ["database", "open"]);
        // The second try began with the first step again.
        let taken = [view("open", Direction::Do, 1), view("database", Direction::Do, 2)];
        assert_eq!(behind(Direction::Do, &taken), ["database"]);
        assert_eq!(behind(Direction::Do, &taken[1..]), [""; 0]);
        let back = [view("open", Direction::Undo, 2), view("database", Direction::Undo, 1)];
        assert_eq!(behind(Direction::Undo, &back), ["open"]);
        let done = StepView { finished_at: Some(at(3)), ..view("database", Direction::Do, 2) };
        assert_eq!(behind(Direction::Do, &[done]), ["database"]);
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(backoff(0), Duration::from_millis(250));
        assert_eq!(backoff(100), Duration::from_secs(64));
        assert!((0..20).all(|n| backoff(n) <= backoff(n + 1)));
    }
}
