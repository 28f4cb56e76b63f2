//! An existing application becomes a tenant with all its rows, or nothing of it is left.

mod export;
mod killed;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use control_plane::adoption::{AdoptError, Adopted, Mapping, Source};
use serde_json::{Value, json};
use tenancy::postgres::parse_url;
use tests::{
    QuietPlatform, TestSettings,
    client::PASSWORD,
    eventually,
    ground::folder,
    mailbox::mails_in,
    new_tenant,
    program::{Dev, run},
    shared_cluster,
};
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_application_becomes_a_tenant() {
    let home = folder();
    let dev = Dev::start(home.path(), &[]).await;
    let files = home.path().join("export");
    fs::create_dir(&files).unwrap();
    export::write(&files);
    fs::write(home.path().join("acme.toml"), export::MAPPING).unwrap();
    let arguments = [
        ["--data-dir", "data"],
        ["--json", "tenant"],
        ["adopt", "--slug"],
        ["acme", "--name"],
        ["Acme", "--owner-email"],
        ["ada@acme.com", "--owner-name"],
        ["Ada", "--package"],
        ["starter", "--from"],
        ["export", "--mapping"],
    ];
    let adopted = run(home.path(), &[&arguments.concat()[..], &["acme.toml"]].concat()).await.expect(0).json();
    let rows: Vec<(&str, u64)> = adopted["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| (table["table"].as_str().unwrap(), table["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("calendar_events", 1), ("customers", 32), ("products", 47), ("leads", 4)]);
    assert_eq!(adopted["left_out"], json!(["countries"]));

    // The owner is invited once there is something to come to, and finds what was there.
    let mail = dev.data_dir.join("mail");
    let invitation =
        || mails_in(&mail).into_iter().find(|mail| mail.to.contains("ada@acme.com") && mail.text.contains("token="));
    eventually("the invitation", async || invitation().is_some()).await;
    let set = json!({ "token": invitation().unwrap().token(), "password": PASSWORD });
    dev.client.post("/api/auth/password", &set).await.expect(200);
    let owner = dev.client.sign_in("ada@acme.com").await;
    let list = owner.get("/api/v1/customers?limit=100&sort=company_name").await.expect(200).body;
    assert_eq!(list["pagination"]["total"].as_u64().or(list["total"].as_u64()), Some(32), "{list}");
    let found = |number: usize| {
        let name = format!("Işık İnşaat {number}");
        let items = list["data"].as_array().or(list["items"].as_array()).unwrap();
        items.iter().find(|item| item["company_name"] == name.as_str()).unwrap().clone()
    };
    let third = found(3);
    assert_eq!(third["city"], "İzmir");
    assert_eq!(third["customer_since"], "2019-06-01");
    assert_eq!(third["status"], "inactive");
    assert_eq!(third["total_revenue"], "300000000000.1250");
    assert_eq!(third["tags"], json!(["fuar", "İstanbul"]));
    assert_eq!(third["created_at"], "2019-05-31T21:00:00.123Z");
    assert_eq!(third["created_by_name"], "Ada");
    let old = found(7);
    assert_eq!((&old["status"], &old["city"], &old["currency"]), (&json!("active"), &Value::Null, &json!("TRY")));
    let leads = owner.get("/api/v1/leads").await.expect(200).body;
    let lead = leads["data"].as_array().or(leads["items"].as_array()).unwrap()[0].clone();
    assert_eq!(lead["created_by_name"], "Çağrı");
    let customer = owner.get(&format!("/api/v1/customers/{}", lead["customer_id"].as_str().unwrap())).await.expect(200);
    assert!(customer.body["company_name"].as_str().unwrap().starts_with("Işık"));
    // It counts, and can be worked with.
    let change = json!({ "city": "Ankara" });
    owner.patch(&format!("/api/v1/customers/{}", third["id"].as_str().unwrap()), &change).await.expect(200);
    owner.post("/api/v1/customers", &json!({ "company_name": "New" })).await.expect(201);
}

async fn quiet() -> QuietPlatform {
    QuietPlatform::on(shared_cluster().await, TestSettings::default()).await
}

