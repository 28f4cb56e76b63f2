//! The rows of a resource in the tenant's database.

use jiff::Timestamp;
use tenancy::ids::AnyId;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{Lasts, Resource, idempotency::Key, list::ListQuery, show::Shown, sql, values::Written};
use crate::{Parameter, QueryError, Statement, Tenant};

/// What bounds a create.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// The limit; -1 is none.
    pub(super) limit: i64,
    /// The parent whose rows are counted, where not all are.
    pub(super) parent: Option<Uuid>,
}

/// Who does something to a row, as the list of activities has it.
struct Deed {
    id: AnyId,
    id_text: String,
    activity: Uuid,
}

impl Deed {
    fn new(id: AnyId) -> Self {
        Self { id, id_text: id.to_string(), activity: Uuid::now_v7() }
    }
}

pub(super) async fn list(
    resource: &'static Resource,
    tenant: &Tenant,
    query: &ListQuery,
) -> Result<(Vec<Shown>, i64), QueryError> {
    let sql = query.sql(resource);
    let (limit, offset) = (i64::from(query.limit), query.offset());
    let mut parameters: Vec<Parameter<'_>> = vec![(&limit, Type::INT8), (&offset, Type::INT8)];
    query.parameters(&mut parameters);
    let statement = if query.is_plain() { Statement::Kept(&sql) } else { Statement::Once(&sql) };
    let mut rows = tenant.read(statement, &parameters).await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get("total")).map_err(QueryError::Statement)?;
    // An empty page is one row of nothing.
    let is_empty = |row: &Row| row.try_get::<_, Option<Uuid>>("id").map(|id| id.is_none());
    if let [only] = rows.as_slice()
        && is_empty(only).map_err(QueryError::Statement)?
    {
        rows.clear();
    }
    Ok((rows.into_iter().map(|row| Shown { resource, row, start: 1 }).collect(), total))
}

pub(super) async fn read(resource: &'static Resource, tenant: &Tenant, id: AnyId) -> Result<Option<Shown>, QueryError> {
    let rows = tenant.read(Statement::Kept(&resource.statements.read), &[(&id.uuid, Type::UUID)]).await?;
    Ok(first(resource, rows))
}

/// The new row; `None` where the limit is reached, the counted parent is not there, or the key was used.
pub(super) async fn create(
    resource: &'static Resource,
    tenant: &Tenant,
    id: AnyId,
    values: &[Written],
    bound: Option<Bound>,
    key: Option<&Key>,
) -> Result<Option<Shown>, QueryError> {
    let (deed, user, name) = (Deed::new(id), tenant.user_id(), tenant.user_name());
    let mut parameters: Vec<Parameter<'_>> = vec![
        (&deed.id.uuid, Type::UUID),
        (&user, Type::UUID),
        (&name, Type::TEXT),
        (&deed.activity, Type::UUID),
        (&deed.id_text, Type::TEXT),
    ];
    for written in values {
        written.value.parameters(&mut parameters);
    }
    if let Some(bound) = &bound {
        parameters.push((&bound.limit, Type::INT8));
        if let Some(parent) = &bound.parent {
            parameters.push((parent, Type::UUID));
        }
    }
    if let Some(key) = key {
        parameters.push((&key.key, Type::TEXT));
        parameters.push((&key.request, Type::BYTEA));
    }
    let sql = resource.statements.create(bound.is_some(), key.is_some());
    Ok(first(resource, tenant.write(Statement::Kept(sql), &parameters).await?))
}

fn first(resource: &'static Resource, rows: Vec<Row>) -> Option<Shown> {
    rows.into_iter().next().map(|row| Shown { resource, row, start: 0 })
}

/// What a key was used for: the hash of the request, and the row that it made.
pub(super) async fn used_key(tenant: &Tenant, key: &Key) -> Result<Option<(Vec<u8>, Uuid)>, QueryError> {
    const SQL: &str = "SELECT request, row_id FROM idempotency_keys WHERE created_by = $1 AND key = $2";
    let user = tenant.user_id();
    let rows = tenant.read(Statement::Kept(SQL), &[(&user, Type::UUID), (&key.key, Type::TEXT)]).await?;
    let read = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.first().map(read).transpose().map_err(QueryError::Statement)
}

