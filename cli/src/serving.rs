//! The planes, assembled from the configuration and served over HTTP. Tests start the same.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, middleware::from_fn, web};
use control_plane::{ControlPlane, provisioning::Fault};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use secrecy::ExposeSecret;
use tenancy::{
    Problem,
    http::{Readiness, health_routes, json_config, observe, path_config, query_config},
    postgres::as_role,
    secrets::MasterKey,
    telemetry::figures,
};
use tenant_runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::Config;
use ui::nowhere_page;

use crate::{
    CliError, Failed,
    config::{ConfigError, Http, Settings},
    description,
};

/// Which planes a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planes {
    /// Signup, sign-in, provisioning.
    ControlPlane,
    /// Tenants' data.
    Runtime,
    /// Both on one port.
    All,
}

impl Planes {
    pub(crate) const fn has_control_plane(self) -> bool {
        matches!(self, Self::ControlPlane | Self::All)
    }

    pub(crate) const fn has_runtime(self) -> bool {
        matches!(self, Self::Runtime | Self::All)
    }

    const fn service(self) -> &'static str {
        match self {
            Self::ControlPlane => "tenantry-control-plane",
            Self::Runtime => "tenantry-runtime",
            Self::All => "tenantry",
        }
    }
}

/// What every part of the program needs to reach the platform.
pub struct Platform {
    /// An administrator's login on the server, in the database that the URL names.
    pub server: Config,
    /// The same login in the platform database.
    pub admin: Config,
    /// The key of all secrets.
    pub master_key: Arc<MasterKey>,
    /// Where mails are kept as files when no mail server is configured.
    pub mail_folder: Option<PathBuf>,
    /// The settings that this was read from.
    pub settings: Settings,
}

impl Platform {
    /// Reads what is needed from the settings.
    ///
    /// # Errors
    /// When the URL or the master key is missing or can't be read.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let needed = |what, variable| ConfigError::Needed { what, variable };
        let url = settings.database.url.as_ref().ok_or(needed("the database", "TENANTRY__DATABASE__URL"))?;
        let server =
            tenancy::postgres::parse_url(url.expose_secret(), "tenantry").map_err(|error| ConfigError::Wrong {
                key: "database.url",
                reason: format!("must be a URL like postgres://admin:password@host:5432/postgres: {error}"),
            })?;
        let key =
            settings.security.master_key.as_ref().ok_or(needed("the master key", "TENANTRY__SECURITY__MASTER_KEY"))?;
        let master_key = MasterKey::parse(key.expose_secret())
            .map_err(|error| ConfigError::Wrong { key: "security.master_key", reason: error.to_string() })?;
        let admin = tenancy::postgres::on_database(&server, &settings.database.name);
        Ok(Self { server, admin, master_key: Arc::new(master_key), mail_folder: None, settings })
    }

    /// The control plane's capabilities; nothing runs yet.
    ///
    /// # Errors
    /// When a setting does not hold.
    pub fn control_plane(&self, fault: Fault) -> Failed<ControlPlane> {
        let settings = &self.settings;
        Ok(ControlPlane::new(control_plane::Options {
            admin: self.admin.clone(),
            connections: settings.database.connections,
            prefix: settings.database.prefix.clone(),
            master_key: self.master_key.clone(),
            mail_folder: self.mail_folder.clone(),
            backups: control_plane::backups::Backups::new(
                settings.backups.folder.clone(),
                settings.backups.pg_dump.clone(),
            ),
            settings: control_plane::Settings {
                mail: settings.mail.clone(),
                signup: settings.signup,
                identity: settings.identity,
                provisioning: settings.provisioning.clone(),
                fleet: settings.fleet.clone(),
            },
            base_domain: settings.runtime.base_domain.clone(),
            allow_plain_http: settings.http.allow_plain,
            fault,
        })?)
    }

    /// Makes the platform database where it is missing, and brings it to this program's version.
    ///
    /// # Errors
    /// When the server can't be reached or a migration fails.
    pub async fn migrate(&self) -> Failed<usize> {
        control_plane::platform::ensure_database(&self.server, &self.settings.database.name).await?;
        Ok(control_plane::platform::migrate(&self.admin).await?)
    }

    /// The tenant runtime, reading the platform database as its own role.
    ///
    /// # Errors
    /// When the platform database can't be reached.
    pub async fn runtime(&self) -> Failed<Runtime> {
        let database = &self.settings.database;
        let password = self.master_key.runtime_password();
        let options = tenant_runtime::RuntimeOptions {
            platform: as_role(&self.admin, &database.name, &database.prefix.runtime_role(), password.expose()),
            prefix: database.prefix.clone(),
            master_key: self.master_key.clone(),
            settings: self.settings.runtime.clone(),
            allow_plain_http: self.settings.http.allow_plain,
        };
        Runtime::start(options).await.map_err(CliError::new)
    }
}

