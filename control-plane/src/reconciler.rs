//! What the control plane does by itself: it goes on with what was interrupted, keeps stock, mends what the doctor may
//! mend unasked, lets unverified signups expire. It takes no input and can be stopped at any moment; it wakes by signal
//! and by timer.

use std::{sync::Arc, time::Duration};

use tenancy::postgres::{Heard, listen};
use tokio::{sync::Notify, task::JoinSet};
use tokio_postgres::Config;

use crate::{doctor::Doctor, provisioning::Provisioning, tenants::Tenants};

/// The longest that an interrupted saga lies still, and that a suspended tenant's sessions survive a crash of the
/// control plane in the moment of suspending.
const SAGA_ROUND: Duration = Duration::from_secs(2);
/// How often stock is looked at although nobody took any.
const STOCK_ROUND: Duration = Duration::from_secs(10);
/// How often the platform database is compared with the servers.
const DOCTOR_ROUND: Duration = Duration::from_secs(30);
/// How often unverified signups are looked for.
const EXPIRY_ROUND: Duration = Duration::from_secs(3600);

/// Starts the rounds; they end with the returned set.
pub(crate) fn start(
    platform: Config,
    provisioning: Provisioning,
    tenants: Tenants,
    doctor: Doctor,
    unverified_days: u16,
) -> JoinSet<()> {
    let mut rounds = JoinSet::new();
    let (begun, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    rounds.spawn(signals(platform, begun.clone(), asked.clone()));
    rounds.spawn(sagas(provisioning.clone(), begun));
    rounds.spawn(stock(provisioning));
    rounds.spawn(examine(doctor, asked));
    rounds.spawn(expire(tenants, unverified_days));
    rounds
}

/// A saga was begun: whoever began it usually runs it as well; this is for those that die at it.
const SAGAS: &str = "tenantry_sagas";
/// Somebody wants the servers examined now: `NOTIFY tenantry_doctor`.
const DOCTOR: &str = "tenantry_doctor";

async fn signals(platform: Config, sagas: Arc<Notify>, doctor: Arc<Notify>) {
    let mut heard = listen(platform, &[SAGAS, DOCTOR]);
    while let Some(heard) = heard.recv().await {
        match heard {
            Heard::Notification(channel, _) if channel == DOCTOR => doctor.notify_one(),
            Heard::Notification(..) => sagas.notify_one(),
            // PostgreSQL may have crashed in the middle of something.
            Heard::Connected => {
                sagas.notify_one();
                doctor.notify_one();
            }
            Heard::Lost => {}
        }
    }
}

async fn sagas(provisioning: Provisioning, begun: Arc<Notify>) {
    loop {
        if let Err(error) = provisioning.resume_sagas().await {
            tracing::warn!(%error, "the sagas can't be looked at now");
        }
        if let Err(error) = provisioning.enforce_fences().await {
            tracing::warn!(%error, "the fences of suspended tenants can't be looked at now");
        }
        let _ = tokio::time::timeout(SAGA_ROUND, begun.notified()).await;
    }
}

async fn stock(provisioning: Provisioning) {
    loop {
        if let Err(error) = provisioning.refill().await {
            tracing::warn!(%error, "stock can't be made now");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let _ = tokio::time::timeout(STOCK_ROUND, provisioning.stock_taken()).await;
    }
}

async fn examine(doctor: Doctor, asked: Arc<Notify>) {
    loop {
        match doctor.mend_unasked().await {
            Ok(0) => {}
            Ok(mended) => tracing::info!(mended, "differences between the platform and its servers were mended"),
            Err(error) => tracing::warn!(%error, "the servers can't be examined now"),
        }
        let _ = tokio::time::timeout(DOCTOR_ROUND, asked.notified()).await;
    }
}

/// 0 days is never.
async fn expire(tenants: Tenants, days: u16) {
    if days == 0 {
        return;
    }
    let mut round = tokio::time::interval(EXPIRY_ROUND);
    loop {
        round.tick().await;
        let expired = match tenants.expired_unverified(days).await {
            Ok(expired) => expired,
            Err(error) => {
                tracing::warn!(%error, "expired signups can't be looked for now");
                continue;
            }
        };
        for (tenant, slug) in expired {
            match tenants.delete(&slug, true, "expiry").await {
                Ok(_) => tracing::info!(%tenant, %slug, "a signup whose address was never verified has expired"),
                Err(error) => tracing::warn!(%tenant, %slug, %error, "an expired signup can't be deleted now"),
            }
        }
    }
}