/// The changed row; `None` where it is not there, has none of these versions, or a fixed field is another.
pub(super) async fn update(
    resource: &'static Resource,
    tenant: &Tenant,
    id: AnyId,
    values: &[Written],
    versions: Option<&[i32]>,
) -> Result<Option<Shown>, QueryError> {
    let (deed, user, name) = (Deed::new(id), tenant.user_id(), tenant.user_name());
    let changed: Vec<&str> = values.iter().map(|written| written.field.written_as()).collect();
    let mut parameters: Vec<Parameter<'_>> = vec![
        (&deed.id.uuid, Type::UUID),
        (&user, Type::UUID),
        (&name, Type::TEXT),
        (&deed.activity, Type::UUID),
        (&deed.id_text, Type::TEXT),
        (&versions, Type::INT4_ARRAY),
        (&changed, Type::TEXT_ARRAY),
    ];
    let (fixed, free): (Vec<&Written>, Vec<&Written>) = values.iter().partition(|written| written.field.fixed);
    for written in free.iter().chain(&fixed) {
        written.value.parameters(&mut parameters);
    }
    let columns = |written: &[&Written]| -> Vec<&'static str> {
        written.iter().flat_map(|written| written.field.columns.iter().map(String::as_str)).collect()
    };
    let made_up;
    let whole = resource.fields.iter().filter(|field| field.is_writable() && !field.fixed).count();
    let statement = if free.len() == whole && fixed.is_empty() {
        Statement::Kept(&resource.statements.replace)
    } else {
        made_up = sql::update(resource, columns(&free).into_iter(), &columns(&fixed));
        Statement::Once(&made_up)
    };
    Ok(first(resource, tenant.write(statement, &parameters).await?))
}

/// Whether the row was there, in one of these versions.
pub(super) async fn delete(
    resource: &'static Resource,
    tenant: &Tenant,
    id: AnyId,
    versions: Option<&[i32]>,
) -> Result<bool, QueryError> {
    let (deed, user, name) = (Deed::new(id), tenant.user_id(), tenant.user_name());
    let parameters: [Parameter<'_>; 6] = [
        (&deed.id.uuid, Type::UUID),
        (&user, Type::UUID),
        (&name, Type::TEXT),
        (&deed.activity, Type::UUID),
        (&deed.id_text, Type::TEXT),
        (&versions, Type::INT4_ARRAY),
    ];
    Ok(!tenant.write(Statement::Kept(&resource.statements.delete), &parameters).await?.is_empty())
}

/// How many rows a list to choose from has, and how many a calendar's month.
pub(super) const CHOICES: usize = 100;
pub(super) const EVENTS: usize = 500;

fn titled(rows: &[Row]) -> Result<Vec<(Uuid, Option<String>)>, QueryError> {
    let read = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(read).collect::<Result<_, _>>().map_err(QueryError::Statement)
}

/// What these rows are called, by a column with text.
pub(super) async fn titles(
    resource: &'static Resource,
    tenant: &Tenant,
    title: &'static str,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Option<String>)>, QueryError> {
    let sql = format!("SELECT id, {title} FROM {} WHERE id = ANY($1)", resource.name);
    titled(&tenant.read(Statement::Kept(&sql), &[(&ids, Type::UUID_ARRAY)]).await?)
}

/// The newest rows, and what they are called.
pub(super) async fn newest(
    resource: &'static Resource,
    tenant: &Tenant,
    title: &'static str,
) -> Result<Vec<(Uuid, Option<String>)>, QueryError> {
    let sql = format!("SELECT id, {title} FROM {} ORDER BY created_at DESC, id DESC LIMIT {CHOICES}", resource.name);
    titled(&tenant.read(Statement::Kept(&sql), &[]).await?)
}

/// The rows that last into a span, in order. What began more than a year before it is not looked for, so that an index
/// on the beginning does.
pub(super) async fn during(
    resource: &'static Resource,
    tenant: &Tenant,
    Lasts { from: begins, until: ends }: Lasts,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Shown>, QueryError> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {begins} >= $1 - interval '1 year' AND {begins} < $2
         AND ({begins} >= $1 OR {ends} >= $1) ORDER BY {begins}, id LIMIT {EVENTS}",
        resource.columns, resource.name
    );
    let parameters: [Parameter<'_>; 2] = [(&from, Type::TIMESTAMPTZ), (&to, Type::TIMESTAMPTZ)];
    let rows = tenant.read(Statement::Kept(&sql), &parameters).await?;
    Ok(rows.into_iter().map(|row| Shown { resource, row, start: 0 }).collect())
}
