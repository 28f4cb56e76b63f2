//! Lists: paged, sorted, searched and filtered. A resource says what it allows; nothing else of a query string reaches
//! a statement, and values only as parameters.

use std::fmt::Write;

use serde::Serialize;
use tenancy::{Code, Problem, fields::FieldErrors};

/// What a resource's list allows.
pub(crate) struct ListRules {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static str,
    /// The word for `?sort=`, and what it sorts by. The first is the default, newest first.
    pub(crate) sorts: &'static [(&'static str, &'static str)],
    /// Columns that `?search=` looks into.
    pub(crate) search: &'static [&'static str],
    /// Columns that `?column=value` compares, with the words that one may have; none: any text.
    pub(crate) filters: &'static [(&'static str, &'static [&'static str])],
}

/// What a client asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) page: u32,
    pub(crate) limit: u32,
    sort: &'static str,
    descending: bool,
    /// Ready for LIKE, all four letters i of Turkish and English folded into one, as in the columns it looks into.
    search: Option<String>,
    filters: Vec<(&'static str, String)>,
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

impl ListQuery {
    /// Reads a query string. A parameter that is not allowed is an error, so that a misspelt filter is not taken for
    /// none.
    pub(crate) fn parse(query: &str, rules: &ListRules) -> Result<Self, Problem> {
        let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| Problem::new(Code::BadRequest, format!("The query string can't be read: {error}")))?;
        let (default_sort, _) = rules.sorts.first().copied().unwrap_or(("id", "id"));
        let mut list =
            Self { page: 1, limit: DEFAULT_LIMIT, sort: default_sort, descending: true, search: None, filters: vec![] };
        let mut errors = FieldErrors::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in pairs.iter() {
            if seen.contains(&name.as_str()) {
                errors.add(name, "must be given once");
                continue;
            }
            seen.push(name);
            list.set(name, value, rules, &mut errors);
        }
        errors.finish().map(|()| list)
    }

    fn set(&mut self, name: &str, value: &str, rules: &ListRules, errors: &mut FieldErrors) {
        match name {
            "page" => self.page = number(name, value, MAX_PAGE, errors).unwrap_or(self.page),
            "limit" => self.limit = number(name, value, MAX_LIMIT, errors).unwrap_or(self.limit),
            "sort" => {
                let word = value.strip_prefix('-').unwrap_or(value);
                match rules.sorts.iter().find(|(known, _)| *known == word) {
                    Some((known, _)) => (self.sort, self.descending) = (known, value.starts_with('-')),
                    None => {
                        let known: Vec<&str> = rules.sorts.iter().map(|(known, _)| *known).collect();
                        errors.add(
                            name,
                            format_args!("must be one of: {}; with - before it to turn it round", known.join(", ")),
                        );
                    }
                }
            }
            "search" => {
                let text = errors.optional_text(name, Some(value), MAX_TEXT);
                self.search = text.map(|text| format!("%{}%", escape_like(&text.replace(['I', 'İ', 'ı'], "i"))));
            }
            _ => match rules.filters.iter().find(|(known, _)| *known == name) {
                Some((_, words)) if !words.is_empty() && !words.contains(&value) => {
                    errors.add(name, format_args!("must be one of: {}", words.join(", ")));
                }
                Some((known, _)) => {
                    self.filters.extend(errors.text(name, value, 1, MAX_TEXT).map(|value| (*known, value)));
                }
                None => {
                    let name: String = name.chars().take(100).collect();
                    errors.add(&name, "is not a parameter of this list");
                }
            },
        }
    }

    /// The statement that reads the page and the total in one round trip. Its parameters are the limit, the offset,
    /// and [`ListQuery::texts`]. The total comes with every row, and with one row of nulls when the page has none.
    pub(crate) fn sql(&self, rules: &ListRules) -> String {
        let mut next = 3..;
        let mut place = || next.next().unwrap_or_default();
        let mut conditions = Vec::new();
        if self.search.is_some() {
            let place = place();
            let column = |column: &&str| format!("translate({column}, 'Iİı', 'iii') ILIKE ${place}");
            let columns: Vec<String> = rules.search.iter().map(column).collect();
            conditions.push(format!("({})", columns.join(" OR ")));
        }
        conditions.extend(self.filters.iter().map(|(column, _)| format!("{column} = ${}", place())));
        let mut matching = String::new();
        for (position, condition) in conditions.iter().enumerate() {
            let word = if position == 0 { "WHERE" } else { "AND" };
            // Writing to a String can't fail.
            let _ = write!(matching, " {word} {condition}");
        }
        let by = rules.sorts.iter().find(|(known, _)| *known == self.sort).map_or("id", |(_, by)| by);
        let direction = if self.descending { "DESC" } else { "ASC" };
        let order = format!("ORDER BY {by} {direction}, id {direction}");
        let (table, columns) = (rules.table, rules.columns);
        format!(
            "SELECT counted.total, page.* FROM (SELECT count(*) AS total FROM {table}{matching}) counted \
             LEFT JOIN (SELECT {columns} FROM {table}{matching} {order} LIMIT $1 OFFSET $2) page ON true {order}"
        )
    }

    /// Whether the statement is one of the few that are worth keeping prepared.
    pub(crate) const fn is_plain(&self) -> bool {
        self.search.is_none() && self.filters.is_empty()
    }

    /// The values of search and filters, in the statement's order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        self.search.iter().chain(self.filters.iter().map(|(_, value)| value))
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
    use proptest::prelude::*;

    use super::*;

    const RULES: ListRules = ListRules {
        table: "things",
        columns: "id, name, made",
        sorts: &[("made", "made"), ("name", "lower(name)")],
        search: &["name", "note"],
        filters: &[("state", &["on", "off"]), ("city", &[])],
    };

    fn wrong(query: &str) -> Vec<String> {
        ListQuery::parse(query, &RULES).unwrap_err().errors().keys().cloned().collect()
    }

    #[test]
    fn the_first_page_is_the_default() {
        let list = ListQuery::parse("", &RULES).unwrap();
        assert_eq!((list.page, list.limit, list.offset()), (1, 20, 0));
        assert!(list.is_plain());
        assert!(list.sql(&RULES).ends_with("ORDER BY made DESC, id DESC"));
    }

    #[test]
    fn what_is_asked_for_is_in_the_statement_as_parameters() {
        let list = ListQuery::parse("city=Ankara&search=50%25&state=on&sort=name&page=3&limit=10", &RULES).unwrap();
        let sql = list.sql(&RULES);
        assert!(sql.contains("WHERE (translate(name, 'Iİı', 'iii') ILIKE $3 OR translate(note, 'Iİı', 'iii') ILIKE $3) AND city = $4 AND state = $5"), "{sql}");
        assert_eq!(list.texts().collect::<Vec<_>>(), ["%50\\%%", "Ankara", "on"]);
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
