//! Lists: paged, sorted, searched and filtered. A resource says what it allows; nothing else of a query string reaches
//! a statement, and values only as parameters.

use std::fmt::Write;

use serde::Serialize;
use tenancy::{Code, Problem, UserId, fields::FieldErrors, ids::AnyId};
use uuid::Uuid;

use super::{
    Resource,
    field::{Field, Takes},
    values::Value,
};
use crate::Parameter;

/// What a client asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct ListQuery {
    pub(crate) page: u32,
    pub(crate) limit: u32,
    sort: &'static str,
    descending: bool,
    /// Ready for LIKE, all four letters i of Turkish and English folded into one, as in the columns it looks into.
    search: Option<Value>,
    filters: Vec<(&'static str, Value)>,
}

/// A page of a list, as clients see it.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) page: u32,
    pub(crate) limit: u32,
    pub(crate) total: i64,
    pub(crate) pages: i64,
}

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
const MAX_PAGE: u32 = 1_000_000_000;
const MAX_TEXT: usize = 200;

/// The words for `?sort=` that every resource has.
const TIMES: [&str; 2] = ["created_at", "updated_at"];

impl Resource {
    /// What lists can be sorted by: the word, and the expression.
    pub(super) fn sorts(&self) -> impl Iterator<Item = (&'static str, String)> {
        let own = self.fields.iter().filter(|field| field.sorted);
        let times = TIMES.into_iter().filter(|time| *time == "created_at" || self.sorts_by_change);
        times.map(|time| (time, time.to_owned())).chain(own.map(|field| (field.name, field.sort_expression())))
    }

    pub(super) fn filters(&'static self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|field| field.filtered)
    }

    pub(super) fn searched(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().filter(|field| field.searched).map(|field| field.name)
    }
}

/// Whoever names a row of another resource in a path must not name another one beside it.
pub(super) const OF_PATH: &str = "must be the one in the path, or left out";

