//! A tenant comes to be: from stock in one transaction, else by a saga that this begins.

use deadpool_postgres::Transaction;
use futures_util::{FutureExt, try_join};
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use tenancy::{
    Code, EmailAddress, Language, Problem, TenantId, TenantSlug, TenantStatus, UserId,
    postgres::{Failure, failure},
    secrets::OneTimeToken,
};

use super::{TenantSummary, Tenants, store};
use crate::{
    audit,
    identity::{
        self,
        tokens::{self, TokenKind},
    },
    mail,
    packages::{self, BillingCycle},
    platform::{StoreError, together},
    provisioning::{Claimed, SchemaTarget, saga::Kind},
    servers::{Server, ServerError},
};

/// How a tenant gets its slug.
#[derive(Debug, Clone)]
pub enum SlugChoice {
    /// This one, or none.
    Exact(TenantSlug),
    /// One made from the name, with a number where it is taken.
    FromName,
}

/// A tenant to make.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// How it gets its slug.
    pub slug: SlugChoice,
    /// The company's name.
    pub name: String,
    /// Who will own it.
    pub owner: NewOwner,
    /// The key of its package.
    pub package: String,
    /// How often it will pay.
    pub billing_cycle: BillingCycle,
    /// What makes a repeated signup the same signup.
    pub signup_key: Option<SignupKey>,
    /// Who does this, for the audit log.
    pub actor: String,
    /// From where, for the audit log.
    pub origin: audit::Origin,
}

/// The owner of a new tenant.
#[derive(Debug, Clone)]
pub struct NewOwner {
    /// Their address; nobody else on the platform has it.
    pub email: EmailAddress,
    /// Their name.
    pub name: String,
    /// Whether their address counts as proven: an operator vouches for it.
    pub verified: bool,
    /// `None`: they are invited to set a password.
    pub password_hash: Option<String>,
    /// The language of their mails and pages.
    pub language: Language,
}

/// The key of a signup that may be sent again, and what was asked with it; both hashed.
#[derive(Debug, Clone, Copy)]
pub struct SignupKey {
    /// The key.
    pub key: [u8; 32],
    /// The request.
    pub request: [u8; 32],
}

/// A tenant that was made, or is being made.
pub struct Born {
    /// The tenant.
    pub tenant: TenantSummary,
    /// Its owner.
    pub owner_id: UserId,
    /// With it the owner finishes the wizard.
    pub onboarding_token: OneTimeToken,
    /// Whether the tenant is served already.
    pub finished: bool,
}

/// Why no tenant came to be.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The slug belongs to another tenant, or a database of its name exists.
    #[error("the slug {0} is taken")]
    DuplicateSlug(TenantSlug),
    /// The address belongs to a user.
    #[error("there is a user with the e-mail address {0}")]
    EmailTaken(EmailAddress),
    /// The signup key was used meanwhile.
    #[error("this signup was sent already")]
    SignupKeyUsed,
    /// There is no such package.
    #[error("there is no package {0}")]
    UnknownPackage(String),
    /// The platform database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No server can be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<tokio_postgres::Error> for CreateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::DuplicateSlug(_) => {
                Self::new(Code::DuplicateSlug, "This slug is taken; choose another, or leave it out and get one")
            }
            CreateError::EmailTaken(_) => {
                Self::new(Code::EmailTaken, "There is an account with this e-mail address; sign in with it")
            }
            CreateError::SignupKeyUsed => Self::new(Code::Conflict, "This signup was sent already"),
            CreateError::UnknownPackage(key) => Self::not_found(&format!("package: {key}")),
            CreateError::Store(error) => error.into(),
            CreateError::Server(error) => Self::unavailable(error),
            CreateError::Random(error) => Self::internal(error),
        }
    }
}

/// Others may take a slug between choosing and writing it; more often than this is no coincidence.
const MOST_TRIES: usize = 50;

impl Tenants {
    /// Makes a tenant on the platform's server: served at once where stock is ready, else begun, for
    /// [`Tenants::wait_until_made`] to finish.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is left of the attempt.
    pub async fn create(&self, new: NewTenant) -> Result<Born, CreateError> {
        let server = self.provisioning.servers().platform().await?;
        self.create_on(&server, new).await
    }

