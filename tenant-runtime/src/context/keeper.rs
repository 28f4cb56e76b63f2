//! Keeps the directory, the keys and the pools true to the platform database. One task does all the reading: whoever
//! asks while it reads is served by its next read, so that no crowd ever reaches the platform database.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tenancy::{
    TenantId, UserId,
    postgres::{Heard, listen},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_postgres::Config;
use uuid::Uuid;

use super::{
    Ask, Directory, Tokens,
    directory::{Answer, Calls, Names, Unreachable},
    revocations::Change,
    store::{Store, StoreError},
};
use crate::{pools::Pools, usage::Batch};

/// A net below the notifications: everything is read anew this often, keys among it.
const RELOAD_EVERY: Duration = Duration::from_secs(60);
/// How often shares are asked for; others count on them for six times as long.
const SHARE_EVERY: Duration = Duration::from_secs(5);
/// How soon a read that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

const TENANTS: &str = "tenantry_tenants";
const MEMBERS: &str = "tenantry_members";
const PACKAGES: &str = "tenantry_packages";

/// The task.
pub(crate) struct Keeper {
    directory: Arc<Directory>,
    tokens: Arc<Tokens>,
    pools: Arc<Pools>,
    store: Store,
    asks: mpsc::Receiver<Ask>,
    config: Config,
    /// Set when a read failed: what is in memory may be behind.
    retry_at: Option<Instant>,
    /// Who we are among those that share the servers' connections.
    process: Uuid,
}

type NamesReply = oneshot::Sender<Result<Names, Unreachable>>;

/// What the next read is for.
#[derive(Default)]
struct Work {
    everything: bool,
    keys: bool,
    tenants: HashSet<TenantId>,
    waiting: Vec<(TenantId, oneshot::Sender<Answer>)>,
    waiting_for_keys: Vec<oneshot::Sender<Result<(), Unreachable>>>,
    members: Vec<(TenantId, Vec<UserId>, NamesReply)>,
    upgrades: Vec<(TenantId, oneshot::Sender<Result<(), Unreachable>>)>,
    usage: Vec<(Batch, oneshot::Sender<Result<Calls, Unreachable>>)>,
}

impl Keeper {
    pub(crate) fn new(
        config: Config,
        asks: mpsc::Receiver<Ask>,
        directory: Arc<Directory>,
        tokens: Arc<Tokens>,
        pools: Arc<Pools>,
    ) -> Self {
        Self {
            directory,
            tokens,
            pools,
            store: Store::new(config.clone()),
            asks,
            config,
            retry_at: None,
            process: Uuid::now_v7(),
        }
    }

    /// Reads everything anew.
    pub(crate) async fn reload(&mut self) -> Result<(), StoreError> {
        let (known, keys) = self.store.all().await?;
        self.tokens.use_keys(keys);
        self.directory.replace(known);
        self.pools.keep(|id| self.directory.get(id));
        Ok(())
    }

    /// Asks for our share of every server's connections. What cannot be asked now stays as it is.
    pub(crate) async fn share(&mut self) {
        for (server, open) in self.pools.open() {
            match self.store.share(&server, self.process, open, self.pools.at_most()).await {
                Ok(Some(size)) => self.pools.share(&server, size),
                Ok(None) => tracing::debug!(?server, "nobody knows yet what this server has"),
                Err(error) => tracing::debug!(%error, "our share of the connections can't be asked for"),
            }
        }
    }

    /// Goes on until the directory is gone.
    pub(crate) async fn run(mut self) {
        let mut news = listen(self.config.clone(), &[TENANTS, MEMBERS, PACKAGES]);
        let mut timer = interval(RELOAD_EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.reset();
        let mut shares = interval(SHARE_EVERY);
        shares.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut work = Work::default();
            let retry = self.retry_at;
            tokio::select! {
                heard = news.recv() => match heard {
                    Some(heard) => self.hear(heard, &mut work),
                    None => return,
                },
                ask = self.asks.recv() => match ask {
                    Some(ask) => work.add(ask),
                    None => return,
                },
                _ = timer.tick() => work.everything = true,
                _ = shares.tick() => self.share().await,
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => work.everything = true,
            }
            while let Ok(heard) = news.try_recv() {
                self.hear(heard, &mut work);
            }
            while let Ok(ask) = self.asks.try_recv() {
                work.add(ask);
            }
            self.attend(work).await;
        }
    }

