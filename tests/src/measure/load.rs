//! A client that asks as fast as it is answered, over connections that stay open, on one thread.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What is asked, and by how many at once.
#[derive(Clone)]
pub struct Load {
    pub address: SocketAddr,
    /// Whole requests, taken in turn; each once, unless there is only one.
    pub requests: std::sync::Arc<Vec<Vec<u8>>>,
    pub connections: usize,
}

/// A GET as it goes over the wire.
pub fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{authorization}\r\n").into_bytes()
}

impl Load {
    /// One request over and over.
    pub fn of(address: SocketAddr, request: Vec<u8>, connections: usize) -> Self {
        Self { address, requests: std::sync::Arc::new(vec![request]), connections }
    }

    /// Answers a second, for this long. Any answer but 200 ends the program.
    pub async fn run(&self, time: Duration) -> f64 {
        let load = self.clone();
        let thread = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(load.all_connections(time))
        });
        thread.await.unwrap()
    }

    async fn all_connections(&self, time: Duration) -> f64 {
        let (answers, next) = (Cell::new(0_usize), Cell::new(0_usize));
        let started = Instant::now();
        let connections = (0..self.connections).map(|_| self.one_connection(started + time, &answers, &next));
        futures_util::future::join_all(connections).await;
        answers.get() as f64 / started.elapsed().as_secs_f64()
    }

    async fn one_connection(&self, deadline: Instant, answers: &Cell<usize>, next: &Cell<usize>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = vec![0_u8; 64 * 1024];
        while Instant::now() < deadline {
            let place = next.replace(next.get() + 1);
            let request = match self.requests.as_slice() {
                [only] => only,
                many => match many.get(place) {
                    Some(request) => request,
                    None => return,
                },
            };
            stream.write_all(request).await.unwrap();
            read_answer(&mut stream, &mut buffer).await;
            answers.set(answers.get() + 1);
        }
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    let mut whole = None;
    while whole.is_none_or(|whole| filled < whole) {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server hung up");
        filled += read;
        if whole.is_none() {
            whole = length(&buffer[..filled]);
        }
    }
}

/// How long an answer is, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head in ASCII");
    assert!(text.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head + body.expect("a length"))
}
