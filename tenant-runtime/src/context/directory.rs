//! The tenants in memory. Reading takes one uncontended lock; the one writer is the keeper.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use moka::sync::Cache;
use rust_decimal::Decimal;
use tenancy::{DatabaseName, Language, TenantId, TenantSlug, TenantStatus, UserId};
use tokio::sync::{Notify, futures::Notified, mpsc, oneshot};

use super::revocations::{Change, Revocations, Standing};
use crate::usage::{Batch, Meter};

/// What the runtime knows of a tenant.
#[derive(Debug)]
pub(crate) struct TenantRecord {
    pub(crate) id: TenantId,
    pub(crate) slug: TenantSlug,
    pub(crate) name: String,
    /// While it is tried out: when that ends.
    pub(crate) trial_ends_at: Option<Timestamp>,
    pub(crate) domain: Option<String>,
    pub(crate) status: TenantStatus,
    pub(crate) generation: i32,
    pub(crate) schema_version: i32,
    pub(crate) currency: String,
    pub(crate) timezone: String,
    pub(crate) package: Arc<Package>,
    /// Requests an hour; -1 is no limit. Every request asks for it.
    pub(crate) calls_per_hour: i64,
    /// Limits of the tenant's own, by name; they go before the package's.
    pub(crate) limit_overrides: BTreeMap<String, i64>,
    pub(crate) address: Address,
    /// Outlives the record: what was counted stays counted when the tenant changes.
    pub(crate) meter: Arc<Meter>,
}

/// What a tenant's package gives. One for all tenants that have it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) key: String,
    /// In Turkish, and in English.
    pub(crate) names: [String; 2],
    pub(crate) modules: Vec<String>,
    pub(crate) limits: BTreeMap<String, i64>,
    /// A month's price, where it is sold without a talk.
    pub(crate) price: Option<Decimal>,
    pub(crate) currency: String,
    /// Whether strangers can choose it.
    pub(crate) is_offered: bool,
    /// Its place among the packages.
    pub(crate) place: i32,
}

impl Package {
    /// What it is called.
    pub(crate) fn name(&self, language: Language) -> &str {
        match language {
            Language::Turkish => &self.names[0],
            Language::English => &self.names[1],
        }
    }

    /// Whether it has more of something than another has.
    fn has_more(&self, limit: &str, than: i64) -> bool {
        let own = self.limits.get(limit).copied().unwrap_or(0);
        than >= 0 && (own < 0 || own > than)
    }
}

impl TenantRecord {
    /// A limit by name; -1 is none. What is not named is 0 of that thing.
    pub(crate) fn limit(&self, name: &str) -> i64 {
        self.limit_overrides.get(name).or_else(|| self.package.limits.get(name)).copied().unwrap_or(0)
    }

    /// Whether the tenant's package has one of these modules; none: every package will do.
    pub(crate) fn has_module(&self, modules: &[&str]) -> bool {
        modules.is_empty() || self.package.modules.iter().any(|module| modules.contains(&module.as_str()))
    }
}

/// Where a tenant's rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) server: Server,
    pub(crate) database: DatabaseName,
}

