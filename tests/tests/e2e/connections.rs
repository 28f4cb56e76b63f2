//! Connections of programs and proxies, which keep them for as long as 90 seconds.

use std::time::Duration;

use tests::TestPlatform;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than a server waits that has nothing set: actix-web, 5 seconds.
const QUIET: Duration = Duration::from_secs(6);
const REQUEST: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";

async fn is_answered(connection: &mut TcpStream) -> bool {
    connection.write_all(REQUEST).await.unwrap();
    let mut answer = [0; 1024];
    let read = connection.read(&mut answer).await.unwrap();
    answer[..read].starts_with(b"HTTP/1.1 200 ")
}

/// A program that opens one more than it needs, and asks on it later, would be told 408 or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_on_which_nothing_is_asked_for_a_while() {
    let platform = TestPlatform::start().await;
    let address = platform.client.base().strip_prefix("http://").unwrap().to_owned();
    let mut unused = TcpStream::connect(&address).await.unwrap();
    let mut used = TcpStream::connect(&address).await.unwrap();
    assert!(is_answered(&mut used).await);
    let (mut first, mut second) = ([0; 1], [0; 1]);
    let said = timeout(QUIET, async {
        tokio::select! { read = unused.read(&mut first) => read, read = used.read(&mut second) => read }
    });
    assert!(said.await.is_err(), "it was closed");
    assert!(is_answered(&mut unused).await && is_answered(&mut used).await);
    platform.stop().await;
}