impl ListQuery {
    /// Reads a query string. A parameter that is not allowed is an error, so that a misspelt filter is not taken for
    /// none.
    pub(super) fn parse(query: &str, resource: &'static Resource) -> Result<Self, Problem> {
        let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| Problem::new(Code::BadRequest, format!("The query string can't be read: {error}")))?;
        let mut list =
            Self { page: 1, limit: DEFAULT_LIMIT, sort: TIMES[0], descending: true, search: None, filters: Vec::new() };
        let mut errors = FieldErrors::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in pairs.iter() {
            if seen.contains(&name.as_str()) {
                errors.add(name, "must be given once");
                continue;
            }
            seen.push(name);
            list.set(name, value, resource, &mut errors);
        }
        errors.finish().map(|()| list)
    }

    /// The first rows that belong to a row of another resource, as many as a page can hold.
    pub(super) fn all_of(column: &'static str, parent: Uuid) -> Self {
        let filters = vec![(column, Value::Id(Some(parent)))];
        Self { page: 1, limit: MAX_LIMIT, sort: TIMES[0], descending: true, search: None, filters }
    }

    /// Only rows that belong to this row of another resource.
    pub(super) fn narrow(&mut self, column: &'static str, parent: Uuid) -> Result<(), Problem> {
        let wanted = Value::Id(Some(parent));
        match self.filters.iter().find(|(known, _)| *known == column) {
            Some((_, given)) if *given == wanted => Ok(()),
            Some(_) => {
                let mut errors = FieldErrors::default();
                errors.add(column, OF_PATH);
                errors.finish()
            }
            None => {
                self.filters.push((column, wanted));
                Ok(())
            }
        }
    }

    fn set(&mut self, name: &str, value: &str, resource: &'static Resource, errors: &mut FieldErrors) {
        match name {
            "page" => self.page = number(name, value, MAX_PAGE, errors).unwrap_or(self.page),
            "limit" => self.limit = number(name, value, MAX_LIMIT, errors).unwrap_or(self.limit),
            "sort" => {
                let word = value.strip_prefix('-').unwrap_or(value);
                match resource.sorts().find(|(known, _)| *known == word) {
                    Some((known, _)) => (self.sort, self.descending) = (known, value.starts_with('-')),
                    None => {
                        let known: Vec<&str> = resource.sorts().map(|(known, _)| known).collect();
                        errors.add(
                            name,
                            format_args!("must be one of: {}; with - before it to turn it round", known.join(", ")),
                        );
                    }
                }
            }
            "search" if resource.searched().next().is_some() => {
                let text = errors.optional_text(name, Some(value), MAX_TEXT);
                let folded = text.map(|text| format!("%{}%", escape_like(&text.replace(['I', 'İ', 'ı'], "i"))));
                self.search = folded.map(|text| Value::Text(Some(text)));
            }
            _ => match resource.filters().find(|field| field.written_as() == name) {
                Some(field) => {
                    let value = filter(field, name, value, errors);
                    self.filters.extend(value.map(|value| (field.columns[0].as_str(), value)));
                }
                None => errors.add(name, "is not a parameter of this list"),
            },
        }
    }

    /// The statement: one row for each row of the page, each with the total; one row of nothing else when the page is
    /// empty. $1 is the limit, $2 the offset, then come [`ListQuery::parameters`].
    pub(super) fn sql(&self, resource: &Resource) -> String {
        let mut next = 3..;
        let mut place = || next.next().unwrap_or_default();
        let mut conditions = Vec::new();
        if self.search.is_some() {
            let place = place();
            let column = |column: &str| format!("translate({column}, 'Iİı', 'iii') ILIKE ${place}");
            let columns: Vec<String> = resource.searched().map(column).collect();
            conditions.push(format!("({})", columns.join(" OR ")));
        }
        conditions.extend(self.filters.iter().map(|(column, _)| format!("{column} = ${}", place())));
        let mut matching = String::new();
        for (position, condition) in conditions.iter().enumerate() {
            let word = if position == 0 { "WHERE" } else { "AND" };
            // Writing to a String can't fail.
            let _ = write!(matching, " {word} {condition}");
        }
        let by = resource.sorts().find(|(known, _)| *known == self.sort).map_or("id".to_owned(), |(_, by)| by);
        let direction = if self.descending { "DESC" } else { "ASC" };
        let order = format!("ORDER BY {by} {direction}, id {direction}");
        let (table, columns) = (resource.name, &resource.columns);
        // All rows are counted already.
        let total = if conditions.is_empty() {
            format!("SELECT value AS total FROM tallies WHERE name = '{table}'")
        } else {
            format!("SELECT count(*) AS total FROM {table}{matching}")
        };
        format!(
            "SELECT counted.total, page.* FROM ({total}) counted \
             LEFT JOIN (SELECT {columns} FROM {table}{matching} {order} LIMIT $1 OFFSET $2) page ON true {order}"
        )
    }

    /// Whether the statement is one of the few that are worth keeping prepared.
    pub(crate) const fn is_plain(&self) -> bool {
        self.search.is_none() && self.filters.is_empty()
    }

    /// The values of search and filters, in the statement's order.
    pub(super) fn parameters<'a>(&'a self, parameters: &mut Vec<Parameter<'a>>) {
        for value in self.search.iter().chain(self.filters.iter().map(|(_, value)| value)) {
            value.parameters(parameters);
        }
    }

    /// How many rows come before the page.
    pub(crate) fn offset(&self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.limit)
    }

    /// The page with its numbers.
    pub(crate) fn page<T>(&self, data: Vec<T>, total: i64) -> Page<T> {
        let limit = i64::from(self.limit);
        Page {
            data,
            page: self.page,
            limit: self.limit,
            total,
            pages: total.div_euclid(limit) + i64::from(total % limit > 0),
        }
    }
}

/// What rows must have in a field, as the client writes it.
fn filter(field: &Field, name: &str, value: &str, errors: &mut FieldErrors) -> Option<Value> {
    match field.takes {
        Takes::OneOf(words) if !words.contains(&value) => {
            errors.add(name, format_args!("must be one of: {}", words.join(", ")));
            None
        }
        Takes::Reference(prefix) => errors.take(name, AnyId::parse(prefix, value)).map(|id| Value::Id(Some(id.uuid))),
        Takes::User => errors.take(name, value.parse::<UserId>()).map(|id| Value::Id(Some(id.uuid()))),
        _ => errors.text(name, value, 1, MAX_TEXT).map(|text| Value::Text(Some(text))),
    }
}

