//! A place for tests to make a step fail.

use std::{fmt, sync::Arc};

use tenancy::TenantId;

use super::ProvisionError;

/// A moment at which a step can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// It is recorded as begun; nothing has happened.
    Before,
    /// It has happened; it is not recorded as done.
    After,
}

type Hook = Arc<dyn Fn(TenantId, &str, Moment) -> bool + Send + Sync>;

#[derive(Clone)]
struct Injection {
    hook: Hook,
    /// Whether it counts as one that may be gone at the next try.
    passing: bool,
}

/// Decides which steps fail. The default lets everything pass.
#[derive(Clone, Default)]
pub struct Fault(Option<Injection>);

impl Fault {
    /// Fails the steps for which `hook` returns true; it is told the tenant, the step (`do database`) and the moment.
    pub fn when(hook: impl Fn(TenantId, &str, Moment) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Injection { hook: Arc::new(hook), passing: false }))
    }

    /// [`Fault::when`], but in a way that is worth another try, like a connection that broke.
    pub fn passing(hook: impl Fn(TenantId, &str, Moment) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Injection { hook: Arc::new(hook), passing: true }))
    }

    pub(super) fn check(&self, tenant: TenantId, step: &str, moment: Moment) -> Result<(), ProvisionError> {
        match &self.0 {
            Some(Injection { hook, passing }) if hook(tenant, step, moment) => {
                Err(ProvisionError::Injected { at: format!("{moment:?} {step}"), passing: *passing })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Fault(injected)" } else { "Fault(none)" })
    }
}
