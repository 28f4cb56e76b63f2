//! A client that asks as fast as it is answered, over connections that stay open, on one thread.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What came of a load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Answers a second.
    pub rate: f64,
    /// How many requests were told to come back later.
    pub put_off: usize,
}

/// What is asked, and by how many at once.
#[derive(Clone)]
pub struct Load {
    pub address: SocketAddr,
    /// Whole requests, taken in turn; each once, unless there is only one, or an order.
    pub requests: std::sync::Arc<Vec<Vec<u8>>>,
    /// Which request comes next, over and over.
    pub order: std::sync::Arc<Vec<u32>>,
    pub connections: usize,
    /// What each request's answer must have in it, where that is looked at.
    pub marks: std::sync::Arc<Vec<Vec<u8>>>,
}

/// A POST of JSON as it goes over the wire.
pub fn post(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    with_body("POST", path, token, body)
}

/// A PATCH of JSON as it goes over the wire.
pub fn patch(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    with_body("PATCH", path, token, body)
}

fn with_body(method: &str, path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{authorization}\r\n{body}"
    )
    .into_bytes()
}

/// A GET as it goes over the wire.
pub fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{authorization}\r\n").into_bytes()
}

impl Load {
    /// One request over and over.
    pub fn of(address: SocketAddr, request: Vec<u8>, connections: usize) -> Self {
        Self::in_order(address, vec![request], Vec::new(), connections)
    }

    /// Requests in an order that is gone through over and over.
    pub fn in_order(address: SocketAddr, requests: Vec<Vec<u8>>, order: Vec<u32>, connections: usize) -> Self {
        let (requests, order) = (std::sync::Arc::new(requests), std::sync::Arc::new(order));
        Self { address, requests, order, connections, marks: std::sync::Arc::default() }
    }

    /// The same, where each request's answer must have its mark in it (`"field":"value"`), and no other value of that
    /// field; any other answer ends the program.
    pub fn marked(self, marks: Vec<Vec<u8>>) -> Self {
        assert_eq!(marks.len(), self.requests.len());
        Self { marks: std::sync::Arc::new(marks), ..self }
    }

    /// Answers a second, for this long. Any answer but 200 and 201 ends the program.
    pub async fn run(&self, time: Duration) -> f64 {
        let outcome = self.outcome(time).await;
        assert_eq!(outcome.put_off, 0, "requests were put off");
        outcome.rate
    }

    /// The same, where requests may be put off.
    pub async fn outcome(&self, time: Duration) -> Outcome {
        let load = self.clone();
        on_a_thread(move |runtime| runtime.block_on(load.all_connections(time))).await
    }

    /// How long each answer took when so many are asked for a second, whether or not the ones before were answered.
    pub async fn at_rate(&self, rate: f64, time: Duration) -> Vec<Duration> {
        let load = self.clone();
        on_a_thread(move |runtime| runtime.block_on(load.all_at_rate(rate, time))).await
    }

    async fn all_connections(&self, time: Duration) -> Outcome {
        let (answers, put_off, next) = (Cell::new(0_usize), Cell::new(0_usize), Cell::new(0_usize));
        let started = Instant::now();
        let connections = (0..self.connections).map(|_| async {
            let mut connection = Connection::open(self.address).await;
            while started.elapsed() < time {
                let Some(place) = self.place(next.replace(next.get() + 1)) else { return };
                let answered = connection.ask(&self.requests[place]).await;
                if answered && let Some(mark) = self.marks.get(place) {
                    assert!(connection.answer_has_only(mark), "another tenant's answer");
                }
                let counter = if answered { &answers } else { &put_off };
                counter.set(counter.get() + 1);
            }
        });
        futures_util::future::join_all(connections).await;
        Outcome { rate: answers.get() as f64 / started.elapsed().as_secs_f64(), put_off: put_off.get() }
    }

    async fn all_at_rate(&self, rate: f64, time: Duration) -> Vec<Duration> {
        let (times, next) = (RefCell::new(Vec::new()), Cell::new(0_usize));
        let started = Instant::now() + Duration::from_millis(100);
        let every = Duration::from_secs_f64(self.connections as f64 / rate);
        let connections = (0..self.connections).map(|number| {
            let (times, next) = (&times, &next);
            async move {
                let mut connection = Connection::open(self.address).await;
                let mut due = started + every.mul_f64(number as f64 / self.connections as f64);
                while due < started + time {
                    // A timer that comes late is not the server's fault; an answer before that comes late is.
                    let since = if Instant::now() < due {
                        tokio::time::sleep_until(due.into()).await;
                        Instant::now()
                    } else {
                        due
                    };
                    let Some(place) = self.place(next.replace(next.get() + 1)) else { return };
                    assert!(connection.ask(&self.requests[place]).await, "a request was put off");
                    times.borrow_mut().push(since.elapsed());
                    due += every;
                }
            }
        });
        futures_util::future::join_all(connections).await;
        times.into_inner()
    }

    /// Which request is the next.
    fn place(&self, next: usize) -> Option<usize> {
        let place = match (self.requests.len(), self.order.len()) {
            (1, 0) => 0,
            (_, 0) => next,
            (_, length) => self.order[next % length] as usize,
        };
        (place < self.requests.len()).then_some(place)
    }
}

/// The load is made on one thread, so that the servers have what is left of the machine.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce(tokio::runtime::Runtime) -> T + Send + 'static) -> T {
    let thread = tokio::task::spawn_blocking(move || {
        work(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
    });
    thread.await.unwrap()
}

/// A connection that stays open.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: vec![0; 64 * 1024], filled: 0 }
    }

    /// Asks, and reads the answer; whether it was answered and not put off.
    async fn ask(&mut self, request: &[u8]) -> bool {
        self.stream.write_all(request).await.unwrap();
        self.filled = 0;
        let mut whole = None;
        while whole.is_none_or(|whole| self.filled < whole) {
            let read = self.stream.read(&mut self.buffer[self.filled..]).await.unwrap();
            assert!(read > 0, "the server hung up");
            self.filled += read;
            if whole.is_none() {
                whole = length(&self.buffer[..self.filled]);
            }
        }
        !self.buffer.starts_with(b"HTTP/1.1 503")
    }

    fn answer_has_only(&self, mark: &[u8]) -> bool {
        let count =
            |part: &[u8]| self.buffer[..self.filled].windows(part.len()).filter(|window| *window == part).count();
        let field = mark.iter().position(|byte| *byte == b':').map_or(mark, |colon| &mark[..=colon]);
        let marks = count(mark);
        marks > 0 && marks == count(field)
    }
}

/// How long an answer is, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("a head in ASCII");
    let expected = ["HTTP/1.1 200", "HTTP/1.1 201", "HTTP/1.1 503"];
    assert!(expected.iter().any(|line| text.starts_with(line)), "{}", String::from_utf8_lossy(answer));
    let body = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head + body.expect("a length"))
}