async fn adopt(platform: &QuietPlatform, source: Source, mapping: &str) -> Result<Adopted, AdoptError> {
    let mapping = Mapping::parse(mapping).unwrap();
    let (adoption, never) = (&platform.control_plane.adoption, std::future::pending());
    adoption.adopt(new_tenant("acme"), source, mapping, Arc::new(|_, _| {}), never).await
}

/// Nothing of the tenant: no database, no role, nobody to write to, and its owner's address is free.
async fn assert_nothing_left(platform: &QuietPlatform) {
    let sql = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1), (SELECT count(*) FROM users), \
               (SELECT count(*) FROM mails), (SELECT count(*) FROM tenants WHERE released_at IS NULL), \
               (SELECT count(*) FROM sagas WHERE finished_at IS NULL), \
               (SELECT count(*) FROM pg_roles r JOIN tenants t ON starts_with(r.rolname, $2) AND rolcanlogin \
                WHERE r.rolname NOT LIKE '%\\_\\_%')";
    let database = platform.database("acme").to_string();
    let prefix = platform.platform.settings.database.prefix.to_string();
    let row = platform.session.query_one(sql, &[&database, &prefix]).await.unwrap();
    let counts: Vec<i64> = (0..6).map(|column| row.get(column)).collect();
    assert_eq!(counts, [0; 6], "database, users, mails, tenants, sagas, roles");
    assert_eq!(platform.findings().await, []);
}

fn folder_with(files: &[(&str, &[Value])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, rows) in files {
        export::write_lines(folder.path(), name, rows.iter().cloned());
    }
    folder
}

fn from(folder: &Path) -> Source {
    Source::Folder(folder.to_path_buf())
}

