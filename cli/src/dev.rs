//! `tenantry dev`: everything at once, on a private PostgreSQL, stopped with the process.

use std::{fs, io::Write, net::SocketAddr, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc};

use control_plane::{ControlPlane, provisioning::Fault};
use secrecy::ExposeSecret;
use tenancy::{secrets::MasterKey, telemetry::LogFormat};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    CliError, Failed,
    cluster::{self, Cluster, ClusterOptions},
    config::{Settings, load},
    locate::{DataDir, Running, in_data_dir},
    serving::{Planes, Platform, Serving},
};

/// How `tenantry dev` is asked for.
#[derive(Debug, Clone)]
pub(crate) struct DevOptions {
    /// The configuration file, where one is named.
    pub config: Option<PathBuf>,
    /// The port, where one is given.
    pub port: Option<u16>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Whether what is there is deleted first.
    pub reset: bool,
    /// The folder of the PostgreSQL programs, where it is not to be searched for.
    pub postgres_bin: Option<PathBuf>,
}

/// The address of the first super-admin.
const SUPER_ADMIN: &str = "admin@tenantry.local";

/// Runs until Ctrl-C or a request to end.
///
/// # Errors
/// When something can't be started; nothing is left running.
pub(crate) async fn run(options: DevOptions) -> Failed<()> {
    let mut settings = load(options.config.as_deref())?;
    settings.log.format = LogFormat::Text;
    tenancy::telemetry::logs(settings.log.format, &settings.log.filter);
    let data_dir = DataDir::new(&options.data_dir);
    if options.reset {
        reset(&data_dir).await?;
    }
    prepare(&data_dir)?;
    if let Some(port) = options.port {
        settings.http.bind = format!("127.0.0.1:{port}");
    }
    settings.http.allow_plain = true;
    if settings.mail.public_url == control_plane::mail::Settings::default().public_url {
        let port = settings.http.bind.rsplit(':').next().unwrap_or("8080");
        settings.mail.public_url = format!("http://localhost:{port}");
    }
    // Developers sign up as often as they like, unless they say otherwise.
    if settings.signup.per_address_per_hour == control_plane::signup::Settings::default().per_address_per_hour {
        settings.signup.per_address_per_hour = 0;
        settings.signup.in_all_per_hour = 0;
        settings.signup.max_unverified = 0;
    }

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cluster = match &settings.database.url {
        Some(_) => None,
        None => Some(start_cluster(&options, &data_dir, &mut settings).await?),
    };
    let platform = in_data_dir(settings, &data_dir)?;
    let served = serve(&platform, &data_dir);
    let serving = tokio::select! {
        serving = served => serving,
        _ = interrupt.recv() => Err(CliError::new("interrupted before it was ready")),
        _ = terminate.recv() => Err(CliError::new("ended before it was ready")),
    };
    let result = match serving {
        Ok(serving) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            eprintln!("stopping …");
            serving.stop().await
        }
        Err(error) => Err(error),
    };
    let _ = fs::remove_file(data_dir.running());
    if let Some(cluster) = cluster {
        cluster.stop().await?;
    }
    result
}

async fn start_cluster(options: &DevOptions, data_dir: &DataDir, settings: &mut Settings) -> Failed<Arc<Cluster>> {
    let mut wanted = ClusterOptions::lasting(data_dir.postgres());
    wanted.binaries.clone_from(&options.postgres_bin);
    let cluster = Arc::new(Cluster::start(wanted).await?);
    settings.database.url = Some(cluster.url().to_owned().into());
    if settings.backups.pg_dump == crate::config::Backups::default().pg_dump {
        settings.backups.pg_dump = cluster.binaries().tool("pg_dump");
    }
    let watched = Arc::clone(&cluster);
    tokio::spawn(async move { watched.supervise().await });
    Ok(cluster)
}

async fn serve(platform: &Platform, data_dir: &DataDir) -> Failed<Serving> {
    platform.migrate().await?;
    let password = first_password(data_dir)?;
    // Before anything is answered: whoever sees us ready finds us, and can sign in.
    let first = async |address: SocketAddr, control_plane: Option<&ControlPlane>| {
        if let Some(control_plane) = control_plane {
            control_plane.ensure_super_admin(SUPER_ADMIN, &password).await?;
        }
        let settings = &platform.settings;
        let running = Running {
            pid: std::process::id(),
            http: address.to_string(),
            database_url: settings.database.url.as_ref().map_or("", ExposeSecret::expose_secret).to_owned(),
            pg_dump: settings.backups.pg_dump.clone(),
        };
        let text = serde_json::to_string_pretty(&running).map_err(CliError::new)?;
        Ok(cluster::write_private(&data_dir.running(), &text)?)
    };
    let serving = Serving::start_after(platform, Planes::All, Fault::default(), first).await?;
    greet(&serving, data_dir, &password);
    Ok(serving)
}

fn greet(serving: &Serving, data_dir: &DataDir, password: &str) {
    let port = serving.address.port();
    println!(
        "Tenantry is ready.\n\n  \
         sign up         http://localhost:{port}/signup\n  \
         work            http://localhost:{port}/app\n  \
         operate         http://localhost:{port}/admin\n  \
         API             http://localhost:{port}/api/docs\n  \
         health          http://localhost:{port}/health/ready\n  \
         super-admin     {SUPER_ADMIN}\n  \
         first password  {password}\n  \
         mails           {}\n\n\
         Ctrl-C stops everything.",
        data_dir.mail().display()
    );
    let _ = std::io::stdout().flush();
}

async fn reset(data_dir: &DataDir) -> Failed<()> {
    if data_dir.path().exists() && !data_dir.master_key().exists() && fs::read_dir(data_dir.path())?.next().is_some() {
        return Err(CliError::new(format!(
            "{} is not a data directory of tenantry; it was left as it is",
            data_dir.path().display()
        ))
        .hint("name the right one with --data-dir"));
    }
    if data_dir.postgres().exists() {
        cluster::erase(&data_dir.postgres()).await?;
    }
    for folder in [data_dir.mail(), data_dir.backups(), data_dir.files()] {
        unless_gone(fs::remove_dir_all(folder))?;
    }
    // The key last: without it nobody could ask for this again after an interruption.
    for file in [data_dir.running(), data_dir.first_password(), data_dir.master_key()] {
        unless_gone(fs::remove_file(file))?;
    }
    // It stays where somebody keeps other things in it.
    let _ = fs::remove_dir(data_dir.path());
    Ok(())
}

fn unless_gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    removed.or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// A new directory lets others pass through, because PostgreSQL runs as another user when root starts it; what is secret
/// in it has its own permissions.
fn prepare(data_dir: &DataDir) -> Failed<()> {
    cluster::make_dir(data_dir.path())?;
    for private in [data_dir.mail(), data_dir.backups(), data_dir.files()] {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(private)?;
    }
    if !data_dir.master_key().exists() {
        cluster::write_private(&data_dir.master_key(), &MasterKey::generate().map_err(CliError::new)?)?;
    }
    Ok(())
}

fn first_password(data_dir: &DataDir) -> Failed<String> {
    if let Ok(password) = fs::read_to_string(data_dir.first_password()) {
        return Ok(password.trim().to_owned());
    }
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(CliError::new)?;
    let password = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    cluster::write_private(&data_dir.first_password(), &password)?;
    Ok(password)
}
