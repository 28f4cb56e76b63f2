//! The steps of the sagas, each with its undo. Both can be repeated at any time: what is there already is success going
//! forward, what is gone is success going back.

use std::time::Duration;

use futures_util::FutureExt;
use tenancy::{
    TenantStatus,
    postgres::{Failure, failure},
    text_enum,
};

use tokio_postgres::{
    error::SqlState,
    types::{ToSql, Type},
};

use super::{
    ProvisionError, ddl,
    fence::end_sessions,
    roles,
    saga::{Context, Direction, Kind, State},
    store,
};
use crate::{
    audit, mail,
    platform::{StoreError, together},
    tenants,
};

text_enum! {
    /// A step.
    pub(super) enum Step {
        /// The tenant's database, cloned from the template.
        Database = "database",
        /// The rows of a tenant that is adopted.
        Fill = "fill",
        /// Its login role, which may connect to it; and the tenant is served.
        Open = "open",
        /// The final backup.
        Backup = "backup",
        /// The database loses its name, and with it the slug becomes free.
        Retire = "retire",
        /// The database goes.
        DropDatabase = "drop_database",
        /// The role goes.
        DropRole = "drop_role",
    }
}

/// How long an earlier session of ours, or a tenant's, may take to end.
const SESSIONS_END: Duration = Duration::from_secs(10);

impl Step {
    /// The steps of a saga, in the order in which they are done.
    pub(super) const fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Create => &[Self::Database, Self::Open],
            Kind::Adopt => &[Self::Database, Self::Fill, Self::Open],
            Kind::Drop => &[Self::Backup, Self::Retire, Self::DropDatabase, Self::DropRole],
        }
    }

    /// Whether it is one transaction of the platform database, and recorded in it.
    pub(super) fn records_itself(self, context: &Context<'_>) -> bool {
        self == Self::Open && context.remote.is_none()
    }

    pub(super) async fn forward(self, context: &mut Context<'_>) -> Result<(), ProvisionError> {
        match self {
            Self::Database => make_database(context).await,
            Self::Fill => fill(context).await,
            Self::Open => open(context).await,
            Self::Backup => back_up(context).await,
            Self::Retire => retire(context).await,
            Self::DropDatabase => drop_retired(context).await,
            Self::DropRole => finish_drop(context).await,
        }
    }

    pub(super) async fn back(self, context: &mut Context<'_>) -> Result<(), ProvisionError> {
        match self {
            Self::Open | Self::Fill => Ok(()),
            Self::Database => undo_tenant(context).await,
            // A drop is never undone: it goes on until it is done.
            Self::Backup | Self::Retire | Self::DropDatabase | Self::DropRole => Ok(()),
        }
    }
}

async fn make_database(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    if context.remote.is_some() {
        // A server that was added, or down, when the control plane started.
        roles::ensure_shared(context.on_server(), context.provisioning.prefix()).await?;
        roles::close_common(context.on_server()).await?;
    }
    // The first try finds nothing, but for one that was interrupted: then CREATE DATABASE says so.
    if context.saga.attempts > 0 && is_there(context).await? {
        return Ok(());
    }
    match clone_template(context).await {
        Err(ProvisionError::Postgres(error)) if failure(&error) == Failure::Duplicate => match is_there(context).await?
        {
            true => Ok(()),
            false => clone_template(context).await,
        },
        other => other,
    }
}

/// Whether the saga has made its database; what an interrupted DROP left of it goes.
async fn is_there(context: &Context<'_>) -> Result<bool, ProvisionError> {
    let name = &context.saga.database;
    match found(context).await? {
        Found::Nothing => Ok(false),
        Found::Own => Ok(true),
        Found::Foreign => Err(ProvisionError::NameTaken(name.clone())),
        Found::Broken => {
            context.on_server().batch_execute(&ddl::drop_database(name)).await?;
            Ok(false)
        }
    }
}

