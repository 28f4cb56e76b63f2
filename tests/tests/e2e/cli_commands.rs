//! The other commands, against a running `tenantry dev`: for people in words, for programs in JSON.

use std::{collections::BTreeSet, fs, process::Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    client::PASSWORD,
    eventually,
    ground::folder,
    mailbox::mails_in,
    program::{Dev, Said, command, finish, run},
};
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_made_listed_stopped_and_dropped() {
    let folder = folder();
    let mut dev = Dev::start(folder.path(), &[]).await;
    let tenantry =
        async |arguments: &[&str]| run(folder.path(), &[&["--data-dir", "data", "--json"], arguments].concat()).await;
    let create = |slug: &'static str, email: &'static str| {
        [
            "tenant",
            "create",
            "--slug",
            slug,
            "--name",
            "Acme Ltd",
            "--owner-email",
            email,
            "--owner-name",
            "Ada",
            "--package",
            "starter",
        ]
    };
    let made = tenantry(&create("acme", "ada@acme.com")).await.expect(0).json();
    assert_eq!(
        (&made["slug"], &made["status"], &made["package"]),
        (&json!("acme"), &json!("trial"), &json!("starter"))
    );
    assert_eq!(made["database"], "tenant_acme");
    // The owner is invited, and comes in.
    let mail = dev.data_dir.join("mail");
    let invitation =
        || mails_in(&mail).into_iter().find(|m| m.to.contains("ada@acme.com") && m.text.contains("token="));
    eventually("the invitation", async || invitation().is_some()).await;
    let set = json!({ "token": invitation().unwrap().token(), "password": PASSWORD });
    dev.client.post("/api/auth/password", &set).await.expect(200);
    let owner = dev.client.sign_in("ada@acme.com").await;
    owner.post("/api/v1/customers", &json!({ "company_name": "First" })).await.expect(201);

    // With a password there is nobody to invite.
    let mut with_password = command(
        folder.path(),
        &[&["--data-dir", "data"], &create("beta", "bob@beta.com")[..], &["--owner-password-stdin"]].concat(),
    );
    let mut child = with_password.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("{PASSWORD}\n").as_bytes()).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dev.client.sign_in("bob@beta.com").await.get("/api/v1/customers").await.expect(200);

    let slugs = |said: &Said| -> BTreeSet<String> {
        said.json().as_array().unwrap().iter().map(|one| one["slug"].as_str().unwrap().to_owned()).collect()
    };
    let both: BTreeSet<String> = ["acme", "beta"].map(str::to_owned).into();
    assert_eq!(slugs(&tenantry(&["tenant", "list"]).await.expect(0)), both);
    assert_eq!(slugs(&tenantry(&["tenant", "list", "--status", "trial"]).await.expect(0)), both);
    assert_eq!(slugs(&tenantry(&["tenant", "list", "--package", "enterprise"]).await.expect(0)), BTreeSet::new());
    let shown = tenantry(&["tenant", "show", "acme"]).await.expect(0).json();
    assert_eq!(shown["tenant"]["slug"], "acme");
    assert!(shown["steps"].is_array());

    let suspended = tenantry(&["tenant", "suspend", "acme", "--reason", "unpaid"]).await.expect(0).json();
    assert_eq!((&suspended["status"], &suspended["status_reason"]), (&json!("suspended"), &json!("unpaid")));
    eventually("nobody is served", async || owner.get("/api/v1/customers").await.code() == "TENANT_INACTIVE").await;
    assert_eq!(
        slugs(&tenantry(&["tenant", "list", "--status", "suspended"]).await.expect(0)),
        ["acme".to_owned()].into()
    );
    assert_eq!(tenantry(&["tenant", "activate", "acme"]).await.expect(0).json()["status"], "trial");
    eventually("served again", async || owner.get("/api/v1/customers").await.status == 200).await;

    for wrong in ["", "ACME", "beta", "acme "] {
        let refused = tenantry(&["tenant", "drop", "acme", "--confirm", wrong]).await.expect(2);
        assert!(refused.out.is_empty() && refused.err.contains("--confirm"), "{refused:?}");
    }
    owner.get("/api/v1/customers").await.expect(200);
    let dropped = tenantry(&["tenant", "drop", "acme", "--confirm", "acme"]).await.expect(0).json();
    assert_eq!(dropped["tenant"]["status"], "deleted");
    let backup = fs::read(folder.path().join(dropped["backup"].as_str().unwrap())).unwrap();
    assert!(backup.starts_with(b"PGDMP"), "pg_dump's custom format");
    eventually("gone", async || owner.get("/api/v1/customers").await.code() == "TENANT_NOT_FOUND").await;
    let without = tenantry(&["tenant", "drop", "beta", "--confirm", "beta", "--no-backup"]).await.expect(0).json();
    assert_eq!(without["backup"], Value::Null);
    // The slug is free again.
    tenantry(&create("acme", "new@acme.com")).await.expect(0);

    // What fails exits with 1 and says why on standard error alone; what makes no sense exits with 2.
    let failing: &[&[&str]] = &[
        &["tenant", "show", "nobody"],
        &["tenant", "suspend", "nobody"],
        &["tenant", "drop", "nobody", "--confirm", "nobody"],
        &create("acme", "third@acme.com"),
        &create("gamma", "new@acme.com"),
    ];
    for arguments in failing {
        let said = tenantry(arguments).await.expect(1);
        assert!(said.out.is_empty() && said.err.starts_with("error: "), "{arguments:?}: {said:?}");
    }
    let unknown_package = create("gamma", "g@acme.com").map(|word| if word == "starter" { "nothing" } else { word });
    assert!(tenantry(&unknown_package).await.expect(1).err.contains("nothing"));
    let senseless: &[&[&str]] = &[
        &[],
        &["tenant"],
        &["tenant", "show"],
        &["tenant", "show", "Not A Slug"],
        &["tenant", "drop", "acme"],
        &["tenant", "list", "--status", "asleep"],
        &["tenant", "create", "--slug", "x"],
        &["tenant", "frobnicate"],
    ];
    for arguments in senseless {
        assert!(tenantry(arguments).await.expect(2).out.is_empty(), "{arguments:?}");
    }
    assert!(dev.end(Signal::INT).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_is_examined_mended_and_found() {
    let folder = folder();
    let mut dev = Dev::start(folder.path(), &[]).await;
    dev.client.sign_up("Acme", "ada@example.com").await.expect(201);
    let tenantry = async |arguments: &[&str]| run(folder.path(), &[&["--data-dir", "data"], arguments].concat()).await;
    let wrong = |said: &Said, list: &str| -> Vec<Value> {
        let all = said.json()[list].as_array().unwrap().clone();
        all.into_iter().filter(|one| one["severity"] == "wrong").collect()
    };
    let whole = tenantry(&["doctor", "--json"]).await.expect(0);
    assert_eq!(wrong(&whole, "findings"), Vec::<Value>::new());
    assert!(!tenantry(&["doctor"]).await.expect(0).out.is_empty());

    // A database with a tenant's name that no tenant has may hold rows: only who asks for it has it mended.
    let (admin, connection) = tokio_postgres::connect(&dev.database_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.batch_execute("CREATE DATABASE tenant_stray").await.unwrap();
    let found = tenantry(&["doctor", "--json"]).await.expect(1);
    assert!(
        wrong(&found, "findings")
            .iter()
            .any(|one| one["trouble"] == "orphan_database" && one["subject"] == "tenant_stray"),
        "{}",
        found.out
    );
    assert!(tenantry(&["doctor"]).await.expect(1).out.contains("tenant_stray"));
    let mended = tenantry(&["doctor", "--fix", "--json"]).await.expect(0);
    assert!(mended.json()["mended"].as_i64().unwrap() >= 1);
    assert_eq!(wrong(&mended, "left"), Vec::<Value>::new());
    assert_eq!(wrong(&tenantry(&["doctor", "--json"]).await.expect(0), "findings"), Vec::<Value>::new());

    let migrated = tenantry(&["migrate", "platform", "--json"]).await.expect(0).json();
    assert_eq!(migrated["applied"], 0);
    assert!(migrated["version"].as_i64().unwrap() >= 4);
    let servers = tenantry(&["server", "list", "--json"]).await.expect(0).json();
    assert_eq!(servers.as_array().unwrap().len(), 1);
    assert_eq!(servers[0]["is_platform"], true);
    for command in [&["migrate", "platform"][..], &["server", "list"], &["tenant", "list"], &["config", "show"]] {
        let said = tenantry(command).await.expect(0);
        assert!(!said.out.trim().is_empty() && serde_json::from_str::<Value>(&said.out).is_err(), "{said:?}");
    }

    // The running dev is found by its folder: as an argument, in the environment, or where one stands.
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let list = ["tenant", "list", "--json"];
    assert_eq!(
        finish(command(&elsewhere, &list).env("TENANTRY_DATA_DIR", &dev.data_dir)).await.expect(0).json()[0]["slug"],
        "acme"
    );
    std::os::unix::fs::symlink(&dev.data_dir, elsewhere.join(".tenantry")).unwrap();
    assert_eq!(run(&elsewhere, &list).await.expect(0).json()[0]["slug"], "acme");
    let lost = run(folder.path(), &list).await.expect(1);
    assert!(lost.err.contains("TENANTRY__DATABASE__URL") && lost.err.contains("tenantry dev"), "{}", lost.err);
    assert!(dev.end(Signal::INT).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_shown_without_secrets_and_a_wrong_key_is_named() {
    let folder = folder();
    let show = async |name: &str, value: &str| {
        finish(command(folder.path(), &["config", "show", "--json"]).env(name, value)).await
    };
    let shown = show("TENANTRY__HTTP__BIND", "0.0.0.0:9999").await.expect(0).json();
    assert_eq!(shown["http"]["bind"], "0.0.0.0:9999");
    assert_eq!(shown["signup"]["per_address_per_hour"], 20);
    for (name, secret) in [
        ("TENANTRY__DATABASE__URL", "postgres://admin:hunter2hunter2@db:5432/postgres"),
        ("TENANTRY__SECURITY__MASTER_KEY", "hunter2hunter2hunter2"),
        ("TENANTRY__MAIL__URL", "smtp://me:hunter2hunter2@mail:587"),
    ] {
        let said = show(name, secret).await.expect(0);
        assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{name}: {said:?}");
    }
    for (name, nearest) in [
        ("TENANTRY__SIGNUP__PER_ADRESS_PER_HOUR", "TENANTRY__SIGNUP__PER_ADDRESS_PER_HOUR"),
        ("TENANTRY__HTTP__BINDING", "TENANTRY__HTTP__BIND"),
        ("TENANTRY__DATABSE__URL", "TENANTRY__DATABASE__URL"),
    ] {
        let said = show(name, "5").await.expect(1);
        assert!(said.err.contains(nearest), "{name}: {}", said.err);
    }
    assert!(show("TENANTRY__HTTP__WORKERS", "many").await.expect(1).err.starts_with("error: "));

    let file = folder.path().join("tenantry.toml");
    fs::write(&file, "[http]\nbind = \"127.0.0.1:7777\"\n").unwrap();
    let from_file = run(folder.path(), &["config", "show", "--json"]).await.expect(0).json();
    assert_eq!(from_file["http"]["bind"], "127.0.0.1:7777");
    assert_eq!(show("TENANTRY__HTTP__BIND", "[::1]:1").await.expect(0).json()["http"]["bind"], "[::1]:1");
    fs::write(&file, "[http]\nbnd = \"x\"\n").unwrap();
    assert!(run(folder.path(), &["config", "show"]).await.expect(1).err.contains("http.bind"));
    let missing = run(folder.path(), &["config", "show", "--config", "nowhere.toml"]).await.expect(1);
    assert!(missing.err.contains("nowhere.toml"), "{}", missing.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_explains_itself_with_an_example() {
    let folder = folder();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let said = run(folder.path(), &arguments).await.expect(0);
        assert!(said.err.is_empty(), "{arguments:?}");
        let below: Vec<String> = said
            .out
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .filter(|word| word != "help")
            .collect();
        if below.is_empty() {
            let example = said.out.split("Example:").nth(1).unwrap_or_else(|| panic!("{path:?} has no example"));
            assert!(example.contains(&format!("tenantry {}", path.join(" "))), "{path:?}: {example}");
            seen += 1;
        }
        waiting.extend(below.into_iter().map(|word| [path.clone(), vec![word]].concat()));
    }
    println!("{seen} commands have an example");
    assert!(seen >= 12, "{seen}");
    assert!(run(folder.path(), &["--version"]).await.expect(0).out.starts_with("tenantry "));
}
