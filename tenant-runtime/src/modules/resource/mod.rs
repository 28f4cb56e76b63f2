//! Resources: what a product keeps in a table and serves under a path. A resource is described once, by its fields; its
//! statements, its routes and its part of the API's description follow from that.

mod api;
mod conditions;
mod deeds;
mod description;
mod field;
mod formats;
mod idempotency;
mod list;
mod members;
mod pages;
mod refusals;
mod show;
mod sql;
mod store;
mod values;

pub(crate) use api::OnePath;
pub(crate) use conditions::{Versions, if_match};
pub(crate) use field::Field;
pub(crate) use pages::{Deed, deeds, show_refused, tone, version_in};
pub(crate) use show::Shown;
use sql::Statements;
use tenancy::{Code, Permission, Problem, http::Access};

use crate::usage::Metric;

/// Another resource; a function, because two may know each other.
pub(crate) type Other = fn() -> &'static Resource;

/// A resource.
pub(crate) struct Resource {
    /// Its table, its permission, and its path unless that is another: `customers`.
    name: &'static str,
    path: &'static str,
    /// What one of them is called: `customer`.
    one: &'static str,
    /// What its ids begin with: `cus`.
    prefix: &'static str,
    fields: Vec<Field>,
    modules: &'static [&'static str],
    limit: Option<Limit>,
    metric: Option<Metric>,
    parent: Option<Parent>,
    parts: Option<Other>,
    actions: &'static [Action],
    not_found: Code,
    /// The field whose words are the columns of a board.
    board: Option<&'static str>,
    /// How a row stands in a calendar.
    calendar: Option<Lasts>,
    has_file: bool,
    sorts_by_change: bool,
    /// All columns in the order in which rows are read.
    columns: String,
    statements: Statements,
}

/// What the tenant's package bounds.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// All rows, by the package's limit of this name.
    All(&'static str),
    /// The rows of one row of the parent, whose column counts them.
    OfParent { limit: &'static str, parents: &'static str, count: &'static str },
}

/// The resource that rows belong to: they are also served below its path.
struct Parent {
    resource: Other,
    field: &'static str,
}

/// The fields that say how long a row lasts.
#[derive(Debug, Clone, Copy)]
struct Lasts {
    from: &'static str,
    until: &'static str,
}

/// What can be done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Read,
    Create,
    Update,
    Delete,
}

impl Action {
    const ALL: &'static [Self] = &[Self::Read, Self::Create, Self::Update, Self::Delete];

    const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl Resource {
    /// A resource with a table, what one of its rows is called, and what their ids begin with.
    pub(crate) fn new(name: &'static str, one: &'static str, prefix: &'static str) -> Self {
        Self {
            name,
            path: name,
            one,
            prefix,
            fields: Vec::new(),
            modules: &[],
            limit: None,
            metric: None,
            parent: None,
            parts: None,
            actions: Action::ALL,
            not_found: Code::NotFound,
            board: None,
            calendar: None,
            has_file: false,
            sorts_by_change: true,
            columns: String::new(),
            statements: Statements::default(),
        }
    }

    /// Served under another path than its table's name.
    pub(crate) fn at(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// For tenants whose package has one of these modules.
    pub(crate) fn in_modules(mut self, modules: &'static [&'static str]) -> Self {
        self.modules = modules;
        self
    }

    /// At most as many rows as this limit of the tenant's package.
    pub(crate) fn limited_by(mut self, limit: &'static str) -> Self {
        self.limit = Some(Limit::All(limit));
        self
    }

    /// At most as many rows for each row of the parent as this limit; the column `count` of the table `parents` counts them.
    pub(crate) fn limited_per_parent(
        mut self,
        limit: &'static str,
        parents: &'static str,
        count: &'static str,
    ) -> Self {
        self.limit = Some(Limit::OfParent { limit, parents, count });
        self
    }

    /// Every row that is made is counted in the tenant's usage.
    pub(crate) fn metered_as(mut self, metric: Metric) -> Self {
        self.metric = Some(metric);
        self
    }

    /// Rows belong to a row of another resource, which this field names; they are also served below its path.
    pub(crate) fn belongs_to(mut self, resource: Other, field: &'static str) -> Self {
        self.parent = Some(Parent { resource, field });
        self
    }

    /// One row is shown with its first hundred of these.
    pub(crate) fn shown_with(mut self, parts: Other) -> Self {
        self.parts = Some(parts);
        self
    }

    /// Only this can be done with it.
    pub(crate) fn only(mut self, actions: &'static [Action]) -> Self {
        self.actions = actions;
        self.sorts_by_change = actions.contains(&Action::Update);
        self
    }

    /// Pages also show its rows on a board, a column for each word of this field.
    pub(crate) fn on_a_board_by(mut self, field: &'static str) -> Self {
        self.board = Some(field);
        self
    }

    /// Pages also show its rows in a calendar, from the moment in one field to the one in the other, if there is one.
    pub(crate) fn in_a_calendar(mut self, from: &'static str, until: &'static str) -> Self {
        self.calendar = Some(Lasts { from, until });
        self
    }

    /// Each row has a file, with routes and pages of its own.
    pub(crate) fn with_a_file(mut self) -> Self {
        self.has_file = true;
        self
    }

    /// The code of the answer when there is no such row.
    pub(crate) fn missing_as(mut self, code: Code) -> Self {
        self.not_found = code;
        self
    }

    /// The fields, in the order in which they are shown. The first text names a row in the list of activities.
    pub(crate) fn fields<const N: usize>(mut self, fields: [Field; N]) -> Self {
        self.fields = fields.into();
        self.find_currencies();
        self.columns = sql::columns(&self);
        self.statements = Statements::new(&self);
        self
    }

    fn find_currencies(&mut self) {
        for place in 0..self.fields.len() {
            if let field::Takes::Amount { currency } = self.fields[place].takes {
                let between = self.fields[place..].iter().take_while(|field| field.name != currency);
                self.fields[place].to_currency = between.map(|field| field.columns.len()).sum();
            }
        }
    }

    /// Who may do this with it.
    pub(crate) fn access(&self, action: Action) -> Access {
        Access::Tenant { permission: Permission::new(self.name, action.word()), modules: self.modules }
    }

    /// What its ids begin with.
    pub(crate) const fn prefix(&self) -> &'static str {
        self.prefix
    }

    fn missing(&self) -> Problem {
        Problem::new(self.not_found, format!("There is no such {}", self.one))
    }

    fn field(&'static self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
