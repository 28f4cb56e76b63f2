//! LISTEN with a heartbeat: a half-open connection hears nothing, and nothing else would tell.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, config::SslMode};

use super::{CONNECT_TIMEOUT, ConnectError, describe, tls};

/// How often the connection is asked for a sign of life, and how long it may take to give one. Together they bound how
/// long a listener can be deaf without knowing it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What a listener tells.
#[derive(Debug)]
pub enum Heard {
    /// Listening (again): whatever happened before this moment may have been missed.
    Connected,
    /// A notification: its channel and payload.
    Notification(String, String),
    /// Deaf from now on; connecting again goes on by itself.
    Lost,
}

/// Listens on channels until the receiver is dropped, connecting again as often as needed. Channel names are the
/// program's own words.
#[must_use]
pub fn listen(config: Config, channels: &'static [&'static str]) -> mpsc::Receiver<Heard> {
    let (sender, receiver) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut pause = Duration::from_millis(20);
        while !sender.is_closed() {
            match session(&config, channels, &sender).await {
                Ok(()) => pause = Duration::from_millis(20),
                Err(error) => tracing::debug!(%error, "listening to the platform database was interrupted"),
            }
            if sender.send(Heard::Lost).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    });
    receiver
}

async fn session(config: &Config, channels: &[&str], sender: &mpsc::Sender<Heard>) -> Result<(), ConnectError> {
    let (client, mut messages) = open(config).await?;
    for channel in channels {
        client.batch_execute(&format!("LISTEN {channel}")).await?;
    }
    if sender.send(Heard::Connected).await.is_err() {
        return Ok(());
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some((channel, payload)) => {
                    if sender.send(Heard::Notification(channel, payload)).await.is_err() {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            },
            _ = heartbeat.tick() => {
                if sender.is_closed() {
                    return Ok(());
                }
                tokio::time::timeout(HEARTBEAT, client.batch_execute("")).await.map_err(|_| ConnectError::Timeout)??;
            }
        }
    }
}

type Notifications = mpsc::Receiver<(String, String)>;

async fn open(config: &Config) -> Result<(Client, Notifications), ConnectError> {
    let opened = async {
        if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            Ok::<_, tokio_postgres::Error>((client, forward(connection)))
        } else {
            let (client, connection) = config.connect(tls()).await?;
            Ok((client, forward(connection)))
        }
    };
    tokio::time::timeout(CONNECT_TIMEOUT, opened).await.map_err(|_| ConnectError::Timeout)?.map_err(Into::into)
}

fn forward<S, T>(mut connection: tokio_postgres::Connection<S, T>) -> Notifications
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(heard)) => {
                    if sender.send((heard.channel().to_owned(), heard.payload().to_owned())).await.is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = %describe(&error), "a listening connection ended");
                    return;
                }
            }
        }
    });
    receiver
}
