//! Directories under `base/` that no database has: a crash of PostgreSQL in the middle of CREATE or DROP DATABASE leaves
//! them, and nothing of PostgreSQL's own ever finds them.

use std::{collections::HashSet, path::PathBuf};

use tenancy::postgres::{Failure, failure};
use tokio_postgres::Client;

use super::{DoctorError, Finding, Trouble};
use crate::servers::Server;

pub(super) async fn examine(server: &Server, client: &Client) -> Result<Vec<Finding>, DoctorError> {
    let Some(first) = orphans(client).await? else {
        return Ok(Vec::new());
    };
    if first.is_empty() {
        return Ok(Vec::new());
    }
    // A CREATE DATABASE under way has a directory before it has a row. None under way, and there still: an orphan.
    let second = orphans(client).await?.unwrap_or_default();
    let here = is_here(client).await?;
    let folder: String = client.query_one("SHOW data_directory", &[]).await?.get(0);
    let findings = first.intersection(&second).map(|oid| {
        let path = PathBuf::from(&folder).join("base").join(oid.to_string());
        let local = here && path.is_dir();
        server.finding(Trouble::OrphanDirectory { oid: *oid, path, local })
    });
    Ok(findings.collect())
}

/// Whether the server's files are on this machine: another cluster may have a folder of the same name here.
pub(super) async fn is_here(client: &Client) -> Result<bool, DoctorError> {
    let row = client
        .query_one("SELECT current_setting('data_directory'), system_identifier FROM pg_control_system()", &[])
        .await?;
    let (folder, identifier): (String, i64) = (row.get(0), row.get(1));
    // The file begins with the cluster's identifier (pg_control.h).
    let control = tokio::fs::read(PathBuf::from(folder).join("global/pg_control")).await;
    Ok(control.is_ok_and(|bytes| bytes.starts_with(&identifier.to_ne_bytes())))
}

/// `None` where we may not look, or where a database is just being made or dropped.
pub(super) async fn orphans(client: &Client) -> Result<Option<HashSet<u32>>, DoctorError> {
    let busy = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() \
                AND query ~* '(create|drop)\\s+database' LIMIT 1";
    if client.query_opt(busy, &[]).await?.is_some() {
        return Ok(None);
    }
    let sql = "SELECT name::oid FROM pg_ls_dir('base') AS name WHERE name ~ '^[0-9]+$' \
               AND NOT EXISTS (SELECT 1 FROM pg_database WHERE oid = name::oid)";
    match client.query(sql, &[]).await {
        Ok(rows) => Ok(Some(rows.iter().map(|row| row.get(0)).collect())),
        Err(error) if failure(&error) == Failure::StaleAddress => Ok(None),
        Err(error) => Err(error.into()),
    }
}