async fn clone_template(context: &Context<'_>) -> Result<(), ProvisionError> {
    let (provisioning, target) = (context.provisioning, context.saga.target);
    let template = if context.server.is_platform {
        provisioning.0.prefix.template(target.version, target.fingerprint)
    } else {
        provisioning.ensure_template(&context.server, target).await?
    };
    if target.version != context.saga.schema_version {
        tenants::store::set_schema_version(&*context.platform, context.tenant, target.version).await?;
    }
    let _turn = provisioning.0.clones.acquire().await;
    let clone = ddl::clone(&context.saga.database, &template, &provisioning.0.prefix);
    match context.on_server().batch_execute(&clone).await {
        // The template was dropped, or the target moved on a moment ago.
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_DATABASE) => {
            provisioning.ensure_template(&context.server, target).await?;
            Ok(context.on_server().batch_execute(&clone).await?)
        }
        other => Ok(other?),
    }
}

/// The tenant's role, and that the database takes connections of nobody else.
fn access(context: &Context<'_>) -> String {
    let (tenant, name, inner) = (context.tenant, &context.saga.database, &context.provisioning.0);
    let role = inner.prefix.tenant_role(tenant);
    let verifier = inner.master_key.tenant_password(tenant).literal();
    [
        ddl::ensure_role(&role, &verifier, &inner.settings, &inner.prefix),
        ddl::close_to_public(name),
        ddl::let_in(name, &role),
        ddl::allow_connections(name, true),
    ]
    .join(";")
}

async fn fill(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let fill = context.fill.take().ok_or(ProvisionError::Abandoned)?;
    // A database takes connections of everybody or of nobody, and only one with its tenant's grant counts as the saga's.
    context.on_server().batch_execute(&access(context)).await?;
    fill(context.server.clone(), context.saga.database.clone()).await.map_err(ProvisionError::NotFilled)
}

async fn open(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let (tenant, kind, access) = (context.tenant, context.kind, access(context));
    if let Some(remote) = &context.remote {
        remote.batch_execute(&access).await?;
    }
    let (on_platform, step, before) = (context.remote.is_none(), Step::Open.as_str(), context.before.map(Step::as_str));
    let transaction = context.platform.transaction().await?;
    let give_access = async {
        if on_platform {
            transaction.batch_execute(&access).await?;
        }
        Ok(())
    };
    let record = async {
        match on_platform {
            true => store::step_started(&transaction, tenant, kind, step, Direction::Do, before).await,
            false => Ok(()),
        }
    };
    let mut made = None;
    let finish = async {
        made = tenants::store::finish_making(&transaction, tenant, TenantStatus::Trial, None).await?;
        Ok(())
    };
    together([give_access.boxed(), record.boxed(), finish.boxed()]).await?;
    let state = if made.is_some() { State::Done } else { State::Undone };
    let welcome = async {
        match made.flatten() {
            Some(owner) => mail::enqueue(&transaction, mail::Template::Welcome, owner, Some(tenant)).await,
            None => Ok(()),
        }
    };
    together([
        welcome.boxed(),
        store::saga_finished(&transaction, tenant, kind, state).boxed(),
        store::step_ended(&transaction, tenant, kind, step, Direction::Do, None).boxed(),
    ])
    .await?;
    Ok(transaction.commit().await?)
}

/// What stands under the name of the tenant's database.
enum Found {
    Nothing,
    Broken,
    /// Made by this saga.
    Own,
    /// Made by somebody else.
    Foreign,
}

/// The saga makes its database for the owner role and lets nobody in before it lets its tenant in: what does not look
/// like that is not its work.
async fn found(context: &Context<'_>) -> Result<Found, ProvisionError> {
    let provisioning = context.provisioning;
    let sql = "SELECT datconnlimit = -2, pg_get_userbyid(datdba) = $2 AND (NOT datallowconn OR EXISTS (SELECT 1 FROM \
               aclexplode(datacl) a JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = $3)) \
               FROM pg_database WHERE datname = $1";
    let (owner, role) = (provisioning.prefix().owner_role(), provisioning.role(context.tenant));
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&context.saga.database, Type::TEXT), (&owner, Type::TEXT), (&role, Type::TEXT)];
    // One round trip, also on a session that was just opened.
    let rows = context.on_server().query_typed(sql, &parameters).await?;
    Ok(match rows.first() {
        None => Found::Nothing,
        Some(row) if row.get::<_, bool>(0) => Found::Broken,
        Some(row) if row.get::<_, bool>(1) => Found::Own,
        Some(_) => Found::Foreign,
    })
}

