//! The platform as a process of its own, which can be killed: this test program once more, serving what
//! `tenantry serve all` serves. So what is killed is never an older build than what is tested.

use std::process::Stdio;

use control_plane::provisioning::Fault;
use secrecy::ExposeSecret;
use tenantry::{
    config::load,
    serving::{Planes, Platform, Serving},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

/// Not a test: what the tests kill.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by other tests, in a process of its own"]
async fn platform_to_be_killed() {
    if std::env::var_os("TENANTRY__DATABASE__URL").is_none() {
        return;
    }
    let settings = load(None).unwrap();
    tenancy::telemetry::logs(settings.log.format, &settings.log.filter);
    let platform = Platform::new(settings).unwrap();
    // PostgreSQL may be down at this very moment.
    let serving = loop {
        match Serving::start(&platform, Planes::All, Fault::default()).await {
            Ok(serving) => break serving,
            Err(error) => eprintln!("not started: {error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    println!("\naddress={}", serving.address);
    // Ends with whoever started it, also when that one is killed.
    let _ = tokio::io::stdin().read(&mut [0]).await;
    std::process::exit(0);
}

/// Starts the platform in another process; says where it serves.
pub(super) async fn start(platform: &Platform) -> (Child, String) {
    let settings = &platform.settings;
    let secret = |secret: &Option<secrecy::SecretString>| secret.as_ref().unwrap().expose_secret().to_owned();
    // Not by its path: there may be a newer build by now.
    let this = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe().unwrap() };
    let mut command = Command::new(this);
    command
        .args(["--exact", "chaos::child::platform_to_be_killed", "--ignored", "--nocapture"])
        .env("TENANTRY__DATABASE__URL", secret(&settings.database.url))
        .env("TENANTRY__DATABASE__NAME", settings.database.name.as_str())
        .env("TENANTRY__DATABASE__PREFIX", settings.database.prefix.as_str())
        .env("TENANTRY__DATABASE__CONNECTIONS", settings.database.connections.to_string())
        .env("TENANTRY__SECURITY__MASTER_KEY", secret(&settings.security.master_key))
        .env("TENANTRY__HTTP__BIND", "127.0.0.1:0")
        .env("TENANTRY__HTTP__WORKERS", "2")
        .env("TENANTRY__PROVISIONING__STOCK", settings.provisioning.stock.to_string())
        .env("TENANTRY__SIGNUP__PER_ADDRESS_PER_HOUR", "0")
        .env("TENANTRY__SIGNUP__IN_ALL_PER_HOUR", "0")
        .env("TENANTRY__SIGNUP__MAX_UNVERIFIED", "0")
        .env("TENANTRY__BACKUPS__FOLDER", &settings.backups.folder)
        .env("TENANTRY__BACKUPS__PG_DUMP", &settings.backups.pg_dump)
        .env("TENANTRY__LOG__FILTER", std::env::var("TENANTRY_TEST_LOG").unwrap_or_else(|_| "off".to_owned()))
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("the platform should have started");
        if let Some(address) = line.strip_prefix("address=") {
            // Read on: the test program in there would end if it could not say what it wants to say.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, format!("http://{address}"));
        }
    }
}
