//! Customers in the tenant's database. Statements list their columns: a prepared `SELECT *` fails after a migration.

use std::sync::LazyLock;

use rust_decimal::Decimal;
use tenancy::{Money, UserId, ids::CustomerId};
use tokio_postgres::{Row, types::Type};

use super::{COLUMNS, Customer, FIELDS, LIST};
use crate::{
    Parameter, QueryError, Statement, Tenant,
    modules::{
        fields::Values,
        list::{ListQuery, Page},
    },
};

static READ: LazyLock<String> = LazyLock::new(|| format!("SELECT {COLUMNS} FROM customers WHERE id = $1"));

static CREATE: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    let places: Vec<String> = (4..names.len() + 4).map(|place| format!("${place}")).collect();
    format!(
        "INSERT INTO customers (id, created_by, created_by_name, {}) VALUES ($1, $2, $3, {}) RETURNING {COLUMNS}",
        names.join(", "),
        places.join(", ")
    )
});

static REPLACE: LazyLock<String> = LazyLock::new(|| update(FIELDS.iter().map(|field| field.name), ""));

const DELETE: &str = "DELETE FROM customers WHERE id = $1 RETURNING id";

/// The statement that sets these columns to $2 and so on.
fn update<'a>(columns: impl Iterator<Item = &'a str>, and: &str) -> String {
    let mut set = String::new();
    for (position, column) in columns.enumerate() {
        set.push_str(&format!("{column} = ${}, ", position + 2));
    }
    format!("UPDATE customers SET {set}updated_at = now() WHERE id = $1{and} RETURNING {COLUMNS}")
}

pub(super) async fn list(tenant: &Tenant, query: &ListQuery) -> Result<Page<Customer>, QueryError> {
    let sql = query.sql(&LIST);
    let (limit, offset) = (i64::from(query.limit), query.offset());
    let mut parameters: Vec<Parameter<'_>> = vec![(&limit, Type::INT8), (&offset, Type::INT8)];
    parameters.extend(query.texts().map(|text| -> Parameter<'_> { (text, Type::TEXT) }));
    let statement = if query.is_plain() { Statement::Kept(&sql) } else { Statement::Once(&sql) };
    let rows = tenant.read(statement, &parameters).await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get("total")).map_err(QueryError::Statement)?;
    let mut data = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<_, Option<CustomerId>>("id").map_err(QueryError::Statement)?.is_some() {
            data.push(customer(row, 1)?);
        }
    }
    Ok(query.page(data, total))
}

pub(super) async fn read(tenant: &Tenant, id: CustomerId) -> Result<Option<Customer>, QueryError> {
    first(&tenant.read(Statement::Kept(&READ), &[(&id, Type::UUID)]).await?)
}

pub(super) async fn create(tenant: &Tenant, id: CustomerId, values: &Values) -> Result<Customer, QueryError> {
    let (user, name) = (tenant.user_id(), tenant.user_name());
    let mut parameters: Vec<Parameter<'_>> = vec![(&id, Type::UUID), (&user, Type::UUID), (&name, Type::TEXT)];
    parameters.extend(values.iter().map(|(_, value)| value.parameter()));
    let rows = tenant.write(Statement::Kept(&CREATE), &parameters).await?;
    first(&rows)?.ok_or_else(|| QueryError::Pool("an INSERT returned no row".to_owned()))
}

pub(super) async fn replace(tenant: &Tenant, id: CustomerId, values: &Values) -> Result<Option<Customer>, QueryError> {
    let mut parameters: Vec<Parameter<'_>> = vec![(&id, Type::UUID)];
    parameters.extend(values.iter().map(|(_, value)| value.parameter()));
    first(&tenant.write(Statement::Kept(&REPLACE), &parameters).await?)
}

/// Sets the fields that are given, where the money is still what it was when it was checked.
pub(super) async fn change(
    tenant: &Tenant,
    id: CustomerId,
    values: &Values,
    only_with: Option<&(Decimal, String)>,
) -> Result<Option<Customer>, QueryError> {
    let mut parameters: Vec<Parameter<'_>> = vec![(&id, Type::UUID)];
    parameters.extend(values.iter().map(|(_, value)| value.parameter()));
    let mut and = String::new();
    if let Some((amount, currency)) = only_with {
        and = format!(" AND total_revenue = ${} AND currency = ${}", parameters.len() + 1, parameters.len() + 2);
        parameters.extend::<[Parameter<'_>; 2]>([(amount, Type::NUMERIC), (currency, Type::TEXT)]);
    }
    let sql = update(values.iter().map(|(column, _)| *column), &and);
    first(&tenant.write(Statement::Once(&sql), &parameters).await?)
}

pub(super) async fn delete(tenant: &Tenant, id: CustomerId) -> Result<bool, QueryError> {
    Ok(!tenant.write(Statement::Kept(DELETE), &[(&id, Type::UUID)]).await?.is_empty())
}

fn first(rows: &[Row]) -> Result<Option<Customer>, QueryError> {
    rows.first().map(|row| customer(row, 0)).transpose()
}

/// Reads [`COLUMNS`], which begin at `start`: by number, because this runs for every row of every list.
fn customer(row: &Row, start: usize) -> Result<Customer, QueryError> {
    read_columns(row, start).map_err(QueryError::Statement)
}

fn read_columns(row: &Row, start: usize) -> Result<Customer, tokio_postgres::Error> {
    let at = |column: usize| start + column;
    let amount: Decimal = row.try_get(at(13))?;
    let currency: String = row.try_get(at(14))?;
    Ok(Customer {
        id: row.try_get(at(0))?,
        company_name: row.try_get(at(1))?,
        company_title: row.try_get(at(2))?,
        contact_person: row.try_get(at(3))?,
        email: row.try_get(at(4))?,
        phone: row.try_get(at(5))?,
        country: row.try_get(at(6))?,
        city: row.try_get(at(7))?,
        address: row.try_get(at(8))?,
        sector: row.try_get(at(9))?,
        relationship_type: row.try_get(at(10))?,
        status: row.try_get(at(11))?,
        customer_since: row.try_get(at(12))?,
        // A row that was not written here may have more places than its currency; show it as it is.
        total_revenue: Money::new(amount, &currency).map_or(amount, |money| money.amount()).to_string(),
        currency,
        tags: row.try_get(at(15))?,
        created_by: row.try_get::<_, UserId>(at(16))?,
        created_by_name: row.try_get(at(17))?,
        created_at: row.try_get(at(18))?,
        updated_at: row.try_get(at(19))?,
    })
}
