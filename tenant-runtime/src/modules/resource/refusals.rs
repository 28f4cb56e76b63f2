//! Why a row was not written, in words that the client can act on.

use tenancy::{Code, Problem, fields::FieldErrors, ids::AnyId};

use super::{
    Resource,
    conditions::Versions,
    idempotency::Key,
    show::Shown,
    store::{self, Bound},
    values::Written,
};
use crate::{QueryError, Tenant, pools::Violation};

impl Resource {
    /// What a refusal by the database means for whoever writes.
    pub(super) fn refusal(&'static self, error: QueryError, below: Option<&'static str>) -> Problem {
        let Some((violation, constraint)) = error.violation() else { return error.into() };
        let field = constraint.strip_prefix(self.name).and_then(|rest| rest.strip_prefix('_'));
        let named = |suffix| field.and_then(|field| field.strip_suffix(suffix)).and_then(|name| self.field(name));
        let mut errors = FieldErrors::default();
        match violation {
            Violation::Reference => match named("_fkey") {
                Some(field) if below == Some(field.name) => {
                    self.parent.as_ref().map_or_else(|| self.missing(), |parent| (parent.resource)().missing())
                }
                Some(field) => {
                    errors.add(field.written_as(), "there is none with this id");
                    errors.problem()
                }
                // A row of another table holds on to this one.
                None => Problem::new(Code::Conflict, format!("Something still belongs to this {}", self.one))
                    .caused_by(error),
            },
            Violation::Unique => match named("_key") {
                Some(field) => {
                    errors.add(field.written_as(), "is taken");
                    errors.problem().with_code(Code::Conflict, "There is one like this already")
                }
                None => error.into(),
            },
            Violation::Check => match named("_check") {
                Some(field) => {
                    errors.add(field.written_as(), "does not fit the other fields");
                    errors.problem()
                }
                None => error.into(),
            },
        }
    }
}

/// Why nothing was made; or what the same request made before.
pub(super) async fn unmade(
    resource: &'static Resource,
    tenant: &Tenant,
    bound: Option<Bound>,
    key: Option<&Key>,
    below: Option<&'static str>,
) -> Result<Shown, Problem> {
    if let Some(key) = key
        && let Some((request, id)) = store::used_key(tenant, key).await?
    {
        if request != key.request {
            let message = "This Idempotency-Key was sent with another request; use a new one for a new request";
            return Err(Problem::new(Code::IdempotencyKeyReused, message));
        }
        let id = AnyId { prefix: resource.prefix, uuid: id };
        return store::read(resource, tenant, id).await?.ok_or_else(|| {
            Problem::new(Code::Conflict, format!("The {} that this request made has been deleted", resource.one))
        });
    }
    if let (Some(Bound { parent: Some(parent), .. }), Some(of)) = (bound, &resource.parent) {
        let parents = (of.resource)();
        if store::read(parents, tenant, AnyId { prefix: parents.prefix, uuid: parent }).await?.is_none() {
            if below.is_some() {
                return Err(parents.missing());
            }
            let mut errors = FieldErrors::default();
            errors.add(of.field, "there is none with this id");
            return Err(errors.problem());
        }
    }
    let Some(bound) = bound else { return Err(Problem::internal("an INSERT returned no row")) };
    let message =
        format!("The package allows {} of these ({}); upgrade it for more", bound.limit.max(0), resource.path);
    Err(Problem::new(Code::LimitReached, message))
}

/// Why a row was left as it was.
pub(super) async fn unchanged(
    resource: &'static Resource,
    tenant: &Tenant,
    id: AnyId,
    wanted: Option<&Versions>,
    values: &[Written],
) -> Result<Problem, Problem> {
    let fixed = values.iter().filter(|written| written.field.fixed);
    if wanted.is_none() && fixed.clone().next().is_none() {
        return Ok(resource.missing());
    }
    let Some(row) = store::read(resource, tenant, id).await? else { return Ok(resource.missing()) };
    let version = row.version()?;
    if wanted.is_some_and(|wanted| !wanted.holds(version)) {
        return Ok(changed_meanwhile(resource));
    }
    let mut errors = FieldErrors::default();
    for written in fixed {
        errors.add(written.field.written_as(), "can't be changed");
    }
    Ok(errors.problem())
}

pub(super) fn changed_meanwhile(resource: &Resource) -> Problem {
    let message = format!("The {} is not the version that If-Match names; read it again", resource.one);
    Problem::new(Code::PreconditionFailed, message)
}
