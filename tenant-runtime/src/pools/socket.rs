//! The way to a server. It holds its place in the budget until PostgreSQL has closed its own end: a session that we
//! have left still counts there for some milliseconds.

use std::{
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_postgres::{Config, config::Host};

use super::budget::Place;

/// How long a session that was left may hold its place: longer than any statement takes to notice that it is cancelled.
const LINGER: Duration = Duration::from_secs(10);
/// A connection that was not used for so long is watched by the thread that uses it next. Where threads take turns faster,
/// both are awake anyway, and telling one another costs less than moving it to and fro.
const QUIET: Duration = Duration::from_millis(1);
/// PostgreSQL's port where none is given.
const DEFAULT_PORT: u16 = 5432;

/// A socket with its place in the budget.
pub(super) struct Socket {
    wire: Option<Wire>,
    place: Option<Place>,
    /// The thread that hears of what arrives here.
    watched_by: ThreadId,
    written: Instant,
}

enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// It could not be opened; said once.
    Broken(Option<io::Error>),
}

impl Socket {
    /// A way to the server that a configuration names. Where none is found the socket says so when it is used: only so
    /// tokio-postgres makes it an error of its own.
    pub(super) async fn open(config: &Config, place: Option<Place>) -> (Self, String) {
        let limit = config.get_connect_timeout().copied().unwrap_or(LINGER);
        let timed_out = || Err(io::Error::new(io::ErrorKind::TimedOut, "PostgreSQL can't be reached in time"));
        let opened = tokio::time::timeout(limit, reach(config)).await.unwrap_or_else(|_| timed_out());
        match opened {
            Ok((wire, host)) => (Self::new(wire, place), host),
            Err(error) => (Self::new(Wire::Broken(Some(error)), place), String::new()),
        }
    }

    fn new(wire: Wire, place: Option<Place>) -> Self {
        Self { wire: Some(wire), place, watched_by: thread::current().id(), written: Instant::now() }
    }

    /// A socket that says that nobody tries just now.
    pub(super) fn refused() -> Self {
        let error = io::Error::new(io::ErrorKind::ConnectionRefused, "it could not be reached a moment ago");
        Self::new(Wire::Broken(Some(error)), None)
    }

    fn wire(&mut self) -> io::Result<&mut Wire> {
        self.wire.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Writes, and from then on this thread hears of what arrives: through the other one it would come when that has time.
    fn write_from_here(&mut self, here: ThreadId, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let Some(wire) = self.wire.take() else { return Err(io::ErrorKind::NotConnected.into()) };
        let (written, wire) = match wire {
            Wire::Tcp(stream) => {
                let stream = stream.into_std()?;
                ((&stream).write(bytes), Wire::Tcp(TcpStream::from_std(stream)?))
            }
            Wire::Unix(stream) => {
                let stream = stream.into_std()?;
                ((&stream).write(bytes), Wire::Unix(UnixStream::from_std(stream)?))
            }
            Wire::Broken(error) => (Err(io::ErrorKind::WouldBlock.into()), Wire::Broken(error)),
        };
        // Whoever writes has looked for something to read already, and must hear of it from here.
        if wire.poll_read_ready(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        self.wire = Some(wire);
        self.watched_by = here;
        written
    }

    /// The other end is closed: there is nothing to wait for.
    fn ended(&mut self) {
        self.place = None;
    }
}

/// The hosts in turn.
async fn reach(config: &Config) -> io::Result<(Wire, String)> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the server has no address");
    for (number, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(number).or_else(|| ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let opened = match host {
            Host::Tcp(name) => tcp(config, name, port).await.map(|stream| (Wire::Tcp(stream), name.clone())),
            Host::Unix(folder) => {
                let path = folder.join(format!(".s.PGSQL.{port}"));
                UnixStream::connect(path).await.map(|stream| (Wire::Unix(stream), String::new()))
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
        let result = Pin::new(self.wire()?).poll_read(cx, buf);
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
        let (here, now) = (thread::current().id(), Instant::now());
        let idle = now.duration_since(self.written) > QUIET;
        self.written = now;
        if idle && self.watched_by != here {
            match self.write_from_here(here, cx, buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
        Pin::new(self.wire()?).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.wire()?).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.wire()?).poll_shutdown(cx)
    }
}

fn said(error: &mut Option<io::Error>) -> io::Error {
    error.take().unwrap_or_else(|| io::ErrorKind::NotConnected.into())
}

impl Wire {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Broken(_) => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Broken(error) => Poll::Ready(Err(said(error))),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Broken(error) => Poll::Ready(Err(said(error))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Broken(error) => Poll::Ready(Err(said(error))),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Broken(_) => Poll::Ready(Ok(())),
        }
    }
}