fn number(name: &str, value: &str, max: u32, errors: &mut FieldErrors) -> Option<u32> {
    let number = value.parse::<u32>().ok().filter(|number| (1..=max).contains(number));
    errors.take(name, number.ok_or_else(|| format!("must be a number from 1 to {max}")))
}

/// The text with what LIKE would take for wildcards made harmless.
fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static RULES: LazyLock<Resource> = LazyLock::new(|| {
        Resource::new("things", "thing", "thg").fields([
            Field::text("name", 100).sorted().searched(),
            Field::text("note", 100).searched(),
            Field::one_of("state", &["on", "off"]).filtered(),
            Field::text("city", 100).filtered(),
            Field::user("owner").filtered(),
            Field::reference("customer_id", "cus").filtered(),
        ])
    });

    fn values(list: &ListQuery) -> Vec<Value> {
        list.search.iter().chain(list.filters.iter().map(|(_, value)| value)).cloned().collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(Some(text.to_owned()))
    }

    fn wrong(query: &str) -> Vec<String> {
        ListQuery::parse(query, &RULES).unwrap_err().errors().keys().cloned().collect()
    }

    #[test]
    fn the_first_page_is_the_default() {
        let list = ListQuery::parse("", &RULES).unwrap();
        assert_eq!((list.page, list.limit, list.offset()), (1, 20, 0));
        assert!(list.is_plain());
        assert!(list.sql(&RULES).ends_with("ORDER BY created_at DESC, id DESC"));
    }

    #[test]
    fn what_is_asked_for_is_in_the_statement_as_parameters() {
        let list = ListQuery::parse("city=Ankara&search=50%25&state=on&sort=name&page=3&limit=10", &RULES).unwrap();
        let sql = list.sql(&RULES);
        assert!(sql.contains("WHERE (translate(name, 'Iİı', 'iii') ILIKE $3 OR translate(note, 'Iİı', 'iii') ILIKE $3) AND city = $4 AND state = $5"), "{sql}");
        assert_eq!(values(&list), [text("%50\\%%"), text("Ankara"), text("on")]);
        assert_eq!(list.offset(), 20);
        assert!(sql.ends_with("ORDER BY lower(name) ASC, id ASC"));
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        assert_eq!(
            wrong("page=0&limit=101&sort=id;--&state=maybe&colour=red"),
            ["colour", "limit", "page", "sort", "state"]
        );
        assert_eq!(wrong("page=1&page=2"), ["page"]);
        assert_eq!(wrong("search=a%00b&city="), ["city", "search"]);
        assert_eq!(wrong("owner_id=me&customer_id=usr_1&owner=x"), ["customer_id", "owner", "owner_id"]);
        assert_eq!(wrong("page=-1&limit=99999999999999999999"), ["limit", "page"]);
    }

    proptest! {
        #[test]
        fn pages_hold_all_rows(total in 0_i64..1_000_000, limit in 1_u32..=100) {
            let list = ListQuery { limit, ..ListQuery::parse("", &RULES).unwrap() };
            let pages = list.page(Vec::<()>::new(), total).pages;
            prop_assert!(pages * i64::from(limit) >= total && (pages - 1) * i64::from(limit) < total.max(1));
        }

        #[test]
        fn no_query_string_reaches_the_statement(query in ".*", value in ".*") {
            let _ = ListQuery::parse(&query, &RULES);
            let encoded: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
            if let Ok(list) = ListQuery::parse(&format!("city={encoded}"), &RULES) {
                prop_assert!(list.sql(&RULES).contains("WHERE city = $3"));
            }
        }

        #[test]
        fn escaped_texts_have_no_bare_wildcards(text in "[a%_\\\\]{0,20}") {
            let escaped = escape_like(&text);
            let mut chars = escaped.chars();
            let mut back = String::new();
            while let Some(c) = chars.next() {
                prop_assert!(!matches!(c, '%' | '_'));
                back.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            prop_assert_eq!(back, text);
        }
    }
}
