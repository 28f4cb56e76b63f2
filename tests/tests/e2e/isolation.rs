//! Isolation is PostgreSQL's: a tenant's role and password open its own database, for rows alone.

use tenancy::{
    DatabaseName, RoleName,
    postgres::{as_role, connect},
    secrets::RolePassword,
};
use tests::{QuietPlatform, TestSettings, shared_cluster};
use tokio_postgres::{Client, Config, error::SqlState};

/// A platform with two tenants, and what opens the first one's database.
struct House {
    platform: QuietPlatform,
    role: RoleName,
    password: RolePassword,
}

impl House {
    async fn build() -> Self {
        let platform = QuietPlatform::on(shared_cluster().await, TestSettings::default()).await;
        let (acme, _) = (platform.tenant("acme").await, platform.tenant("other").await);
        platform.control_plane.provisioning.refill().await.unwrap();
        let (role, password) = (platform.role(acme), platform.platform.master_key.tenant_password(acme));
        Self { platform, role, password }
    }

    fn config(&self, database: &str) -> Config {
        let database = DatabaseName::parse(database).unwrap();
        as_role(&self.platform.platform.admin, &database, &self.role, self.password.expose())
    }

    async fn inside(&self) -> Client {
        connect(&self.config(self.platform.database("acme").as_str())).await.unwrap()
    }

