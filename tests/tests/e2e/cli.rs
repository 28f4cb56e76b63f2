//! `tenantry dev` as a person uses it: it starts, says where, keeps its data, and takes everything down with it.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, time::Instant};

use rustix::process::Signal;
use serde_json::json;
use tests::{
    Client, eventually,
    ground::folder,
    mailbox::mails_in,
    program::{Dev, is_alive, program, run},
};

async fn sign_in_as_admin(client: &Client, password: &str) -> u16 {
    let login = json!({ "email": "admin@tenantry.local", "password": password });
    client.post("/api/auth/login", &login).await.status.as_u16()
}

/// The word after a label in what was printed.
fn printed(said: &str, label: &str) -> String {
    let line = said.lines().find(|line| line.trim_start().starts_with(label)).unwrap_or_else(|| panic!("{said}"));
    line.trim_start().trim_start_matches(label).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_starts_keeps_its_data_and_stops_with_everything_that_it_started() {
    let folder = folder();
    program();
    let started = Instant::now();
    let mut dev = Dev::start(folder.path(), &[]).await;
    println!("tenantry dev, first start: ready after {:?}", started.elapsed());
    eventually("a greeting", async || dev.said().contains("Ctrl-C stops everything.")).await;
    let said = dev.said();
    let port = dev.client.base().rsplit(':').next().unwrap().to_owned();
    assert_eq!(printed(&said, "API"), format!("http://localhost:{port}/api/docs"));
    let password = printed(&said, "first password");
    assert_eq!(printed(&said, "super-admin"), "admin@tenantry.local");
    assert_eq!(sign_in_as_admin(&dev.client, &password).await, 200);
    for secret in ["dev.json", "master.key", "super-admin.password"] {
        let mode = fs::metadata(dev.data_dir.join(secret)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{secret}");
    }
    let health = dev.client.get("/health").await.expect(200).body;
    assert_eq!((&health["status"], &health["service"]), (&json!("ok"), &json!("tenantry")));
    assert!(health["timestamp"].is_string());
    dev.client.get("/metrics").await.expect(200);

    // Developers may sign up as often as they like.
    for n in 0..25 {
        dev.client.sign_up(&format!("Company {n}"), &format!("c{n}@example.com")).await.expect(201);
    }
    let owner = dev.client.sign_in("c0@example.com").await;
    owner.post("/api/v1/customers", &json!({ "company_name": "kept" })).await.expect(201);
    let mail = dev.data_dir.join("mail");
    eventually("the mail", async || mails_in(&mail).iter().any(|mail| mail.to.contains("c0@example.com"))).await;

    let postmaster = dev.postmaster();
    assert!(is_alive(postmaster));
    let asked = Instant::now();
    let status = dev.end(Signal::INT).await;
    println!("Ctrl-C: over after {:?}", asked.elapsed());
    assert!(status.success(), "{status}: {}", dev.said());
    assert!(!is_alive(postmaster), "PostgreSQL ends before the program does");
    assert!(!dev.data_dir.join("dev.json").exists());
    let nobody = run(folder.path(), &["tenant", "list", "--data-dir", "data"]).await.expect(1);
    assert!(nobody.err.contains("tenantry dev"), "{}", nobody.err);

    // Everything is there again, under the same keys: the token of before still holds.
    let started = Instant::now();
    let mut dev = Dev::start(folder.path(), &[]).await;
    println!("tenantry dev, second start: ready after {:?}", started.elapsed());
    eventually("a greeting", async || dev.said().contains("Ctrl-C stops everything.")).await;
    assert_eq!(printed(&dev.said(), "first password"), password);
    let owner = dev.client.with_token(owner.token().unwrap());
    assert_eq!(owner.get("/api/v1/customers").await.expect(200).body["data"][0]["company_name"], "kept");

    // Killed, it can say nothing to its PostgreSQL, which ends all the same.
    let postmaster = dev.postmaster();
    dev.end(Signal::KILL).await;
    eventually("PostgreSQL ends by itself", async || !is_alive(postmaster)).await;

    let mut dev = Dev::start(folder.path(), &[]).await;
    let owner = dev.client.sign_in("c0@example.com").await;
    assert_eq!(owner.get("/api/v1/customers").await.expect(200).body["total"], 1);
    let postmaster = dev.postmaster();
    assert!(dev.end(Signal::TERM).await.success());
    assert!(!is_alive(postmaster));

    // With --reset it begins anew.
    let mut dev = Dev::start(folder.path(), &["--reset"]).await;
    let login = json!({ "email": "c0@example.com", "password": tests::client::PASSWORD });
    dev.client.post("/api/auth/login", &login).await.expect(401);
    assert_eq!(sign_in_as_admin(&dev.client, &password).await, 401);
    assert!(mails_in(&mail).is_empty());
    assert!(dev.end(Signal::INT).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_says_what_is_in_its_way() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let busy = run(folder.path(), &["dev", "--port", &port, "--data-dir", "data"]).await.expect(1);
    let [error, hint] = ["error: ", "hint: "].map(|start| {
        busy.err.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{}", busy.err)).to_owned()
    });
    assert!(error.contains(&port), "{error}");
    assert!(hint.contains("--port"), "{hint}");
    assert!(!folder.path().join("data/postgres/pgdata/postmaster.pid").exists(), "nothing is left running");

    // Two at once on one folder.
    let mut dev = Dev::start(folder.path(), &[]).await;
    let second = run(folder.path(), &["dev", "--port", "0", "--data-dir", "data"]).await.expect(1);
    assert!(second.err.lines().any(|line| line.starts_with("error: ")), "{}", second.err);
    dev.client.get("/health/ready").await.expect(200);
    // Nor is what runs deleted under it.
    let reset = run(folder.path(), &["dev", "--port", "0", "--data-dir", "data", "--reset"]).await.expect(1);
    assert!(reset.err.lines().any(|line| line.starts_with("error: ")), "{}", reset.err);
    dev.client.get("/health/ready").await.expect(200);
    dev.client.sign_up("Acme", "ada@example.com").await.expect(201);
    assert!(dev.end(Signal::INT).await.success());

    // A folder of somebody else's is not reset.
    let other = folder.path().join("photos");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("holiday.jpg"), "x").unwrap();
    let refused = run(folder.path(), &["dev", "--data-dir", "photos", "--reset"]).await.expect(1);
    assert!(refused.err.contains("photos"), "{}", refused.err);
    assert_eq!(fs::read_to_string(other.join("holiday.jpg")).unwrap(), "x");
    for wrong in [&["dev", "--port", "http"][..], &["dev", "--port", "70000"], &["dev", "--colour"]] {
        run(folder.path(), wrong).await.expect(2);
    }
}
