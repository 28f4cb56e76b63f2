//! The way to a server. It holds its place in the budget until PostgreSQL has closed its own end: a session that we
//! have left still counts there for some milliseconds.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_postgres::{Config, config::Host};

use super::budget::Place;

/// How long a session that was left may hold its place: longer than any statement takes to notice that it is cancelled.
const LINGER: Duration = Duration::from_secs(10);
/// PostgreSQL's port where none is given.
const DEFAULT_PORT: u16 = 5432;

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A socket with its place in the budget.
pub(super) struct Socket {
    wire: Option<Box<dyn Wire>>,
    place: Option<Place>,
}

impl Socket {
    /// A way to the server that a configuration names. Where none is found the socket says so when it is used: only so
    /// tokio-postgres makes it an error of its own.
    pub(super) async fn open(config: &Config, place: Option<Place>) -> (Self, String) {
        let limit = config.get_connect_timeout().copied().unwrap_or(LINGER);
        let timed_out = || Err(io::Error::new(io::ErrorKind::TimedOut, "PostgreSQL can't be reached in time"));
        let opened = tokio::time::timeout(limit, reach(config)).await.unwrap_or_else(|_| timed_out());
        match opened {
            Ok((wire, host)) => (Self { wire: Some(wire), place }, host),
            Err(error) => (Self { wire: Some(Box::new(Broken(Some(error)))), place }, String::new()),
        }
    }

    /// A socket that says that nobody tries just now.
    pub(super) fn refused() -> Self {
        let error = io::Error::new(io::ErrorKind::ConnectionRefused, "it could not be reached a moment ago");
        Self { wire: Some(Box::new(Broken(Some(error)))), place: None }
    }

    fn wire(&mut self) -> io::Result<Pin<&mut dyn Wire>> {
        match &mut self.wire {
            Some(wire) => Ok(Pin::new(&mut **wire)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The other end is closed: there is nothing to wait for.
    fn ended(&mut self) {
        self.place = None;
    }
}

/// The hosts in turn.
async fn reach(config: &Config) -> io::Result<(Box<dyn Wire>, String)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the server has no address");
    for (number, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(number).or_else(|| ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let opened: io::Result<(Box<dyn Wire>, String)> = match host {
            Host::Tcp(name) => tcp(config, name, port).await.map(|wire| (Box::new(wire) as _, name.clone())),
            Host::Unix(folder) => {
                let path = folder.join(format!(".s.PGSQL.{port}"));
                UnixStream::connect(path).await.map(|wire| (Box::new(wire) as _, String::new()))
            }
        };
        match opened {
            Ok(opened) => return Ok(opened),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn tcp(config: &Config, name: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((name, port)).await?;
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(&stream);
    if config.get_keepalives() {
        socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(config.get_keepalives_idle()))?;
    }
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    Ok(stream)
}

impl Drop for Socket {
    fn drop(&mut self) {
        let (Some(mut wire), Some(place)) = (self.wire.take(), self.place.take()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let closed = async {
                wire.shutdown().await?;
                let mut rest = [0; 512];
                while wire.read(&mut rest).await? > 0 {}
                Ok::<_, io::Error>(())
            };
            let _ = tokio::time::timeout(LINGER, closed).await;
            drop(place);
        });
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        let result = self.wire()?.poll_read(cx, buf);
        let ended = match &result {
            Poll::Ready(Ok(())) => room && buf.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.ended();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.wire()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire()?.poll_shutdown(cx)
    }
}

/// A socket that could not be opened.
struct Broken(Option<io::Error>);

impl Broken {
    fn error(&mut self) -> io::Error {
        self.0.take().unwrap_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(self.error()))
    }
}

impl AsyncWrite for Broken {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(self.error()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(self.error()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
