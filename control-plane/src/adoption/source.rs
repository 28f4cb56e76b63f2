//! Where the rows come from: a PostgreSQL database, or a folder of NDJSON files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, TryStreamExt, future, stream, stream::BoxStream};
use serde_json::{Map, Value};
use tenancy::postgres::connect;
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
};
use tokio_postgres::{Client, Config, types::ToSql};

use super::{AdoptError, extended_json, quoted};

/// Where an existing single-tenant application keeps its rows.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder of files `{collection}.ndjson` (or `.jsonl`, `.json`) with a document a line, as `mongoexport` writes them.
    Folder(PathBuf),
    /// A PostgreSQL database; it is only read.
    Postgres(Box<Config>),
}

/// A row, and where it is, for people; or what keeps it from being read.
pub(super) struct SourceRow {
    pub(super) place: String,
    pub(super) fields: Result<Map<String, Value>, String>,
}

/// A source that answers.
pub(super) enum Opened {
    /// Files by collection.
    Folder(BTreeMap<String, PathBuf>),
    /// Tables by the name that the mapping calls them; quoted for SQL. All is read in one snapshot.
    Postgres { client: Client, tables: BTreeMap<String, String> },
}

/// MongoDB's largest document has 16 MB; its text is somewhat larger.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

/// What is read is as it was when reading began, written the same everywhere, and all of it: row security that would
/// hide rows is an error instead.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TimeZone = 'UTC'; \
     SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1; SET LOCAL row_security = off; \
     SET LOCAL statement_timeout = '1h'; SET LOCAL idle_in_transaction_session_timeout = 0";

const TABLES: &str = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

impl Source {
    /// Opens it and looks at what there is.
    pub(super) async fn open(&self) -> Result<Opened, AdoptError> {
        match self {
            Self::Folder(folder) => Ok(Opened::Folder(files(folder).await?)),
            Self::Postgres(config) => {
                let client = connect(config).await.map_err(AdoptError::SourceAway)?;
                client.batch_execute(SNAPSHOT).await.map_err(AdoptError::Source)?;
                let rows = client.query(TABLES, &[]).await.map_err(AdoptError::Source)?;
                let named = rows.iter().map(|row| {
                    let (schema, table): (String, String) = (row.get(0), row.get(1));
                    let called = if schema == "public" { table.clone() } else { format!("{schema}.{table}") };
                    (called, format!("{}.{}", quoted(&schema), quoted(&table)))
                });
                Ok(Opened::Postgres { tables: named.collect(), client })
            }
        }
    }
}

async fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, AdoptError> {
    let unreadable = |source| AdoptError::File { path: folder.to_path_buf(), source };
    let mut entries = tokio::fs::read_dir(folder).await.map_err(unreadable)?;
    let mut files = BTreeMap::new();
    while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
        let path = entry.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        // mongodump puts the indexes of a collection beside it.
        if !matches!(kind, Some("ndjson" | "jsonl" | "json")) || name.ends_with(".metadata") {
            continue;
        }
        if let Some(other) = files.insert(name.to_owned(), path.clone()) {
            return Err(AdoptError::Unfit(vec![format!("both {} and {} are {name}", other.display(), path.display())]));
        }
    }
    Ok(files)
}

impl Opened {
    /// Whether there is a collection or table of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(files) => files.contains_key(name),
            Self::Postgres { tables, .. } => tables.contains_key(name),
        }
    }

    /// The collections or tables that have anything in them.
    pub(super) async fn filled(&self) -> Result<Vec<String>, AdoptError> {
        let mut filled = Vec::new();
        match self {
            Self::Folder(files) => {
                for (name, path) in files {
                    let unreadable = |source| AdoptError::File { path: path.clone(), source };
                    if tokio::fs::metadata(path).await.map_err(unreadable)?.len() > 0 {
                        filled.push(name.clone());
                    }
                }
            }
            Self::Postgres { client, tables } => {
                for (name, table) in tables {
                    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
                    if client.query_one(&sql, &[]).await.map_err(AdoptError::Source)?.get(0) {
                        filled.push(name.clone());
                    }
                }
            }
        }
        Ok(filled)
    }

    /// The rows of one that is there.
    pub(super) async fn rows(
        &self,
        name: &str,
    ) -> Result<BoxStream<'static, Result<SourceRow, AdoptError>>, AdoptError> {
        match self {
            Self::Folder(files) => documents(files[name].clone()).await,
            Self::Postgres { client, tables } => table_rows(client, name.to_owned(), &tables[name]).await,
        }
    }
}

async fn documents(path: PathBuf) -> Result<BoxStream<'static, Result<SourceRow, AdoptError>>, AdoptError> {
    let file = File::open(&path).await.map_err(|source| AdoptError::File { path: path.clone(), source })?;
    let start = (BufReader::new(file), path, 0_u64);
    let lines = stream::try_unfold(start, async |(mut reader, path, number)| {
        let mut line = Vec::new();
        let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await;
        let read = read.map_err(|source| AdoptError::File { path: path.clone(), source })?;
        if read == 0 {
            return Ok(None);
        }
        let number = number + 1;
        let text = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line }.trim_ascii();
        if number == 1 && text.first() == Some(&b'[') {
            let advice = "is one JSON array; export it without --jsonArray: a document a line";
            return Err(AdoptError::Unfit(vec![format!("{} {advice}", path.display())]));
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let row = (!text.is_empty()).then(|| SourceRow { place: format!("{name}:{number}"), fields: document(text) });
        Ok(Some((row, (reader, path, number))))
    });
    Ok(lines.try_filter_map(future::ok).boxed())
}

fn document(line: &[u8]) -> Result<Map<String, Value>, String> {
    let fields = serde_json::from_slice(line).map_err(|error| format!("is no JSON document: {error}"))?;
    extended_json::fields_of(fields)
}

async fn table_rows(
    client: &Client,
    name: String,
    table: &str,
) -> Result<BoxStream<'static, Result<SourceRow, AdoptError>>, AdoptError> {
    let sql = "SELECT a.attname, t.typcategory = 'A' OR t.typname IN ('json', 'jsonb') FROM pg_attribute a \
               JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 \
               AND NOT a.attisdropped ORDER BY a.attnum";
    let columns: Vec<(String, bool)> = client
        .query(sql, &[&table])
        .await
        .map_err(AdoptError::Source)?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    // As text: numbers keep all their digits.
    let selected = columns.iter().map(|(column, has_parts)| match has_parts {
        true => format!("to_jsonb({})", quoted(column)),
        false => format!("{}::text", quoted(column)),
    });
    let sql = format!("SELECT {} FROM {table}", selected.collect::<Vec<_>>().join(", "));
    let nothing: [&(dyn ToSql + Sync); 0] = [];
    let rows = client.query_raw(&sql, nothing).await.map_err(AdoptError::Source)?;
    let numbered = rows.map_err(AdoptError::Source).enumerate().map(move |(place, row)| {
        let row = row?;
        let fields = columns.iter().enumerate().map(|(at, (column, has_parts))| {
            let value = match has_parts {
                true => row.get::<_, Option<Value>>(at).unwrap_or(Value::Null),
                false => row.get::<_, Option<String>>(at).map_or(Value::Null, Value::String),
            };
            (column.clone(), value)
        });
        Ok(SourceRow { place: format!("{name}, row {}", place + 1), fields: Ok(fields.collect()) })
    });
    Ok(numbered.boxed())
}
