//! `/api/admin/fleet`: the fleet, for super-admins.

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    web::{self, Data, Json},
};
use serde_json::{Value, json};
use tenancy::{
    Code, Problem,
    http::{Access, Operation, Route, named, object},
};

use super::{Fleet, FleetError, Wanted};
use crate::{audit::By, identity::Caller};

const GROUP: &str = "fleet";

/// The routes of this capability.
#[must_use]
pub fn routes() -> Vec<Route> {
    let asked = || object(json!({ "asked": { "type": "boolean" } }), &["asked"]);
    let status = Operation::new(GROUP, "How many tenants are at which schema version, who failed, and the last runs")
        .schema("FleetRun", described_run())
        .answers(200, "The state of the fleet", described_status());
    let plan = Operation::new(GROUP, "What a run would do")
        .takes(described_policy())
        .schema("FleetRun", described_run())
        .answers(200, "Who is behind, in the order of their turns", described_plan());
    let run = Operation::new(GROUP, "Brings tenants to the current schema version, in the background")
        .takes(described_policy())
        .answers(
            202,
            "It has begun; Location says where to look",
            object(json!({ "started": { "const": true } }), &["started"]),
        );
    let stop = Operation::new(GROUP, "Asks the run that is under way to stop after the databases in hand").answers(
        200,
        "Whether there was one",
        asked(),
    );
    let access = Access::SuperAdmin;
    vec![
        Route::new(Method::GET, "/api/admin/fleet", access, status, || web::to(tell_status)),
        Route::new(Method::POST, "/api/admin/fleet/plan", access, plan, || web::to(tell_plan)),
        Route::new(Method::POST, "/api/admin/fleet/runs", access, run, || web::to(begin)),
        Route::new(Method::POST, "/api/admin/fleet/stop", access, stop, || web::to(ask_to_stop)),
    ]
}

fn described_policy() -> Value {
    let number = |least: u32, most: u32| json!({ "type": ["integer", "null"], "minimum": least, "maximum": most });
    let slugs = json!({ "type": "array", "items": { "type": "string" } });
    object(
        json!({
            "concurrency": number(1, 64), "canaries": number(0, 10_000), "max_failures": number(0, 1_000_000),
            "polite": { "type": "boolean" }, "only": slugs, "exclude": slugs,
            "order": { "enum": [null, "created", "size", "label"] },
        }),
        &[],
    )
}

fn described_run() -> Value {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    object(
        json!({
            "id": text, "state": { "enum": ["running", "done", "stopped"] }, "target_version": number, "actor": text,
            "tenants": number, "done": number, "failed": number, "newer": number, "gone": number,
            "is_held": { "type": "boolean" }, "reason": { "type": ["string", "null"] }, "started_at": { "type": "string", "format": "date-time" },
            "finished_at": { "type": ["string", "null"], "format": "date-time" },
        }),
        &["id", "state", "target_version", "actor", "tenants", "done", "failed", "started_at"],
    )
}

fn versions() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "integer" } })
}

fn described_status() -> Value {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let failing = object(
        json!({ "slug": text, "version": number, "failure": text, "message": { "type": ["string", "null"] }, "at": text }),
        &["slug", "version", "failure", "at"],
    );
    object(
        json!({
            "target_version": number, "versions": versions(), "failing": { "type": "array", "items": failing },
            "runs": { "type": "array", "items": named("FleetRun") },
        }),
        &["target_version", "versions", "failing", "runs"],
    )
}

fn described_plan() -> Value {
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let tenant = object(json!({ "slug": text, "version": number }), &["slug", "version"]);
    object(
        json!({
            "target_version": number, "versions": versions(), "tenants": { "type": "array", "items": tenant },
            "migrations": { "type": "array", "items": text }, "estimate_seconds": { "type": ["number", "null"] },
            "running": { "oneOf": [named("FleetRun"), { "type": "null" }] },
        }),
        &["target_version", "versions", "tenants", "migrations"],
    )
}

fn invalid(field: &str, reason: impl Into<String>) -> Problem {
    Problem::validation(BTreeMap::from([(field.to_owned(), vec![reason.into()])]))
}

async fn tell_status(fleet: Data<Fleet>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(fleet.status().await?))
}

async fn tell_plan(fleet: Data<Fleet>, wanted: Json<Wanted>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(fleet.plan(&wanted.into_inner().policy()?).await?))
}

/// Begins a run, which goes on in the background.
async fn begin(
    fleet: Data<Fleet>,
    wanted: Json<Wanted>,
    caller: Caller,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    fleet.begin(wanted.into_inner().policy()?, By::of(caller.actor(), &http)).await?;
    Ok(HttpResponse::Accepted().insert_header(("location", "/api/admin/fleet")).json(json!({ "started": true })))
}

async fn ask_to_stop(fleet: Data<Fleet>, caller: Caller, http: HttpRequest) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(json!({ "asked": fleet.request_stop(By::of(caller.actor(), &http)).await? })))
}

impl From<FleetError> for Problem {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Store(error) => error.into(),
            FleetError::Busy(_)
            | FleetError::Left(_)
            | FleetError::Over(_)
            | FleetError::OldProgram { .. }
            | FleetError::TransactionControl(_) => Self::new(Code::Conflict, error.to_string()),
            FleetError::Unknown(_) => invalid("only", error.to_string()),
            FleetError::Server(_) | FleetError::Provision(_) | FleetError::LostHold => Self::internal(error),
        }
    }
}