    /// [`Tenants::create`] on a server of choice.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is left of the attempt.
    pub async fn create_on(&self, server: &Server, new: NewTenant) -> Result<Born, CreateError> {
        self.begin(server, new, Kind::Create).await
    }

    /// Writes a tenant of the platform's server down that is served only once it is filled: see [`crate::adoption`].
    ///
    /// # Errors
    /// [`CreateError`]; nothing is left of the attempt.
    pub(crate) async fn begin_adoption(&self, new: NewTenant) -> Result<Born, CreateError> {
        let server = self.provisioning.servers().platform().await?;
        self.begin(&server, new, Kind::Adopt).await
    }

    async fn begin(&self, server: &Server, new: NewTenant, kind: Kind) -> Result<Born, CreateError> {
        // Names under which a database exists that the platform does not know: they can't be chosen again.
        let mut taken: Vec<TenantSlug> = Vec::new();
        let mut stock_lost = false;
        loop {
            let mut client = self.pool.get().await.map_err(StoreError::from)?;
            let transaction = client.transaction().await?;
            // Statements that need nothing of each other go out together, here and below: a round trip costs more.
            let choice = choose_slug(&transaction, &new, &taken);
            let stock = async {
                match kind {
                    // Stock takes connections once it has its tenant; what is adopted is filled before that.
                    Kind::Adopt => Ok((self.provisioning.target_on(&transaction).await?, None)),
                    _ => self.provisioning.take_stock(&transaction, server).await,
                }
            };
            let (slug, stock) = try_join!(choice, stock)?;
            let born = match self.write(&transaction, server, &new, slug.clone(), stock, kind).await {
                Ok(born) => transaction.commit().await.map(|()| born).map_err(CreateError::from),
                Err(error) => {
                    drop(transaction);
                    Err(error)
                }
            };
            drop(client);
            match born.map_err(|error| sort(error, &slug, &new)) {
                // Somebody dropped a database of the stock: that is nobody's signup's fault.
                Err(CreateError::Store(error)) if !stock_lost && error.failure() == Failure::StaleAddress => {
                    tracing::warn!(%error, "stock was lost");
                    self.provisioning.forget_lost_stock().await?;
                    stock_lost = true;
                }
                Err(CreateError::DuplicateSlug(slug))
                    if matches!(new.slug, SlugChoice::FromName) && taken.len() < MOST_TRIES =>
                {
                    taken.push(slug);
                }
                other => {
                    // Whoever waits for the tenant to be made is not to share the processors with their mail.
                    if other.as_ref().is_ok_and(|born| born.finished) {
                        self.bell.ring();
                    }
                    self.provisioning.wants_stock();
                    return other;
                }
            }
        }
    }

    async fn write(
        &self,
        transaction: &Transaction<'_>,
        server: &Server,
        new: &NewTenant,
        slug: TenantSlug,
        (target, claimed): (SchemaTarget, Option<Claimed>),
        kind: Kind,
    ) -> Result<Born, CreateError> {
        // As precise as PostgreSQL keeps it, so that the answer and the row agree.
        let now = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default();
        let trial_ends_at = now.checked_add((24 * i64::from(self.trial_days)).hours()).unwrap_or(now);
        let row = store::NewRow {
            id: TenantId::generate(),
            database: self.provisioning.prefix().tenant_database(&slug),
            slug,
            status: if claimed.is_some() { TenantStatus::Trial } else { TenantStatus::Provisioning },
            schema_version: target.version,
            server: server.id,
            owner: UserId::generate(),
            trial_ends_at,
        };
        let mut name_is_taken = false;
        let give_database = async {
            match &claimed {
                Some(claimed) => self.provisioning.hand_over(transaction, claimed, row.id, &row.database).await?,
                None => {
                    name_is_taken = server.is_platform && store::database_exists(transaction, &row.database).await?;
                }
            }
            Ok(())
        };
        let begin = async {
            match &claimed {
                Some(_) => mail::enqueue(transaction, mail::Template::Welcome, row.owner, Some(row.id)).await,
                // It is welcomed once it is there.
                None => self.provisioning.begin(transaction, server, row.id, kind).await,
            }
        };
        let onboarding_token = tokens::fresh();
        let rows = write_rows(transaction, new, &row, now, &onboarding_token);
        together([give_database.boxed(), rows.boxed(), begin.boxed()]).await?;
        if name_is_taken {
            return Err(CreateError::DuplicateSlug(row.slug));
        }
        Ok(Born {
            tenant: TenantSummary {
                id: row.id,
                slug: row.slug,
                name: new.name.clone(),
                status: row.status,
                trial_ends_at: Some(trial_ends_at),
            },
            owner_id: row.owner,
            onboarding_token,
            finished: claimed.is_some(),
        })
    }
}

