//! The tables of a new tenant's database, and how the mapping fills them.

use std::{collections::BTreeMap, mem};

use tokio_postgres::Client;

use super::{
    AdoptError,
    mapping::{ColumnMapping, Mapping, TableMapping},
    values::Shape,
};

/// A table to fill.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) mapping: TableMapping,
    pub(super) columns: Vec<Column>,
}

/// A column to fill.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The table whose rows it names: its own for `id`.
    pub(super) names: Option<String>,
    pub(super) filled_from: ColumnMapping,
}

/// A column as the catalog has it.
struct Known {
    name: String,
    type_name: String,
    required: bool,
    references: Option<String>,
}

/// Tables that people fill: each row says who made it. What happened in the tenant begins with it.
const COLUMNS: &str = "SELECT c.relname, a.attname, t.typname, a.attnotnull AND NOT a.atthasdef, \
     (SELECT r.relname FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid \
      WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]) \
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     JOIN pg_type t ON t.oid = a.atttypid \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname <> 'activities' \
     AND EXISTS (SELECT 1 FROM pg_attribute m WHERE m.attrelid = c.oid AND m.attname = 'created_by_name') \
     ORDER BY c.relname, a.attnum";

/// The tables in the order in which they can be filled: what others refer to comes first.
pub(super) async fn tables(client: &Client, mapping: &Mapping) -> Result<Vec<Table>, AdoptError> {
    let mut known: BTreeMap<String, Vec<Known>> = BTreeMap::new();
    for row in client.query(COLUMNS, &[]).await? {
        let column = Known { name: row.get(1), type_name: row.get(2), required: row.get(3), references: row.get(4) };
        known.entry(row.get(0)).or_default().push(column);
    }
    let mut wrong = Vec::new();
    let mut tables = Vec::new();
    for (name, mapping) in &mapping.tables {
        match known.get(name) {
            Some(columns) => tables.push(table(name, mapping, columns, &mut wrong)),
            None => {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                wrong.push(format!("a tenant has no table {name}; it has {}", names.join(", ")));
            }
        }
    }
    if wrong.is_empty() { Ok(in_order(tables)) } else { Err(AdoptError::Unfit(wrong)) }
}

/// What the adopter itself fills in, unless the mapping says so.
const MAKER: [&str; 2] = ["created_by", "created_by_name"];

fn table(name: &str, mapping: &TableMapping, known: &[Known], wrong: &mut Vec<String>) -> Table {
    let mut columns = Vec::new();
    for (column, filled_from) in &mapping.columns {
        let Some(found) = known.iter().find(|known| known.name == *column) else {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            wrong.push(format!("{name} has no column {column}; it has {}", names.join(", ")));
            continue;
        };
        let names = if column == "id" { Some(name.to_owned()) } else { found.references.clone() };
        match found.type_name.parse() {
            Ok(Shape::Uuid) if names.is_none() => {
                wrong.push(format!("{name}.{column} is the platform's: nothing can be adopted into it"));
            }
            Ok(shape) => {
                columns.push(Column { name: column.clone(), shape, names, filled_from: filled_from.clone() });
            }
            Err(_) => {
                wrong.push(format!("{name}.{column} is of type {}: nothing can be adopted into it", found.type_name));
            }
        }
    }
    for missing in known.iter().filter(|known| known.required && !mapping.columns.contains_key(&known.name)) {
        if !MAKER.contains(&missing.name.as_str()) {
            wrong.push(format!("{name}.{} must be filled: map it, or give it a value", missing.name));
        }
    }
    Table { name: name.to_owned(), mapping: mapping.clone(), columns }
}

fn in_order(mut waiting: Vec<Table>) -> Vec<Table> {
    let mut ordered: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(|table| table.name.clone()).collect();
        let waits = |table: &Table| {
            table
                .columns
                .iter()
                .filter_map(|column| column.names.as_ref())
                .any(|of| *of != table.name && names.contains(of))
        };
        let (later, next): (Vec<Table>, Vec<Table>) = mem::take(&mut waiting).into_iter().partition(waits);
        // Two that refer to each other can't be put in order: PostgreSQL then names the rows.
        if next.is_empty() {
            ordered.extend(later);
            break;
        }
        ordered.extend(next);
        waiting = later;
    }
    ordered
}
