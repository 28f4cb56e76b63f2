//! Where files are kept: a folder, or whatever speaks S3. A tenant's files lie below its id.

use std::{sync::Arc, time::Duration};

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, buffered::BufWriter, local::LocalFileSystem, path::Path};
use sha2::{Digest, Sha256};
use tenancy::TenantId;
use uuid::Uuid;

/// How long one piece may take, on either side.
const PIECE: Duration = Duration::from_secs(30);
/// How long a whole file may take to arrive: less than its unfinished upload is kept.
const WHOLE: Duration = Duration::from_secs(30 * 60);
/// How much of a file's beginning tells what it is.
const HEAD: usize = 512;

/// The store of files.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// A file that has arrived.
pub(crate) struct Stored {
    pub(crate) size: u64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
}

/// Why a file could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The client stopped sending, or its connection broke.
    #[error("the file did not arrive: {0}")]
    Sender(String),
    /// It is larger than may be.
    #[error("the file is too large")]
    TooLarge,
    /// The store fails.
    #[error("the store of files failed: {0}")]
    Store(#[from] object_store::Error),
    /// The store does not answer.
    #[error("the store of files did not answer in time")]
    Timeout,
}

impl Files {
    /// The store in this folder, or at this URL: `s3://bucket/prefix`. Credentials of S3 come from the usual variables
    /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, …).
    pub(crate) fn open(place: &str) -> Result<Self, String> {
        if !place.contains("://") {
            let made = std::fs::create_dir_all(place);
            made.map_err(|error| format!("runtime.files: the folder {place} can't be made: {error}"))?;
            let folder = LocalFileSystem::new_with_prefix(place).map_err(|error| format!("runtime.files: {error}"))?;
            return Ok(Self { store: Arc::new(folder), prefix: Path::default() });
        }
        let url = place.parse().map_err(|error| format!("runtime.files is no URL ({error}): {place}"))?;
        let of_aws = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        let (store, prefix) = object_store::parse_url_opts(&url, of_aws)
            .map_err(|error| format!("runtime.files can't be used: {error}"))?;
        Ok(Self { store: store.into(), prefix })
    }

    fn path(&self, tenant: TenantId, key: Uuid) -> Path {
        self.prefix.clone().join(tenant.suffix()).join(key.simple().to_string())
    }

    /// Keeps what a client sends. What has arrived of a file that is not kept is taken away again.
    pub(crate) async fn keep<E: std::fmt::Display>(
        &self,
        tenant: TenantId,
        key: Uuid,
        content: impl Stream<Item = Result<Bytes, E>>,
        max: u64,
    ) -> Result<Stored, FileError> {
        let mut writer = BufWriter::new(self.store.clone(), self.path(tenant, key));
        let kept = tokio::time::timeout(WHOLE, write(&mut writer, content, max)).await;
        match kept.unwrap_or_else(|_| Err(FileError::Sender("it took too long".to_owned()))) {
            Ok(stored) => Ok(stored),
            Err(error) => {
                // What remains is found again by its key.
                let _ = tokio::time::timeout(PIECE, writer.abort()).await;
                Err(error)
            }
        }
    }

    /// A file, piece by piece.
    pub(crate) async fn read(
        &self,
        tenant: TenantId,
        key: Uuid,
    ) -> Result<impl Stream<Item = Result<Bytes, FileError>> + use<>, FileError> {
        let found = tokio::time::timeout(PIECE, self.store.get(&self.path(tenant, key))).await;
        Ok(found.map_err(|_| FileError::Timeout)??.into_stream().map_err(FileError::Store))
    }

    /// Deletes a file; one that is not there is deleted already.
    pub(crate) async fn delete(&self, tenant: TenantId, key: Uuid) -> Result<(), FileError> {
        let deleted = tokio::time::timeout(PIECE, self.store.delete(&self.path(tenant, key))).await;
        match deleted.map_err(|_| FileError::Timeout)? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn write<E: std::fmt::Display>(
    writer: &mut BufWriter,
    content: impl Stream<Item = Result<Bytes, E>>,
    max: u64,
) -> Result<Stored, FileError> {
    let mut content = std::pin::pin!(content);
    let (mut size, mut hash, mut head) = (0, Sha256::new(), Vec::with_capacity(HEAD));
    loop {
        let next = tokio::time::timeout(PIECE, content.next()).await;
        let Some(piece) = next.map_err(|_| FileError::Sender("nothing came for too long".to_owned()))? else { break };
        let piece = piece.map_err(|error| FileError::Sender(error.to_string()))?;
        size += piece.len() as u64;
        if size > max {
            return Err(FileError::TooLarge);
        }
        hash.update(&piece);
        head.extend_from_slice(&piece[..piece.len().min(HEAD - head.len())]);
        tokio::time::timeout(PIECE, writer.put(piece)).await.map_err(|_| FileError::Timeout)??;
    }
    let done = tokio::time::timeout(PIECE, tokio::io::AsyncWriteExt::shutdown(writer)).await;
    done.map_err(|_| FileError::Timeout)?
        .map_err(|error| object_store::Error::Generic { store: "files", source: Box::new(error) })?;
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Stored { size, sha256, head })
}
