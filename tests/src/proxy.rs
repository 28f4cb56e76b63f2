//! A way to PostgreSQL that can be cut for one role: everybody else's connections stay as they are.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What becomes of the connections of the role that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They go through.
    Open,
    /// They are closed, and new ones are as well.
    Closed,
    /// Nothing comes through any more, and nobody is told.
    Silent,
}

/// A proxy in front of a server.
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    watched: Arc<Watched>,
}

#[derive(Default)]
struct Watched {
    role: String,
    heartbeats: AtomicU64,
    statements: AtomicU64,
}

/// An empty statement: a listener's sign of life.
const HEARTBEAT: &[u8] = b"Q\0\0\0\x05\0";
/// The codes of a startup message (protocol 3), and of a request for TLS.
const STARTUP: u32 = 196_608;
const TLS: u32 = 80_877_103;

impl Proxy {
    /// A proxy to the server on this port of this machine, watching one role.
    pub async fn start(server: u16, role: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let watched = Arc::new(Watched { role: role.to_owned(), ..Watched::default() });
        let (way, seen) = watch::channel(Way::Open);
        let of_all = watched.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server, of_all.clone(), seen.clone()));
            }
        });
        Self { port, way, watched }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Opens or cuts the way of the role that is watched.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// What that role has sent: signs of life, and anything else.
    pub fn sent(&self) -> (u64, u64) {
        (self.watched.heartbeats.load(Ordering::SeqCst), self.watched.statements.load(Ordering::SeqCst))
    }
}

async fn serve(mut client: TcpStream, port: u16, watched: Arc<Watched>, mut way: watch::Receiver<Way>) {
    let Some(startup) = startup(&mut client).await else { return };
    let is_watched = user_of(&startup).as_deref() == Some(watched.role.as_str());
    if is_watched && *way.borrow() != Way::Open {
        // Held or closed; either way the connection never comes about.
        let _ = way.wait_for(|way| *way != Way::Silent).await;
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    if server.write_all(&startup).await.is_err() {
        return;
    }
    if !is_watched {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let cut = tokio::select! {
        () = pump(&mut client, &mut server, &watched) => false,
        cut = way.wait_for(|way| *way != Way::Open) => cut.is_ok(),
    };
    if cut {
        let _ = way.wait_for(|way| *way != Way::Silent).await;
    }
}

async fn pump(client: &mut TcpStream, server: &mut TcpStream, watched: &Watched) {
    let (mut up, mut down) = ([0_u8; 16 * 1024], [0_u8; 16 * 1024]);
    loop {
        let done = tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(many) if many > 0 => {
                    let kind = if up[..many] == *HEARTBEAT { &watched.heartbeats } else { &watched.statements };
                    kind.fetch_add(1, Ordering::SeqCst);
                    server.write_all(&up[..many]).await
                }
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(many) if many > 0 => client.write_all(&down[..many]).await,
                _ => return,
            },
        };
        if done.is_err() {
            return;
        }
    }
}

/// The first message of a client, after TLS was refused to it.
async fn startup(client: &mut TcpStream) -> Option<Vec<u8>> {
    loop {
        let length = client.read_u32().await.ok()?;
        let mut message = length.to_be_bytes().to_vec();
        message.resize(usize::try_from(length).ok()?, 0);
        client.read_exact(&mut message[4..]).await.ok()?;
        if code_of(&message) != TLS {
            return Some(message);
        }
        client.write_all(b"N").await.ok()?;
    }
}

fn code_of(message: &[u8]) -> u32 {
    message.get(4..8).map_or(0, |code| u32::from_be_bytes(code.try_into().unwrap()))
}

fn user_of(message: &[u8]) -> Option<String> {
    if code_of(message) != STARTUP {
        return None;
    }
    let words: Vec<String> = message[8..].split(|byte| *byte == 0).map(|w| String::from_utf8_lossy(w).into()).collect();
    let mut given: HashMap<String, String> =
        words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    given.remove("user")
}
