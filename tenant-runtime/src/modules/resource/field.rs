//! The fields of a resource: what each is called, what it takes, and what lists may do with it.

/// One field of a resource. Its name in JSON is its column's, unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Field {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    pub(super) columns: Vec<String>,
    /// Of an amount: by how many columns its currency comes after it.
    pub(super) to_currency: usize,
    pub(super) required: bool,
    pub(super) fixed: bool,
    pub(super) prefilled: bool,
    pub(super) filtered: bool,
    pub(super) sorted: bool,
    pub(super) searched: bool,
    pub(super) listed: bool,
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Text of at most so many characters; more than 500 may have several lines.
    Text(usize),
    /// A short text that is kept in upper case.
    UpperText(usize),
    /// An e-mail address.
    Email,
    /// A day.
    Day,
    /// A moment.
    Time,
    /// One of these words; the first when none is given.
    OneOf(&'static [&'static str]),
    /// An amount of at least zero in the currency that another field has; zero when none is given.
    Amount {
        /// The field with the currency.
        currency: &'static str,
    },
    /// A currency; the tenant's when none is given.
    Currency,
    /// A number from 0 to this one, with two decimal places.
    Decimal(u32),
    /// Yes or no; no when none is given.
    Flag,
    /// A list of at most so many short texts.
    Tags(usize),
    /// Any JSON of at most so many bytes.
    Json(usize),
    /// A row of another resource, by an id with this prefix.
    Reference(&'static str),
    /// A member of the tenant: written as `{name}_id`, shown as `{id, name}`.
    User,
    /// At most so many members of the tenant: written as a list of ids, shown as a list of `{id, name}`.
    Users(usize),
    /// The next number of the resource's series of this year, with this prefix. The platform sets it.
    Number(&'static str),
    /// The platform sets it.
    Shown(Shows),
}

/// What a field shows that the platform sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Text,
    Count,
    Bytes,
    Decimal,
    Texts,
}

impl Field {
    fn new(name: &'static str, takes: Takes) -> Self {
        let columns = match takes {
            Takes::User => vec![format!("{name}_id"), format!("{name}_name")],
            _ => vec![name.to_owned()],
        };
        Self {
            name,
            takes,
            columns,
            to_currency: 0,
            required: false,
            fixed: false,
            prefilled: false,
            filtered: false,
            sorted: false,
            searched: false,
            listed: false,
        }
    }

    /// Text of at most `max` characters; over 500 it may have several lines.
    pub(crate) fn text(name: &'static str, max: usize) -> Self {
        Self::new(name, Takes::Text(max))
    }

    /// Text of at most `max` characters that is kept in upper case.
    pub(crate) fn upper_text(name: &'static str, max: usize) -> Self {
        Self::new(name, Takes::UpperText(max))
    }

    /// An e-mail address.
    pub(crate) fn email(name: &'static str) -> Self {
        Self::new(name, Takes::Email)
    }

    /// A day, `2025-12-31`.
    pub(crate) fn day(name: &'static str) -> Self {
        Self::new(name, Takes::Day)
    }

    /// A moment, `2025-12-31T09:00:00Z`.
    pub(crate) fn time(name: &'static str) -> Self {
        Self::new(name, Takes::Time)
    }

