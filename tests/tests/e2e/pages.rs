//! Every page of both planes, walked from their tables: none shows anything to whoever is not signed in, or not allowed.

use std::collections::BTreeSet;

use control_plane::ControlPlane;
use reqwest::{
    Method, Response, StatusCode,
    header::{self, HeaderMap},
    redirect::Policy,
};
use serde_json::json;
use tenancy::{
    Role, TenantStatus,
    http::{Access, Route},
};
use tests::{
    Client, TestPlatform,
    client::PASSWORD,
    forge::{Forge, claims_of},
    pages::PAGES,
};

/// What stands for an id that exists nowhere.
const NO_ID: &str = "cus_00000000000000000000000000";

fn pages() -> Vec<Route> {
    let pages: Vec<Route> = ControlPlane::pages().into_iter().chain(tenant_runtime::pages()).collect();
    assert!(pages.len() > 50);
    pages
}

/// What anybody may ask for.
const PUBLIC: [&str; 27] = [
    "GET /",
    "GET /admin/login",
    "GET /assets/{hash}/{name}",
    "GET /language/{code}",
    "GET /login",
    "GET /password",
    "GET /password/forgot",
    "GET /session",
    "GET /signup",
    "GET /signup/account",
    "GET /signup/done",
    "GET /signup/done/events",
    "GET /signup/package",
    "GET /signup/payment",
    "GET /signup/slug",
    "GET /verify",
    "GET /{slug}/dashboard",
    "POST /admin/login",
    "POST /login",
    "POST /password",
    "POST /password/forgot",
    "POST /session",
    "POST /signup",
    "POST /signup/account",
    "POST /signup/package",
    "POST /signup/payment",
    "POST /verify",
];

fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { NO_ID } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Asks as a browser would that has this access cookie, and follows nothing.
async fn ask(client: &Client, method: &str, path: &str, token: Option<&str>) -> Response {
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let mut request = http.request(method.parse().unwrap(), format!("{}{path}", client.base()));
    if let Some(token) = token {
        request = request.header(header::COOKIE, format!("tenantry_access={token}"));
    }
    if method == "POST" {
        request = request.form(&json!({ "form_token": "made-up" }));
    }
    request.send().await.unwrap()
}

