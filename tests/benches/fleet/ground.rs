//! A platform with many tenants, and a program that gets a new migration whenever it is told to.

use std::time::Duration;

use control_plane::{
    ControlPlane,
    fleet::{Policy, Progress, RunState, Stop, Summary},
    provisioning::Fault,
};
use futures_util::{StreamExt, stream};
use tempfile::TempDir;
use tenancy::{DatabaseName, TenantSlug};
use tenantry::serving::Platform;
use tests::{
    measure::served::{Served, Wanted},
    migrations::{self, BUILT_IN},
    within,
};
use tokio::{sync::watch, time::Instant};

pub(crate) struct Ground {
    pub(crate) served: Served,
    pub(crate) slugs: Vec<TenantSlug>,
    pub(crate) folder: TempDir,
    pub(crate) version: i32,
}

impl Ground {
    pub(crate) async fn with(count: usize) -> Self {
        let served = Served::with(Wanted { planes: "all", budget: 60, max_connections: 200 }).await;
        let births = (1..count).map(|_| served.empty());
        let born: Vec<_> = stream::iter(births).buffered(8).collect().await;
        let slugs = born.iter().chain([&served.born]).map(|born| born.tenant.slug.clone()).collect();
        served.platform_session().await.batch_execute("CHECKPOINT").await.unwrap();
        Self { served, slugs, folder: migrations::with(&[]), version: BUILT_IN }
    }

    pub(crate) fn databases(&self) -> Vec<DatabaseName> {
        let prefix = &self.served.platform.settings.database.prefix;
        self.slugs.iter().map(|slug| prefix.tenant_database(slug)).collect()
    }

    /// Adds migrations.
    pub(crate) fn add(&mut self, more: &[&str]) {
        migrations::add(self.folder.path(), self.version + 1, more);
        self.version += i32::try_from(more.len()).unwrap();
    }

    /// The program, with the migrations that there are now.
    pub(crate) fn program(&self) -> ControlPlane {
        let mut settings = self.served.platform.settings.clone();
        settings.provisioning.migrations = Some(self.folder.path().to_path_buf());
        Platform::new(settings).unwrap().control_plane(Fault::default()).unwrap()
    }

    /// Waits until stock is replaced, which databases of the last version are, and writes out what was done until now.
    pub(crate) async fn settle(&self) {
        let session = self.served.platform_session().await;
        let sql =
            "SELECT count(*) = 0 FROM stock s, schema_target t WHERE s.schema_version <> t.version OR NOT s.ready";
        let replaced = async || session.query_one(sql, &[]).await.unwrap().get::<_, bool>(0).then_some(());
        within(Duration::from_secs(120), "stock to be replaced", replaced).await;
        session.batch_execute("CHECKPOINT").await.unwrap();
    }

    /// Brings everybody up, and how long that took in all.
    pub(crate) async fn migrate(&self, policy: &Policy) -> (Duration, Summary) {
        let program = self.program();
        let (progress, stop) = (watch::channel(Progress::default()).0, Stop::default());
        let began = Instant::now();
        let summary = program.fleet.migrate(policy, "bench", &progress, &stop).await.unwrap();
        let took = began.elapsed();
        assert_eq!((summary.run.state, summary.run.failed), (RunState::Done, 0), "{summary:?}");
        (took, summary)
    }

    pub(crate) async fn strike(self) {
        self.served.stop().await;
    }
}
