//! The pages of the platform, as a list: whoever looks at all of them has them from here, so a page that is added here
//! is seen in every look, has its picture taken, and is measured.

mod filled;
mod visit;

pub use filled::Filled;

use Who::{Beginner, Newcomer, Operator, Owner, Stranger};

/// Who looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Nobody that is known.
    Stranger,
    /// Somebody who signs up, and has come to the last step.
    Newcomer,
    /// The owner of a workspace in which much was done.
    Owner,
    /// The owner of one in which nothing was done yet.
    Beginner,
    /// Who runs the platform.
    Operator,
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
    /// After its form was emptied and sent, so that it says what is wrong.
    pub is_refused: bool,
}

const fn page(who: Who, name: &'static str, path: &'static str) -> WebPage {
    WebPage { name, path, who, status: 200, is_refused: false }
}

impl WebPage {
    const fn refused(self) -> Self {
        Self { is_refused: true, ..self }
    }

    const fn with(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// All of them, sorted by who looks at them.
pub const PAGES: &[WebPage] = &[
    page(Stranger, "login", "/login"),
    page(Stranger, "login-refused", "/login").refused(),
    page(Stranger, "login-after", "/login?done=mailed"),
    page(Stranger, "password-forgotten", "/password/forgot"),
    page(Stranger, "password-forgotten-refused", "/password/forgot").refused(),
    page(Stranger, "password", "/password?token=none"),
    page(Stranger, "password-refused", "/password?token=none").refused(),
    page(Stranger, "verify-over", "/verify?slug=none&token=none").with(422),
    page(Stranger, "not-found", "/app/none").with(404),
    page(Stranger, "signup-company", "/signup"),
    page(Stranger, "signup-company-refused", "/signup").refused(),
    page(Newcomer, "signup-company-again", "/signup"),
    page(Newcomer, "signup-package", "/signup/package"),
    page(Newcomer, "signup-account", "/signup/account"),
    page(Newcomer, "signup-account-refused", "/signup/account").refused(),
    page(Newcomer, "signup-payment", "/signup/payment"),
    page(Owner, "dashboard", "/app"),
    page(Owner, "customers", "/app/customers"),
    page(Owner, "customers-found", "/app/customers?search=stand&status=active"),
    page(Owner, "customers-not-found", "/app/customers?search=nobody"),
    page(Owner, "customer-new", "/app/customers/new"),
    page(Owner, "customer-new-refused", "/app/customers/new").refused(),
    page(Owner, "customer", "/app/customers/{customers}"),
    page(Owner, "leads-board", "/app/leads?view=board"),
    page(Owner, "leads-list", "/app/leads?view=list"),
    page(Owner, "lead", "/app/leads/{leads}"),
    page(Owner, "products", "/app/products"),
    page(Owner, "product", "/app/products/{products}"),
    page(Owner, "calendar", "/app/calendar_events"),
    page(Owner, "calendar-list", "/app/calendar_events?view=list"),
    page(Owner, "event-new", "/app/calendar_events/new"),
    page(Owner, "event", "/app/calendar_events/{calendar_events}"),
    page(Owner, "documents", "/app/documents"),
    page(Owner, "document", "/app/documents/{documents}"),
    page(Owner, "projects", "/app/projects"),
    page(Owner, "project", "/app/projects/{projects}"),
    page(Owner, "tasks-board", "/app/tasks?view=board"),
    page(Owner, "tasks-list", "/app/tasks?view=list"),
    page(Owner, "task", "/app/tasks/{tasks}"),
    page(Owner, "time-entries", "/app/time-entries"),
    page(Owner, "workspaces", "/account"),
    page(Owner, "settings", "/account/settings"),
    page(Owner, "settings-refused", "/account/settings").refused(),
    page(Owner, "row-not-found", "/app/customers/none").with(404),
    page(Beginner, "dashboard-first", "/app"),
    page(Beginner, "customers-none", "/app/customers"),
    page(Beginner, "tasks-none", "/app/tasks"),
    page(Beginner, "calendar-none", "/app/calendar_events"),
    page(Operator, "admin", "/admin"),
    page(Operator, "admin-login", "/admin/login"),
    page(Operator, "admin-login-refused", "/admin/login").refused(),
    page(Operator, "admin-tenants", "/admin/tenants"),
    page(Operator, "admin-tenants-found", "/admin/tenants?search=quattro&status=trial"),
    page(Operator, "admin-tenants-not-found", "/admin/tenants?search=nobody"),
    page(Operator, "admin-tenant-new", "/admin/tenants/new"),
    page(Operator, "admin-tenant-new-refused", "/admin/tenants/new").refused(),
    page(Operator, "admin-tenant", "/admin/tenants/quattro-stand-a-s"),
    page(Operator, "admin-tenant-not-found", "/admin/tenants/none").with(404),
    page(Operator, "admin-fleet", "/admin/fleet"),
    page(Operator, "admin-doctor", "/admin/doctor"),
];