    fn hear(&self, heard: Heard, work: &mut Work) {
        match heard {
            Heard::Connected => {
                self.directory.hearing(true);
                work.everything = true;
            }
            Heard::Lost => self.directory.hearing(false),
            Heard::Notification(channel, payload) if channel == TENANTS => {
                work.tenants.extend(payload.parse().ok().map(TenantId::from_uuid));
            }
            Heard::Notification(channel, _) if channel == PACKAGES => work.everything = true,
            Heard::Notification(_, payload) => {
                if let Some(change) = Change::parse(&payload) {
                    self.directory.note(change);
                }
            }
        }
    }

    async fn attend(&mut self, work: Work) {
        let result = self.read(&work).await;
        if let Err(error) = &result {
            tracing::warn!(%error, "the platform database can't be read; serving what is known");
            self.retry_at = Some(Instant::now() + RETRY_AFTER);
        }
        let outcome = result.map_err(|_| Unreachable);
        // Whoever asked may have gone away meanwhile.
        for (id, reply) in work.waiting {
            let _ = reply.send(outcome.map(|()| self.directory.get(id)));
        }
        for reply in work.waiting_for_keys {
            let _ = reply.send(outcome);
        }
        for (batch, reply) in work.usage {
            let calls = self.store.record(&batch).await;
            let calls = calls.inspect_err(|error| tracing::warn!(%error, "usage can't be recorded now"));
            let _ = reply.send(calls.map_err(|_| Unreachable));
        }
        for (tenant, reply) in work.upgrades {
            let asked = self.store.request_upgrade(tenant).await;
            let asked = asked.inspect_err(|error| tracing::warn!(%error, "an upgrade can't be asked for"));
            let _ = reply.send(asked.map_err(|_| Unreachable));
        }
        for (tenant, users, reply) in work.members {
            let names = self.store.members(tenant, &users).await;
            let names = names.inspect_err(|error| tracing::warn!(%error, "members can't be read"));
            let _ = reply.send(names.map_err(|_| Unreachable));
        }
    }

    async fn read(&mut self, work: &Work) -> Result<(), StoreError> {
        if work.everything {
            self.reload().await?;
            self.retry_at = None;
            return Ok(());
        }
        if work.keys {
            let keys = self.store.keys().await?;
            self.tokens.use_keys(keys);
        }
        if work.tenants.is_empty() {
            return Ok(());
        }
        let ids: Vec<TenantId> = work.tenants.iter().copied().collect();
        let mut gone = work.tenants.clone();
        for record in self.store.tenants(&ids).await? {
            gone.remove(&record.id);
            let id = record.id;
            self.directory.apply(id, Some(record));
            self.pools.keep_one(id, self.directory.get(id).as_deref());
        }
        for id in gone {
            self.directory.apply(id, None);
            self.pools.keep_one(id, None);
        }
        Ok(())
    }
}

impl Work {
    fn add(&mut self, ask: Ask) {
        match ask {
            Ask::Tenant(id, reply) => {
                self.tenants.insert(id);
                self.waiting.push((id, reply));
            }
            Ask::Keys(reply) => {
                self.keys = true;
                self.waiting_for_keys.push(reply);
            }
            Ask::Upgrade(tenant, reply) => self.upgrades.push((tenant, reply)),
            Ask::Record(batch, reply) => self.usage.push((batch, reply)),
            Ask::Members(tenant, users, reply) => self.members.push((tenant, users, reply)),
        }
    }
}
