//! The capabilities put together.

use std::{path::PathBuf, sync::Arc, time::Duration};

use actix_web::web::{Data, ServiceConfig};
use deadpool_postgres::Pool;
use tenancy::{
    EmailAddress, NamePrefix,
    http::{Readiness, Route, register, register_pages},
    migrate::Migrations,
    secrets::MasterKey,
};
use tokio::task::JoinSet;
use tokio_postgres::Config;
use ui::{SignIn, Site, error_page};

use crate::{
    adoption::Adoption,
    backups::Backups,
    console::{self, Desk},
    doctor::Doctor,
    fleet::{self, Fleet},
    identity::{self, Identity, IdentityError, Password, PasswordError},
    mail::{self, Bell, Mailer, Transport},
    packages::{self, Packages},
    platform::{self, StoreError},
    provisioning::{self, Fault, ProvisionError, Provisioning},
    reconciler,
    servers::{ServerError, Servers},
    signup::{self, Signup},
    tenants::{self, Tenants},
};

/// What an operator can set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Mail.
    pub mail: mail::Settings,
    /// Signing up.
    pub signup: signup::Settings,
    /// Sign-ins and tokens.
    pub identity: identity::Settings,
    /// Stock and roles.
    pub provisioning: provisioning::Settings,
    /// When tenants are migrated.
    pub fleet: fleet::Settings,
}

/// What a control plane is made of.
pub struct Options {
    /// An administrator's login in the platform database.
    pub admin: Config,
    /// Connections that are kept to it.
    pub connections: usize,
    /// What every database and role of tenants begins with.
    pub prefix: NamePrefix,
    /// The key of all secrets.
    pub master_key: Arc<MasterKey>,
    /// Where mails are kept as files when no mail server is configured.
    pub mail_folder: Option<PathBuf>,
    /// Where final backups go.
    pub backups: Backups,
    /// What an operator can set.
    pub settings: Settings,
    /// The name below which workspaces have theirs, as the runtimes know it.
    pub base_domain: String,
    /// Whether browsers may reach the pages by plain HTTP; for development.
    pub allow_plain_http: bool,
    /// For tests: steps that fail.
    pub fault: Fault,
}

/// Why the control plane can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A pool can't be built.
    #[error("the pool on the platform database can't be built: {0}")]
    Pool(#[from] deadpool_postgres::BuildError),
    /// A setting does not hold.
    #[error("{0}")]
    Setting(String),
    /// The platform database is older than this program.
    #[error(
        "the platform database is at version {found}, and this program needs {needed}; run: tenantry migrate platform"
    )]
    Behind {
        /// What it is at.
        found: i32,
        /// What this program needs.
        needed: i32,
    },
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A server can't be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Tenants can't be made.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// A user can't be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A password does not hold.
    #[error("the password {0}")]
    Password(#[from] PasswordError),
}

/// The capabilities of the control plane. A clone is the same one.
#[derive(Clone)]
pub struct ControlPlane {
    /// Servers that hold tenant databases.
    pub servers: Servers,
    /// What is sold.
    pub packages: Packages,
    /// Makes and unmakes tenant databases.
    pub provisioning: Provisioning,
    /// The registry of tenants.
    pub tenants: Tenants,
    /// Makes tenants of existing applications.
    pub adoption: Adoption,
    /// Who people are.
    pub identity: Identity,
    /// The signup wizard's API.
    pub signup: Signup,
    /// Finds and mends differences.
    pub doctor: Doctor,
    /// Brings tenants to the current schema version.
    pub fleet: Fleet,
    site: Site,
    desk: Desk,
    mailer: Option<Mailer>,
    pool: Pool,
    admin: Config,
    unverified_days: u16,
}

impl ControlPlane {
    /// Puts the capabilities together; nothing is connected to and nothing runs yet.
    ///
    /// # Errors
    /// [`StartError`] when a setting does not hold.
    pub fn new(options: Options) -> Result<Self, StartError> {
        let Options {
            admin,
            connections,
            prefix,
            master_key,
            mail_folder,
            backups,
            settings,
            base_domain,
            allow_plain_http,
            fault,
        } = options;
        let pool = platform::pool(&admin, connections)?;
        let bell = Bell::default();
        let site = Site::new(master_key.clone(), !allow_plain_http);
        let mailer = mailer(&pool, mail_folder, &settings.mail, &bell)?;
        let servers = Servers::new(pool.clone(), admin.clone(), master_key.clone());
        let migrations = match &settings.provisioning.migrations {
            Some(folder) => Migrations::read(folder).map_err(StartError::Setting)?,
            None => provisioning::tenant_migrations(),
        };
        let provisioning = Provisioning::new(
            pool.clone(),
            servers.clone(),
            prefix,
            master_key.clone(),
            migrations,
            backups,
            settings.provisioning,
            fault,
        );
        let tenants = Tenants::new(pool.clone(), provisioning.clone(), bell.clone(), settings.signup.trial_days);
        let packages = Packages::new(pool.clone());
        let adoption = Adoption::new(tenants.clone(), packages.clone(), provisioning.clone());
        let identity = Identity::new(pool.clone(), &master_key, bell.clone(), settings.identity);
        let unverified_days = settings.signup.unverified_expire_days;
        let signup = Signup::new(
            pool.clone(),
            master_key,
            identity.clone(),
            tenants.clone(),
            packages.clone(),
            settings.signup,
            base_domain,
        );
        let doctor = Doctor::new(pool.clone(), provisioning.clone());
        let fleet = Fleet::new(pool.clone(), admin.clone(), provisioning.clone(), settings.fleet);
        Ok(Self {
            servers,
            packages,
            provisioning,
            tenants,
            adoption,
            identity,
            signup,
            doctor,
            fleet,
            site,
            desk: Desk::new(pool.clone()),
            mailer,
            pool,
            admin,
            unverified_days,
        })
    }