    async fn name_of(&self, sql: &str) -> String {
        self.platform.session.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// Why PostgreSQL refuses a connection.
async fn refusal(config: &Config) -> SqlState {
    match connect(config).await {
        Ok(_) => panic!("{config:?} was let in"),
        Err(tenancy::postgres::ConnectError::Postgres(error)) => error.code().unwrap().clone(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_password_opens_its_own_database_alone() {
    let house = House::build().await;
    house.inside().await.query("SELECT id FROM customers", &[]).await.unwrap();

    let platform = &house.platform;
    let denied = SqlState::INSUFFICIENT_PRIVILEGE;
    let others = platform.database("other");
    for database in [others.as_str(), platform.platform.settings.database.name.as_str(), "template1", "postgres"] {
        assert_eq!(refusal(&house.config(database)).await, denied, "{database}");
    }
    // Nobody is let into these at all.
    let prefix = &platform.platform.settings.database.prefix;
    let stock = house.name_of("SELECT database_name FROM stock LIMIT 1").await;
    let sql = format!("SELECT datname::text FROM pg_database WHERE starts_with(datname, '{prefix}_template')");
    let template = house.name_of(&sql).await;
    for database in [stock, template, "template0".to_owned()] {
        assert_eq!(refusal(&house.config(&database)).await, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "{database}");
    }
    let mut wrong = house.config(platform.database("acme").as_str());
    wrong.password("wrong");
    assert_eq!(refusal(&wrong).await, SqlState::INVALID_PASSWORD);
    // The group and the owner have no password, and may not log in.
    for role in [prefix.owner_role(), prefix.data_role()] {
        let config = as_role(&platform.platform.admin, &platform.database("acme"), &role, "");
        connect(&config).await.map(drop).expect_err("nobody logs in as a group");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_on_the_wrong_database_gets_no_connection() {
    let house = House::build().await;
    // What the runtime does, with the one mistake that must not matter.
    let config = house.config(house.platform.database("other").as_str());
    let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(2).build().unwrap();
    match pool.get().await {
        Err(deadpool_postgres::PoolError::Backend(error)) => {
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the pool was let in"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_role_has_rows_and_nothing_else() {
    let house = House::build().await;
    let tenant = house.inside().await;
    tenant
        .batch_execute(
            "INSERT INTO customers (id, company_name, created_by, created_by_name) \
             VALUES (gen_random_uuid(), 'Kunde', gen_random_uuid(), 'Ada'); UPDATE customers SET city = 'Ankara'; \
             DELETE FROM customers",
        )
        .await
        .unwrap();
    let prefix = &house.platform.platform.settings.database.prefix;
    let (role, owner, data) = (&house.role, prefix.owner_role(), prefix.data_role());
    let database = house.platform.database("acme");
    for sql in [
        "CREATE TABLE t (n int)".to_owned(),
        "CREATE TEMPORARY TABLE t (n int)".to_owned(),
        "CREATE SCHEMA s".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'".to_owned(),
        "CREATE EXTENSION dblink".to_owned(),
        "CREATE DATABASE d".to_owned(),
        "CREATE ROLE r".to_owned(),
        "ALTER TABLE customers ADD COLUMN extra text".to_owned(),
        "ALTER TABLE customers DISABLE TRIGGER ALL".to_owned(),
        "DROP TABLE customers".to_owned(),
        "TRUNCATE customers".to_owned(),
        "CREATE INDEX ON customers (city)".to_owned(),
        "COPY customers TO PROGRAM 'cat'".to_owned(),
        "COPY customers TO '/tmp/customers'".to_owned(),
        "COPY customers FROM '/etc/passwd'".to_owned(),
        "SELECT pg_read_file('/etc/passwd')".to_owned(),
        "SELECT pg_ls_dir('.')".to_owned(),
        format!("SET ROLE {owner}"),
        format!("SET SESSION AUTHORIZATION {owner}"),
        format!("GRANT {owner} TO {role}"),
        format!("GRANT {data} TO {role} WITH ADMIN OPTION"),
        format!("ALTER ROLE {role} SUPERUSER"),
        format!("ALTER ROLE {role} CONNECTION LIMIT 1000"),
        format!("ALTER DATABASE {database} CONNECTION LIMIT 0"),
        format!("DROP DATABASE {}", house.platform.database("other")),
        "SELECT pg_advisory_lock(1)".to_owned(),
        "SELECT pg_advisory_xact_lock(1)".to_owned(),
        "SELECT pg_try_advisory_lock_shared(1)".to_owned(),
        "SELECT lo_create(0)".to_owned(),
        "SELECT lo_from_bytea(0, 'x')".to_owned(),
        "SELECT * FROM refinery_schema_history".to_owned(),
        "INSERT INTO refinery_schema_history VALUES (99, 'x', 'x', 'x')".to_owned(),
        "DELETE FROM refinery_schema_history".to_owned(),
        "SELECT rolpassword FROM pg_authid".to_owned(),
        "SELECT pg_reload_conf()".to_owned(),
        "ALTER SYSTEM SET work_mem = '1GB'".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        let error = tenant.batch_execute(&sql).await.expect_err(&sql);
        let code = error.code().unwrap();
        // "must be owner", "permission denied", "must be superuser"; a temporary table, "cannot be set" to another role.
        assert_eq!(code, &SqlState::INSUFFICIENT_PRIVILEGE, "{sql}: {error:?}");
    }
    // GRANT of what one does not have is a warning, and grants nothing.
    let _ = tenant
        .batch_execute(&format!("GRANT ALL ON customers TO {role}; GRANT ALL ON DATABASE {database} TO {role}"))
        .await;
    tenant.batch_execute("TRUNCATE customers").await.unwrap_err();
    tenant.batch_execute("CREATE SCHEMA s").await.unwrap_err();
    assert_eq!(house.platform.findings().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtimes_role_reads_what_it_needs_and_nothing_else() {
    let house = House::build().await;
    let platform = &house.platform.platform;
    let (role, password) = (platform.settings.database.prefix.runtime_role(), platform.master_key.runtime_password());
    let config = |database: &DatabaseName| as_role(&platform.admin, database, &role, password.expose());
    let runtime = connect(&config(&platform.settings.database.name)).await.unwrap();
    for sql in
        ["SELECT * FROM tenants", "SELECT * FROM memberships", "SELECT * FROM token_keys", "SELECT host FROM servers"]
    {
        runtime.query(sql, &[]).await.unwrap();
    }
    for sql in [
        "SELECT * FROM users",
        "SELECT * FROM tokens",
        "SELECT * FROM servers",
        "SELECT admin_url FROM servers",
        "SELECT * FROM audit_log",
        "SELECT * FROM stock",
        "SELECT * FROM signup_keys",
        "SELECT * FROM mails",
        "UPDATE tenants SET status = 'active'",
        "DELETE FROM memberships",
        "INSERT INTO token_keys (kid, x) VALUES ('k', 'x')",
        "CREATE TABLE t (n int)",
        "CREATE TEMPORARY TABLE t (n int)",
    ] {
        let error = runtime.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    let names = [house.platform.database("acme"), "template1".parse().unwrap(), "postgres".parse().unwrap()];
    for database in &names {
        assert_eq!(refusal(&config(database)).await, SqlState::INSUFFICIENT_PRIVILEGE, "{database}");
    }
}
