//! The files of documents in the tenant's database. A key that no document has is in `loose_files`: before a file is
//! sent, and after its document has another or is gone.

use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{Parameter, QueryError, Statement, Tenant, files::Stored};

/// A document's file.
pub(super) struct File {
    pub(super) key: Uuid,
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) size: i64,
    pub(super) sha256: String,
}

/// Notes a key before its file is sent; unless a document has it by then, it may be deleted in an hour.
pub(super) async fn announce(tenant: &Tenant, key: Uuid) -> Result<(), QueryError> {
    const SQL: &str = "INSERT INTO loose_files (key, expires_at) VALUES ($1, now() + interval '1 hour')";
    tenant.write(Statement::Kept(SQL), &[(&key, Type::UUID)]).await.map(drop)
}

/// Gives a document its file, where that fits into the tenant's storage (bytes; -1 is no limit): by how many bytes more
/// is stored now.
pub(super) async fn attach(
    tenant: &Tenant,
    document: Uuid,
    key: Uuid,
    name: &str,
    content_type: &str,
    stored: &Stored,
    limit: i64,
) -> Result<Option<i64>, QueryError> {
    const SQL: &str = "WITH room AS (SELECT value FROM tallies WHERE name = 'storage' FOR UPDATE),
        before AS (SELECT size FROM documents WHERE id = $1),
        made AS (UPDATE documents d SET file_key = $2, file_name = $3, content_type = $4, size = $5, sha256 = $6,
            updated_at = now(), version = version + 1 FROM room
            WHERE d.id = $1 AND ($7 < 0 OR room.value - d.size + $5 <= $7) RETURNING d.name),
        noted AS (INSERT INTO activities (id, action, resource, row_id, title, created_by, created_by_name, changed)
            SELECT $8, 'updated', 'documents', $9, name, $10, $11, '{file}' FROM made)
        SELECT $5 - before.size FROM made, before";
    let size = i64::try_from(stored.size).unwrap_or(i64::MAX);
    let id = tenancy::ids::AnyId { prefix: super::DOCUMENTS.prefix(), uuid: document }.to_string();
    let (activity, user, user_name) = (Uuid::now_v7(), tenant.user_id(), tenant.user_name());
    let parameters: [Parameter<'_>; 11] = [
        (&document, Type::UUID),
        (&key, Type::UUID),
        (&name, Type::TEXT),
        (&content_type, Type::TEXT),
        (&size, Type::INT8),
        (&stored.sha256, Type::TEXT),
        (&limit, Type::INT8),
        (&activity, Type::UUID),
        (&id, Type::TEXT),
        (&user, Type::UUID),
        (&user_name, Type::TEXT),
    ];
    let rows = tenant.write(Statement::Kept(SQL), &parameters).await?;
    rows.first().map(|row| row.try_get(0)).transpose().map_err(QueryError::Statement)
}

/// A document's file; `None`: there is no such document, or it has none.
pub(super) async fn file(tenant: &Tenant, document: Uuid) -> Result<Option<File>, QueryError> {
    const SQL: &str = "SELECT file_key, file_name, content_type, size, sha256 FROM documents
        WHERE id = $1 AND file_key IS NOT NULL";
    let rows = tenant.read(Statement::Kept(SQL), &[(&document, Type::UUID)]).await?;
    let read = |row: &Row| {
        Ok(File {
            key: row.try_get(0)?,
            name: row.try_get(1)?,
            content_type: row.try_get(2)?,
            size: row.try_get(3)?,
            sha256: row.try_get(4)?,
        })
    };
    rows.first().map(read).transpose().map_err(QueryError::Statement)
}

/// Keys whose files may be deleted now.
pub(super) async fn loose(tenant: &Tenant) -> Result<Vec<Uuid>, QueryError> {
    const SQL: &str = "SELECT key FROM loose_files WHERE expires_at <= now() ORDER BY expires_at LIMIT 100";
    let rows = tenant.read(Statement::Kept(SQL), &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(QueryError::Statement)
}

/// A file is deleted: forgets its key. May it be deleted now: its upload did not end well.
pub(super) async fn forget(tenant: &Tenant, key: Uuid) -> Result<(), QueryError> {
    const SQL: &str = "DELETE FROM loose_files WHERE key = $1";
    tenant.write(Statement::Kept(SQL), &[(&key, Type::UUID)]).await.map(drop)
}
