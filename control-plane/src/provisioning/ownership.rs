//! Whose server this is. Everything with the platform's prefix on a server is taken for the platform's own, and what
//! nothing refers to is dropped: so it must be certain that no other platform has the same prefix there, and that the
//! master key is the one that everything was made with.

use tenancy::{ids::PlatformId, postgres::Failure, postgres::failure};
use tokio_postgres::Client;

use super::{ProvisionError, Provisioning};
use crate::platform::StoreError;

/// What the comment on the owner role begins with; the platform's id follows.
const MARK: &str = "tenantry platform ";

impl Provisioning {
    /// The platform's id. At the first call it is made, and the master key is noted.
    pub(super) async fn platform_id(&self) -> Result<PlatformId, ProvisionError> {
        let client = self.0.pool.get().await.map_err(StoreError::from)?;
        let key = self.0.master_key.keyed_hash("key-check", b"");
        let sql = "INSERT INTO platform (id, key_check) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&PlatformId::generate(), &key.as_slice()]).await?;
        let sql = "UPDATE platform SET key_check = coalesce(key_check, $1) RETURNING id, key_check = $1";
        let row = client.query_one(sql, &[&key.as_slice()]).await?;
        if row.get(1) { Ok(row.get(0)) } else { Err(ProvisionError::WrongKey) }
    }

    /// Refuses a server on which another platform has the same prefix.
    pub(crate) async fn check_ownership(&self, client: &Client) -> Result<(), ProvisionError> {
        let platform = self.platform_id().await?;
        match mark(client, self).await? {
            Some(found) if found != platform.to_string() => {
                Err(ProvisionError::ForeignServer { prefix: self.0.prefix.clone(), platform: found })
            }
            _ => Ok(()),
        }
    }

    /// Marks a server as this platform's, unless it is another's.
    pub(super) async fn take_ownership(&self, client: &Client) -> Result<(), ProvisionError> {
        self.check_ownership(client).await?;
        if mark(client, self).await?.is_none() {
            let platform = self.platform_id().await?;
            let owner = self.0.prefix.owner_role();
            let marked = client.batch_execute(&format!("COMMENT ON ROLE {owner} IS '{MARK}{platform}'")).await;
            // Two that mark at once: one is refused for the moment, and both looked.
            if let Err(error) = marked
                && failure(&error) != Failure::Other
            {
                return Err(error.into());
            }
            self.check_ownership(client).await?;
        }
        Ok(())
    }
}

async fn mark(client: &Client, provisioning: &Provisioning) -> Result<Option<String>, tokio_postgres::Error> {
    let sql = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = $1";
    let row = client.query_opt(sql, &[&provisioning.0.prefix.owner_role()]).await?;
    let comment: Option<String> = row.and_then(|row| row.get(0));
    Ok(comment.and_then(|comment| comment.strip_prefix(MARK).map(str::to_owned)))
}
