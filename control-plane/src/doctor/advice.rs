//! Settings of a server that will hurt a platform of many databases one day.

use tokio_postgres::Client;

use super::{DoctorError, Finding, Trouble};
use crate::servers::Server;

pub(super) async fn examine(server: &Server, client: &Client) -> Result<Vec<Finding>, DoctorError> {
    let sql = "SELECT name, setting FROM pg_settings WHERE name = ANY($1)";
    let names = [
        "recovery_init_sync_method",
        "fsync",
        "full_page_writes",
        "autovacuum",
        "max_connections",
        "password_encryption",
    ];
    let rows = client.query(sql, &[&names.as_slice()]).await?;
    let advice = rows.iter().filter_map(|row| advice(row.get(0), row.get(1)));
    Ok(advice.map(|trouble| server.finding(trouble)).collect())
}

fn advice(name: &str, value: &str) -> Option<Trouble> {
    let (name, advice) = match (name, value) {
        ("recovery_init_sync_method", "fsync") => (
            "recovery_init_sync_method",
            "after a crash PostgreSQL opens every file of every database before it starts; on Linux set it to syncfs",
        ),
        ("fsync", "off") => ("fsync", "a crash of the machine loses databases; set it to on"),
        ("full_page_writes", "off") => ("full_page_writes", "a crash of the machine can corrupt pages; set it to on"),
        ("autovacuum", "off") => ("autovacuum", "tables grow without bound; set it to on"),
        ("password_encryption", "md5") => {
            ("password_encryption", "passwords set by hand are weak; set it to scram-sha-256")
        }
        ("max_connections", few) if few.parse::<u32>().is_ok_and(|few| few < 50) => {
            ("max_connections", "fewer than 50 leave little for requests; raise it")
        }
        _ => return None,
    };
    Some(Trouble::Setting { name, value: value.to_owned(), advice })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hurts_is_named() {
        assert!(advice("fsync", "on").is_none() && advice("max_connections", "100").is_none());
        assert!(advice("fsync", "off").is_some() && advice("max_connections", "20").is_some());
    }
}