/// Planes that are being served.
pub struct Serving {
    /// The address, with the port that was taken.
    pub address: SocketAddr,
    /// The control plane, where it is among them.
    pub control_plane: Option<ControlPlane>,
    /// The runtime, where it is among them.
    pub runtime: Option<Runtime>,
    background: Option<control_plane::Background>,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
}

/// How long requests under way may take to end when the program stops.
const GRACE: Duration = Duration::from_secs(10);
/// How long a connection stays open without a request, its first one included. Longer than programs and proxies keep
/// theirs, which is 90 seconds at most with those in wide use: otherwise it would now and then be closed, or answered
/// with 408, in the moment in which they send a request on it.
const IDLE: Duration = Duration::from_secs(100);

impl Serving {
    /// Starts the planes and listens on the configured address. Ready when this returns.
    ///
    /// # Errors
    /// When the address is in use, or the platform database can't be used.
    pub async fn start(platform: &Platform, planes: Planes, fault: Fault) -> Failed<Self> {
        Self::start_after(platform, planes, fault, async |_, _| Ok(())).await
    }

    /// [`Serving::start`], with something to do once the address is taken and the planes have started, before the
    /// first request is answered.
    pub(crate) async fn start_after(
        platform: &Platform,
        planes: Planes,
        fault: Fault,
        first: impl AsyncFnOnce(SocketAddr, Option<&ControlPlane>) -> Failed<()>,
    ) -> Failed<Self> {
        let http = &platform.settings.http;
        let listener = TcpListener::bind(&http.bind).map_err(|error| {
            CliError::new(format!("{} can't be listened on: {error}", http.bind))
                .hint("another program may have the port; choose one with --port or TENANTRY__HTTP__BIND")
        })?;
        let address = listener.local_addr()?;
        figures();
        let mut readiness = Readiness::default();
        let (mut control_plane, mut background, mut runtime) = (None, None, None);
        if planes.has_control_plane() {
            let plane = platform.control_plane(fault)?;
            background = Some(plane.start().await?);
            readiness = plane.readiness(readiness);
            control_plane = Some(plane);
        }
        if planes.has_runtime() {
            let plane = platform.runtime().await?;
            readiness = plane.readiness(readiness);
            runtime = Some(plane);
        }
        first(address, control_plane.as_ref()).await?;
        let server = Self::listen(listener, http, planes, readiness, control_plane.clone(), runtime.clone())?;
        let handle = server.handle();
        let server = tokio::spawn(server);
        Ok(Self { address, control_plane, runtime, background, handle, server })
    }

    fn listen(
        listener: TcpListener,
        http: &Http,
        planes: Planes,
        readiness: Readiness,
        control_plane: Option<ControlPlane>,
        runtime: Option<Runtime>,
    ) -> std::io::Result<actix_web::dev::Server> {
        let proxies = web::Data::new(http.trusted_proxies.clone());
        let description = description::of(planes);
        let server = HttpServer::new(move || {
            let (readiness, control_plane, runtime) = (readiness.clone(), control_plane.clone(), runtime.clone());
            let description = description.clone();
            App::new()
                .app_data(json_config())
                .app_data(query_config())
                .app_data(path_config())
                .app_data(proxies.clone())
                .app_data(nowhere_page())
                .configure(move |config| {
                    health_routes(config, planes.service(), readiness);
                    config.route("/metrics", web::get().to(metrics));
                    description::routes(config, description);
                    if let Some(plane) = &control_plane {
                        plane.configure(config);
                    }
                    if let Some(plane) = &runtime {
                        plane.configure(config);
                    }
                })
                .default_service(web::to(nowhere))
                .wrap(from_fn(observe))
        });
        let workers = match http.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            workers => workers,
        };
        // A client that hangs up is noticed at once, and its statement cancelled.
        let server = server.h1_allow_half_closed(false).keep_alive(IDLE).client_request_timeout(IDLE);
        open_as_many_as_allowed();
        let server = server.workers(workers).disable_signals().shutdown_timeout(GRACE.as_secs());
        Ok(server.listen(listener)?.run())
    }

    /// Ends requests under way, then everything else.
    ///
    /// # Errors
    /// When the server had failed before.
    pub async fn stop(self) -> Failed<()> {
        self.handle.stop(true).await;
        if let Some(runtime) = &self.runtime {
            runtime.stop().await;
        }
        if let Some(background) = self.background {
            background.stop().await;
        }
        self.server.await.map_err(CliError::new)??;
        Ok(())
    }
}

/// Every connection is an open file, and what a login may have open is often set for programs of another kind.
fn open_as_many_as_allowed() {
    let allowed = getrlimit(Resource::Nofile);
    // Where the system says no, connections wait, as they would have without.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed });
}

async fn nowhere() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("page"))
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(figures().render())
}
