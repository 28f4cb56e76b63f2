//! The seam to PostgreSQL: connecting with time-outs, and what errors mean.

mod error;
mod listener;

use std::{sync::LazyLock, time::Duration};

pub use error::{Failure, describe, failure};
pub use listener::{Heard, listen};
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DatabaseName, RoleName};

/// How long connecting may take before the server counts as out of reach.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that acknowledges nothing for this long is gone, whatever its connections look like.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No answer within [`CONNECT_TIMEOUT`].
    #[error("PostgreSQL did not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout,
    /// PostgreSQL, or the way to it, said no.
    #[error("{}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

/// Reads an administrator's URL and names the program to the server.
///
/// # Errors
/// tokio-postgres's, when the URL can't be read.
pub fn parse_url(url: &str, application: &str) -> Result<Config, tokio_postgres::Error> {
    let mut config: Config = url.parse()?;
    config.application_name(application).connect_timeout(CONNECT_TIMEOUT);
    config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(ANSWER_TIMEOUT);
    Ok(config)
}

/// The same server and login, another database.
#[must_use]
pub fn on_database(config: &Config, database: &DatabaseName) -> Config {
    let mut config = config.clone();
    config.dbname(database.as_str());
    config
}

/// The same server, as another role in another database.
#[must_use]
pub fn as_role(config: &Config, database: &DatabaseName, role: &RoleName, password: &str) -> Config {
    let mut config = on_database(config, database);
    config.user(role.as_str()).password(password);
    config
}

/// TLS for connections that ask for it: certificates are checked against Mozilla's roots.
#[must_use]
pub fn tls() -> MakeRustlsConnect {
    // Reading the roots takes longer than connecting.
    static TLS: LazyLock<MakeRustlsConnect> = LazyLock::new(MakeRustlsConnect::with_webpki_roots);
    TLS.clone()
}

/// Opens one connection and lets it run in the background until the client is dropped.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(config: &Config) -> Result<Client, ConnectError> {
    let (client, task) = connect_task(config).await?;
    drop(tokio::spawn(task));
    Ok(client)
}

/// Opens one connection; the caller drives the returned future.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect_task(
    config: &Config,
) -> Result<(Client, impl Future<Output = ()> + Send + 'static), ConnectError> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
        // A connection without TLS needs no certificates loaded.
        if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            Ok::<_, tokio_postgres::Error>((client, futures_util::future::Either::Left(connection)))
        } else {
            let (client, connection) = config.connect(tls()).await?;
            Ok((client, futures_util::future::Either::Right(connection)))
        }
    });
    let (client, connection) = connected.await.map_err(|_| ConnectError::Timeout)??;
    Ok((client, async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %describe(&error), "a connection to PostgreSQL ended");
        }
    }))
}