fn location(response: &Response) -> &str {
    response.headers().get(header::LOCATION).map_or("", |location| location.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_but_the_public_ones_is_shown_to_strangers() {
    let platform = TestPlatform::start().await;
    let (_, owner) = platform.tenant("Acme").await;
    let mut public = BTreeSet::new();
    for page in pages() {
        let path = filled(&page.path);
        if page.access == Access::Public {
            public.insert(format!("{} {}", page.method, page.path));
            continue;
        }
        let sign_in = if path.starts_with("/admin") { "/admin/login?next=" } else { "/session?next=" };
        // A token of the API is none here: scripts of other sites could have it sent along.
        for token in [None, Some("made-up")] {
            let reply = ask(&platform.client, page.method.as_str(), &path, token).await;
            let expected = if page.method == "GET" { 303 } else { 307 };
            assert_eq!(reply.status().as_u16(), expected, "{} {path}", page.method);
            assert!(location(&reply).starts_with(sign_in), "{path} leads to {}", location(&reply));
        }
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let by_header =
            http.request(page.method.as_str().parse().unwrap(), format!("{}{path}", platform.client.base()));
        let by_header = by_header.bearer_auth(owner.token().unwrap()).send().await.unwrap();
        assert!(location(&by_header).starts_with(sign_in), "{path} takes a header");
    }
    assert_eq!(public, PUBLIC.map(str::to_owned).into());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_do_on_pages_what_the_table_says_and_no_more() {
    let platform = TestPlatform::start().await;
    let (_, owner) = platform.tenant("Acme").await;
    let forge = Forge::new(&platform.platform.master_key, owner.token().unwrap());
    let as_role = |role: Role| {
        let mut claims = claims_of(owner.token().unwrap());
        claims["role"] = json!(role.as_str());
        format!("tenantry_access={}", forge.sign(&claims))
    };
    // A form's token is the person's, whatever they may do: the roles are all that differs.
    let visitor = platform.visitor();
    let first = visitor.request(Method::GET, "/app").header(header::COOKIE, as_role(Role::Owner));
    let form_token = visitor.send(first).await.expect(200).form_token().to_owned();
    let known = format!("tenantry_visitor={}", visitor.cookie("tenantry_visitor"));
    let mut refused = 0;
    for role in [Role::Owner, Role::Admin, Role::Member, Role::Viewer] {
        let cookies = format!("{known}; {}", as_role(role));
        for page in pages() {
            let Access::Tenant { permission, .. } = page.access else { continue };
            let (path, may) = (filled(&page.path), role.may(permission));
            let request = platform
                .visitor()
                .request(page.method.as_str().parse().unwrap(), &path)
                .header(header::COOKIE, &cookies);
            let request = if page.method == "POST" { request.form(&[("form_token", &form_token)]) } else { request };
            let reply = visitor.send(request).await;
            let is_refused = reply.status == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, !may, "{role} {} {path}: {}", page.method, reply.status);
            refused += usize::from(is_refused);
        }
    }
    assert!(refused > 20, "viewers were refused {refused} times");
    platform.stop().await;
}

/// Those that show nothing by themselves.
const NOT_SHOWN: [(&str, &str); 8] = [
    ("/", "leads on"),
    ("/session", "leads on"),
    ("/language/{code}", "leads back"),
    ("/{slug}/dashboard", "leads on"),
    ("/assets/{hash}/{name}", "files of pages"),
    ("/app/documents/{id}/file", "a file"),
    ("/signup/slug", "read by a script"),
    ("/events", "read by a script"),
];

#[test]
fn every_page_is_in_the_list_of_those_that_are_looked_at() {
    let routes: Vec<String> =
        pages().into_iter().filter(|page| page.method == "GET").map(|page| page.path.to_string()).collect();
    // A segment fits itself best, and else whatever takes any.
    let fits = |route: &str, path: &str| {
        let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
        let fits = route.len() == path.len() && route.iter().zip(&path).all(|(r, p)| r == p || r.starts_with('{'));
        fits.then(|| route.iter().filter(|segment| !segment.starts_with('{')).count())
    };
    let looked_at: BTreeSet<&String> = PAGES
        .iter()
        .filter(|page| page.status == 200)
        .filter_map(|page| {
            let path = page.path.split('?').next().unwrap();
            routes.iter().filter(|route| fits(route, path).is_some()).max_by_key(|route| fits(route, path))
        })
        .collect();
    let is_shown = |route: &&String| {
        !NOT_SHOWN.iter().any(|(path, _)| route == path || (*path == "/events" && route.ends_with(path)))
    };
    let missing: Vec<&String> = routes.iter().filter(is_shown).filter(|route| !looked_at.contains(route)).collect();
    assert!(missing.is_empty(), "nobody looks at {missing:#?}");
}

fn is_dressed(headers: &HeaderMap, path: &str) {
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(headers.get(name).unwrap_or_else(|| panic!("{path} has no {name}")), value, "{path}");
    }
    assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=()"), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_operator_are_shown_and_dressed() {
    let platform = TestPlatform::start().await;
    platform.tenant("Acme").await;
    platform.control_plane().ensure_super_admin("operator@example.com", PASSWORD).await.unwrap();
    let visitor = platform.visitor();
    let stranger = visitor.get("/admin/login").await.expect(200);
    is_dressed(&stranger.headers, "/admin/login");
    visitor.fill("/admin/login", &[("email", "operator@example.com"), ("password", PASSWORD)]).await.expect(303);
    for page in pages().iter().filter(|page| page.access == Access::SuperAdmin && page.method == "GET") {
        if page.path.ends_with("/events") {
            continue;
        }
        let path = page.path.replace("{tenant}", "acme").replace("{id}", NO_ID);
        let seen = visitor.get(&path).await.expect(if page.path.contains("{id}") { 404 } else { 200 });
        is_dressed(&seen.headers, &path);
        assert_eq!(seen.headers[header::CACHE_CONTROL], "private, no-store", "{path}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_owner_are_shown_and_dressed() {
    let platform = TestPlatform::start().await;
    let (slug, owner) = platform.tenant("Acme").await;
    let token = owner.token().unwrap();
    for page in pages() {
        if !matches!(page.access, Access::Tenant { .. } | Access::User) || page.method != "GET" {
            continue;
        }
        let has_id = page.path.contains('{');
        let reply = ask(&platform.client, page.method.as_str(), &filled(&page.path), Some(token)).await;
        assert_eq!(reply.status().as_u16(), if has_id { 404 } else { 200 }, "{}", page.path);
        let headers = reply.headers().clone();
        is_dressed(&headers, &page.path);
        let text = reply.text().await.unwrap();
        assert!(text.starts_with("<!doctype html>") && text.contains("</html>"), "{}: {text}", page.path);
    }
    let by_slug = ask(&platform.client, "GET", &format!("/{slug}/dashboard"), Some(token)).await;
    assert_eq!(location(&by_slug), format!("/session?tenant={slug}&next=/app"));

    // Whoever is suspended is told so, and not sent to sign in.
    let slug = tenancy::TenantSlug::parse(&slug).unwrap();
    let suspended = platform.control_plane().tenants.suspend(&slug, None, "test").await.unwrap();
    assert_eq!(suspended.status, TenantStatus::Suspended);
    tests::eventually("the pages are refused", async || {
        ask(&platform.client, "GET", "/app", Some(token)).await.status() == StatusCode::FORBIDDEN
    })
    .await;
    let told = ask(&platform.client, "GET", "/app", Some(token)).await.text().await.unwrap();
    assert!(told.contains("askıya alındı"), "{told}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_where_nothing_is_sees_a_page_and_programs_read_json() {
    let platform = TestPlatform::start().await;
    let http = reqwest::Client::new();
    for (path, accept, is_page) in [
        ("/nothing", "text/html,application/xhtml+xml,*/*;q=0.8", true),
        ("/signup/nothing", "text/html", true),
        ("/nothing", "*/*", false),
        ("/api/nothing", "text/html", false),
    ] {
        let url = format!("{}{path}", platform.client.base());
        let reply = http.get(url).header(header::ACCEPT, accept).header("accept-language", "en").send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(reply.headers().contains_key(header::CONTENT_SECURITY_POLICY), is_page, "{path} for {accept}");
        let text = reply.text().await.unwrap();
        let shown =
            if is_page { text.contains("<h1>") && text.contains("href=\"/\"") } else { text.contains("\"NOT_FOUND\"") };
        assert!(shown, "{path} for {accept}: {text}");
    }
    let figures = http.get(format!("{}/metrics", platform.client.base())).send().await.unwrap().text().await.unwrap();
    assert!(figures.contains("endpoint=\"unknown\"") && !figures.contains("nothing"), "paths that strangers choose");
    platform.stop().await;
}
