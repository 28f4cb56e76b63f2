//! What signing up takes and answers, for the API's description.

use serde_json::{Map, Value, json};
use tenancy::http::{Operation, named, object};

const GROUP: &str = "sign-up";

fn text() -> Value {
    json!({ "type": "string" })
}

fn nullable_texts(names: &[&str]) -> Value {
    let one = |name: &&str| ((*name).to_owned(), json!({ "type": ["string", "null"] }));
    Value::Object(names.iter().map(one).collect::<Map<_, _>>())
}

fn new(summary: &str) -> Operation {
    let moment = json!({ "type": ["string", "null"], "format": "date-time" });
    let tenant = object(
        json!({ "id": text(), "slug": text(), "name": text(), "status": text(), "trial_ends_at": moment }),
        &["id", "slug", "name", "status", "trial_ends_at"],
    );
    Operation::new(GROUP, summary).schema("Tenant", tenant)
}

pub(super) fn sign_up() -> Operation {
    let fields = ["company_name", "owner_email", "owner_name", "password", "package_key", "billing_cycle", "slug"];
    let body = object(nullable_texts(&fields), &["company_name", "owner_email", "owner_name", "password"]);
    let user = object(json!({ "id": text(), "email": text() }), &["id", "email"]);
    let made = object(
        json!({ "tenant": named("Tenant"), "user": user, "onboarding_token": text() }),
        &["tenant", "user", "onboarding_token"],
    );
    new("Signs a company up")
        .header("Idempotency-Key", text(), "Sent again with the same key, it is the same signup")
        .takes(body)
        .schema("SignedUp", made)
        .answers(201, "The workspace can be used", named("SignedUp"))
        .answers(202, "The workspace is being made; Location says where to look", named("SignedUp"))
}

pub(super) fn status() -> Operation {
    let moment = json!({ "type": ["string", "null"], "format": "date-time" });
    let step = object(
        json!({ "step": text(), "state": { "enum": ["done", "doing"] }, "started_at": moment, "finished_at": moment }),
        &["step", "state", "started_at", "finished_at"],
    );
    let answer =
        object(json!({ "tenant": named("Tenant"), "steps": { "type": "array", "items": step } }), &["tenant", "steps"]);
    new("How far the making of a workspace is")
        .query("token", text(), "The onboarding token, where it is not sent as a bearer token")
        .answers(200, "The tenant, and the steps", answer)
}

pub(super) fn verify() -> Operation {
    let answer = object(json!({ "verified": { "const": true } }), &["verified"]);
    new("Marks an address as verified")
        .takes(object(json!({ "token": text() }), &["token"]))
        .answers(200, "It is", answer)
}

pub(super) fn complete() -> Operation {
    let part = |names: &[&str]| object(nullable_texts(names), &[]);
    let body = object(
        json!({
            "company_info": part(&["industry", "company_size", "website", "referral_source"]),
            "billing_info": part(&["company_name", "tax_number", "tax_office", "address", "country"]),
            "preferences": part(&["timezone", "language", "currency"]),
            "onboarding_token": { "type": ["string", "null"] },
        }),
        &[],
    );
    let flag = json!({ "type": "boolean" });
    let moment = json!({ "type": ["string", "null"], "format": "date-time" });
    let tenant = json!({
        "id": text(), "slug": text(), "name": text(), "status": text(), "trial_ends_at": moment,
        "timezone": text(), "language": text(), "currency": text(), "onboarding_completed": flag,
    });
    let names: Vec<&str> = tenant.as_object().into_iter().flat_map(|all| all.keys().map(String::as_str)).collect();
    let answer = object(json!({ "tenant": object(tenant.clone(), &names) }), &["tenant"]);
    new("Completes a tenant's own facts").takes(body).answers(200, "The tenant", answer)
}
