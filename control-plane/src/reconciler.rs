//! What the control plane does by itself: it goes on with what was interrupted, keeps stock, mends what the doctor may
//! mend unasked, lets unverified signups expire. It takes no input and can be stopped at any moment; it wakes by signal
//! and by timer.

use std::{collections::HashSet, hash::Hash, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;

use tenancy::postgres::{Heard, listen};
use tokio::{sync::Notify, task::JoinSet};
use tokio_postgres::Config;
use uuid::Uuid;

use crate::{
    doctor::Doctor, fleet::Fleet, platform::StoreError, provisioning::Provisioning, servers::Servers, tenants::Tenants,
};

/// The longest that an interrupted saga lies still.
const SAGA_ROUND: Duration = Duration::from_secs(2);
/// The longest that a suspended tenant's sessions survive a crash of the control plane in the moment of suspending.
const FENCE_ROUND: Duration = Duration::from_secs(2);
/// How often stock is looked at although nobody took any.
const STOCK_ROUND: Duration = Duration::from_secs(10);
/// How often the platform database is compared with the servers.
const DOCTOR_ROUND: Duration = Duration::from_secs(30);
/// How often the control plane says that it is alive and has its part of the servers' connections.
const CONNECTIONS_ROUND: Duration = Duration::from_secs(15);
/// How often tenants that are waited for are looked for although nobody said anything.
const UPGRADE_ROUND: Duration = Duration::from_secs(2);
/// How often the fleet's figures are taken.
const FLEET_ROUND: Duration = Duration::from_secs(15);
/// How often unverified signups are looked for.
const EXPIRY_ROUND: Duration = Duration::from_secs(3600);

/// Starts the rounds; they end with the returned set.
pub(crate) fn start(
    platform: Config,
    provisioning: Provisioning,
    tenants: Tenants,
    doctor: Doctor,
    servers: Servers,
    fleet: Fleet,
    unverified_days: u16,
) -> JoinSet<()> {
    let mut rounds = JoinSet::new();
    let woken = Arc::new(Woken::default());
    let wakers = woken.clone();
    round(&mut rounds, "signals", move || signals(platform.clone(), wakers.clone()));
    let (makers, begun) = (provisioning.clone(), woken.clone());
    round(&mut rounds, "sagas", move || sagas(makers.clone(), begun.clone()));
    let guards = provisioning.clone();
    round(&mut rounds, "fences", move || fences(guards.clone()));
    round(&mut rounds, "connections", move || claim(servers.clone(), Uuid::now_v7()));
    round(&mut rounds, "stock", move || stock(provisioning.clone()));
    let asked = woken.clone();
    round(&mut rounds, "doctor", move || examine(doctor.clone(), asked.clone()));
    let asked_for = fleet.clone();
    round(&mut rounds, "upgrades", move || upgrades(asked_for.clone(), woken.clone()));
    round(&mut rounds, "fleet", move || progress(fleet.clone()));
    if unverified_days > 0 {
        round(&mut rounds, "expiry", move || expire(tenants.clone(), unverified_days));
    }
    rounds
}

/// Runs a round for as long as the set lives. A fault of ours in one must not end it for good, and unnoticed.
pub(crate) fn round<R>(rounds: &mut JoinSet<()>, name: &'static str, run: impl Fn() -> R + Send + 'static)
where
    R: Future<Output = ()> + Send + 'static,
{
    rounds.spawn(async move {
        loop {
            if AssertUnwindSafe(run()).catch_unwind().await.is_err() {
                tracing::error!(name, "a round of the control plane came to an unexpected end and starts again");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

/// A saga was begun: whoever began it usually runs it as well; this is for those that die at it.
const SAGAS: &str = "tenantry_sagas";
/// Somebody wants the servers examined now: `NOTIFY tenantry_doctor`.
const DOCTOR: &str = "tenantry_doctor";

/// Somebody waits for a tenant that is behind.
const UPGRADES: &str = "tenantry_upgrades";

/// Who is woken by what is heard.
#[derive(Default)]
struct Woken {
    sagas: Notify,
    doctor: Notify,
    upgrades: Notify,
}

async fn signals(platform: Config, woken: Arc<Woken>) {
    let mut heard = listen(platform, &[SAGAS, DOCTOR, UPGRADES]);
    while let Some(heard) = heard.recv().await {
        match heard {
            Heard::Notification(channel, _) if channel == DOCTOR => woken.doctor.notify_one(),
            Heard::Notification(channel, _) if channel == UPGRADES => woken.upgrades.notify_one(),
            Heard::Notification(..) => woken.sagas.notify_one(),
            // PostgreSQL may have crashed in the middle of something.
            Heard::Connected => {
                woken.sagas.notify_one();
                woken.doctor.notify_one();
            }
            Heard::Lost => {}
        }
    }
}

/// Each due saga runs in a task of its own: one that takes an hour over a backup keeps no other waiting.
async fn sagas(provisioning: Provisioning, woken: Arc<Woken>) {
    let due = || provisioning.due_sagas();
    let resume = |(tenant, kind)| {
        let provisioning = provisioning.clone();
        async move { provisioning.resume(tenant, kind).await }
    };
    each_due("sagas", due, resume, &woken.sagas, SAGA_ROUND).await;
}

/// Looks for what is due, again and again, and works on each in a task of its own, unless it is in hand.
async fn each_due<K, D, W>(what: &str, due: impl Fn() -> D, work: impl Fn(K) -> W, woken: &Notify, round: Duration)
where
    K: Copy + Eq + Hash + Send + 'static,
    D: Future<Output = Result<Vec<K>, StoreError>>,
    W: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    let mut in_hand = HashSet::new();
    loop {
        match due().await {
            Ok(due) => {
                for one in due.into_iter().filter(|one| in_hand.insert(*one)) {
                    let work = work(one);
                    running.spawn(async move {
                        work.await;
                        one
                    });
                }
            }
            Err(error) => tracing::warn!(what, %error, "what is due can't be looked for now"),
        }
        let _ = tokio::time::timeout(round, woken.notified()).await;
        while let Some(ended) = running.try_join_next() {
            match ended {
                Ok(one) => drop(in_hand.remove(&one)),
                // Which one it was is not known any more; the locks keep two at one apart.
                Err(_) => in_hand.clear(),
            }
        }
    }
}

async fn claim(servers: Servers, process: Uuid) {
    let mut round = tokio::time::interval(CONNECTIONS_ROUND);
    loop {
        round.tick().await;
        if let Err(error) = servers.claim_connections(process).await {
            tracing::warn!(%error, "the control plane's part of the connections can't be claimed now");
        }
    }
}

/// Apart from the sagas: a backup takes its time, and a suspended tenant must not have it.
async fn fences(provisioning: Provisioning) {
    let mut round = tokio::time::interval(FENCE_ROUND);
    loop {
        round.tick().await;
        if let Err(error) = provisioning.enforce_fences().await {
            tracing::warn!(%error, "the fences of suspended tenants can't be looked at now");
        }
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

async fn examine(doctor: Doctor, woken: Arc<Woken>) {
    loop {
        match doctor.mend_unasked().await {
            Ok(0) => {}
            Ok(mended) => tracing::info!(mended, "differences between the platform and its servers were mended"),
            Err(error) => tracing::warn!(%error, "the servers can't be examined now"),
        }
        let _ = tokio::time::timeout(DOCTOR_ROUND, woken.doctor.notified()).await;
    }
}

/// Each tenant that is waited for is brought up in a task of its own: one that is locked keeps no other waiting.
async fn upgrades(fleet: Fleet, woken: Arc<Woken>) {
    let asked_for = || fleet.requested();
    let bring_up = |tenant| {
        let fleet = fleet.clone();
        async move { fleet.answer_request(tenant).await }
    };
    each_due("upgrades", asked_for, bring_up, &woken.upgrades, UPGRADE_ROUND).await;
}

async fn progress(fleet: Fleet) {
    let mut round = tokio::time::interval(FLEET_ROUND);
    loop {
        round.tick().await;
        let done = async {
            fleet.publish_figures().await?;
            fleet.progress().await
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "the fleet can't be looked at now");
        }
    }
}

async fn expire(tenants: Tenants, days: u16) {
    let mut round = tokio::time::interval(EXPIRY_ROUND);
    loop {
        round.tick().await;
        match tenants.expire_unverified(days).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "signups whose address was never verified have expired"),
            Err(error) => tracing::warn!(%error, "signups can't expire now"),
        }
    }
}
