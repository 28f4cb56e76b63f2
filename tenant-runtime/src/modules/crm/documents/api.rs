//! The files of documents over HTTP.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, DispositionParam, DispositionType},
    web::{Bytes, Path, Payload, Query},
};
use futures_util::Stream;
use serde::Deserialize;
use tenancy::{Code, Problem, fields::FieldErrors, ids::AnyId};
use uuid::Uuid;

use super::{DOCUMENTS, kinds, store};
use crate::{
    Tenant,
    files::FileError,
    modules::resource::{OnePath, Shown, Versions, if_match},
    usage::Metric,
};

type Answer = Result<HttpResponse, Problem>;

/// What may be given of a file besides itself.
#[derive(Deserialize)]
pub(super) struct FileQuery {
    name: Option<String>,
}

/// The limit of stored megabytes.
const STORAGE: &str = "max_storage_mb";
const MEGABYTE: i64 = 1024 * 1024;

pub(super) async fn upload(
    tenant: Tenant,
    request: HttpRequest,
    path: Path<OnePath>,
    query: Query<FileQuery>,
    payload: Payload,
) -> Answer {
    let document = DOCUMENTS.id(&path)?;
    let row = DOCUMENTS.row(&tenant, document).await?;
    let name = query.into_inner().name.unwrap_or_else(|| row.text("name").unwrap_or_default());
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    store_file(&tenant, document, &name, content_type.and_then(kinds::known), payload).await?.answer()
}

/// Keeps a file for a document, in place of the one that it had.
pub(super) async fn store_file<E: std::fmt::Display>(
    tenant: &Tenant,
    document: AnyId,
    name: &str,
    kind: Option<&'static str>,
    content: impl Stream<Item = Result<Bytes, E>>,
) -> Result<Shown, Problem> {
    let mut errors = FieldErrors::default();
    let name = errors.text("name", name, 1, 200);
    let name = name.filter(|name| {
        let plain = !name.contains(['/', '\\']);
        if !plain {
            errors.add("name", "must be a file's name, without a folder");
        }
        plain
    });
    if kind.is_none() {
        errors.add("content-type", format_args!("must be one of: {}", kinds::all().join(", ")));
    }
    errors.finish()?;
    let (Some(name), Some(kind)) = (name, kind) else { return Err(Problem::internal("checked above")) };

    let limit = tenant.limit(STORAGE);
    let limit = if limit < 0 { limit } else { limit.saturating_mul(MEGABYTE) };
    let key = Uuid::now_v7();
    store::announce(tenant, key).await?;
    let stored = match tenant.files().keep(tenant.id(), key, content, tenant.max_file_bytes()).await {
        Ok(stored) => stored,
        Err(error) => {
            give_up(tenant, key).await;
            return Err(problem(error, tenant));
        }
    };
    if !kinds::is(kind, &stored.head) {
        give_up(tenant, key).await;
        let mut errors = FieldErrors::default();
        errors.add("content-type", format_args!("says {kind}, and the file is something else"));
        return Err(errors.problem());
    }
    let more = match store::attach(tenant, document.uuid, key, &name, kind, &stored, limit).await {
        Ok(Some(more)) => more,
        Ok(None) => {
            give_up(tenant, key).await;
            // The document may have gone meanwhile.
            DOCUMENTS.row(tenant, document).await?;
            let message = format!("The package has {} MB for files; upgrade it for more", tenant.limit(STORAGE));
            return Err(Problem::new(Code::LimitReached, message));
        }
        // Whether it was carried out nobody knows; the key tells in an hour.
        Err(error) => return Err(error.into()),
    };
    tenant.count(Metric::Storage, more);
    tidy(tenant.clone());
    DOCUMENTS.row(tenant, document).await
}

pub(super) async fn download(tenant: Tenant, path: Path<OnePath>) -> Answer {
    let document = DOCUMENTS.id(&path)?;
    let missing = || Problem::not_found("file");
    let file = store::file(&tenant, document.uuid).await?.ok_or_else(missing)?;
    let content = tenant.files().read(tenant.id(), file.key).await.map_err(|error| problem(error, &tenant))?;
    let disposition = header::ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::FilenameExt(header::ExtendedValue {
            charset: header::Charset::Ext("UTF-8".to_owned()),
            language_tag: None,
            value: file.name.into_bytes(),
        })],
    };
    Ok(HttpResponse::Ok()
        .content_type(file.content_type)
        .insert_header(disposition)
        .insert_header((header::ETAG, format!("\"{}\"", file.sha256)))
        // What a member sent must not run as a page of ours.
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "sandbox"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .no_chunking(u64::try_from(file.size).unwrap_or_default())
        .streaming(content))
}

pub(super) async fn delete(tenant: Tenant, request: HttpRequest, path: Path<OnePath>) -> Answer {
    delete_with_file(&tenant, DOCUMENTS.id(&path)?, if_match(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a document, and its file with it.
pub(super) async fn delete_with_file(
    tenant: &Tenant,
    document: AnyId,
    wanted: Option<Versions>,
) -> Result<(), Problem> {
    let file = store::file(tenant, document.uuid).await?;
    DOCUMENTS.remove(tenant, document, wanted).await?;
    if let Some(file) = file {
        tenant.count(Metric::Storage, -file.size);
        tidy(tenant.clone());
    }
    Ok(())
}

/// Takes away what has arrived of a file that is not kept. What fails here is done by the next who tidies up.
async fn give_up(tenant: &Tenant, key: Uuid) {
    if tenant.files().delete(tenant.id(), key).await.is_ok() {
        let _ = store::forget(tenant, key).await;
    }
}

/// Deletes the files that no document has any more.
fn tidy(tenant: Tenant) {
    tokio::spawn(async move {
        for key in store::loose(&tenant).await.unwrap_or_default() {
            give_up(&tenant, key).await;
        }
    });
}

fn problem(error: FileError, tenant: &Tenant) -> Problem {
    match error {
        FileError::TooLarge => {
            let most = tenant.max_file_bytes() / MEGABYTE.unsigned_abs();
            Problem::new(Code::PayloadTooLarge, format!("A file must have at most {most} MB"))
        }
        FileError::Sender(_) => Problem::new(Code::BadRequest, error.to_string()),
        FileError::Store(object_store::Error::NotFound { .. }) => Problem::internal(error),
        FileError::Store(_) | FileError::Timeout => Problem::unavailable(error),
    }
}