async fn choose_slug(
    transaction: &Transaction<'_>,
    new: &NewTenant,
    taken: &[TenantSlug],
) -> Result<TenantSlug, StoreError> {
    match &new.slug {
        SlugChoice::Exact(slug) => Ok(slug.clone()),
        SlugChoice::FromName => store::free_slug(transaction, &TenantSlug::from_name(&new.name), taken).await,
    }
}

/// In any order: what refers to a user or a tenant is checked as the transaction ends.
async fn write_rows(
    transaction: &Transaction<'_>,
    new: &NewTenant,
    row: &store::NewRow,
    now: Timestamp,
    token: &OneTimeToken,
) -> Result<(), StoreError> {
    let user = identity::NewUser {
        id: row.owner,
        email: new.owner.email.clone(),
        name: new.owner.name.clone(),
        password_hash: new.owner.password_hash.clone(),
        language: Some(new.owner.language),
        verified: new.owner.verified,
        super_admin: false,
    };
    let first = match (&new.owner.password_hash, new.owner.verified) {
        (None, _) => Some(mail::Template::Invitation),
        (Some(_), false) => Some(mail::Template::VerifyEmail),
        (Some(_), true) => None,
    };
    let entry = audit::Entry::new(audit::Action::TenantCreated, &new.actor)
        .user(row.owner)
        .tenant(Some(row.id))
        .details(json!({ "slug": row.slug, "package": new.package }))
        .from(&new.origin);
    let signup_key = async {
        match &new.signup_key {
            Some(key) => store::keys::insert(transaction, key, row.id, row.owner).await,
            None => Ok(()),
        }
    };
    let first_mail = async {
        match first {
            Some(template) => mail::enqueue(transaction, template, row.owner, Some(row.id)).await,
            None => Ok(()),
        }
    };
    let (package, cycle, end) = (&new.package, new.billing_cycle, row.trial_ends_at);
    together([
        identity::insert_user(transaction, &user).boxed(),
        store::insert(transaction, row, new).boxed(),
        store::insert_owner(transaction, row.id, row.owner).boxed(),
        packages::insert_subscription(transaction, row.id, package, cycle, now, end).boxed(),
        signup_key.boxed(),
        first_mail.boxed(),
        audit::record(transaction, entry).boxed(),
        tokens::keep(transaction, token, TokenKind::Onboarding, row.owner, Some(row.id), None).boxed(),
    ])
    .await
}

/// What a broken constraint means here.
fn sort(error: CreateError, slug: &TenantSlug, new: &NewTenant) -> CreateError {
    let CreateError::Store(store) = &error else { return error };
    if store.violates("tenants_slug") || store.violates("tenants_database") {
        return CreateError::DuplicateSlug(slug.clone());
    }
    if store.violates("users_email_key") {
        return CreateError::EmailTaken(new.owner.email.clone());
    }
    if store.violates("subscriptions_package_key_fkey") {
        return CreateError::UnknownPackage(new.package.clone());
    }
    if store.violates("signup_keys_pkey") {
        return CreateError::SignupKeyUsed;
    }
    match store {
        StoreError::Postgres(postgres) if is_duplicate_database(postgres) => CreateError::DuplicateSlug(slug.clone()),
        _ => error,
    }
}

fn is_duplicate_database(error: &tokio_postgres::Error) -> bool {
    failure(error) == Failure::Duplicate
        && error
            .as_db_error()
            .is_some_and(|db| db.constraint().is_none() || db.constraint() == Some("pg_database_datname_index"))
}