async fn undo_tenant(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let tenant = context.tenant;
    // The database first: a role that holds a grant on one can't be dropped.
    match found(context).await? {
        Found::Nothing | Found::Foreign => {}
        Found::Broken | Found::Own => {
            context.on_server().batch_execute(&ddl::drop_database(&context.saga.database)).await?;
        }
    }
    let drop_role = ddl::drop_role(&context.provisioning.role(tenant));
    context.on_server().batch_execute(&drop_role).await?;
    let transaction = context.platform.transaction().await?;
    let reason = Some("could not be made");
    if tenants::store::finish_making(&transaction, tenant, TenantStatus::Failed, reason).await?.is_some() {
        tenants::store::forget_people(&transaction, tenant).await?;
        tenants::store::release(&transaction, tenant).await?;
        let entry = audit::Entry::new(audit::Action::TenantFailed, audit::PLATFORM).tenant(Some(tenant));
        audit::record(&transaction, entry).await?;
    }
    store::saga_finished(&transaction, tenant, context.kind, State::Undone).await?;
    Ok(transaction.commit().await?)
}

/// What stands under the name of a tenant that is to go. Once its name is free, a database of that name is somebody
/// else's; so is one that does not look like the work of a saga that never was done.
async fn still_there(context: &Context<'_>) -> Result<Found, ProvisionError> {
    if tenants::store::is_released(&*context.platform, context.tenant).await? {
        return Ok(Found::Nothing);
    }
    match found(context).await? {
        Found::Foreign if store::was_made(&*context.platform, context.tenant).await? => Ok(Found::Own),
        Found::Foreign => Ok(Found::Nothing),
        found => Ok(found),
    }
}

async fn back_up(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let name = &context.saga.database;
    if !context.saga.backup || !matches!(still_there(context).await?, Found::Own) {
        return Ok(());
    }
    let backups = &context.provisioning.0.backups;
    let file = backups.final_backup(name, context.tenant);
    let open = "SELECT 1 FROM pg_database WHERE datname = $1 AND datallowconn";
    if context.on_server().query_opt(open, &[name]).await?.is_none() {
        // Closed: it was never made whole, or its backup is done, or somebody closed it, and then its rows count.
        if !store::was_made(&*context.platform, context.tenant).await? || file.exists() {
            return Ok(());
        }
        context.on_server().batch_execute(&ddl::allow_connections(name, true)).await?;
    }
    Ok(backups.dump(&context.server.admin, name, &file).await?)
}

async fn retire(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let tenant = context.tenant;
    let name = context.saga.database.clone();
    let rename = match still_there(context).await? {
        Found::Nothing | Found::Foreign => None,
        // It takes no ALTER any more.
        Found::Broken => {
            context.on_server().batch_execute(&ddl::drop_database(&name)).await?;
            None
        }
        Found::Own => {
            context.on_server().batch_execute(&ddl::allow_connections(&name, false)).await?;
            end_sessions(context.on_server(), &name, SESSIONS_END).await?;
            Some(ddl::rename(&name, &context.provisioning.0.prefix.dropped(tenant)))
        }
    };
    if let (Some(remote), Some(rename)) = (&context.remote, &rename) {
        remote.batch_execute(rename).await?;
    }
    let on_platform = context.remote.is_none();
    let transaction = context.platform.transaction().await?;
    if let (true, Some(rename)) = (on_platform, &rename) {
        transaction.batch_execute(rename).await?;
    }
    tenants::store::release(&transaction, tenant).await?;
    Ok(transaction.commit().await?)
}

async fn drop_retired(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let _one = context.provisioning.0.janitor.lock().await;
    let retired = context.provisioning.0.prefix.dropped(context.tenant);
    Ok(context.on_server().batch_execute(&ddl::drop_database(&retired)).await?)
}

async fn finish_drop(context: &mut Context<'_>) -> Result<(), ProvisionError> {
    let tenant = context.tenant;
    let drop_role = ddl::drop_role(&context.provisioning.role(tenant));
    context.on_server().batch_execute(&drop_role).await?;
    store::saga_finished(&*context.platform, tenant, Kind::Drop, State::Done).await.map_err(StoreError::into)
}