    /// Gets the platform ready for tenants and starts what runs in the background.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(&self) -> Result<Background, StartError> {
        let (found, needed) = (platform::version(&self.pool).await?, platform::migrations().version());
        if found < needed {
            return Err(StartError::Behind { found, needed });
        }
        self.servers.platform().await?;
        self.provisioning.prepare().await?;
        self.identity.publish().await?;
        let mut tasks = reconciler::start(
            self.admin.clone(),
            self.provisioning.clone(),
            self.tenants.clone(),
            self.doctor.clone(),
            self.servers.clone(),
            self.fleet.clone(),
            self.unverified_days,
        );
        if let Some(mailer) = self.mailer.clone() {
            let mailer = Arc::new(mailer);
            reconciler::round(&mut tasks, "mail", move || {
                let mailer = mailer.clone();
                async move { mailer.run().await }
            });
        }
        let (identity, signup, mailer) = (self.identity.clone(), self.signup.clone(), self.mailer.clone());
        reconciler::round(&mut tasks, "tending", move || tend(identity.clone(), signup.clone(), mailer.clone()));
        Ok(Background { tasks })
    }

    /// Makes a super-admin, unless there is a user with that address.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn ensure_super_admin(&self, email: &str, password: &str) -> Result<(), StartError> {
        let email = EmailAddress::parse(email).map_err(|error| StartError::Setting(error.to_string()))?;
        let password = Password::parse(password.to_owned(), Some(&email))?;
        self.identity.create_super_admin(email, "Super-admin", password).await?;
        Ok(())
    }

    /// Every route of the control plane.
    #[must_use]
    pub fn routes() -> Vec<Route> {
        [identity::routes(), signup::routes(), packages::api::routes(), fleet::api::routes()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Every page of the control plane.
    #[must_use]
    pub fn pages() -> Vec<Route> {
        [Self::own_pages(), console::pages()].into_iter().flatten().collect()
    }

    /// Those that lead to a workspace, and not to the console of those who run the platform.
    fn own_pages() -> Vec<Route> {
        [identity::pages(), signup::pages(), tenants::pages(), ui::asset_routes()].into_iter().flatten().collect()
    }

    /// Serves the routes, and the pages.
    pub fn configure(&self, config: &mut ServiceConfig) {
        let errors = error_page(SignIn { path: "/session", home: "/app" });
        config
            .app_data(Data::new(self.site.clone()))
            .app_data(Data::new(self.identity.clone()))
            .app_data(Data::new(self.signup.clone()))
            .app_data(Data::new(self.tenants.clone()))
            .app_data(Data::new(self.packages.clone()))
            .app_data(Data::new(self.fleet.clone()))
            .app_data(Data::new(self.tenants.clone()))
            .app_data(Data::new(self.servers.clone()))
            .app_data(Data::new(self.provisioning.clone()))
            .app_data(Data::new(self.doctor.clone()))
            .app_data(Data::new(self.desk.clone()));
        register(config, "", &Self::routes(), identity::guarded(self.identity.clone()));
        register_pages(config, &Self::own_pages(), &errors, identity::guarded_pages(self.identity.clone()));
        let errors = error_page(SignIn { path: "/admin/login", home: "/admin" });
        register_pages(config, &console::pages(), &errors, identity::guarded_pages(self.identity.clone()));
    }

    /// Adds what must hold before the control plane is sent requests.
    #[must_use]
    pub fn readiness(&self, readiness: Readiness) -> Readiness {
        let pool = self.pool.clone();
        readiness.with("platform_database", move || {
            let pool = pool.clone();
            async move {
                let client = pool.get().await.map_err(|_| "can't be reached".to_owned())?;
                client.simple_query("SELECT 1").await.map(|_| ()).map_err(|_| "does not answer".to_owned())
            }
        })
    }
}

/// What runs in the background; it ends when this is stopped or dropped.
pub struct Background {
    tasks: JoinSet<()>,
}

impl Background {
    /// Ends it. What is in the middle of something is finished by whoever comes next.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn mailer(
    pool: &Pool,
    folder: Option<PathBuf>,
    settings: &mail::Settings,
    bell: &Bell,
) -> Result<Option<Mailer>, StartError> {
    let transport = match (&settings.url, folder) {
        (Some(url), _) => Transport::smtp(url).map_err(|error| StartError::Setting(format!("mail.url {error}")))?,
        (None, Some(folder)) => Transport::folder(&folder),
        (None, None) => return Ok(None),
    };
    let mailer = Mailer::new(pool.clone(), transport, settings, bell.clone());
    mailer.map(Some).map_err(|error| StartError::Setting(format!("mail.from must be: Name <address>: {error}")))
}

/// How often what is over is forgotten.
const TEND: Duration = Duration::from_secs(300);

async fn tend(identity: Identity, signup: Signup, mailer: Option<Mailer>) {
    let mut round = tokio::time::interval(TEND);
    loop {
        round.tick().await;
        if let Err(error) = identity.tend().await {
            tracing::warn!(%error, "old tokens can't be deleted now");
        }
        if let Err(error) = signup.tend().await {
            tracing::warn!(%error, "old signup keys can't be deleted now");
        }
        if let Some(mailer) = &mailer
            && let Err(error) = mailer.tend().await
        {
            tracing::warn!(%error, "old mails can't be deleted now");
        }
    }
}
