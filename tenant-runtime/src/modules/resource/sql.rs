//! The statements of a resource, put together once from its description. They list their columns: a prepared `SELECT *`
//! fails after a migration. Every name in them is a constant of the program.

use super::{
    Limit, Resource,
    field::{Field, Takes},
};

/// The statements that are always the same.
#[derive(Debug, Default)]
pub(super) struct Statements {
    /// $1 id.
    pub(super) read: String,
    /// See [`create`].
    creates: [String; 4],
    /// As [`update`] makes it, with all columns.
    pub(super) replace: String,
    /// $1 id, $2 user, $3 their name, $4 id of the activity, $5 id as text, $6 versions.
    pub(super) delete: String,
}

/// Where the parameters of the fields begin.
const FIRST_OF_CREATE: usize = 6;
const FIRST_OF_UPDATE: usize = 8;

impl Statements {
    pub(super) fn new(resource: &Resource) -> Self {
        let written = resource.fields.iter().filter(|field| field.is_writable() && !field.fixed);
        Self {
            read: format!("SELECT {} FROM {} WHERE id = $1", resource.columns, resource.name),
            creates: [(false, false), (false, true), (true, false), (true, true)]
                .map(|(bounded, keyed)| create(resource, bounded, keyed)),
            replace: update(resource, written.flat_map(|field| field.columns.iter().map(String::as_str)), &[]),
            delete: format!(
                "WITH gone AS (DELETE FROM {table} WHERE id = $1 AND ($6::int4[] IS NULL OR version = ANY($6)) \
                 RETURNING id, {title} AS title), noted AS ({noted} SELECT $4, 'deleted', '{table}', $5, left(title, 300), \
                 $2, $3 FROM gone) SELECT id FROM gone",
                table = resource.name,
                title = title(resource),
                noted = noted(""),
            ),
        }
    }

    /// The statement that makes a row; bounded by a limit, and with an Idempotency-Key.
    pub(super) fn create(&self, bounded: bool, keyed: bool) -> &str {
        &self.creates[usize::from(bounded) * 2 + usize::from(keyed)]
    }
}

/// All columns in the order in which rows are read.
pub(super) fn columns(resource: &Resource) -> String {
    let own = resource.fields.iter().flat_map(|field| field.columns.iter().map(String::as_str));
    let all: Vec<&str> = ["id"]
        .into_iter()
        .chain(own)
        .chain(["created_by", "created_by_name", "created_at", "updated_at", "version"])
        .collect();
    all.join(", ")
}

/// What a row is called in the list of activities.
fn title(resource: &Resource) -> String {
    let named = resource.fields.iter().find(|field| matches!(field.takes, Takes::Text(_)));
    named.map_or("''".to_owned(), |field| format!("coalesce({}, '')", field.name))
}

fn noted(more: &str) -> String {
    format!("INSERT INTO activities (id, action, resource, row_id, title, created_by, created_by_name{more})")
}

fn inserted(resource: &Resource) -> impl Iterator<Item = &Field> {
    resource.fields.iter().filter(|field| field.is_inserted())
}

/// $1 id, $2 user, $3 their name, $4 id of the activity, $5 id as text, then the fields; where a limit bounds it, the limit, and the
/// parent where rows are counted by parent; with a key, the key and the hash of the request. No row comes back where the
/// limit is reached or the key was used.
fn create(resource: &Resource, bounded: bool, keyed: bool) -> String {
    let table = resource.name;
    let mut next = FIRST_OF_CREATE..;
    let mut place = || next.next().unwrap_or_default();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for field in inserted(resource) {
        for column in &field.columns {
            names.push(column.as_str());
            let place = place();
            values.push(match field.takes {
                Takes::Number(prefix) => format!("next_number('{table}', '{prefix}', ${place})"),
                _ => format!("${place}"),
            });
        }
    }
    let mut with = Vec::new();
    let mut from = Vec::new();
    if bounded {
        // Whoever else makes one now waits here until this statement is done, and then reads the newest count.
        let (limit, room) = (place(), "room");
        with.push(match resource.limit {
            Some(Limit::OfParent { parents, count, .. }) => format!(
                "{room} AS (SELECT 1 FROM {parents} WHERE id = ${} AND (${limit} < 0 OR {count} < ${limit}) \
                 FOR NO KEY UPDATE)",
                place()
            ),
            _ => format!(
                "{room} AS (SELECT 1 FROM tallies WHERE name = '{table}' AND (${limit} < 0 OR value < ${limit}) FOR UPDATE)"
            ),
        });
        from.push(room);
    }
    if keyed {
        let (key, request) = (place(), place());
        let room = if bounded { " FROM room" } else { "" };
        with.push(
            "forgotten AS (DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours')".to_owned(),
        );
        with.push(format!(
            "key AS (INSERT INTO idempotency_keys (created_by, key, resource, request, row_id) \
             SELECT $2, ${key}, '{table}', ${request}, $1{room} ON CONFLICT DO NOTHING RETURNING 1)"
        ));
        from.push("key");
    }
    let from = if from.is_empty() { String::new() } else { format!(" FROM {}", from.join(", ")) };
    with.push(format!(
        "made AS (INSERT INTO {table} (id, created_by, created_by_name, {}) SELECT $1, $2, $3, {}{from} RETURNING {})",
        names.join(", "),
        values.join(", "),
        resource.columns
    ));
    with.push(format!(
        "noted AS ({} SELECT $4, 'created', '{table}', $5, left({}, 300), $2, $3 FROM made)",
        noted(""),
        title(resource)
    ));
    format!("WITH {} SELECT {} FROM made", with.join(", "), resource.columns)
}

/// $1 id, $2 user, $3 their name, $4 id of the activity, $5 id as text, $6 versions, $7 names of the changed fields, then the columns;
/// last the fields that can't be changed, and are what the client says they are.
pub(super) fn update<'a>(resource: &Resource, columns: impl Iterator<Item = &'a str>, fixed: &[&str]) -> String {
    let mut place = FIRST_OF_UPDATE;
    let mut set = String::new();
    for column in columns {
        set.push_str(&format!("{column} = ${place}, "));
        place += 1;
    }
    let mut and = String::new();
    for column in fixed {
        and.push_str(&format!(" AND {column} IS NOT DISTINCT FROM ${place}"));
        place += 1;
    }
    format!(
        "WITH made AS (UPDATE {table} SET {set}updated_at = now(), version = version + 1 \
         WHERE id = $1 AND ($6::int4[] IS NULL OR version = ANY($6)){and} RETURNING {columns}), \
         noted AS ({noted} SELECT $4, 'updated', '{table}', $5, left({title}, 300), $2, $3, $7 FROM made) \
         SELECT {columns} FROM made",
        table = resource.name,
        columns = resource.columns,
        noted = noted(", changed"),
        title = title(resource),
    )
}