    /// One of these words; the first when none is given.
    pub(crate) fn one_of(name: &'static str, words: &'static [&'static str]) -> Self {
        Self::new(name, Takes::OneOf(words))
    }

    /// An amount of at least zero, with as many decimal places as the currency has that a later field holds.
    pub(crate) fn amount(name: &'static str, currency: &'static str) -> Self {
        Self::new(name, Takes::Amount { currency })
    }

    /// A currency (ISO 4217); the tenant's when none is given.
    pub(crate) fn currency(name: &'static str) -> Self {
        Self::new(name, Takes::Currency)
    }

    /// A number from 0 to `max` with at most two decimal places.
    pub(crate) fn decimal(name: &'static str, max: u32) -> Self {
        Self::new(name, Takes::Decimal(max))
    }

    /// Yes or no.
    pub(crate) fn flag(name: &'static str) -> Self {
        Self::new(name, Takes::Flag)
    }

    /// At most `max` short texts.
    pub(crate) fn tags(name: &'static str, max: usize) -> Self {
        Self::new(name, Takes::Tags(max))
    }

    /// Any JSON of at most `max` bytes.
    pub(crate) fn json(name: &'static str, max: usize) -> Self {
        Self::new(name, Takes::Json(max))
    }

    /// A row of another resource, whose ids begin with `prefix`.
    pub(crate) fn reference(name: &'static str, prefix: &'static str) -> Self {
        Self::new(name, Takes::Reference(prefix))
    }

    /// A member of the tenant. Clients write `{name}_id` and are shown `{name}: {id, name}`; the columns are `{name}_id`
    /// and `{name}_name`.
    pub(crate) fn user(name: &'static str) -> Self {
        Self::new(name, Takes::User)
    }

    /// At most `max` members of the tenant, written as a list of their ids.
    pub(crate) fn users(name: &'static str, max: usize) -> Self {
        Self::new(name, Takes::Users(max))
    }

    /// A number that the platform gives, `{prefix}-25-10001`: gapless within a year.
    pub(crate) fn number(prefix: &'static str) -> Self {
        Self::new("number", Takes::Number(prefix))
    }

    /// Text that the platform sets.
    pub(crate) fn shown_text(name: &'static str) -> Self {
        Self::new(name, Takes::Shown(Shows::Text))
    }

    /// A count (`integer`) that the platform sets.
    pub(crate) fn shown_count(name: &'static str) -> Self {
        Self::new(name, Takes::Shown(Shows::Count))
    }

    /// A size in bytes (`bigint`) that the platform sets.
    pub(crate) fn shown_bytes(name: &'static str) -> Self {
        Self::new(name, Takes::Shown(Shows::Bytes))
    }

    /// A number with decimal places that the platform sets.
    pub(crate) fn shown_decimal(name: &'static str) -> Self {
        Self::new(name, Takes::Shown(Shows::Decimal))
    }

    /// Texts that the platform sets.
    pub(crate) fn shown_texts(name: &'static str) -> Self {
        Self::new(name, Takes::Shown(Shows::Texts))
    }

    /// Must be given.
    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Is given once, when the row is made.
    pub(crate) fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// Is whoever makes the row, or the moment when it is made, unless another is given.
    pub(crate) fn prefilled(mut self) -> Self {
        self.prefilled = true;
        self
    }

    /// Lists can be narrowed by it: `?status=active`. Wants an index `(column, created_at)`.
    pub(crate) fn filtered(mut self) -> Self {
        self.filtered = true;
        self
    }

    /// Lists can be sorted by it: `?sort=-due_date`. Wants an index `(column, id)`; of text, `(lower(column), id)`.
    pub(crate) fn sorted(mut self) -> Self {
        self.sorted = true;
        self
    }

    /// `?search=` looks into it.
    pub(crate) fn searched(mut self) -> Self {
        self.searched = true;
        self
    }

    /// Has a column on the pages' lists.
    pub(crate) fn listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// Whether clients may write it.
    pub(super) const fn is_writable(&self) -> bool {
        !matches!(self.takes, Takes::Number(_) | Takes::Shown(_))
    }

    /// Whether a value comes with it into an INSERT: the platform's own series counts.
    pub(super) const fn is_inserted(&self) -> bool {
        !matches!(self.takes, Takes::Shown(_))
    }

    /// What clients call it where they write it or filter by it.
    pub(super) fn written_as(&self) -> &str {
        match self.takes {
            Takes::User => &self.columns[0],
            _ => self.name,
        }
    }

    /// Whether it may be without a value.
    pub(super) const fn may_be_nothing(&self) -> bool {
        let always_some = self.required || (self.prefilled && matches!(self.takes, Takes::Time));
        !always_some
            && matches!(
                self.takes,
                Takes::Text(_)
                    | Takes::UpperText(_)
                    | Takes::Email
                    | Takes::Day
                    | Takes::Time
                    | Takes::Decimal(_)
                    | Takes::Reference(_)
                    | Takes::User
            )
    }

    /// What lists are sorted by.
    pub(super) fn sort_expression(&self) -> String {
        match self.takes {
            Takes::Text(_) => format!("lower({})", self.name),
            _ => self.columns[0].clone(),
        }
    }
}
