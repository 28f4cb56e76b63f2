//! What all resources have in common: conditions, idempotency, limits, references, activities.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Client, Reply, TestPlatform};

use crate::{customers::scene, signup::problem};

async fn with_header(client: &Client, method: Method, path: &str, header: (&str, &str), body: Option<&Value>) -> Reply {
    let request = client.request(method, path).header(header.0, header.1);
    client.send(if let Some(body) = body { request.json(body) } else { request }).await.unwrap()
}

pub(crate) async fn make(client: &Client, path: &str, body: Value) -> Value {
    client.post(&format!("/api/v1/{path}"), &body).await.expect(201).body
}

pub(crate) fn at(list: &str, row: &Value) -> String {
    format!("/api/v1/{list}/{}", row["id"].as_str().unwrap())
}

pub(crate) fn named(reply: &Reply) -> Vec<String> {
    reply.body["errors"].as_object().map_or(Vec::new(), |errors| errors.keys().cloned().collect())
}

/// Gives a tenant limits of its own.
async fn limit(platform: &TestPlatform, slug: &str, limits: Value) {
    let session = platform.platform_session().await;
    let sql = "UPDATE tenants SET limit_overrides = $1 WHERE slug = $2";
    assert_eq!(session.execute(sql, &[&limits, &slug]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_can_be_bound_to_a_version() {
    let (platform, _, owner) = scene().await;
    let made = owner.post("/api/v1/products", &json!({ "name": "Stand" })).await.expect(201);
    let (path, tag) = (at("products", &made.body), made.headers["etag"].to_str().unwrap().to_owned());
    assert_eq!(owner.get(&path).await.expect(200).headers["etag"], tag.as_str());
    let fresh = with_header(&owner, Method::GET, &path, ("if-none-match", &tag), None).await.expect(304);
    assert_eq!(fresh.body, "");

    let body = json!({ "unit": "m2" });
    let changed = with_header(&owner, Method::PATCH, &path, ("if-match", &tag), Some(&body)).await.expect(200);
    assert_ne!(changed.headers["etag"], tag.as_str());
    with_header(&owner, Method::GET, &path, ("if-none-match", &tag), None).await.expect(200);
    for method in [Method::PATCH, Method::PUT, Method::DELETE] {
        let body = json!({ "name": "Other" });
        for old in [tag.as_str(), "\"nonsense\"", "", "W/\"2\""] {
            let reply = with_header(&owner, method.clone(), &path, ("if-match", old), Some(&body)).await;
            problem(reply, 412, "PRECONDITION_FAILED");
        }
    }
    assert_eq!(owner.get(&path).await.expect(200).body, changed.body);
    // A change of nothing asks for the version too.
    problem(
        with_header(&owner, Method::PATCH, &path, ("if-match", &tag), Some(&json!({}))).await,
        412,
        "PRECONDITION_FAILED",
    );
    let both = format!("{tag}, {}", changed.headers["etag"].to_str().unwrap());
    with_header(&owner, Method::PUT, &path, ("if-match", &both), Some(&json!({ "name": "New" }))).await.expect(200);
    with_header(&owner, Method::DELETE, &path, ("if-match", "*"), None).await.expect(204);
    problem(with_header(&owner, Method::DELETE, &path, ("if-match", "*"), None).await, 404, "NOT_FOUND");

    // Of many that change the same version, one does.
    let row = make(&owner, "products", json!({ "name": "Lamp" })).await;
    let path = at("products", &row);
    let statuses = join_all((0..20).map(|n| {
        let (owner, path) = (owner.clone(), path.clone());
        async move {
            let body = json!({ "name": format!("Lamp {n}") });
            with_header(&owner, Method::PATCH, &path, ("if-match", "\"1\""), Some(&body)).await.status.as_u16()
        }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 19);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_sent_again_is_the_same_create() {
    let (platform, slug, owner) = scene().await;
    let path = "/api/v1/leads";
    let key = ("idempotency-key", "7f2c-1");
    let body = json!({ "company_name": "Fair Ltd", "status": "contacted" });
    let replies = join_all((0..20).map(|_| with_header(&owner, Method::POST, path, key, Some(&body)))).await;
    let first = replies[0].body["id"].clone();
    for reply in replies {
        let reply = reply.expect(201);
        assert_eq!(reply.body["id"], first);
        assert_eq!(reply.headers["location"], format!("{path}/{}", first.as_str().unwrap()));
    }
    assert_eq!(owner.get(path).await.expect(200).body["total"], 1);
    // The order of the fields is nothing; their values are.
    let turned = json!({ "status": "contacted", "company_name": "Fair Ltd" });
    let again = with_header(&owner, Method::POST, path, key, Some(&turned)).await.expect(201);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = json!({ "company_name": "Other" });
    problem(with_header(&owner, Method::POST, path, key, Some(&other)).await, 422, "IDEMPOTENCY_KEY_REUSED");
    problem(
        with_header(&owner, Method::POST, "/api/v1/products", key, Some(&json!({ "name": "x" }))).await,
        422,
        "IDEMPOTENCY_KEY_REUSED",
    );
    // What was refused used no key.
    let new = ("idempotency-key", "7f2c-2");
    problem(with_header(&owner, Method::POST, path, new, Some(&json!({}))).await, 422, "VALIDATION_FAILED");
    with_header(&owner, Method::POST, path, new, Some(&other)).await.expect(201);
    problem(
        with_header(&owner, Method::POST, path, ("idempotency-key", &"x".repeat(256)), Some(&other)).await,
        400,
        "BAD_REQUEST",
    );
    owner.delete(&format!("{path}/{}", first.as_str().unwrap())).await.expect(204);
    problem(with_header(&owner, Method::POST, path, key, Some(&body)).await, 409, "CONFLICT");
    // Old keys are forgotten with the next one.
    let session = platform.tenant_session(&slug).await;
    session.batch_execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'").await.unwrap();
    with_header(&owner, Method::POST, path, ("idempotency-key", "7f2c-3"), Some(&other)).await.expect(201);
    with_header(&owner, Method::POST, path, key, Some(&body)).await.expect(201);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_exactly_and_a_higher_one_holds_at_once() {
    let (platform, slug, owner) = scene().await;
    limit(&platform, &slug, json!({ "max_customers": 10, "max_projects": 2, "max_tasks_per_project": 5 })).await;
    let reached = async || {
        let reply = owner.post("/api/v1/customers", &json!({ "company_name": "one more" })).await;
        reply.code() == "LIMIT_REACHED" || reply.status != 201
    };
    let many = |path: &'static str, body: Value| {
        let owner = owner.clone();
        async move {
            let replies = join_all((0..30).map(|_| owner.post(path, &body))).await;
            let made = replies.iter().filter(|reply| reply.status == 201).count();
            for reply in replies.into_iter().filter(|reply| reply.status != 201) {
                let reply = problem(reply, 402, "LIMIT_REACHED");
                assert_eq!(reply.body["upgrade_required"], true);
            }
            made
        }
    };
    // The runtime hears of the new limit by itself.
    tests::eventually("the limit holds", async || {
        owner.post("/api/v1/customers", &json!({ "company_name": "c" })).await.code() == "LIMIT_REACHED"
    })
    .await;
    assert!(reached().await);
    let list = owner.get("/api/v1/customers").await.expect(200).body;
    assert_eq!(list["total"], 10);
    owner.delete(&at("customers", &list["data"][0])).await.expect(204);
    assert_eq!(many("/api/v1/customers", json!({ "company_name": "c" })).await, 1);
    assert_eq!(many("/api/v1/projects", json!({ "name": "p" })).await, 2);

    let projects = owner.get("/api/v1/projects").await.expect(200).body;
    let project = &projects["data"][0];
    let body = json!({ "title": "t", "project_id": project["id"] });
    assert_eq!(many("/api/v1/tasks", body.clone()).await, 5);
    assert_eq!(owner.get(&at("projects", project)).await.expect(200).body["tasks_count"], 5);
    // Those of other projects, and of none, are counted for themselves.
    make(&owner, "tasks", json!({ "title": "t", "project_id": projects["data"][1]["id"] })).await;
    make(&owner, "tasks", json!({ "title": "t" })).await;

    limit(&platform, &slug, json!({ "max_tasks_per_project": -1 })).await;
    tests::eventually("the higher limit holds", async || owner.post("/api/v1/tasks", &body).await.status == 201).await;
    // A limit that the package does not name is 0.
    let session = platform.platform_session().await;
    session.execute("UPDATE packages SET limits = limits - 'max_customers' WHERE key = 'starter'", &[]).await.unwrap();
    owner.delete(&at("customers", &list["data"][1])).await.expect(204);
    tests::eventually("the package's change is known", async || {
        let reply = owner.post("/api/v1/customers", &json!({ "company_name": "c" })).await;
        reply.code() == "LIMIT_REACHED" && reply.body["error"].as_str().unwrap().contains(" 0 ")
    })
    .await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_without_the_module_does_not_have_its_resources() {
    let (platform, slug, owner) = scene().await;
    let session = platform.platform_session().await;
    let sql =
        "UPDATE subscriptions SET package_key = 'work-free' WHERE tenant_id = (SELECT id FROM tenants WHERE slug = $1)";
    session.execute(sql, &[&slug]).await.unwrap();
    tests::eventually("the new package is known", async || owner.get("/api/v1/customers").await.status == 402).await;
    for path in ["customers", "products", "leads", "calendar_events", "documents"] {
        let reply = problem(owner.get(&format!("/api/v1/{path}")).await, 402, "MODULE_NOT_INCLUDED");
        assert_eq!(reply.body["upgrade_required"], true);
    }
    for path in ["projects", "tasks", "time-entries", "activities", "settings"] {
        owner.get(&format!("/api/v1/{path}")).await.expect(200);
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_projects_have_no_gaps() {
    // They begin again with every year.
    crate::usage::away_from_the_end_of_the_hour().await;
    let (platform, slug, owner) = scene().await;
    limit(&platform, &slug, json!({ "max_projects": -1 })).await;
    tests::eventually("the limit is known", async || {
        make(&owner, "projects", json!({ "name": "p" })).await["number"].as_str().unwrap().ends_with('6')
    })
    .await;
    let year = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/Istanbul").unwrap()).year() % 100;
    // Half of them fail: their key is taken.
    make(&owner, "projects", json!({ "name": "p", "key": "taken" })).await;
    let replies = join_all((0..40).map(|n| {
        let body = if n % 2 == 0 { json!({ "name": "p" }) } else { json!({ "name": "p", "key": "TAKEN" }) };
        let owner = owner.clone();
        async move { owner.post("/api/v1/projects", &body).await }
    }))
    .await;
    for reply in replies.into_iter().filter(|reply| reply.status != 201) {
        let reply = problem(reply, 409, "CONFLICT");
        assert_eq!(named(&reply), ["key"]);
    }
    let list = owner.get("/api/v1/projects?limit=100").await.expect(200).body;
    let mut numbers: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|row| row["number"].as_str().unwrap()).collect();
    numbers.sort_unstable();
    let expected: Vec<String> = (0..numbers.len()).map(|n| format!("PR-{year}-{}", 10_001 + n)).collect();
    assert_eq!(numbers, expected);
    assert_eq!(numbers.len(), 27);
    // Without a key of its own, a project has its number for one.
    assert!(list["data"].as_array().unwrap().iter().all(|row| row["key"] == row["number"] || row["key"] == "TAKEN"));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_belong_together() {
    let (platform, _, owner) = scene().await;
    let customer = make(&owner, "customers", json!({ "company_name": "Fair Ltd" })).await;
    let project =
        make(&owner, "projects", json!({ "name": "Stand", "customer_id": customer["id"], "key": "std" })).await;
    assert_eq!(project["key"], "STD");
    let below = format!("{}/tasks", at("projects", &project));
    let made = owner.post(&below, &json!({ "title": "Floor", "estimated_hours": 7.5 })).await.expect(201);
    let task = made.body.clone();
    assert_eq!(made.headers["location"], at("tasks", &task));
    assert_eq!((&task["project_id"], &task["estimated_hours"]), (&project["id"], &json!("7.50")));
    make(&owner, "tasks", json!({ "title": "of no project" })).await;
    let tasks = owner.get(&format!("{below}?status=todo")).await.expect(200).body;
    assert_eq!((&tasks["total"], &tasks["data"][0]), (&json!(1), &task));
    let whole = owner.get(&at("projects", &project)).await.expect(200).body;
    assert_eq!((&whole["tasks_count"], &whole["tasks"]), (&json!(1), &json!([task])));
    assert_eq!(owner.get("/api/v1/projects").await.expect(200).body["data"][0]["tasks_count"], 1);

    let hours = format!("{}/time-entries", at("tasks", &task));
    let entry = owner.post(&hours, &json!({ "hours": "1.25" })).await.expect(201).body;
    let me = owner.get("/api/auth/me").await.expect(200).body["user"].clone();
    assert_eq!(entry["user"], json!({ "id": me["id"], "name": me["name"] }));
    owner.post(&hours, &json!({ "hours": 2, "logged_at": "2026-01-01T09:00:00+03:00" })).await.expect(201);
    owner.patch(&at("time-entries", &entry), &json!({ "hours": 3 })).await.expect(200);
    let total = async || owner.get(&at("tasks", &task)).await.expect(200).body["total_hours"].clone();
    assert_eq!(total().await, "5.00");
    owner.delete(&at("time-entries", &entry)).await.expect(204);
    assert_eq!(total().await, "2.00");

    // What is not there can't be referred to; what belongs to something can't lose it.
    let gone = "00000000000000000000000000";
    for (path, body, field) in [
        ("projects", json!({ "name": "x", "customer_id": format!("cus_{gone}") }), "customer_id"),
        ("tasks", json!({ "title": "x", "project_id": format!("prj_{gone}") }), "project_id"),
        ("time-entries", json!({ "hours": 1, "task_id": format!("tsk_{gone}") }), "task_id"),
        ("projects", json!({ "name": "x", "customer_id": project["id"] }), "customer_id"),
        ("projects", json!({ "name": "x", "start_date": "2026-02-01", "end_date": "2026-01-01" }), "end_date"),
        (
            "calendar_events",
            json!({ "title": "x", "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z" }),
            "ends_at",
        ),
        ("time-entries", json!({ "hours": 0, "task_id": task["id"] }), "hours"),
        ("tasks", json!({ "title": "x", "assignee_id": format!("usr_{gone}") }), "assignee_id"),
        (
            "calendar_events",
            json!({ "title": "x", "starts_at": "2026-02-01T00:00:00Z", "attendees": [format!("usr_{gone}")] }),
            "attendees",
        ),
    ] {
        let reply = problem(owner.post(&format!("/api/v1/{path}"), &body).await, 422, "VALIDATION_FAILED");
        assert_eq!(named(&reply), [field], "{path} {body}");
    }
    let nowhere = format!("/api/v1/projects/prj_{gone}");
    problem(owner.get(&nowhere).await, 404, "PROJECT_NOT_FOUND");
    problem(owner.get(&format!("{nowhere}/tasks")).await, 404, "PROJECT_NOT_FOUND");
    problem(owner.post(&format!("{nowhere}/tasks"), &json!({ "title": "x" })).await, 404, "PROJECT_NOT_FOUND");
    problem(owner.delete(&at("projects", &project)).await, 409, "CONFLICT");
    problem(owner.delete(&at("customers", &customer)).await, 409, "CONFLICT");
    let moved =
        problem(owner.patch(&at("tasks", &task), &json!({ "project_id": null })).await, 422, "VALIDATION_FAILED");
    assert_eq!(named(&moved), ["project_id"]);
    owner.put(&at("tasks", &task), &json!({ "title": "Carpet", "project_id": project["id"] })).await.expect(200);
    owner.put(&at("tasks", &task), &json!({ "title": "Carpet" })).await.expect(200);

    owner.delete(&at("tasks", &task)).await.expect(204);
    owner.delete(&at("projects", &project)).await.expect(204);
    owner.delete(&at("customers", &customer)).await.expect(204);
    assert_eq!(owner.get("/api/v1/time-entries").await.expect(200).body["total"], 0);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_named_and_nobody_else_is() {
    let (platform, slug, owner) = scene().await;
    let (_, stranger) = platform.tenant("Beta").await;
    let stranger = stranger.get("/api/auth/me").await.expect(200).body["user"]["id"].clone();
    let refused = owner.post("/api/v1/tasks", &json!({ "title": "x", "assignee_id": stranger })).await;
    assert_eq!(named(&problem(refused, 422, "VALIDATION_FAILED")), ["assignee_id"]);
    // Another member, made as the platform makes them.
    let session = platform.platform_session().await;
    let sql = "INSERT INTO users (id, email, name, password_hash, status) VALUES ($1, $2, 'Çağrı', 'x', 'active')";
    let member = tenancy::UserId::generate();
    session.execute(sql, &[&member, &format!("{}@example.com", member.suffix())]).await.unwrap();
    let sql = "INSERT INTO memberships (tenant_id, user_id, role, status) SELECT id, $2, 'member', 'active' FROM tenants WHERE slug = $1";
    session.execute(sql, &[&slug, &member]).await.unwrap();
    let task = make(&owner, "tasks", json!({ "title": "x", "assignee_id": member })).await;
    assert_eq!(task["assignee"], json!({ "id": member, "name": "Çağrı" }));
    let found = owner.get(&format!("/api/v1/tasks?assignee_id={member}")).await.expect(200).body;
    assert_eq!(found["data"], json!([task]));
    let event = json!({ "title": "x", "starts_at": "2026-02-01T00:00:00Z", "attendees": [member, task["created_by"]] });
    let event = make(&owner, "calendar_events", event).await;
    assert_eq!(event["attendees"][0]["name"], "Çağrı");
    assert_eq!(event["attendees"].as_array().unwrap().len(), 2);
    let freed = owner.patch(&at("tasks", &task), &json!({ "assignee_id": null })).await.expect(200).body;
    assert_eq!(freed["assignee"], Value::Null);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_is_written_down_with_it() {
    let (platform, _, owner) = scene().await;
    let setting = make(&owner, "settings", json!({ "key": "theme", "value": { "dark": true } })).await;
    problem(owner.post("/api/v1/settings", &json!({ "key": "theme", "value": 1 })).await, 409, "CONFLICT");
    let path = at("settings", &setting);
    let changed = owner.patch(&path, &json!({ "value": [1, null, "Ş"] })).await.expect(200).body;
    assert_eq!(changed["value"], json!([1, null, "Ş"]));
    owner.delete(&path).await.expect(204);
    let id = setting["id"].as_str().unwrap();
    let deeds = owner.get(&format!("/api/v1/activities?row_id={id}&sort=created_at")).await.expect(200).body;
    let words: Vec<&str> =
        deeds["data"].as_array().unwrap().iter().map(|deed| deed["action"].as_str().unwrap()).collect();
    assert_eq!(words, ["created", "updated", "deleted"]);
    let first = &deeds["data"][0];
    assert_eq!(
        (&first["title"], &first["resource"], &first["created_by_name"]),
        (&json!("theme"), &json!("settings"), &json!("Ada Lovelace"))
    );
    assert_eq!(deeds["data"][1]["changed"], json!(["value"]));
    assert_eq!(deeds["total"], 3);
    problem(owner.post("/api/v1/activities", &json!({})).await, 405, "METHOD_NOT_ALLOWED");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_list_allows_has_an_index() {
    let (platform, slug, owner) = scene().await;
    let document = owner.get("/api/openapi.json").await.expect(200).body;
    let session = platform.tenant_session(&slug).await;
    let indexes = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = $1::text::regclass";
    let mut seen = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(list) = path.strip_prefix("/api/v1/").filter(|path| !path.contains('{')) else { continue };
        let table = list.replace('-', "_");
        let defined: Vec<String> =
            session.query(indexes, &[&table]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let has = |start: &str| defined.iter().any(|index| index.contains(&format!("({start}")));
        for parameter in operations["get"]["parameters"].as_array().unwrap() {
            match parameter["name"].as_str().unwrap() {
                "page" | "limit" | "search" | "If-None-Match" => {}
                "sort" => {
                    for word in parameter["schema"]["enum"].as_array().unwrap() {
                        let word = word.as_str().unwrap().trim_start_matches('-');
                        assert!(
                            has(&format!("{word}, id")) || has(&format!("lower({word}), id")),
                            "{table} by {word}: {defined:?}"
                        );
                        seen += 1;
                    }
                }
                filter => {
                    assert!(has(filter), "{table} with {filter}: {defined:?}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 50, "{seen}");
    platform.stop().await;
}
