//! `tenantry serve`

use clap::{Args, ValueEnum};
use control_plane::provisioning::Fault;
use tokio::signal::unix::{SignalKind, signal};

use super::Common;
use crate::{
    Failed,
    config::load,
    serving::{Planes, Platform, Serving},
};

/// Serves one plane or both on the configured database, until it is asked to end.
#[derive(Args)]
#[command(after_help = "Example:\n  TENANTRY__DATABASE__URL=postgres://… tenantry serve all")]
pub(super) struct Serve {
    /// Which
    planes: Which,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// Signup, sign-in, provisioning
    ControlPlane,
    /// Tenants' data
    Runtime,
    /// Both on one port
    All,
}

impl Serve {
    pub(super) async fn run(self, common: Common) -> Failed<()> {
        let settings = load(common.config.as_deref())?;
        tenancy::telemetry::logs(settings.log.format, &settings.log.filter);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let planes = match self.planes {
            Which::ControlPlane => Planes::ControlPlane,
            Which::Runtime => Planes::Runtime,
            Which::All => Planes::All,
        };
        let serving = Serving::start(&Platform::new(settings)?, planes, Fault::default()).await?;
        tracing::info!(address = %serving.address, "ready");
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        serving.stop().await
    }
}
