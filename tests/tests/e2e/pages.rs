//! Every page of both planes, walked from their tables: none shows anything to whoever is not signed in, or not allowed.

use std::collections::BTreeSet;

use control_plane::ControlPlane;
use reqwest::{Response, StatusCode, header, redirect::Policy};
use serde_json::json;
use tenancy::{
    Role, TenantStatus,
    http::{Access, Route},
};
use tests::{
    Client, TestPlatform,
    forge::{Forge, claims_of},
};

/// What stands for an id that exists nowhere.
const NO_ID: &str = "cus_00000000000000000000000000";

fn pages() -> Vec<Route> {
    let pages: Vec<Route> = ControlPlane::pages().into_iter().chain(tenant_runtime::pages()).collect();
    assert!(pages.len() > 50);
    pages
}

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
    println!("for anyone: {public:#?}");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_do_on_pages_what_the_table_says_and_no_more() {
    let platform = TestPlatform::start().await;
    let (_, owner) = platform.tenant("Acme").await;
    let forge = Forge::new(&platform.platform.master_key, owner.token().unwrap());
    for role in [Role::Owner, Role::Admin, Role::Member, Role::Viewer] {
        let mut claims = claims_of(owner.token().unwrap());
        claims["role"] = json!(role.as_str());
        let token = forge.sign(&claims);
        for page in pages() {
            let Access::Tenant { permission, .. } = page.access else { continue };
            let path = filled(&page.path);
            let reply = ask(&platform.client, page.method.as_str(), &path, Some(&token)).await;
            // Without its token a form is refused as well, to everybody.
            let may = role.may(permission) && page.method == "GET";
            let takes_files = page.method == "POST" && path.ends_with("/file");
            assert!(!takes_files || reply.status().is_client_error(), "{role} {path}");
            assert!(takes_files || (reply.status() != StatusCode::FORBIDDEN) == may, "{role} {} {path}", page.method);
        }
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
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        for name in ["x-frame-options", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"] {
            assert!(headers.contains_key(name), "{} has no {name}", page.path);
        }
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
