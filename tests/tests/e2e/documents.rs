//! Documents and their files: sent and read piece by piece, checked, counted, and taken away with their documents.

use std::{path::Path, process::Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    Client, Reply, TestPlatform, eventually,
    program::{Dev, free_port, program},
};

use crate::{customers::scene, signup::problem};

async fn send(client: &Client, path: &str, content_type: &str, content: Vec<u8>) -> Reply {
    client.send(client.request(Method::PUT, path).header("content-type", content_type).body(content)).await.unwrap()
}

async fn document(owner: &Client, name: &str) -> String {
    let made = owner.post("/api/v1/documents", &json!({ "name": name })).await.expect(201);
    format!("/api/v1/documents/{}", made.body["id"].as_str().unwrap())
}

/// Files that lie in the store, by the size of each.
fn kept(folder: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut sizes = Vec::new();
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            sizes.extend(kept(&entry.path()));
        } else {
            sizes.push(entry.metadata().map_or(0, |data| data.len()));
        }
    }
    sizes.sort_unstable();
    sizes
}

async fn storage(platform: &TestPlatform, slug: &str) -> (i64, i64) {
    let sql = "SELECT (SELECT value FROM tallies WHERE name = 'storage'), (SELECT count(*) FROM loose_files)";
    let row = platform.tenant_session(slug).await.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_as_it_was_and_goes_with_its_document() {
    let (platform, slug, owner) = scene().await;
    let folder = platform.folder().join("files");
    let path = document(&owner, "Çizim 1").await;
    let file = format!("{path}/file");
    problem(owner.get(&file).await, 404, "NOT_FOUND");
    let mut content = b"%PDF-1.7 ".to_vec();
    content.extend((0..3_000_000_u32).map(|n| (n % 251) as u8));
    let sent =
        send(&owner, &format!("{file}?name=%C3%A7izim.pdf"), "application/pdf", content.clone()).await.expect(200);
    assert_eq!((&sent.body["file_name"], &sent.body["size"]), (&json!("çizim.pdf"), &json!(content.len())));
    assert_eq!(sent.body["sha256"].as_str().unwrap().len(), 64);
    let response = owner.request(Method::GET, &file).send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-length"), content.len().to_string());
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-disposition").starts_with("attachment; filename*=UTF-8''%C3%A7izim.pdf"));
    assert!(response.bytes().await.unwrap() == content.as_slice());
    assert_eq!(
        (kept(&folder), storage(&platform, &slug).await),
        (vec![content.len() as u64], (content.len() as i64, 0))
    );

    // Another file in its place, and then the document with it.
    send(&owner, &file, "text/plain", "Merhaba".into()).await.expect(200);
    eventually("the old file is gone", async || kept(&folder) == [7] && storage(&platform, &slug).await == (7, 0))
        .await;
    // Another tenant does not reach it.
    let (_, other) = platform.tenant("Beta").await;
    problem(other.get(&file).await, 404, "NOT_FOUND");
    problem(send(&other, &file, "text/plain", "x".into()).await, 404, "NOT_FOUND");
    owner.delete(&path).await.expect(204);
    eventually("the file is gone", async || kept(&folder).is_empty() && storage(&platform, &slug).await == (0, 0))
        .await;
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_such_file_is_refused_and_nothing_remains() {
    let (platform, slug, owner) = scene().await;
    let folder = platform.folder().join("files");
    let file = format!("{}/file", document(&owner, "x").await);
    for (content_type, content) in [
        ("text/html", "<script>"),
        ("image/svg+xml", "<svg/>"),
        ("application/pdf", "<html>"),
        ("image/png", "%PDF-1.7"),
        ("text/plain", "a\0b"),
    ] {
        let reply = problem(send(&owner, &file, content_type, content.into()).await, 422, "VALIDATION_FAILED");
        assert!(reply.body["errors"]["content-type"].is_array(), "{}", reply.body);
    }
    for name in ["a%2Fb.txt", "..%5Cx", "%00", ""] {
        let reply = send(&owner, &format!("{file}?name={name}"), "text/plain", "x".into()).await;
        problem(reply, 422, "VALIDATION_FAILED");
    }
    problem(send(&owner, "/api/v1/documents/doc_x/file", "text/plain", "x".into()).await, 404, "NOT_FOUND");
    assert_eq!((kept(&folder), storage(&platform, &slug).await), (vec![], (0, 0)));

    // A client that hangs up in the middle.
    let pieces = futures_util::stream::iter([Ok("some"), Err(std::io::Error::other("gone"))]);
    let request = owner.request(Method::PUT, &file).header("content-type", "text/plain");
    assert!(request.body(reqwest::Body::wrap_stream(pieces)).send().await.is_err());
    eventually("nothing remains", async || kept(&folder).is_empty()).await;
    assert_eq!(owner.get(file.trim_end_matches("/file")).await.expect(200).body["file_name"], Value::Null);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_has_a_limit_that_holds_exactly() {
    let (platform, slug, owner) = scene().await;
    let session = platform.platform_session().await;
    let sql = "UPDATE tenants SET limit_overrides = '{\"max_storage_mb\": 1}' WHERE slug = $1";
    session.execute(sql, &[&slug]).await.unwrap();
    let third = "x".repeat(400_000);
    let first = format!("{}/file", document(&owner, "first").await);
    eventually("the limit is known", async || {
        let reply = send(&owner, &first, "text/plain", "x".repeat(1_100_000).into()).await;
        reply.code() == "LIMIT_REACHED"
    })
    .await;
    // It may have been taken before the limit was known.
    owner.delete(first.trim_end_matches("/file")).await.expect(204);
    let mut files = Vec::new();
    for n in 0..6 {
        files.push(format!("{}/file", document(&owner, &format!("{n}")).await));
    }
    let replies =
        futures_util::future::join_all(files.iter().map(|file| send(&owner, file, "text/plain", third.clone().into())))
            .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 2);
    for reply in replies.into_iter().filter(|reply| reply.status != 200) {
        problem(reply, 402, "LIMIT_REACHED");
    }
    assert_eq!(storage(&platform, &slug).await.0, 800_000);
    eventually("what was refused is gone", async || kept(&platform.folder().join("files")) == [400_000, 400_000]).await;
    platform.stop().await;
}

/// S3 as moto speaks it, which asks for no credentials itself.
struct S3 {
    address: String,
    http: reqwest::Client,
    _server: tokio::process::Child,
}

impl S3 {
    async fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/moto/bin/moto_server");
        assert!(program.exists(), "moto is missing: run scripts/test once, which installs it");
        let port = free_port().to_string();
        let mut server = tokio::process::Command::new(program);
        server.args(["-p", &port]).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let (server, address) = (server.spawn().unwrap(), format!("http://127.0.0.1:{port}"));
        let http = reqwest::Client::new();
        let bucket = format!("{address}/files");
        eventually("S3 is up", async || http.put(&bucket).send().await.is_ok_and(|reply| reply.status() == 200)).await;
        Self { address, http, _server: server }
    }

    /// The sizes of all files.
    async fn kept(&self) -> Vec<u64> {
        let list = self.http.get(format!("{}/files?list-type=2", self.address)).send().await.unwrap();
        let text = list.text().await.unwrap();
        assert!(text.contains("ListBucketResult"), "{text}");
        let sizes = text.split("<Size>").skip(1).map(|rest| rest.split('<').next().unwrap().parse().unwrap());
        sizes.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_in_s3_where_that_is_configured() {
    let (s3, folder) = (S3::start().await, tests::ground::folder());
    let variables = [
        ("TENANTRY__RUNTIME__FILES", "s3://files/documents"),
        ("AWS_ENDPOINT", s3.address.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let mut dev = Dev::with(program(), folder.path(), &[], &variables).await;
    dev.client.sign_up("Acme", "ada@example.com").await.expect(201);
    let owner = dev.client.sign_in("ada@example.com").await;
    let path = document(&owner, "Drawing").await;
    let file = format!("{path}/file");
    // Larger than a part of a multipart upload.
    let mut content = b"%PDF-1.7 ".to_vec();
    content.extend((0..12_000_000_u32).map(|n| (n % 251) as u8));
    send(&owner, &file, "application/pdf", content.clone()).await.expect(200);
    assert_eq!(s3.kept().await, [content.len() as u64]);
    let response = owner.request(Method::GET, &file).send().await.unwrap();
    assert!(response.bytes().await.unwrap() == content.as_slice());
    let reply = send(&owner, &file, "text/plain", "a\0b".into()).await;
    problem(reply, 422, "VALIDATION_FAILED");
    send(&owner, &file, "text/plain", "Merhaba".into()).await.expect(200);
    eventually("the old file is gone", async || s3.kept().await == [7]).await;
    owner.delete(&path).await.expect(204);
    eventually("the file is gone", async || s3.kept().await.is_empty()).await;
    dev.end(rustix::process::Signal::TERM).await;
}
