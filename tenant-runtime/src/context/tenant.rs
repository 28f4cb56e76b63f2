//! What a handler knows of who asks: a tenant, a user, and a way to the tenant's rows.

use std::{
    collections::HashMap,
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use jiff::{Timestamp, tz::TimeZone};
use tenancy::{Problem, Role, TenantId, TenantSlug, TenantStatus, UserId, http::Access, token::Claims};
use tokio_postgres::Row;

use super::{Guard, Members, Package, TenantRecord, resolve, store::MEMBERS_AT_MOST};
use crate::{
    files::Files,
    pools::{Parameter, QueryError, Statement},
    usage::{Metric, Rate},
};

/// The tenant that a request is for, and who asks. Only the guard makes one, after all its checks.
#[derive(Clone)]
pub struct Tenant {
    record: Arc<TenantRecord>,
    claims: Arc<Claims>,
    role: Role,
    guard: Arc<Guard>,
}

impl Tenant {
    pub(super) fn new(record: Arc<TenantRecord>, claims: Arc<Claims>, guard: Arc<Guard>) -> Self {
        // Only a token with a tenant comes this far; the least of roles is what remains if that ever changed.
        let role = claims.tenant.as_ref().map_or(Role::Viewer, |tenant| tenant.role);
        Self { record, claims, role, guard }
    }

    /// The tenant's id.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.record.id
    }

    /// The tenant's slug.
    #[must_use]
    pub fn slug(&self) -> &TenantSlug {
        &self.record.slug
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.record.name
    }

    /// While it is tried out: when that ends.
    pub(crate) fn trial_ends_at(&self) -> Option<Timestamp> {
        self.record.trial_ends_at.filter(|_| self.record.status == TenantStatus::Trial)
    }

    /// What it has.
    pub(crate) fn package(&self) -> &Package {
        &self.record.package
    }

    /// The next package that has more of something.
    pub(crate) fn larger_package(&self, limit: &str) -> Option<Arc<Package>> {
        self.guard.directory.larger_package(&self.record, limit)
    }

    /// Whether whoever asks may do this here.
    pub(crate) fn may(&self, access: Access) -> bool {
        match access {
            Access::Tenant { permission, modules } => self.role.may(permission) && self.record.has_module(modules),
            _ => false,
        }
    }

    /// The clock of where the tenant is.
    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.record.timezone).unwrap_or(TimeZone::UTC)
    }

    /// Calls of programs in this hour, and how many there may be; -1 is no limit.
    pub(crate) fn calls(&self) -> (i64, i64) {
        let now = Timestamp::now().as_second().unsigned_abs();
        (i64::from(self.record.meter.calls(now)), self.record.calls_per_hour)
    }

    /// The members, by name; nobody while the platform database can't be reached.
    pub(crate) async fn everybody(&self) -> Members {
        self.guard.directory.everybody(self.record.id).await.unwrap_or_default()
    }

    /// How many members there are; `None` where that is not known: the platform database can't be reached, or they are
    /// more than are listed.
    pub(crate) async fn members(&self) -> Option<i64> {
        let members = i64::try_from(self.everybody().await.len()).ok()?;
        (1..MEMBERS_AT_MOST).contains(&members).then_some(members)
    }

    /// The currency that amounts are in unless another is given.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.record.currency
    }

    /// A limit of the tenant, by name; -1 is none.
    #[must_use]
    pub fn limit(&self, name: &str) -> i64 {
        self.record.limit(name)
    }

    /// Counts this request; `None` where the tenant may make as many as it likes.
    pub(crate) fn call(&self) -> Option<Rate> {
        let limit = self.record.calls_per_hour;
        let now = Timestamp::now().as_second().unsigned_abs();
        let rate = self.record.meter.call(limit, now);
        (limit >= 0).then_some(rate)
    }

    /// Counts what the tenant uses.
    pub(crate) fn count(&self, metric: Metric, amount: i64) {
        self.record.meter.add(metric, amount);
    }

    /// Where its files are.
    pub(crate) fn files(&self) -> &Files {
        &self.guard.files
    }

    /// The largest file that it may send, in bytes.
    pub(crate) fn max_file_bytes(&self) -> u64 {
        self.guard.max_file_bytes
    }

    /// The year that it is where the tenant is.
    #[must_use]
    pub fn year(&self) -> i32 {
        i32::from(Timestamp::now().to_zoned(self.zone()).year())
    }

    /// What these members are called; who is no member is not among the answers.
    ///
    /// # Errors
    /// `UNAVAILABLE` when somebody must be looked up and the platform database can't be reached.
    pub async fn names_of(&self, users: &[UserId]) -> Result<HashMap<UserId, Arc<str>>, Problem> {
        let me = self.claims.user_id;
        if users.iter().all(|user| *user == me) {
            return Ok(HashMap::from([(me, self.claims.name.as_str().into())]));
        }
        self.guard.directory.names_of(self.record.id, users).await.map_err(Problem::unavailable)
    }

    /// Who asks.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.claims.user_id
    }

    /// The name of who asks.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.claims.name
    }

    /// The role of who asks.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Runs a statement that changes nothing; it is repeated once where its connection is lost.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn read(&self, statement: Statement<'_>, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, QueryError> {
        self.run(statement, parameters, true).await
    }

    /// Runs a statement that changes rows; it is repeated once where PostgreSQL rolled it back for another's sake, and
    /// never once it may have been carried out.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn write(&self, statement: Statement<'_>, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, QueryError> {
        self.run(statement, parameters, false).await
    }

    async fn run(
        &self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
        repeatable: bool,
    ) -> Result<Vec<Row>, QueryError> {
        match self.guard.pools.query(&self.record, statement, parameters).await {
            // Boxed, so that every other request needs no room for it.
            Err(error) if error.asks_for_another_look() => {
                Box::pin(self.run_again(error, statement, parameters, repeatable)).await
            }
            Err(error) if error.was_in_the_way() => {
                Box::pin(self.guard.pools.query(&self.record, statement, parameters)).await
            }
            result => result,
        }
    }

    /// After an error that tells of a tenant which has changed, or of a connection that was lost.
    async fn run_again(
        &self,
        error: QueryError,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
        repeatable: bool,
    ) -> Result<Vec<Row>, QueryError> {
        let record = match self.guard.directory.look_again(self.record.id).await {
            Ok(record) => record.ok_or_else(resolve::not_found)?,
            // Nobody can say what is true now. PostgreSQL itself keeps everyone out who may not come in.
            Err(_) if !error.is_stale() => self.record.clone(),
            Err(_) => return Err(error),
        };
        resolve::is_served(&record)?;
        if !self.guard.upgrades.can_serve(&record) {
            return Err(resolve::upgrading().into());
        }
        if let Some(claims) = &self.claims.tenant {
            resolve::same_tenant(&record, claims)?;
        }
        if repeatable || error.is_stale() {
            self.guard.pools.query(&record, statement, parameters).await
        } else {
            Err(error)
        }
    }
}

impl FromRequest for Tenant {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tenant = request.extensions().get::<Self>().cloned();
        ready(tenant.ok_or_else(|| Problem::internal("a handler asks for a tenant on a route without one")))
    }
}
