//! The saga that makes or unmakes a tenant's database where one transaction can't.

use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::{StreamExt, stream};
use tenancy::{TenantId, TenantStatus, text_enum};
use tokio_postgres::Client;

use super::{ProvisionError, Provisioning, fault::Moment, steps::Step, store};
use crate::{platform::StoreError, servers::Server};

text_enum! {
    /// What a saga is for.
    pub enum Kind {
        /// A tenant comes to be.
        Create = "create",
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

/// A create that fails this often in passing ways is undone.
const MOST_ATTEMPTS: i32 = 5;

/// A long backup must not keep other tenants waiting; each of these has a connection of the pool.
const AT_ONCE: usize = 4;

/// What the steps of one saga share.
pub(super) struct Context<'a> {
    pub(super) provisioning: &'a Provisioning,
    pub(super) tenant: TenantId,
    pub(super) saga: store::SagaRow,
    pub(super) server: Server,
    /// The session on the platform database that holds the lock.
    pub(super) platform: &'a mut Object,
    /// A session on the tenant's server, where that is another one; it holds the lock there.
    pub(super) remote: Option<Client>,
}

impl Context<'_> {
    /// The session for statements on the tenant's server.
    pub(super) fn on_server(&self) -> &Client {
        self.remote.as_ref().unwrap_or(self.platform)
    }
}

/// The lock of a tenant's saga: half of its id, which is random enough.
fn lock_key(tenant: TenantId) -> i64 {
    let (_, low) = tenant.uuid().as_u64_pair();
    low.cast_signed()
}

impl Provisioning {
    /// Takes a tenant's saga as far as it goes. Where another runner is at it, waits for that one and looks again. Goes
    /// on in the background when the caller loses interest.
    ///
    /// # Errors
    /// Why it stopped on the way; the reconciler tries again by itself.
    pub async fn run_saga(&self, tenant: TenantId, kind: Kind) -> Result<State, ProvisionError> {
        let this = self.clone();
        let run = tokio::spawn(async move { this.locked_saga(tenant, kind, true).await });
        match run.await {
            Ok(result) => result.map(|state| state.unwrap_or(State::Doing)),
            Err(panicked) => Err(ProvisionError::Panicked(panicked.to_string())),
        }
    }

    /// Goes on with every saga that is due and that nobody is at; says how many it took on.
    ///
    /// # Errors
    /// When the platform database can't say which; a saga's own failure is recorded with it and logged.
    pub async fn resume_sagas(&self) -> Result<usize, ProvisionError> {
        let due = {
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            store::unfinished(&client).await?
        };
        let runs = stream::iter(due).map(|(tenant, kind)| self.resume(tenant, kind)).buffer_unordered(AT_ONCE);
        Ok(runs.filter(|taken| std::future::ready(*taken)).count().await)
    }

    async fn resume(&self, tenant: TenantId, kind: Kind) -> bool {
        match self.locked_saga(tenant, kind, false).await {
            Ok(state) => state.is_some(),
            Err(error) => {
                tracing::warn!(%tenant, kind = kind.as_str(), %error, "a tenant's saga failed and will be tried again");
                false
            }
        }
    }

    /// `None`: somebody else is at it, and `wait` is false.
    async fn locked_saga(&self, tenant: TenantId, kind: Kind, wait: bool) -> Result<Option<State>, ProvisionError> {
        let mut client = self.0.pool.get().await.map_err(StoreError::from)?;
        let key = lock_key(tenant);
        if wait {
            client.execute("SELECT pg_advisory_lock($1)", &[&key]).await?;
        } else if !client.query_one("SELECT pg_try_advisory_lock($1)", &[&key]).await?.get::<_, bool>(0) {
            return Ok(None);
        }
        let result = self.step_through(&mut client, tenant, kind).await;
        let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&key]).await;
        if result.is_err() || unlocked.is_err() {
            // The session may still have the lock; its end frees it.
            drop(Object::take(client));
        }
        result.map(Some)
    }

    async fn step_through(&self, platform: &mut Object, tenant: TenantId, kind: Kind) -> Result<State, ProvisionError> {
        let Some(saga) = store::saga(platform, tenant, kind).await? else {
            return Ok(State::Done);
        };
        if matches!(saga.state, State::Done | State::Undone) {
            return Ok(saga.state);
        }
        if kind == Kind::Create && saga.status == TenantStatus::Deleted {
            // Deleted while it was being made: its drop takes away whatever is there by now.
            store::saga_finished(platform, tenant, kind, State::Undone).await?;
            return Ok(State::Undone);
        }
        let (state, attempts) = (saga.state, saga.attempts);
        match self.walk(platform, tenant, kind, saga).await {
            Ok(state) => Ok(state),
            Err(error) => {
                let give_up = kind == Kind::Create && (!error.is_transient() || attempts + 1 >= MOST_ATTEMPTS);
                let next = if give_up { State::Undoing } else { state };
                let pause = if next == state { backoff(attempts) } else { Duration::ZERO };
                if platform.is_closed() {
                    *platform = self.0.pool.get().await.map_err(StoreError::from)?;
                }
                store::saga_failed(platform, tenant, kind, next, &error.to_string(), pause.as_secs_f64()).await?;
                Err(error)
            }
        }
    }

    async fn walk(
        &self,
        platform: &mut Object,
        tenant: TenantId,
        kind: Kind,
        saga: store::SagaRow,
    ) -> Result<State, ProvisionError> {
        let server = self.0.servers.get_on(platform, saga.server).await?;
        let remote = if server.is_platform {
            None
        } else {
            let client = server.connect().await?;
            client.execute("SELECT pg_advisory_lock($1)", &[&lock_key(tenant)]).await?;
            Some(client)
        };
        let undoing = saga.state == State::Undoing;
        let mut context = Context { provisioning: self, tenant, saga, server, platform, remote };
        let steps = Step::of(kind);
        if undoing {
            for step in steps.iter().rev() {
                self.take(&mut context, kind, *step, Direction::Undo).await?;
            }
            return Ok(State::Undone);
        }
        for step in steps {
            self.take(&mut context, kind, *step, Direction::Do).await?;
        }
        Ok(State::Done)
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
        store::step_started(&*context.platform, tenant, kind, step.as_str(), direction).await?;
        let taken = async {
            self.0.fault.check(tenant, &name, Moment::Before)?;
            match direction {
                Direction::Do => step.forward(context).await?,
                Direction::Undo => step.back(context).await?,
            }
            self.0.fault.check(tenant, &name, Moment::After)
        };
        let result = taken.await;
        let error = result.as_ref().err().map(ToString::to_string);
        let recorded =
            store::step_ended(&*context.platform, tenant, kind, step.as_str(), direction, error.as_deref()).await;
        result?;
        recorded?;
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
    fn pauses_grow_and_end() {
        assert_eq!(backoff(0), Duration::from_millis(250));
        assert_eq!(backoff(100), Duration::from_secs(64));
        assert!((0..20).all(|n| backoff(n) <= backoff(n + 1)));
    }
}
