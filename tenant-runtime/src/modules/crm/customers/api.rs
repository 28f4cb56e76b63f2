//! Customers over HTTP.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Json, Path},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue};
use tenancy::{Code, Problem, fields::FieldErrors, ids::CustomerId};

use super::{FIELDS, LIST, check_money, money, store};
use crate::{
    Tenant,
    modules::{
        fields::{Values, read as read_fields},
        list::ListQuery,
        location,
    },
};

/// The path of one customer; below `/api/{slug}` it also has the slug.
#[derive(Deserialize)]
pub(super) struct OnePath {
    id: String,
}

type Body = Json<Map<String, JsonValue>>;
type Answer = Result<HttpResponse, Problem>;

/// A text that is no id of a customer names none.
fn id_of(path: &OnePath) -> Result<CustomerId, Problem> {
    path.id.parse().map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::not_found("customer")
}

pub(super) async fn list(tenant: Tenant, request: HttpRequest) -> Answer {
    let query = ListQuery::parse(request.query_string(), &LIST)?;
    Ok(HttpResponse::Ok().json(store::list(&tenant, &query).await?))
}

pub(super) async fn read(tenant: Tenant, path: Path<OnePath>) -> Answer {
    let customer = store::read(&tenant, id_of(&path)?).await?;
    Ok(HttpResponse::Ok().json(customer.ok_or_else(not_found)?))
}

pub(super) async fn create(tenant: Tenant, request: HttpRequest, body: Body) -> Answer {
    let values = whole(&tenant, body)?;
    let customer = store::create(&tenant, CustomerId::generate(), &values).await?;
    let address = location(&request, customer.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, address)).json(customer))
}

pub(super) async fn replace(tenant: Tenant, path: Path<OnePath>, body: Body) -> Answer {
    let id = id_of(&path)?;
    let values = whole(&tenant, body)?;
    let customer = store::replace(&tenant, id, &values).await?;
    Ok(HttpResponse::Ok().json(customer.ok_or_else(not_found)?))
}

pub(super) async fn change(tenant: Tenant, path: Path<OnePath>, body: Body) -> Answer {
    let id = id_of(&path)?;
    let mut errors = FieldErrors::default();
    let values = read_fields(FIELDS, body.into_inner(), false, tenant.currency(), &mut errors);
    let given = money(&values);
    let mut only_with = None;
    match given {
        (Some(amount), Some(currency)) => check_money(amount, currency, &mut errors),
        (None, None) => {}
        // Half of the money is in the request, the other half in the row.
        (amount, currency) => {
            let row = store::read(&tenant, id).await?.ok_or_else(not_found)?;
            let known = row.total_revenue.parse::<Decimal>().map_err(Problem::internal)?;
            check_money(amount.unwrap_or(known), currency.unwrap_or(&row.currency), &mut errors);
            only_with = Some((known, row.currency));
        }
    }
    errors.finish()?;
    if values.is_empty() {
        let customer = store::read(&tenant, id).await?;
        return Ok(HttpResponse::Ok().json(customer.ok_or_else(not_found)?));
    }
    match store::change(&tenant, id, &values, only_with.as_ref()).await? {
        Some(customer) => Ok(HttpResponse::Ok().json(customer)),
        None if only_with.is_some() => {
            Err(Problem::new(Code::Conflict, "The customer has changed meanwhile; please try again"))
        }
        None => Err(not_found()),
    }
}

pub(super) async fn delete(tenant: Tenant, path: Path<OnePath>) -> Answer {
    let gone = store::delete(&tenant, id_of(&path)?).await?;
    if gone { Ok(HttpResponse::NoContent().finish()) } else { Err(not_found()) }
}

/// All fields of a customer, from a body that has all that matter.
fn whole(tenant: &Tenant, body: web::Json<Map<String, JsonValue>>) -> Result<Values, Problem> {
    let mut errors = FieldErrors::default();
    let values = read_fields(FIELDS, body.into_inner(), true, tenant.currency(), &mut errors);
    if let (Some(amount), Some(currency)) = money(&values) {
        check_money(amount, currency, &mut errors);
    }
    errors.finish()?;
    Ok(values)
}