/// A PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Server {
    /// The one that holds the platform database.
    Platform,
    /// Another.
    Other {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// A question to the keeper, which reads for everyone who asks at the same time at once.
pub(crate) enum Ask {
    /// What is true of this tenant now?
    Tenant(TenantId, oneshot::Sender<Answer>),
    /// Are there new keys?
    Keys(oneshot::Sender<Result<(), Unreachable>>),
    /// What are these members of this tenant called; all of them where none is named?
    Members(TenantId, Vec<UserId>, oneshot::Sender<Result<Names, Unreachable>>),
    /// This tenant is behind, and somebody waits for it.
    Upgrade(TenantId, oneshot::Sender<Result<(), Unreachable>>),
    /// This was used.
    Record(Batch, oneshot::Sender<Result<Calls, Unreachable>>),
}

/// Calls of this hour, of all runtimes together.
pub(crate) type Calls = HashMap<TenantId, u32>;

/// All members of a tenant, by name.
pub(crate) type Members = Arc<[(UserId, Arc<str>)]>;

/// Names of members; who is none has none.
pub(crate) type Names = HashMap<UserId, Arc<str>>;

pub(crate) type Answer = Result<Option<Arc<TenantRecord>>, Unreachable>;

/// The platform database gave no answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the platform database can't be reached")]
pub(crate) struct Unreachable;

/// How long a request waits for the keeper.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a tenant that was looked for in vain is not looked for again, and how many of them are remembered.
const MISSING_FOR: Duration = Duration::from_secs(2);
const MISSING_AT_MOST: u64 = 10_000;
/// How long a member's name is taken for true without being told otherwise, and how many are remembered.
const NAMES_FOR: Duration = Duration::from_secs(60);
const NAMES_AT_MOST: u64 = 10_000;
/// The same of whole lists of members, for forms.
const EVERYBODY_FOR: Duration = Duration::from_secs(10);
const EVERYBODY_AT_MOST: u64 = 1_000;

/// Everything that a whole read of the platform database brings.
#[derive(Default)]
pub(crate) struct Known {
    tenants: HashMap<TenantId, Arc<TenantRecord>>,
    domains: HashMap<String, TenantId>,
    revocations: Revocations,
    /// In their order.
    packages: Vec<Arc<Package>>,
}

/// The tenants in memory.
pub(crate) struct Directory {
    known: RwLock<Known>,
    missing: Cache<TenantId, ()>,
    names: Cache<(TenantId, UserId), Arc<str>>,
    everybody: Cache<TenantId, Members>,
    keeper: mpsc::Sender<Ask>,
    loaded: AtomicBool,
    deaf_since: RwLock<Option<Instant>>,
    changed: Notify,
}

impl Known {
    pub(crate) fn new(tenants: Vec<TenantRecord>, changes: Vec<Change>, packages: Vec<Arc<Package>>) -> Self {
        let mut known = Self { revocations: changes.into_iter().collect(), packages, ..Self::default() };
        tenants.into_iter().for_each(|record| known.put(record));
        known
    }

    fn put(&mut self, mut record: TenantRecord) {
        if let Some(old) = self.tenants.get(&record.id) {
            record.meter = old.meter.clone();
        }
        let record = Arc::new(record);
        self.remove(record.id);
        if let Some(domain) = &record.domain {
            self.domains.insert(domain.to_ascii_lowercase(), record.id);
        }
        self.tenants.insert(record.id, record);
    }

    fn remove(&mut self, id: TenantId) {
        if let Some(domain) = self.tenants.remove(&id).and_then(|old| old.domain.clone()) {
            self.domains.remove(&domain.to_ascii_lowercase());
        }
    }
}

impl Directory {
    /// An empty directory, whose questions go to `keeper`.
    pub(crate) fn new(keeper: mpsc::Sender<Ask>) -> Self {
        Self {
            known: RwLock::default(),
            missing: Cache::builder().max_capacity(MISSING_AT_MOST).time_to_live(MISSING_FOR).build(),
            names: Cache::builder().max_capacity(NAMES_AT_MOST).time_to_live(NAMES_FOR).build(),
            everybody: Cache::builder().max_capacity(EVERYBODY_AT_MOST).time_to_live(EVERYBODY_FOR).build(),
            keeper,
            loaded: AtomicBool::new(false),
            deaf_since: RwLock::new(Some(Instant::now())),
            changed: Notify::new(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant, if it is known here.
    pub(crate) fn get(&self, id: TenantId) -> Option<Arc<TenantRecord>> {
        self.read().tenants.get(&id).cloned()
    }

    /// The tenant; the platform database is asked for one that is not known here.
    pub(crate) async fn find(&self, id: TenantId) -> Answer {
        if let Some(record) = self.get(id) {
            return Ok(Some(record));
        }
        if self.missing.contains_key(&id) { Ok(None) } else { self.look_again(id).await }
    }

    /// The tenant as the platform database has it now.
    pub(crate) async fn look_again(&self, id: TenantId) -> Answer {
        self.ask(|reply| Ask::Tenant(id, reply)).await
    }

    /// Asks for a tenant to be brought up to the current schema version.
    pub(crate) async fn request_upgrade(&self, id: TenantId) -> Result<(), Unreachable> {
        self.ask(|reply| Ask::Upgrade(id, reply)).await
    }

    /// Waits for the next change of any tenant, from this moment on.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// What members of a tenant are called; who is none is not among the answers.
    pub(crate) async fn names_of(&self, tenant: TenantId, users: &[UserId]) -> Result<Names, Unreachable> {
        let known = |user: &UserId| Some((*user, self.names.get(&(tenant, *user))?));
        let mut names: Names = users.iter().filter_map(known).collect();
        let unknown: Vec<UserId> = users.iter().copied().filter(|user| !names.contains_key(user)).collect();
        if !unknown.is_empty() {
            let found = self.ask(|reply| Ask::Members(tenant, unknown, reply)).await?;
            for (user, name) in &found {
                self.names.insert((tenant, *user), name.clone());
            }
            names.extend(found);
        }
        Ok(names)
    }

    /// All members of a tenant by name, as many as a list can hold.
    pub(crate) async fn everybody(&self, tenant: TenantId) -> Result<Members, Unreachable> {
        if let Some(known) = self.everybody.get(&tenant) {
            return Ok(known);
        }
        let found = self.ask(|reply| Ask::Members(tenant, Vec::new(), reply)).await?;
        let mut all: Vec<(UserId, Arc<str>)> = found.into_iter().collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        let all: Members = all.into();
        self.everybody.insert(tenant, all.clone());
        Ok(all)
    }

    /// The next package that has more of something than a tenant has now.
    pub(crate) fn larger_package(&self, record: &TenantRecord, limit: &str) -> Option<Arc<Package>> {
        let now = record.limit(limit);
        let has_all = |package: &Package| record.package.modules.iter().all(|module| package.modules.contains(module));
        let fits = |package: &&Arc<Package>| {
            let is_next = package.place > record.package.place && has_all(package);
            is_next && package.is_offered && package.price.is_some() && package.has_more(limit, now)
        };
        self.read().packages.iter().find(fits).cloned()
    }

    /// Looks at every tenant.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&TenantRecord)) {
        self.read().tenants.values().for_each(|record| look(record));
    }

    /// Brings a batch to the record; says how many calls its tenants have made in this hour.
    pub(crate) async fn record(&self, batch: Batch) -> Result<Calls, Unreachable> {
        self.ask(|reply| Ask::Record(batch, reply)).await
    }

    /// Reads the public keys again.
    pub(crate) async fn refresh_keys(&self) -> Result<(), Unreachable> {
        self.ask(Ask::Keys).await
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<Result<T, Unreachable>>) -> Ask) -> Result<T, Unreachable> {
        let (reply, answer) = oneshot::channel();
        self.keeper.try_send(ask(reply)).map_err(|_| Unreachable)?;
        tokio::time::timeout(PATIENCE, answer).await.map_err(|_| Unreachable)?.map_err(|_| Unreachable)?
    }

    /// What a token's membership is worth now.
    pub(crate) fn standing(&self, tenant: TenantId, user: UserId, version: i32) -> Standing {
        self.read().revocations.standing(tenant, user, version)
    }

    /// The tenant whose custom domain this is.
    pub(crate) fn owner_of_domain(&self, host: &str) -> Option<TenantId> {
        let known = self.read();
        if known.domains.is_empty() {
            return None;
        }
        known.domains.get(&host.to_ascii_lowercase()).copied()
    }

    /// Takes over what a whole read brought.
    pub(crate) fn replace(&self, mut known: Known) {
        let mut now = self.write();
        for (id, record) in &mut known.tenants {
            if let (Some(old), Some(record)) = (now.tenants.get(id), Arc::get_mut(record)) {
                record.meter = old.meter.clone();
            }
        }
        let old = std::mem::replace(&mut *now, known);
        drop(now);
        // What was known goes after the lock is free again.
        drop(old);
        self.missing.invalidate_all();
        self.loaded.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Takes over what a read of one tenant brought; `None`: it is gone.
    pub(crate) fn apply(&self, id: TenantId, record: Option<TenantRecord>) {
        match record {
            Some(record) => self.write().put(record),
            None => {
                self.write().remove(id);
                self.missing.insert(id, ());
            }
        }
        self.changed.notify_waiters();
    }

    /// Takes over a change of a membership.
    pub(crate) fn note(&self, change: Change) {
        self.names.invalidate(&(change.tenant, change.user));
        self.everybody.invalidate(&change.tenant);
        self.write().revocations.note(change);
    }

    /// Notes whether changes are heard of.
    pub(crate) fn hearing(&self, well: bool) {
        let mut since = self.deaf_since.write().unwrap_or_else(PoisonError::into_inner);
        *since = if well { None } else { since.or_else(|| Some(Instant::now())) };
    }

    /// For how long changes have not been heard of.
    pub(crate) fn deaf_for(&self) -> Duration {
        let since = *self.deaf_since.read().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether the tenants were read at least once.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// How many tenants are known.
    pub(crate) fn len(&self) -> usize {
        self.read().tenants.len()
    }
}
