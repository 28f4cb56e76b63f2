//! The pages of the platform, as a list: whoever looks at all of them has them from here, so a page that is added here
//! is seen in every look, has its picture taken, and is measured.

mod filled;
mod troubles;
mod visit;

pub use filled::Filled;

use Who::{Beginner, Newcomer, Operator, Owner, Stranger, Suspended, Waiting};

/// Who looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Nobody that is known.
    Stranger,
    /// Somebody who signs up, and has come to the last step.
    Newcomer,
    /// Somebody whose workspace is being made.
    Waiting,
    /// The owner of a workspace in which much was done.
    Owner,
    /// The owner of one in which nothing was done yet, and which has no room for projects.
    Beginner,
    /// The owner of one that is suspended.
    Suspended,
    /// Who runs the platform.
    Operator,
}

/// What is done on a page before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Nothing,
    /// Its form is emptied and sent, so that it says what is wrong.
    Emptied,
    /// Its form is sent as it is.
    Sent,
    /// Its form is sent as of long ago.
    Outdated,
}

/// A page.
#[derive(Debug)]
pub struct WebPage {
    /// As files are called that show it.
    pub name: &'static str,
    /// Its address. `{customers}` stands for the id of one of them, and so on; see [`Filled`].
    pub path: &'static str,
    pub who: Who,
    /// How it answers.
    pub status: u16,
    pub then: Then,
}

const fn page(who: Who, name: &'static str, path: &'static str) -> WebPage {
    WebPage { name, path, who, status: 200, then: Then::Nothing }
}

impl WebPage {
    const fn emptied(self) -> Self {
        Self { then: Then::Emptied, status: 422, ..self }
    }

    const fn sent(self) -> Self {
        Self { then: Then::Sent, ..self }
    }

    const fn outdated(self) -> Self {
        Self { then: Then::Outdated, status: 412, ..self }
    }

    const fn with(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Whether it is what comes to whoever asks for it, and stays so.
    pub fn is_plain(&self) -> bool {
        self.then == Then::Nothing && self.status == 200 && self.who != Waiting
    }
}

/// All of them, sorted by who looks at them.
pub const PAGES: &[WebPage] = &[
    page(Stranger, "login", "/login"),
    page(Stranger, "login-refused", "/login").emptied().with(401),
    page(Stranger, "login-after", "/login?done=mailed"),
    page(Stranger, "password-forgotten", "/password/forgot"),
    page(Stranger, "password-forgotten-refused", "/password/forgot").emptied(),
    page(Stranger, "password", "/password?token={reset}"),
    page(Stranger, "password-refused", "/password?token={reset}").emptied(),
    page(Stranger, "verify", "/verify?slug=none&token=none"),
    page(Stranger, "verify-done", "/verify?slug=quattro-stand-a-s&token={verification}").sent(),
    page(Stranger, "verify-over", "/verify?slug=none&token=none").sent().with(422),
    page(Stranger, "not-found", "/app/none").with(404),
    page(Stranger, "signup-company", "/signup"),
    page(Stranger, "signup-company-refused", "/signup").emptied(),
    page(Newcomer, "signup-company-again", "/signup"),
    page(Newcomer, "signup-package", "/signup/package"),
    page(Newcomer, "signup-account", "/signup/account"),
    page(Newcomer, "signup-account-refused", "/signup/account").emptied(),
    page(Newcomer, "signup-payment", "/signup/payment"),
    page(Waiting, "signup-done", "/signup/done"),
    page(Owner, "dashboard", "/app"),
    page(Owner, "customers", "/app/customers"),
    page(Owner, "customers-found", "/app/customers?search=stand&status=active"),
    page(Owner, "customers-not-found", "/app/customers?search=nobody"),
    page(Owner, "customer-new", "/app/customers/new"),
    page(Owner, "customer-new-refused", "/app/customers/new").emptied(),
    page(Owner, "customer", "/app/customers/{customers}"),
    page(Owner, "customer-changed-by-others", "/app/customers/{customers}").outdated(),
    page(Owner, "leads-board", "/app/leads?view=board"),
    page(Owner, "leads-list", "/app/leads?view=list"),
    page(Owner, "lead-new", "/app/leads/new"),
    page(Owner, "lead", "/app/leads/{leads}"),
    page(Owner, "products", "/app/products"),
    page(Owner, "product-new", "/app/products/new"),
    page(Owner, "product", "/app/products/{products}"),
    page(Owner, "calendar", "/app/calendar_events"),
    page(Owner, "calendar-list", "/app/calendar_events?view=list"),
    page(Owner, "event-new", "/app/calendar_events/new"),
    page(Owner, "event", "/app/calendar_events/{calendar_events}"),
    page(Owner, "documents", "/app/documents"),
    page(Owner, "document-new", "/app/documents/new"),
    page(Owner, "document", "/app/documents/{documents}"),
    page(Owner, "projects", "/app/projects"),
    page(Owner, "project-new", "/app/projects/new"),
    page(Owner, "project", "/app/projects/{projects}"),
    page(Owner, "tasks-board", "/app/tasks?view=board"),
    page(Owner, "tasks-list", "/app/tasks?view=list"),
    page(Owner, "task-new", "/app/tasks/new"),
    page(Owner, "task", "/app/tasks/{tasks}"),
    page(Owner, "time-entries", "/app/time-entries"),
    page(Owner, "time-entry-new", "/app/time-entries/new"),
    page(Owner, "time-entry", "/app/time-entries/{time-entries}"),
    page(Owner, "workspaces", "/account"),
    page(Owner, "settings", "/account/settings"),
    page(Owner, "settings-refused", "/account/settings").emptied(),
    page(Owner, "row-not-found", "/app/customers/none").with(404),
    page(Beginner, "dashboard-first", "/app"),
    page(Beginner, "customers-none", "/app/customers"),
    page(Beginner, "tasks-none", "/app/tasks"),
    page(Beginner, "calendar-none", "/app/calendar_events"),
    page(Beginner, "limit-reached", "/app/projects/new?name=One+more").sent().with(402),
    page(Suspended, "suspended", "/app").with(403),
    page(Operator, "admin", "/admin"),
    page(Operator, "admin-login", "/admin/login"),
    page(Operator, "admin-login-refused", "/admin/login").emptied().with(401),
    page(Operator, "admin-tenants", "/admin/tenants"),
    page(Operator, "admin-tenants-found", "/admin/tenants?search=quattro&status=trial"),
    page(Operator, "admin-tenants-not-found", "/admin/tenants?search=nobody"),
    page(Operator, "admin-tenant-new", "/admin/tenants/new"),
    page(Operator, "admin-tenant-new-refused", "/admin/tenants/new").emptied(),
    page(Operator, "admin-tenant", "/admin/tenants/quattro-stand-a-s"),
    page(Operator, "admin-tenant-being-made", "/admin/tenants/being-made"),
    page(Operator, "admin-tenant-failed", "/admin/tenants/failed"),
    page(Operator, "admin-tenant-suspended", "/admin/tenants/askida-ltd"),
    page(Operator, "admin-tenant-deleted", "/admin/tenants/gone"),
    page(Operator, "admin-tenant-not-found", "/admin/tenants/none").with(404),
    page(Operator, "admin-fleet", "/admin/fleet"),
    page(Operator, "admin-run", "/admin/fleet/runs/{run}"),
    page(Operator, "admin-doctor", "/admin/doctor"),
    page(Operator, "admin-doctor-found", "/admin/doctor").sent(),
];
