//! Clients that don't wait for an answer leave no memory behind. In a process of its own, where nobody else's is.

use tests::{eventually, ground, measure::processes::resident, program::Dev};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_postgres::{Client as Session, Config, NoTls};

const ROUNDS: usize = 150;
const AT_ONCE: usize = 20;
/// What a process may grow by without anybody's doing, in MB: 3,000 that leave 1 KB each make 3 MB.
const GROWTH: f64 = 2.0;

async fn session(url: &str, database: &str) -> Session {
    let mut config: Config = url.parse().unwrap();
    let (session, connection) = config.dbname(database).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    session
}

/// Requests in all the states that somebody can hang up in: a statement that runs, a turn that is waited for, a body that
/// is half sent.
async fn hang_up(address: &str, token: &str, locking: &Session, watching: &Session) {
    let blocked = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenantry-runtime' AND wait_event_type = 'Lock'";
        watching.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    locking.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let head = format!("/api/v1/customers HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n");
    let mut clients = Vec::new();
    for number in 0..AT_ONCE {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = match number % 4 {
            0 => format!("POST {head}content-type: application/json\r\ncontent-length: 500\r\n\r\n{{\"company_name\":"),
            _ => format!("GET {head}\r\n"),
        };
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
    }
    eventually("statements that wait", async || blocked().await > 0).await;
    drop(clients);
    eventually("the statements to be cancelled", async || blocked().await == 0).await;
    locking.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_who_hang_up_leave_no_memory_behind() {
    let folder = ground::folder();
    let dev = Dev::start(folder.path(), &[]).await;
    dev.client.sign_up("Acme", "ada@acme.com").await.expect(201);
    let owner = dev.client.sign_in("ada@acme.com").await;
    let (platform, tenant) =
        (session(&dev.database_url(), "tenantry_platform").await, session(&dev.database_url(), "tenant_acme").await);
    let unlimited = "UPDATE tenants SET limit_overrides = '{\"api_rate_limit_per_hour\":-1}'";
    platform.batch_execute(unlimited).await.unwrap();
    let (address, token) = (dev.client.base().trim_start_matches("http://"), owner.token().unwrap());
    for _ in 0..ROUNDS / 3 {
        hang_up(address, token, &tenant, &platform).await;
    }
    let before = resident(dev.pid());
    for _ in 0..ROUNDS {
        hang_up(address, token, &tenant, &platform).await;
    }
    let after = resident(dev.pid());
    println!("{before:.1} MB, and {after:.1} MB after {} more", ROUNDS * AT_ONCE);
    assert!(after - before < GROWTH, "{before:.1} MB became {after:.1} MB");
    owner.get("/api/v1/customers").await.expect(200);
}