fn problems(result: Result<Adopted, AdoptError>) -> Vec<String> {
    match result {
        Err(AdoptError::Unfit(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_that_does_not_fit_is_named_and_nothing_is_kept() {
    let platform = quiet().await;
    let with = |number: usize, field: &str, value: Value| {
        let mut customer = export::customer(number);
        customer[field] = value;
        customer
    };
    let folder = folder_with(&[]);
    export::write(folder.path());
    let customers = [
        export::customer(0),
        with(1, "since", json!("31.12.2019")),
        with(2, "status", json!("Beklemede")),
        with(3, "companyName", json!("")),
        with(4, "revenue", json!("çok")),
        with(5, "_id", Value::Null),
        with(0, "companyName", json!("Twin")),
        with(8, "companyName", json!("x".repeat(201))),
        with(9, "email", json!("a@b.com")),
        with(10, "companyName", json!("nul \0 character")),
    ];
    export::write_lines(folder.path(), "customers", customers);
    let mut file = fs::read_to_string(folder.path().join("customers.json")).unwrap();
    file.push_str("not json\n");
    fs::write(folder.path().join("customers.json"), file).unwrap();
    let dangling = json!({ "_id": export::oid(2000), "company": "Fuar", "customer": export::oid(77) });
    export::write_lines(folder.path(), "leads", [dangling]);
    let found = problems(adopt(&platform, from(folder.path()), export::MAPPING).await);
    for (place, what) in [
        ("customers.json:2", "customer_since: \"31.12.2019\" is no date"),
        ("customers.json:3", "status: values says nothing about \"Beklemede\""),
        ("customers.json:4", "customers_company_name_check"),
        ("customers.json:5", "total_revenue: \"çok\" is no number"),
        ("customers.json:6", "id: has nothing in it"),
        ("customers.json:7", "has the id of customers.json:1"),
        ("customers.json:8", "customers_company_name_check"),
        ("customers.json:10", "company_name: has the character NUL"),
        ("customers.json:11", "is no JSON document"),
        ("customers has fields", "email"),
        ("leads.json:1", "leads_customer_id_fkey"),
    ] {
        assert!(
            found.iter().any(|problem| problem.starts_with(place) && problem.contains(what)),
            "{place}: {what}: {found:#?}"
        );
    }
    assert_eq!(found.len(), 11, "{found:#?}");
    assert_nothing_left(&platform).await;
    // The record says how many, and none of the rows.
    let sql = "SELECT error FROM provisioning_steps WHERE step = 'fill' AND direction = 'do'";
    let recorded: String = platform.session.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(recorded, "what was to be adopted does not fit: 11 problems");

    // Mended, the same is adopted.
    export::write(folder.path());
    let adopted = adopt(&platform, from(folder.path()), export::MAPPING).await.unwrap();
    assert_eq!(adopted.tables.iter().map(|table| table.rows).sum::<u64>(), 84);
    assert_eq!(platform.findings().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_stored_otherwise_is_not_adopted() {
    let platform = quiet().await;
    let mapping = r#"
        [tables.customers]
        from = "c"
        columns = { id = "id", company_name = "name", total_revenue = "revenue" }
    "#;
    let row = |number: usize, revenue: &str| json!({ "id": number, "name": "A", "revenue": revenue });
    let rounded = folder_with(&[("c", &[row(1, "0.12345"), row(2, "0.1234")])]);
    let found = problems(adopt(&platform, from(rounded.path()), mapping).await);
    assert!(found.len() == 1 && found[0].starts_with("c.json:1: customers would not hold it"), "{found:?}");
    assert_nothing_left(&platform).await;
    // A table that counts by itself: what the application said is not what is stored.
    let mapping = r#"
        [tables.projects]
        from = "p"
        columns = { id = "id", name = "name", number = "no", key = "no", tasks_count = "tasks" }
        [tables.tasks]
        from = "t"
        columns = { id = "id", title = "title", project_id = "project" }
    "#;
    let task = json!({ "id": 1, "title": "A", "project": 1 });
    let project = |tasks: usize| json!({ "id": 1, "name": "A", "no": "PRJ-26-10041", "tasks": tasks });
    let right = folder_with(&[("p", &[project(0)]), ("t", &[task])]);
    adopt(&platform, from(right.path()), mapping).await.unwrap();
    let session = platform.tenant_session("acme").await;
    let next: String = session.query_one("SELECT next_number('projects', 'PRJ', 2026)", &[]).await.unwrap().get(0);
    assert_eq!(next, "PRJ-26-10042", "numbers go on behind those that came over");
    let counted: i32 = session.query_one("SELECT tasks_count FROM projects", &[]).await.unwrap().get(0);
    assert_eq!(counted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_adopted_as_it_was_at_one_moment() {
    let platform = quiet().await;
    let name = format!("legacy_of_{}", platform.platform.settings.database.prefix);
    platform.session.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let url = shared_cluster().await.url().to_owned();
    let mut config = parse_url(&url, "test").unwrap();
    config.dbname(&name);
    let legacy = tenancy::postgres::connect(&config).await.unwrap();
    legacy
        .batch_execute(
            "CREATE SCHEMA crm;
             CREATE TABLE crm.\"Müşteri\" (no bigint PRIMARY KEY, ad varchar(200), ciro numeric(30, 10), \"kuruluş\" timestamp, notlar jsonb);
             CREATE TABLE tasks (id uuid PRIMARY KEY, musteri bigint, konu text, bitti boolean);
             CREATE TABLE sessions (id int);
             CREATE TABLE empty (id int);
             INSERT INTO crm.\"Müşteri\" SELECT n, 'Şirket ' || n, 12345678901234.1234, '2020-01-02 00:30', '{\"a\": [1.50]}' FROM generate_series(1, 1200) n;
             INSERT INTO tasks SELECT gen_random_uuid(), n, 'Konu', false FROM generate_series(1, 700) n;
             INSERT INTO sessions VALUES (1);",
        )
        .await
        .unwrap();
    let source = || Source::Postgres(Box::new(config.clone()));
    let mapping = |leave_out: &str| {
        format!(
            r#"
            time_zone = "Europe/Istanbul"
            leave_out = [{leave_out}]
            [tables.customers]
            from = "crm.Müşteri"
            leave_out = ["notlar"]
            columns = {{ id = "no", company_name = "ad", total_revenue = "ciro", customer_since = "kuruluş" }}
            [tables.tasks]
            from = "tasks"
            leave_out = ["bitti"]
            columns = {{ id = "id", customer_id = "musteri", title = "konu" }}
        "#
        )
    };
    let found = problems(adopt(&platform, source(), &mapping("")).await);
    assert_eq!(found, ["the mapping does not name sessions; map them, or list them under leave_out"]);
    // The package is found to be too small only by what is there.
    let limited = adopt(&platform, source(), &mapping("\"sessions\"")).await.unwrap_err();
    assert!(matches!(limited, AdoptError::Limit { limit: 100, rows: 1200, .. }), "{limited:?}");
    assert_nothing_left(&platform).await;

    platform.session.batch_execute(r#"UPDATE packages SET limits = limits || '{"max_customers": -1}'"#).await.unwrap();
    let adopted = adopt(&platform, source(), &mapping("\"sessions\"")).await.unwrap();
    assert_eq!(adopted.left_out, ["sessions"]);
    let session = platform.tenant_session("acme").await;
    let sql = "SELECT count(*), count(DISTINCT t.id), min(c.total_revenue)::text, min(c.customer_since)::text, \
               (SELECT value FROM tallies WHERE name = 'customers') FROM tasks t JOIN customers c ON c.id = t.customer_id";
    let row = session.query_one(sql, &[]).await.unwrap();
    let stored: (i64, i64, String, String, i64) = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
    assert_eq!(stored, (700, 700, "12345678901234.1234".to_owned(), "2020-01-02".to_owned(), 1200));
    // A UUID stays what it was.
    let theirs: Vec<uuid::Uuid> =
        legacy.query("SELECT id FROM tasks ORDER BY id", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let ours: Vec<uuid::Uuid> =
        session.query("SELECT id FROM tasks ORDER BY id", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(theirs, ours);
    assert_eq!(platform.findings().await, []);
    drop(legacy);
    platform.session.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_interrupted_is_taken_back() {
    let platform = quiet().await;
    let folder = folder_with(&[]);
    export::write(folder.path());
    let (interrupt, interrupted) = oneshot::channel::<()>();
    let interrupt = Mutex::new(Some(interrupt));
    let progress = Arc::new(move |table: &str, _: u64| {
        if table == "products" {
            drop(interrupt.lock().unwrap().take());
        }
    });
    let mapping = Mapping::parse(export::MAPPING).unwrap();
    let stop = async { drop(interrupted.await) };
    let stopped =
        platform.control_plane.adoption.adopt(new_tenant("acme"), from(folder.path()), mapping, progress, stop).await;
    assert!(matches!(stopped, Err(AdoptError::Interrupted)), "{stopped:?}");
    assert_nothing_left(&platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_does_not_fit_is_told_before_anything_is_made() {
    let platform = quiet().await;
    let folder = folder_with(&[("c", &[json!({ "id": 1 })])]);
    for (mapping, what) in [
        ("[tables.customers]\nfrom = 'd'\ncolumns = { id = 'id' }", "the source has no d"),
        ("[tables.clients]\nfrom = 'c'\ncolumns = { id = 'id' }", "a tenant has no table clients; it has"),
        (
            "[tables.customers]\nfrom = 'c'\ncolumns = { id = 'id', nome = 'id' }",
            "customers has no column nome; it has",
        ),
        (
            "[tables.customers]\nfrom = 'c'\ncolumns = { id = 'id', created_by = 'id' }",
            "customers.created_by is the platform's",
        ),
        ("[tables.customers]\nfrom = 'c'\ncolumns = { id = 'id' }", "customers.company_name must be filled"),
        ("[tables.customers]\nfrom = 'c'\ncolumns = { company_name = 'id' }", "customers.id must be filled"),
        ("[tables.activities]\nfrom = 'c'\ncolumns = { id = 'id' }", "a tenant has no table activities"),
    ] {
        let found = problems(adopt(&platform, from(folder.path()), mapping).await);
        assert!(found.iter().any(|problem| problem.contains(what)), "{what}: {found:?}");
        assert_nothing_left(&platform).await;
    }
    let array = tempfile::tempdir().unwrap();
    fs::write(array.path().join("c.json"), "\u{feff}[{\"id\": 1}]").unwrap();
    let mapping = "[tables.customers]\nfrom = 'c'\ncolumns = { id = 'id', company_name = 'id' }";
    let found = problems(adopt(&platform, from(array.path()), mapping).await);
    assert!(found[0].contains("--jsonArray"), "{found:?}");
    let missing = adopt(&platform, Source::Folder(array.path().join("nowhere")), mapping).await.unwrap_err();
    assert!(missing.to_string().contains("nowhere can't be read"), "{missing}");
    assert_nothing_left(&platform).await;
}
