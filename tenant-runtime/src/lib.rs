//! The tenant runtime: serves tenants. Who asks, for which tenant, then that tenant's own database, then a module.

mod console;
mod context;
mod figures;
mod files;
mod modules;
mod pools;
mod settings;
mod usage;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{HttpResponse, web};
pub use context::Tenant;
use context::{Directory, Guard, Keeper, Tokens, Upgrades};
use files::Files;
pub use modules::{pages, routes};
use pools::Pools;
pub use pools::{Parameter, QueryError, Statement};
pub use settings::{FILES, SERVES, Settings};
use tenancy::{
    NamePrefix, Problem,
    http::{Readiness, json_config, path_config, register, register_pages},
    secrets::MasterKey,
};
use tokio::{sync::mpsc, task::AbortHandle};
use tokio_postgres::Config;
use ui::{SignIn, Site, error_page};
use usage::Recorder;

/// Where the routes are served: the tenant is the token's in both, and named once more in the second.
pub const PREFIXES: [&str; 2] = ["/api/v1", "/api/{slug}"];

/// How often figures are taken and idle connections looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often what was counted is brought to the record.
const RECORD_EVERY: Duration = Duration::from_secs(5);
/// How many questions may wait for the platform database to be read.
const QUESTIONS: usize = 1024;

/// What a runtime is started with.
pub struct RuntimeOptions {
    /// The platform database, as the runtime's own role that may only read.
    pub platform: Config,
    /// What tenants' databases and roles begin with.
    pub prefix: NamePrefix,
    /// What the passwords of tenants' roles are derived from.
    pub master_key: Arc<MasterKey>,
    /// What the operator has set.
    pub settings: Settings,
    /// Whether browsers may reach the pages by plain HTTP; for development.
    pub allow_plain_http: bool,
}

/// Why a runtime could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting can't work.
    #[error("{0}")]
    Settings(String),
    /// The platform database refuses us, or is not one.
    #[error("the runtime can't read the platform database: {0}")]
    Platform(String),
}

/// A running tenant runtime; clones are the same one.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    guard: Arc<Guard>,
    site: Site,
    recorder: Arc<tokio::sync::Mutex<Recorder>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Runtime {
    /// Reads the platform database and starts to follow its changes. When it can't be reached just now the runtime
    /// starts all the same, and is ready once it could.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(options: RuntimeOptions) -> Result<Self, StartError> {
        let RuntimeOptions { platform, prefix, master_key, settings, allow_plain_http } = options;
        let site = Site::new(master_key.clone(), !allow_plain_http);
        settings.check().map_err(StartError::Settings)?;
        let files = Files::open(&settings.files).map_err(StartError::Settings)?;
        let max_file_bytes = settings.max_file_mb.saturating_mul(1024 * 1024);
        let base_domain = settings.base_domain.clone();
        let (sender, asks) = mpsc::channel(QUESTIONS);
        let directory = Arc::new(Directory::new(sender));
        let tokens = Arc::new(Tokens::new());
        let upgrades = Upgrades::new(settings.serves.clone());
        let pools = Pools::new(platform.clone(), prefix, master_key, settings);

        let mut keeper = Keeper::new(platform, asks, directory.clone(), tokens.clone(), pools.clone());
        match keeper.reload().await {
            Ok(()) => {
                keeper.share().await;
                tracing::info!(tenants = directory.len(), "the runtime knows its tenants");
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the platform database can't be reached yet");
            }
            Err(error) => return Err(StartError::Platform(error.to_string())),
        }
        let guard = Arc::new(Guard { tokens, directory, pools, upgrades, files, max_file_bytes, base_domain });
        let recorder = Arc::<tokio::sync::Mutex<Recorder>>::default();
        let tasks = [
            tokio::spawn(keeper.run()),
            tokio::spawn(housekeeping(guard.clone())),
            tokio::spawn(metering(guard.clone(), recorder.clone())),
        ];
        let tasks = Mutex::new(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
        Ok(Self(Arc::new(Inner { guard, site, recorder, tasks })))
    }

    /// Serves every route, behind its guard.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        config.app_data(json_config()).app_data(path_config()).app_data(web::Data::new(self.0.site.clone()));
        for prefix in PREFIXES {
            register(config, prefix, &routes(), |access, route| self.0.guard.around(access, route));
        }
        let errors = error_page(SignIn { path: "/session", home: "/app" });
        register_pages(config, &pages(), &errors, |access, route| self.0.guard.around_page(access, route));
        config.service(web::scope("/app").app_data(errors).default_service(web::to(nowhere)));
    }

    /// Adds what must hold before requests are sent here: that the tenants were read once. A platform database that is
    /// lost later does not take the runtime out: it serves the tenants that it knows.
    #[must_use]
    pub fn readiness(&self, readiness: Readiness) -> Readiness {
        let directory = self.0.guard.directory.clone();
        readiness.with("tenants", move || {
            let loaded = directory.is_loaded();
            async move { if loaded { Ok(()) } else { Err("the platform database was not read yet".to_owned()) } }
        })
    }

    /// Brings what was counted to the record, ends what runs in the background and closes idle connections; requests on
    /// their way finish.
    pub async fn stop(&self) {
        if !self.0.recorder.lock().await.record(&self.0.guard.directory).await {
            tracing::warn!("what tenants used last could not be recorded: the platform database can't be reached");
        }
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
        self.0.guard.pools.close();
    }
}

async fn nowhere() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("page"))
}

async fn housekeeping(guard: Arc<Guard>) {
    let mut timer = tokio::time::interval(SWEEP_EVERY);
    loop {
        timer.tick().await;
        guard.pools.sweep();
        figures::publish(&guard);
    }
}

async fn metering(guard: Arc<Guard>, recorder: Arc<tokio::sync::Mutex<Recorder>>) {
    let mut timer = tokio::time::interval(RECORD_EVERY);
    loop {
        timer.tick().await;
        recorder.lock().await.record(&guard.directory).await;
    }
}
