//! Rows come over, and are read back to see that they are what they were.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::TryStreamExt;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tenancy::{TenantId, UserId, postgres::describe};
use tokio_postgres::{Client, types::ToSql};
use uuid::{Builder, Uuid};

use super::{
    AdoptError,
    mapping::{ColumnMapping, Mapping, at},
    quoted,
    source::{Opened, SourceRow},
    target::{Column, Table},
    values::{Shape, shaped},
};

/// What came over into one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// The tenant's table.
    pub table: String,
    /// The collection or table that it came from.
    pub from: String,
    /// How many rows there are, on both sides.
    pub rows: u64,
    /// Over all rows in any order, the same on both sides: SHA-256 of each row's columns, 128 bits of it, added up.
    pub checksum: String,
}

/// Who the rows belong to from now on.
pub(super) struct Owner {
    pub(super) tenant: TenantId,
    pub(super) user: UserId,
    pub(super) name: String,
}

/// The parts of one adoption.
pub(super) struct Copy<'a> {
    pub(super) source: &'a Opened,
    pub(super) target: &'a Client,
    pub(super) mapping: &'a Mapping,
    pub(super) owner: Owner,
    /// Told the table and how many of its rows are over.
    pub(super) progress: &'a (dyn Fn(&str, u64) + Send + Sync),
}

/// Rows that go over in one statement.
const BATCH: usize = 500;
/// More mistakes than this are mostly the same one.
const MOST_PROBLEMS: usize = 20;

/// A row that fits, before it is stored.
struct Ready {
    place: String,
    cells: Map<String, Value>,
}

/// What was sent of a row: which columns, by their place in the table, and their digest.
struct Sent {
    place: String,
    columns: Vec<bool>,
    digest: u128,
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn note(&mut self, problem: String) -> Result<(), AdoptError> {
        self.0.push(problem);
        if self.0.len() < MOST_PROBLEMS {
            return Ok(());
        }
        self.0.push(format!("and perhaps more: it stopped after {MOST_PROBLEMS}"));
        Err(AdoptError::Unfit(std::mem::take(&mut self.0)))
    }

    fn finish(self) -> Result<(), AdoptError> {
        if self.0.is_empty() { Ok(()) } else { Err(AdoptError::Unfit(self.0)) }
    }
}

