//! What is done with rows, whoever asks for it: checked, carried out, or refused with what is wrong.

use serde_json::{Map, Value as Json};
use tenancy::{Code, Problem, fields::FieldErrors, ids::AnyId};
use uuid::Uuid;

use super::{
    Limit, Resource,
    conditions::Versions,
    field::Takes,
    idempotency::Key,
    list::ListQuery,
    members::name_members,
    refusals::{changed_meanwhile, unchanged, unmade},
    show::Shown,
    store::{self, Bound},
    values::{Value, Writer, Written, check_money, find, has_half_of_money, read_change, read_replacement, read_whole},
};
use crate::Tenant;

/// How often a change is tried again whose row was changed by somebody else meanwhile.
const TRIES: usize = 5;

impl Resource {
    /// A page of rows, and how many there are in all.
    pub(crate) async fn list(&'static self, tenant: &Tenant, query: &ListQuery) -> Result<(Vec<Shown>, i64), Problem> {
        Ok(store::list(self, tenant, query).await?)
    }

    /// A row.
    pub(crate) async fn row(&'static self, tenant: &Tenant, id: AnyId) -> Result<Shown, Problem> {
        store::read(self, tenant, id).await?.ok_or_else(|| self.missing())
    }

    /// Makes a row; `true`: the same request had made it before. `below` is the field that names the parent whose path
    /// the request is for.
    pub(crate) async fn make(
        &'static self,
        tenant: &Tenant,
        body: Map<String, Json>,
        key: Option<&Key>,
        below: Option<&'static str>,
    ) -> Result<(Shown, bool), Problem> {
        let mut errors = FieldErrors::default();
        let mut values = read_whole(&self.fields, body, &writer(tenant), &mut errors);
        check_money(&values, &mut errors);
        name_members(tenant, &mut values, &mut errors).await?;
        errors.finish()?;
        let bound = self.bound(tenant, &values);
        let id = AnyId { prefix: self.prefix, uuid: Uuid::now_v7() };
        let made = store::create(self, tenant, id, &values, bound, key).await;
        match made.map_err(|error| self.refusal(error, below))? {
            Some(row) => {
                if let Some(metric) = self.metric {
                    tenant.count(metric, 1);
                }
                Ok((row, false))
            }
            None => Ok((unmade(self, tenant, bound, key, below).await?, true)),
        }
    }

    /// Makes a row what the whole body says.
    pub(crate) async fn replace(
        &'static self,
        tenant: &Tenant,
        id: AnyId,
        body: Map<String, Json>,
        wanted: Option<Versions>,
    ) -> Result<Shown, Problem> {
        let mut errors = FieldErrors::default();
        let mut values = read_replacement(&self.fields, body, &writer(tenant), &mut errors);
        check_money(&values, &mut errors);
        name_members(tenant, &mut values, &mut errors).await?;
        errors.finish()?;
        self.write(tenant, id, &values, wanted).await
    }

    /// Changes what the body says of a row.
    pub(crate) async fn change(
        &'static self,
        tenant: &Tenant,
        id: AnyId,
        body: Map<String, Json>,
        wanted: Option<Versions>,
    ) -> Result<Shown, Problem> {
        let mut errors = FieldErrors::default();
        let mut values = read_change(&self.fields, body, &writer(tenant), &mut errors);
        name_members(tenant, &mut values, &mut errors).await?;
        if has_half_of_money(&self.fields, &values) {
            return self.change_money(tenant, id, values, wanted, errors).await;
        }
        check_money(&values, &mut errors);
        errors.finish()?;
        if values.is_empty() {
            let row = self.row(tenant, id).await?;
            let holds = wanted.is_none_or(|wanted| row.version().is_ok_and(|version| wanted.holds(version)));
            return if holds { Ok(row) } else { Err(changed_meanwhile(self)) };
        }
        self.write(tenant, id, &values, wanted).await
    }

    /// Deletes a row.
    pub(crate) async fn remove(
        &'static self,
        tenant: &Tenant,
        id: AnyId,
        wanted: Option<Versions>,
    ) -> Result<(), Problem> {
        let numbers = wanted.as_ref().and_then(Versions::numbers);
        let gone = store::delete(self, tenant, id, numbers).await;
        if gone.map_err(|error| self.refusal(error, None))? {
            return Ok(());
        }
        Err(unchanged(self, tenant, id, wanted.as_ref(), &[]).await?)
    }

    /// Writes what was checked into a row, where it is there and has a version that the client knows.
    async fn write(
        &'static self,
        tenant: &Tenant,
        id: AnyId,
        values: &[Written],
        wanted: Option<Versions>,
    ) -> Result<Shown, Problem> {
        let numbers = wanted.as_ref().and_then(Versions::numbers);
        let row = store::update(self, tenant, id, values, numbers).await;
        match row.map_err(|error| self.refusal(error, None))? {
            Some(row) => Ok(row),
            None => Err(unchanged(self, tenant, id, wanted.as_ref(), values).await?),
        }
    }

    /// A change of which half of an amount and its currency is in the request, the other half in the row: made only
    /// while the row is what it was when the two were compared.
    async fn change_money(
        &'static self,
        tenant: &Tenant,
        id: AnyId,
        values: Vec<Written>,
        wanted: Option<Versions>,
        mut errors: FieldErrors,
    ) -> Result<Shown, Problem> {
        for _ in 0..TRIES {
            let row = self.row(tenant, id).await?;
            let version = row.version()?;
            if wanted.as_ref().is_some_and(|wanted| !wanted.holds(version)) {
                return Err(changed_meanwhile(self));
            }
            let mut both = values.clone();
            for field in &self.fields {
                let Takes::Amount { currency } = field.takes else { continue };
                let (amount_then, currency_then) = row.amount(field.name)?;
                if find(&both, field.name).is_none() {
                    both.push(Written { field, value: Value::Amount(amount_then) });
                }
                if let (None, Some(field)) = (find(&both, currency), self.field(currency)) {
                    both.push(Written { field, value: Value::Text(Some(currency_then)) });
                }
            }
            check_money(&both, &mut errors);
            std::mem::take(&mut errors).finish()?;
            let changed = store::update(self, tenant, id, &values, Some(&[version])).await;
            if let Some(row) = changed.map_err(|error| self.refusal(error, None))? {
                return Ok(row);
            }
        }
        Err(Problem::new(Code::Conflict, format!("The {} has changed meanwhile; please try again", self.one)))
    }

    /// What bounds the making of this row, for this tenant.
    fn bound(&'static self, tenant: &Tenant, values: &[Written]) -> Option<Bound> {
        match self.limit? {
            Limit::All(limit) => Some(Bound { limit: tenant.limit(limit), parent: None }),
            Limit::OfParent { limit, .. } => match find(values, self.parent.as_ref()?.field) {
                Some(Value::Id(Some(parent))) => Some(Bound { limit: tenant.limit(limit), parent: Some(*parent) }),
                // A row that belongs to none is counted nowhere.
                _ => None,
            },
        }
    }
}

fn writer(tenant: &Tenant) -> Writer<'_> {
    Writer { user: tenant.user_id(), user_name: tenant.user_name(), currency: tenant.currency(), year: tenant.year() }
}
