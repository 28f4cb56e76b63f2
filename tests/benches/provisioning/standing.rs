//! How long `tenantry dev` takes until it is ready, and what memory it needs with many tenants.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use control_plane::{identity::TokenSigner, provisioning::Fault, tenants::Born};
use futures_util::{StreamExt, stream};
use secrecy::SecretString;
use serde_json::Value;
use tenantry::{cluster, serving::Platform};

use tests::measure::{
    Effort,
    processes::{Process, Role, free_port, postgres_below, resident},
    report::{Line, Report, median, note, shown},
    served, stage,
};

/// Longer than the runtime keeps a connection that nobody uses.
const IDLE: Duration = Duration::from_secs(70);

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("starting tenantry dev …");
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut folder = stage::folder("dev");
    for round in 0..effort.pick(5, 1) {
        if round > 0 {
            remove(&folder).await;
            folder = stage::folder("dev");
        }
        let (process, time) = start(&folder).await;
        first.push(time);
        process.stop().await;
        let (process, time) = start(&folder).await;
        second.push(time);
        process.stop().await;
    }
    report.add(Line::fact("tenantry dev, first start to ready", shown(median(&first))));
    report.add(Line::fact("tenantry dev, second start to ready", shown(median(&second))));
    memory(&folder, effort, report).await;
    remove(&folder).await;
}

/// Starts `tenantry dev` and says how long it took to be ready.
async fn start(folder: &Path) -> (Process, Duration) {
    let port = free_port().to_string();
    let started = Instant::now();
    let folder = folder.to_str().unwrap();
    let mut process = Process::start(Role::Tenantry, &["dev", "--data-dir", folder, "--port", &port], &[]);
    process.says("Tenantry is ready").await;
    (process, started.elapsed())
}

async fn remove(folder: &Path) {
    cluster::erase(&folder.join("postgres")).await.unwrap();
    fs::remove_dir_all(folder).unwrap();
}

async fn memory(folder: &Path, effort: Effort, report: &mut Report) {
    let many = effort.pick(500, 20);
    note(&format!("memory with {many} tenants …"));
    let (process, _) = start(folder).await;
    let (http, platform) = running(folder);
    report_memory("with none", &process, report);
    let control_plane = platform.control_plane(Fault::default()).unwrap();
    let born: Vec<Born> = stream::iter(0..many).map(|_| stage::make(&control_plane)).buffered(4).collect().await;
    drop(control_plane);
    touch(&http, &platform, &born).await;
    report_memory(&format!("{many} tenants, each just asked once"), &process, report);
    tokio::time::sleep(effort.pick(IDLE, Duration::from_secs(1))).await;
    report_memory(&format!("{many} tenants, idle"), &process, report);
    process.stop().await;
    let (process, time) = start(folder).await;
    report.add(Line::fact(&format!("tenantry dev, start with {many} tenants"), shown(time)));
    process.stop().await;
}

/// Where `tenantry dev` serves, and its platform.
fn running(folder: &Path) -> (String, Platform) {
    let text = fs::read_to_string(folder.join("dev.json")).unwrap();
    let running: Value = serde_json::from_str(&text).unwrap();
    let mut settings = stage::settings(0);
    settings.database.url = running["database_url"].as_str().map(SecretString::from);
    settings.security.master_key = Some(SecretString::from(fs::read_to_string(folder.join("master.key")).unwrap()));
    (running["http"].as_str().unwrap().to_owned(), Platform::new(settings).unwrap())
}

/// One request to each tenant.
async fn touch(http: &str, platform: &Platform, tenants: &[Born]) {
    let signer = TokenSigner::new(&platform.master_key, Duration::from_secs(600));
    let client = reqwest::Client::new();
    for born in tenants {
        let token = served::token(&signer, born);
        let answer = client.get(format!("http://{http}/api/v1/customers")).bearer_auth(token).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

fn report_memory(when: &str, process: &Process, report: &mut Report) {
    let (postgres, sessions) = postgres_below(process.pid());
    report.add(Line::fact(&format!("memory, {when}: platform (RSS)"), format!("{:.1} MB", resident(process.pid()))));
    let line = Line::fact(&format!("memory, {when}: PostgreSQL (PSS)"), format!("{postgres:.0} MB"));
    report.add(line.remark(format!("{sessions} processes")));
}