impl Copy<'_> {
    /// Copies and compares every table.
    pub(super) async fn run(&self, tables: &[Table]) -> Result<Vec<TableReport>, AdoptError> {
        let mut problems = Problems::default();
        let mut reports = Vec::new();
        for table in tables {
            let sent = self.send(table, &mut problems).await?;
            // One that lacks rows only makes others fail that refer to them.
            if problems.0.is_empty() {
                let checksum = self.compare(table, &sent, &mut problems).await?;
                reports.push(TableReport {
                    table: table.name.clone(),
                    from: table.mapping.from.clone(),
                    rows: sent.len() as u64,
                    checksum: format!("{checksum:032x}"),
                });
            }
        }
        problems.finish()?;
        self.go_on_numbering(tables).await?;
        Ok(reports)
    }

    async fn send(&self, table: &Table, problems: &mut Problems) -> Result<HashMap<Uuid, Sent>, AdoptError> {
        let mut rows = self.source.rows(&table.mapping.from).await?;
        let (mut sent, mut batch, mut unnamed) = (HashMap::new(), Vec::new(), BTreeSet::new());
        while let Some(SourceRow { place, fields }) = rows.try_next().await? {
            let fields = match fields {
                Ok(fields) => fields,
                Err(wrong) => {
                    problems.note(format!("{place}: {wrong}"))?;
                    continue;
                }
            };
            unnamed.extend(table.mapping.unnamed(&fields));
            match self.cells(table, &fields) {
                Ok((id, cells)) => {
                    let columns = table.columns.iter().map(|column| cells.contains_key(&column.name)).collect();
                    let digest = digest(table, &cells);
                    if let Some(twin) = sent.insert(id, Sent { place: place.clone(), columns, digest }) {
                        problems.note(format!("{place}: has the id of {}", twin.place))?;
                        continue;
                    }
                    batch.push(Ready { place, cells });
                }
                Err(wrong) => problems.note(format!("{place}: {wrong}"))?,
            }
            if batch.len() == BATCH {
                self.store(table, std::mem::take(&mut batch), problems).await?;
                (self.progress)(&table.name, sent.len() as u64);
            }
        }
        self.store(table, batch, problems).await?;
        (self.progress)(&table.name, sent.len() as u64);
        if !unnamed.is_empty() {
            let (from, fields) = (&table.mapping.from, unnamed.into_iter().collect::<Vec<_>>().join(", "));
            problems.note(format!(
                "{from} has fields that the mapping does not name: {fields}; map them, or list them under leave_out of [tables.{}]",
                table.name
            ))?;
        }
        Ok(sent)
    }

    /// The columns of a row, and its id; columns that have nothing get their default.
    fn cells(&self, table: &Table, fields: &Map<String, Value>) -> Result<(Uuid, Map<String, Value>), String> {
        let mut cells = Map::new();
        let mut id = None;
        for column in &table.columns {
            let about = |wrong: String| format!("{}: {wrong}", column.name);
            let Some(found) = of_source(column, fields).map_err(about)? else { continue };
            let value = match &column.names {
                // As everywhere but in a text, an empty text is nothing.
                Some(_) if found == "" => continue,
                Some(of) => {
                    let key = self.key(of, &found).map_err(about)?;
                    if column.name == "id" {
                        id = Some(key);
                    }
                    Value::String(key.to_string())
                }
                None => match shaped(&found, column.shape, &self.mapping.zone).map_err(about)? {
                    Some(value) => value,
                    None => continue,
                },
            };
            cells.insert(column.name.clone(), value);
        }
        Ok((id.ok_or("id: has nothing in it")?, cells))
    }

    /// A key of the source as ours: a UUID stays as it is; others become the UUID that belongs to them in this tenant and
    /// table (version 8 by SHA-256, RFC 9562 appendix B.2), so that whoever refers to the row finds it.
    fn key(&self, table: &str, value: &Value) -> Result<Uuid, String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(format!("{other} is no key")),
        };
        if let Ok(uuid) = Uuid::parse_str(&text) {
            return Ok(uuid);
        }
        let mut hash = Sha256::new();
        hash.update(self.owner.tenant.uuid().as_bytes());
        hash.update(table.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        let hash = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Ok(Builder::from_custom_bytes(bytes).into_uuid())
    }

    async fn store(&self, table: &Table, batch: Vec<Ready>, problems: &mut Problems) -> Result<(), AdoptError> {
        let mut alike: BTreeMap<Vec<String>, Vec<Ready>> = BTreeMap::new();
        for ready in batch {
            alike.entry(ready.cells.keys().cloned().collect()).or_default().push(ready);
        }
        for (columns, rows) in alike {
            let all: Vec<&Map<String, Value>> = rows.iter().map(|ready| &ready.cells).collect();
            let Err(error) = self.insert(table, &columns, &all).await else { continue };
            if error.as_db_error().is_none() {
                return Err(error.into());
            }
            // One of them: which?
            for ready in &rows {
                if let Err(error) = self.insert(table, &columns, &[&ready.cells]).await {
                    if error.as_db_error().is_none() {
                        return Err(error.into());
                    }
                    problems.note(format!("{}: {}", ready.place, describe(&error)))?;
                }
            }
        }
        Ok(())
    }

    async fn insert(
        &self,
        table: &Table,
        columns: &[String],
        rows: &[&Map<String, Value>],
    ) -> Result<(), tokio_postgres::Error> {
        let name = quoted(&table.name);
        let listed: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let makers = columns.iter().any(|column| column == "created_by_name");
        // Who made a row is not always known there; from now on it is the owner's.
        let (named, by_name) = if makers { ("", "") } else { (", created_by_name", ", $3") };
        let listed = listed.join(", ");
        let sql = format!(
            "INSERT INTO {name} ({listed}, created_by{named}) SELECT {listed}, $2{by_name} \
             FROM jsonb_populate_recordset(NULL::{name}, $1)"
        );
        let rows = json!(rows);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&rows, &self.owner.user];
        if !makers {
            parameters.push(&self.owner.name);
        }
        self.target.execute(&sql, &parameters).await.map(drop)
    }

    /// Reads the table back; says what differs, and the checksum of what is there.
    async fn compare(
        &self,
        table: &Table,
        sent: &HashMap<Uuid, Sent>,
        problems: &mut Problems,
    ) -> Result<u128, AdoptError> {
        let has_parts = |column: &Column| matches!(column.shape, Shape::Texts | Shape::Json);
        let selected = table.columns.iter().map(|column| match has_parts(column) {
            true => format!("to_jsonb({})", quoted(&column.name)),
            false => format!("to_jsonb({}::text)", quoted(&column.name)),
        });
        let selected: Vec<String> = selected.collect();
        let sql = format!("SELECT id, {} FROM {}", selected.join(", "), quoted(&table.name));
        let nothing: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.target.query_raw(&sql, nothing).await?;
        let mut rows = std::pin::pin!(rows);
        let (mut checksum, mut count) = (0_u128, 0_usize);
        while let Some(row) = rows.try_next().await? {
            count += 1;
            let Some(sent) = sent.get(&row.get(0)) else {
                problems.note(format!("{} has a row that nobody sent", table.name))?;
                continue;
            };
            let mut cells = Map::new();
            for (place, column) in table.columns.iter().enumerate().filter(|(place, _)| sent.columns[*place]) {
                let stored: Option<Value> = row.get(place + 1);
                let stored = shaped(&stored.unwrap_or(Value::Null), column.shape, &TimeZone::UTC);
                cells.insert(column.name.clone(), stored.ok().flatten().unwrap_or(Value::Null));
            }
            let digest = digest(table, &cells);
            if digest != sent.digest {
                let place = &sent.place;
                problems.note(format!(
                    "{place}: {} would not hold it as it is (more places than the column has?)",
                    table.name
                ))?;
            }
            checksum = checksum.wrapping_add(digest);
        }
        if count != sent.len() {
            problems.note(format!("{} has {count} rows of {}", table.name, sent.len()))?;
        }
        Ok(checksum)
    }

    /// Numbers like `PRJ-26-10007` go on behind the last one that came over.
    async fn go_on_numbering(&self, tables: &[Table]) -> Result<(), AdoptError> {
        for table in tables.iter().filter(|table| table.columns.iter().any(|column| column.name == "number")) {
            let sql = format!(
                "INSERT INTO number_series (name, year, last) SELECT $1, 2000 + part[1]::integer, max(part[2]::bigint) \
                 FROM {}, regexp_match(number, '^[A-Z]+-(\\d\\d)-(\\d{{1,15}})$') AS part WHERE part IS NOT NULL GROUP BY part[1] \
                 ON CONFLICT (name, year) DO UPDATE SET last = greatest(number_series.last, excluded.last)",
                quoted(&table.name)
            );
            self.target.execute(&sql, &[&table.name]).await?;
        }
        Ok(())
    }
}

fn of_source(column: &Column, fields: &Map<String, Value>) -> Result<Option<Value>, String> {
    match &column.filled_from {
        ColumnMapping::Field(path) => Ok(at(fields, path).cloned()),
        ColumnMapping::Constant(constant) => Ok(Some(constant.value.clone())),
        ColumnMapping::Translated(translated) => {
            let Some(value) = at(fields, &translated.from) else { return Ok(None) };
            let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match translated.values.get(&word) {
                Some(ours) => Ok(Some(Value::String(ours.clone()))),
                None => Err(format!("values says nothing about {word:?}, which {} has", translated.from)),
            }
        }
    }
}

/// Of the columns that a row was sent with, in the table's order.
fn digest(table: &Table, cells: &Map<String, Value>) -> u128 {
    let ordered: Vec<_> = table.columns.iter().filter_map(|column| cells.get_key_value(&column.name)).collect();
    let hash = Sha256::digest(json!(ordered).to_string());
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(half)
}
