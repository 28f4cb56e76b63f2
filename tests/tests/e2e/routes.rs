//! Every route of both planes, walked from their tables: none lets in whoever has no token, or another tenant's.

use std::collections::{BTreeMap, BTreeSet};

use control_plane::ControlPlane;
use serde_json::{Value, json};
use tenancy::http::{Access, Route};
use tenant_runtime::{PREFIXES, routes};
use tests::{
    Client, Reply, TestPlatform,
    forge::{Forge, claims_of},
};

use crate::signup::problem;

/// What stands for an id that exists nowhere: of the right shape for every kind of thing.
const NO_ID: &str = "00000000000000000000000000";

/// A path with its parameters filled in.
fn filled(path: &str, slug: &str, id: &str) -> String {
    let mut filled = String::new();
    for segment in path.split_inclusive('/') {
        match segment.trim_end_matches('/') {
            "{slug}" => filled.push_str(&segment.replace("{slug}", slug)),
            parameter if parameter.starts_with('{') => filled.push_str(&segment.replace(parameter, id)),
            _ => filled.push_str(segment),
        }
    }
    filled
}

async fn call(client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = client.request(method.parse().unwrap(), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !matches!(method, "GET" | "DELETE") {
        request = request.json(&json!({}));
    }
    client.send(request).await.unwrap()
}

/// The tables of both planes with the prefixes that they are served under.
fn tables() -> Vec<(&'static str, Vec<Route>)> {
    let mut tables: Vec<_> = PREFIXES.iter().map(|prefix| (*prefix, routes())).collect();
    tables.push(("", ControlPlane::routes()));
    assert!(tables.iter().all(|(_, routes)| !routes.is_empty()));
    tables
}

const fn is_of_a_tenant(access: Access) -> bool {
    matches!(access, Access::Tenant { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_but_the_public_ones_answers_without_a_token() {
    let platform = TestPlatform::start().await;
    let (slug, _) = platform.tenant("Acme").await;
    let mut public = BTreeSet::new();
    let mut closed = 0;
    for (prefix, table) in tables() {
        for route in &table {
            let path = filled(&format!("{prefix}{}", route.path), &slug, NO_ID);
            if route.access == Access::Public {
                public.insert(format!("{} {prefix}{}", route.method, route.path));
                let reply = call(&platform.client, route.method.as_str(), &path, &[]).await;
                assert!(!reply.status.is_server_error(), "{path}: {}", reply.body);
                continue;
            }
            closed += 1;
            problem(call(&platform.client, route.method.as_str(), &path, &[]).await, 401, "UNAUTHORIZED");
            let made_up = platform.client.with_token("made-up");
            problem(call(&made_up, route.method.as_str(), &path, &[]).await, 401, "UNAUTHORIZED");
        }
    }
    println!("{closed} routes ask for a token; these are for anyone:");
    public.iter().for_each(|route| println!("  {route}"));
    assert!(closed > 0 && !public.is_empty());
    assert!(public.iter().all(|route| !route.contains(" /api/v1/") && !route.contains(" /api/{slug}/")));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_no_other_tenant_however_it_is_named() {
    let platform = TestPlatform::start().await;
    let (a, owner_a) = platform.tenant("Alpha").await;
    let (b, owner_b) = platform.tenant("Beta").await;
    let host = format!("{b}.localhost:8080");
    for route in routes().iter().filter(|route| is_of_a_tenant(route.access)) {
        let own = filled(&format!("/api/v1{}", route.path), &a, NO_ID);
        let foreign = filled(&format!("/api/{{slug}}{}", route.path), &b, NO_ID);
        let both = filled(&format!("/api/{{slug}}{}", route.path), &a, NO_ID);
        let named: [(&str, &[(&str, &str)]); 8] = [
            (&foreign, &[]),
            (&own, &[("x-tenant-id", &b)]),
            (&own, &[("x-tenant-slug", &b)]),
            (&own, &[("host", &host)]),
            (&both, &[("x-tenant-id", &b)]),
            (&own, &[("x-tenant-id", &a), ("x-tenant-id", &b)]),
            (&foreign, &[("x-tenant-id", &a), ("host", "localhost")]),
            (&own, &[("x-tenant-id", "no-such-tenant")]),
        ];
        for (path, headers) in named {
            let reply = call(&owner_a, route.method.as_str(), path, headers).await;
            assert_eq!(reply.code(), "TENANT_MISMATCH", "{} {path} {headers:?}: {}", route.method, reply.body);
            problem(reply, 403, "TENANT_MISMATCH");
        }
        // Its own name, however it is given, is let through to the handler.
        let own_host = format!("{a}.localhost:8080");
        for headers in [[("x-tenant-id", a.as_str())], [("x-tenant-slug", &a)], [("host", &own_host)]] {
            let reply = call(&owner_a, route.method.as_str(), &both, &headers).await;
            assert!(!matches!(reply.status.as_u16(), 401 | 403), "{} {both} {headers:?}: {}", route.method, reply.body);
        }
    }
    assert_eq!(owner_b.get("/api/v1/customers").await.expect(200).body["total"], 0);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_tenant_is_not_there() {
    let platform = TestPlatform::start().await;
    let (a, owner_a) = platform.tenant("Alpha").await;
    let (_, owner_b) = platform.tenant("Beta").await;
    let mut made: BTreeMap<&str, Value> = BTreeMap::new();
    let table = routes();
    let of_rows: Vec<&Route> = table.iter().filter(|route| route.path.ends_with("/{id}")).collect();
    assert!(!of_rows.is_empty());
    for route in &of_rows {
        let list = route.path.trim_end_matches("/{id}");
        if !made.contains_key(list) {
            let path = format!("/api/v1{list}");
            let row = if table.iter().any(|other| other.path == list && other.method == "POST") {
                create(&owner_b, &path, &made).await
            } else {
                owner_b.get(&path).await.expect(200).body["data"][0].clone()
            };
            made.insert(list, row);
        }
        let id = made[list]["id"].as_str().unwrap();
        for prefix in PREFIXES {
            let path = filled(&format!("{prefix}{}", route.path), &a, id);
            let mut request = owner_a.request(route.method.as_str().parse().unwrap(), &path);
            if matches!(route.method.as_str(), "PUT" | "PATCH") {
                request = request.json(&writable(&made[list], &owner_a, &format!("/api/v1{list}")).await);
            }
            let reply = owner_a.send(request).await.unwrap();
            assert!(reply.code().ends_with("NOT_FOUND"), "{} {path}: {}", route.method, reply.body);
            assert_eq!(reply.status, 404);
        }
        for nonsense in ["x", "cus_", "1", "%00", "..%2f..", &"9".repeat(500)] {
            let path = filled(&format!("/api/v1{}", route.path), &a, nonsense);
            let body = if route.method == "PUT" {
                writable(&made[list], &owner_a, &format!("/api/v1{list}")).await
            } else {
                json!({})
            };
            let reply =
                owner_a.send(owner_a.request(route.method.as_str().parse().unwrap(), &path).json(&body)).await.unwrap();
            assert_eq!(reply.status, 404, "{} {path}: {}", route.method, reply.body);
        }
    }
    // What it belongs to still has it, as it was.
    for (list, row) in made {
        let path = format!("/api/v1{list}/{}", row["id"].as_str().unwrap());
        let now = owner_b.get(&path).await.expect(200).body;
        // The sum of a task's hours has moved on with its time entries.
        for (field, value) in row.as_object().unwrap().iter().filter(|(field, _)| *field != "total_hours") {
            assert_eq!(&now[field], value, "{path} {field}");
        }
    }
    platform.stop().await;
}

/// Makes a row of a resource that this test knows nothing of: what is missing is learnt from the refusals.
async fn create(client: &Client, path: &str, made: &BTreeMap<&str, Value>) -> Value {
    let mut candidates =
        vec![json!("Example"), json!("2025-01-01"), json!("2025-01-01T00:00:00Z"), json!(1), json!(true)];
    candidates.extend(made.values().map(|row| row["id"].clone()));
    let mut body = json!({});
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let reply = client.post(path, &body).await;
        if reply.status == 201 {
            return reply.body;
        }
        let errors = reply.body["errors"].as_object().unwrap_or_else(|| panic!("{path}: {}", reply.body));
        for field in errors.keys() {
            let next = tried.entry(field.clone()).or_default();
            body[field] = candidates.get(*next).unwrap_or_else(|| panic!("{path}: {}", reply.body)).clone();
            *next += 1;
        }
    }
}

/// What of a row can be written again: all that a refusal does not name.
async fn writable(row: &Value, client: &Client, path: &str) -> Value {
    let mut body = row.clone();
    let reply = client.post(path, &body).await;
    for field in reply.body["errors"].as_object().unwrap_or_else(|| panic!("{path}: {}", reply.body)).keys() {
        body.as_object_mut().unwrap().remove(field);
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_those_who_run_the_platform_is_for_no_tenant() {
    let platform = TestPlatform::start().await;
    let (_, owner) = platform.tenant("Alpha").await;
    let (other, _) = platform.tenant("Beta").await;
    let forge = Forge::new(&platform.platform.master_key, owner.token().unwrap());
    // A claim alone makes nobody a super-admin: the platform database is asked.
    let mut claims = claims_of(owner.token().unwrap());
    claims["super_admin"] = json!(true);
    let pretender = owner.with_token(&forge.sign(&claims));
    let mut closed = 0;
    for route in ControlPlane::routes() {
        let path = filled(&route.path, &other, NO_ID);
        if route.access == Access::SuperAdmin {
            closed += 1;
            for client in [&owner, &pretender] {
                problem(call(client, route.method.as_str(), &path, &[]).await, 403, "FORBIDDEN");
            }
        }
        // Whatever names a tenant in its path is refused to the owner of another one.
        if route.path.contains("{slug}") {
            let reply = call(&owner, route.method.as_str(), &path, &[]).await;
            assert!(reply.status.is_client_error(), "{} {path}: {}", route.method, reply.body);
            let anyone = call(&platform.client, route.method.as_str(), &path, &[]).await;
            if anyone.status == 401 {
                assert_eq!(reply.status, 403, "{} {path}: {}", route.method, reply.body);
            }
        }
    }
    println!("{closed} routes are for super-admins");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_do_what_the_table_says_and_no_more() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Alpha").await;
    let forge = Forge::new(&platform.platform.master_key, owner.token().unwrap());
    for role in tenancy::Role::ALL {
        let mut claims = claims_of(owner.token().unwrap());
        claims["role"] = json!(role.as_str());
        let somebody = owner.with_token(&forge.sign(&claims));
        for route in routes() {
            let Access::Tenant { permission, .. } = route.access else { continue };
            let path = filled(&format!("/api/{{slug}}{}", route.path), &slug, NO_ID);
            let reply = call(&somebody, route.method.as_str(), &path, &[]).await;
            assert_eq!(reply.code() == "FORBIDDEN", !role.may(permission), "{role} {} {path}", route.method);
            assert_ne!(reply.status, 401);
        }
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_path_says_which_methods_it_knows() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Alpha").await;
    for (prefix, table) in tables() {
        let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for route in &table {
            known.entry(&route.path).or_default().insert(route.method.to_string());
        }
        for (path, methods) in known {
            let path = filled(&format!("{prefix}{path}"), &slug, NO_ID);
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "PURGE"].iter().filter(|m| !methods.contains(**m)) {
                let reply = call(&owner, method, &path, &[]).await;
                let reply = problem(reply, 405, "METHOD_NOT_ALLOWED");
                let allowed = reply.headers["allow"].to_str().unwrap().split(", ").map(str::to_owned).collect();
                assert_eq!(methods, allowed, "{path}");
            }
        }
    }
    for nowhere in ["/api/v1/nothing", "/api/v1", "/api", "/nowhere", "/api/v1/customers/a/b"] {
        problem(owner.get(nowhere).await, 404, "NOT_FOUND");
    }
    platform.stop().await;
}
