//! What goes wrong underneath the runtime, and clients that don't wait: others go on, nothing leaks, and all comes back
//! by itself.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tests::{Client, TestPlatform, TestSettings, eventually};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_postgres::Client as Session;

const CUSTOMERS: &str = "/api/v1/customers";
const BUDGET: usize = 6;
const PER_TENANT: usize = 3;

/// A platform with two tenants, which together can have all connections that there are.
struct Stage {
    platform: TestPlatform,
    tenants: [(String, Client); 2],
    admin: Session,
}

impl Stage {
    /// With a time limit for statements, in milliseconds.
    async fn with_statement_timeout(milliseconds: u64) -> Self {
        let mut wanted = TestSettings::default();
        wanted.settings.runtime.max_connections = Some(BUDGET);
        wanted.settings.runtime.max_connections_per_tenant = PER_TENANT;
        wanted.settings.runtime.statement_timeout = milliseconds;
        let platform = TestPlatform::with(wanted).await;
        let tenants = [platform.tenant("Acme").await, platform.tenant("Globex").await];
        for (slug, owner) in &tenants {
            owner.post(CUSTOMERS, &json!({ "company_name": slug })).await.expect(201);
        }
        let admin = platform.platform_session().await;
        Self { platform, tenants, admin }
    }

    async fn start() -> Self {
        Self::with_statement_timeout(20_000).await
    }

    fn first(&self) -> &(String, Client) {
        &self.tenants[0]
    }

    fn second(&self) -> &(String, Client) {
        &self.tenants[1]
    }

    fn database(&self, slug: &str) -> String {
        format!("{}{slug}", self.platform.prefix())
    }

    async fn sql(&self, sql: &str) {
        self.admin.batch_execute(sql).await.unwrap();
    }

    /// How many of the runtime's sessions wait for a lock.
    async fn blocked(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenantry-runtime' \
                   AND starts_with(usename, $1) AND wait_event_type = 'Lock'";
        self.admin.query_one(sql, &[&self.platform.prefix().to_string()]).await.unwrap().get(0)
    }

