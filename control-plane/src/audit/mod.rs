//! What was done, by whom, from where: kept in the platform database, written in the transaction that does it.

mod by;
mod origin;
mod proxies;
mod store;

pub use by::By;
pub use origin::Origin;
pub use proxies::TrustedProxies;
pub use store::record;
use tenancy::{TenantId, UserId, text_enum};

text_enum! {
    /// What was done.
    pub enum Action {
        /// A tenant was asked for.
        TenantCreated = "tenant.created",
        /// A tenant's database could not be made.
        TenantFailed = "tenant.failed",
        /// A tenant was stopped.
        TenantSuspended = "tenant.suspended",
        /// A tenant is served again.
        TenantActivated = "tenant.activated",
        /// A tenant was dropped.
        TenantDeleted = "tenant.deleted",
        /// The owner finished the signup wizard.
        OnboardingCompleted = "tenant.onboarding_completed",
        /// What holds for everybody in a tenant was changed.
        TenantChanged = "tenant.changed",
        /// Somebody signed in.
        SignedIn = "user.signed_in",
        /// Somebody tried to.
        SignInFailed = "user.sign_in_failed",
        /// Somebody signed out.
        SignedOut = "user.signed_out",
        /// Somebody went on to another tenant of theirs.
        TenantSwitched = "user.tenant_switched",
        /// A used refresh token came back: the sign-in that it came from was ended.
        RefreshReused = "user.refresh_token_reused",
        /// An e-mail address was proven.
        EmailVerified = "user.email_verified",
        /// A new password was asked for by mail.
        PasswordForgotten = "user.password_forgotten",
        /// A password was set with a mailed token.
        PasswordSet = "user.password_set",
        /// A run began that brings tenants to a schema version.
        FleetBegun = "fleet.begun",
        /// Somebody went on with a run that was left.
        FleetResumed = "fleet.resumed",
        /// A run came to its end.
        FleetMigrated = "fleet.migrated",
        /// A run was asked to stop.
        FleetStopped = "fleet.stopped",
        /// What a run would do was tried.
        FleetRehearsed = "fleet.rehearsed",
        /// A database server was added.
        ServerAdded = "server.added",
        /// A difference between the platform database and a server was mended.
        Mended = "doctor.mended",
        /// One could not be.
        MendFailed = "doctor.mend_failed",
    }
}

/// The actor of what nobody asked for: the platform's own rounds.
pub const PLATFORM: &str = "platform";

/// One line of the log, built up with the functions below.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    action: Action,
    actor: &'a str,
    user: Option<UserId>,
    tenant: Option<TenantId>,
    details: serde_json::Value,
    origin: Origin,
}

impl<'a> Entry<'a> {
    /// Something done by `actor`: an e-mail address, `platform`, or `cli`.
    #[must_use]
    pub fn new(action: Action, actor: &'a str) -> Self {
        let details = serde_json::Value::Object(serde_json::Map::new());
        Self { action, actor, user: None, tenant: None, details, origin: Origin::default() }
    }

    /// Something done by somebody, from where they are.
    #[must_use]
    pub fn by(action: Action, by: &'a By) -> Self {
        Self::new(action, &by.actor).from(&by.origin)
    }

    /// By, or about, this user.
    #[must_use]
    pub const fn user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// In this tenant.
    #[must_use]
    pub const fn tenant(mut self, tenant: Option<TenantId>) -> Self {
        self.tenant = tenant;
        self
    }

    /// With more about it; never a secret.
    #[must_use]
    pub fn details(mut self, details: serde_json::Value) -> Self {
        self.details = details;
        self
    }

    /// Asked for from here.
    #[must_use]
    pub fn from(mut self, origin: &Origin) -> Self {
        self.origin = origin.clone();
        self
    }
}
