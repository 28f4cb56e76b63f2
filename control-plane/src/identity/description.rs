//! What signing in takes and answers, for the API's description.

use serde_json::{Value, json};
use tenancy::http::{Operation, named, object};

const GROUP: &str = "sign-in";

fn text() -> Value {
    json!({ "type": "string" })
}

fn nullable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn user() -> Value {
    let flag = json!({ "type": "boolean" });
    object(
        json!({ "id": text(), "email": text(), "name": text(), "email_verified": flag, "super_admin": flag }),
        &["id", "email", "name", "email_verified", "super_admin"],
    )
}

fn place() -> Value {
    let moment = json!({ "type": "string", "format": "date-time" });
    object(
        json!({
            "id": text(), "slug": text(), "name": text(), "status": text(), "role": text(),
            "trial_ends_at": nullable(&moment),
        }),
        &["id", "slug", "name", "status", "role", "trial_ends_at"],
    )
}

fn new(summary: &str) -> Operation {
    Operation::new(GROUP, summary).schema("User", user()).schema("Place", place())
}

fn session(operation: Operation) -> Operation {
    let places = json!({ "type": "array", "items": named("Place") });
    let session = object(
        json!({
            "access_token": text(), "refresh_token": text(), "token_type": { "const": "Bearer" },
            "expires_in": { "type": "integer" }, "user": named("User"), "tenant": nullable(&named("Place")),
            "tenants": places,
        }),
        &["access_token", "refresh_token", "token_type", "expires_in", "user", "tenant", "tenants"],
    );
    operation.schema("Session", session).answers(200, "Signed in", named("Session"))
}

pub(super) fn login() -> Operation {
    let body = json!({ "email": text(), "password": text(), "tenant_slug": nullable(&text()) });
    session(new("Signs in").takes(object(body, &["email", "password"])))
}

pub(super) fn refresh() -> Operation {
    session(new("A new access token").takes(object(json!({ "refresh_token": text() }), &["refresh_token"])))
}

pub(super) fn logout() -> Operation {
    let body = object(json!({ "refresh_token": text() }), &["refresh_token"]);
    new("Signs out").takes(body).answers_nothing(204, "Signed out")
}

pub(super) fn me() -> Operation {
    let places = json!({ "type": "array", "items": named("Place") });
    let answer = object(
        json!({ "user": named("User"), "tenant": nullable(&named("Place")), "tenants": places }),
        &["user", "tenant", "tenants"],
    );
    new("Who I am, and where").answers(200, "Who asks", answer)
}

pub(super) fn switch() -> Operation {
    session(new("Signs in to another tenant").takes(object(json!({ "tenant_slug": text() }), &["tenant_slug"])))
}

pub(super) fn set_password() -> Operation {
    let body = object(json!({ "token": text(), "password": text() }), &["token", "password"]);
    let answer = object(json!({ "email": text() }), &["email"]);
    new("Sets a password with a token from a mail").takes(body).answers(200, "It is set", answer)
}

pub(super) fn forgot_password() -> Operation {
    let answer = object(json!({ "message": text() }), &["message"]);
    new("Asks for a mail with which a password can be set")
        .takes(object(json!({ "email": text() }), &["email"]))
        .answers(202, "A mail is on its way, if there is such an account", answer)
}

pub(super) fn keys() -> Operation {
    let key = json!({ "type": "object", "additionalProperties": text() });
    let answer = object(json!({ "keys": { "type": "array", "items": key } }), &["keys"]);
    new("The public keys of access tokens (RFC 7517)").answers(200, "The keys", answer)
}