    /// Whether a tenant's database answers, with its own rows and nobody else's.
    async fn works(&self, (slug, owner): &(String, Client)) -> bool {
        let reply = owner.get(CUSTOMERS).await;
        if !reply.is_or_put_off(200) {
            return false;
        }
        let rows = reply.body["data"].as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row["company_name"] == slug.as_str()), "{reply:?}");
        true
    }

    /// Every place of the budget and of each pool can still be used, all at once; then the platform ends.
    async fn end(self) {
        let locks = [self.lock(self.first()).await, self.lock(self.second()).await];
        let requests = self.tenants.iter().flat_map(|(_, owner)| (0..PER_TENANT).map(|_| owner.get(CUSTOMERS)));
        let full = async {
            eventually("all connections in use at once", async || self.blocked().await == BUDGET as i64).await;
            drop(locks);
        };
        let (replies, ()) = tokio::join!(join_all(requests), full);
        for reply in replies {
            reply.expect(200);
        }
        self.platform.stop().await;
    }

    /// Keeps everybody else from a tenant's customers, for as long as the session lives.
    async fn lock(&self, (slug, _): &(String, Client)) -> Session {
        let session = self.platform.tenant_session(slug).await;
        session.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
        session
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_statements_are_cancelled_and_other_tenants_go_on() {
    let stage = Stage::with_statement_timeout(300).await;
    let lock = stage.lock(stage.first()).await;
    let slow = (0..8).map(|_| stage.first().1.get(CUSTOMERS));
    let others = async {
        eventually("statements that wait", async || stage.blocked().await > 0).await;
        for _ in 0..20 {
            assert!(stage.works(stage.second()).await, "another tenant was put off");
        }
    };
    let (slow, ()) = tokio::join!(join_all(slow), others);
    for reply in slow {
        assert!(!reply.is_or_put_off(200), "{reply:?}");
    }
    eventually("the statements to be cancelled", async || stage.blocked().await == 0).await;
    drop(lock);
    eventually("the tenant to answer again", async || stage.works(stage.first()).await).await;
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_backends_cost_nobody_an_answer_that_is_wrong() {
    let stage = Stage::start().await;
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'tenantry-runtime' AND starts_with(usename, '{}')",
        stage.platform.prefix()
    );
    let load = stage.tenants.iter().cycle().take(8).map(|tenant| async {
        let mut good = 0;
        for _ in 0..100 {
            good += usize::from(stage.works(tenant).await);
        }
        good
    });
    let killing = async {
        for _ in 0..20 {
            stage.sql(&kill).await;
        }
    };
    let (good, ()) = tokio::join!(join_all(load), killing);
    assert!(good.iter().all(|good| *good > 0), "{good:?}");
    for tenant in &stage.tenants {
        eventually("the tenant to answer again", async || stage.works(tenant).await).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_renamed_underneath_is_back_with_its_name() {
    let stage = Stage::start().await;
    let (slug, owner) = stage.first();
    let name = stage.database(slug);
    let away = format!(
        "ALTER DATABASE \"{name}\" CONNECTION LIMIT 0;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    stage.sql(&away).await;
    let rename = format!("ALTER DATABASE \"{name}\" RENAME TO \"{name}_away\"");
    eventually("the rename", async || stage.admin.batch_execute(&rename).await.is_ok()).await;
    for _ in 0..30 {
        assert!(!owner.get(CUSTOMERS).await.is_or_put_off(200));
        assert!(stage.works(stage.second()).await, "another tenant was put off");
    }
    stage.sql(&format!("ALTER DATABASE \"{name}_away\" RENAME TO \"{name}\"")).await;
    stage.sql(&format!("ALTER DATABASE \"{name}\" CONNECTION LIMIT -1")).await;
    eventually("the tenant to answer again", async || stage.works(stage.first()).await).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_dropped_underneath_troubles_nobody_else() {
    let stage = Stage::start().await;
    let (slug, owner) = stage.first();
    stage.sql(&format!("DROP DATABASE \"{}\" WITH (FORCE)", stage.database(slug))).await;
    for _ in 0..30 {
        assert!(!owner.get(CUSTOMERS).await.is_or_put_off(200));
        assert!(stage.works(stage.second()).await, "another tenant was put off");
    }
    stage.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only_can_be_read() {
    let stage = Stage::start().await;
    let (slug, owner) = stage.first();
    let name = stage.database(slug);
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    stage.sql(&format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on; {end}")).await;
    let body = json!({ "company_name": slug });
    eventually("the tenant to be read-only", async || owner.post(CUSTOMERS, &body).await.status == 503).await;
    for _ in 0..10 {
        assert!(!owner.post(CUSTOMERS, &body).await.is_or_put_off(201));
        assert!(stage.works(stage.first()).await, "it can't be read either");
    }
    stage.sql(&format!("ALTER DATABASE \"{name}\" RESET default_transaction_read_only; {end}")).await;
    eventually("the tenant to be written again", async || owner.post(CUSTOMERS, &body).await.is_or_put_off(201)).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_leave_nothing_behind() {
    let stage = Stage::start().await;
    let (_, owner) = stage.first();
    let address = stage.platform.serving.address;
    let token = owner.token().unwrap();
    let request = format!("GET {CUSTOMERS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    for _ in 0..10 {
        let lock = stage.lock(stage.first()).await;
        let mut clients = Vec::new();
        // More than have a connection: some hang up while they wait for one.
        for _ in 0..PER_TENANT + 5 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(request.as_bytes()).await.unwrap();
            clients.push(client);
        }
        eventually("statements that wait", async || stage.blocked().await == PER_TENANT as i64).await;
        drop(clients);
        eventually("the statements to be cancelled", async || stage.blocked().await == 0).await;
        drop(lock);
        assert!(
            tokio::time::timeout(Duration::from_secs(10), owner.get(CUSTOMERS)).await.is_ok_and(|it| it.status == 200)
        );
    }
    stage.end().await;
}
