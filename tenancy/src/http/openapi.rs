//! The API's description (OpenAPI 3.1), made from the tables of routes: what is served is described, and the other way
//! round.
#![expect(clippy::needless_pass_by_value, reason = "schemas are written where they are used")]

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{Access, Route};
use crate::problem::Code;

/// What one route takes and answers, for people and programs that call it.
#[derive(Debug, Clone)]
pub struct Operation {
    summary: String,
    group: &'static str,
    parameters: Vec<Json>,
    body: Option<Json>,
    answers: BTreeMap<u16, Json>,
    schemas: Vec<(String, Json)>,
}

fn content(types: &[&str], schema: &Json) -> Map<String, Json> {
    types.iter().map(|name| ((*name).to_owned(), json!({ "schema": schema }))).collect()
}

/// What every route may answer besides its own answers, by who may call it.
const ANYONE: &[u16] = &[400, 404, 413, 422, 429, 500, 503];
const REFUSALS: &[u16] = &[401, 403];
const OF_A_TENANT: &[u16] = &[402, 409, 412];

impl Operation {
    /// An operation with one line that says what it does, in a group of related ones.
    #[must_use]
    pub fn new(group: &'static str, summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            group,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            schemas: Vec::new(),
        }
    }

    /// Takes a JSON body of this schema.
    #[must_use]
    pub fn takes(self, schema: Json) -> Self {
        self.takes_content(&["application/json"], schema)
    }

    /// Takes a body of one of these types, of this schema.
    #[must_use]
    pub fn takes_content(mut self, content_types: &[&str], schema: Json) -> Self {
        self.body = Some(json!({ "required": true, "content": content(content_types, &schema) }));
        self
    }

    /// Takes a parameter of the query string.
    #[must_use]
    pub fn query(mut self, name: &str, schema: Json, description: &str) -> Self {
        self.parameters.push(json!({ "name": name, "in": "query", "schema": schema, "description": description }));
        self
    }

    /// Takes a header.
    #[must_use]
    pub fn header(mut self, name: &str, schema: Json, description: &str) -> Self {
        self.parameters.push(json!({ "name": name, "in": "header", "schema": schema, "description": description }));
        self
    }

    /// Answers with this status and JSON of this schema.
    #[must_use]
    pub fn answers(self, status: u16, description: &str, schema: Json) -> Self {
        self.answers_content(status, description, &["application/json"], schema)
    }

    /// Answers with this status and a body of one of these types, of this schema.
    #[must_use]
    pub fn answers_content(mut self, status: u16, description: &str, content_types: &[&str], schema: Json) -> Self {
        let answer = json!({ "description": description, "content": content(content_types, &schema) });
        self.answers.insert(status, answer);
        self
    }

    /// Answers with this status and no body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16, description: &str) -> Self {
        self.answers.insert(status, json!({ "description": description }));
        self
    }

    /// Adds a schema that others name with [`named`].
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>, schema: Json) -> Self {
        self.schemas.push((name.into(), schema));
        self
    }

    fn describe(&self, route: &Route, path: &str, id: &str) -> Json {
        let mut parameters = self.parameters.clone();
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        }
        let has_token = !matches!(route.access, Access::Public | Access::Onboarding);
        let mut answers: BTreeMap<String, Json> =
            self.answers.iter().map(|(status, answer)| (status.to_string(), answer.clone())).collect();
        let mut problems: Vec<u16> = ANYONE.to_vec();
        // Without a token too: signing in and up are refused with these.
        problems.extend(REFUSALS);
        problems.extend(if matches!(route.access, Access::Tenant { .. }) { OF_A_TENANT } else { &[409] });
        for status in problems {
            answers.entry(status.to_string()).or_insert_with(|| json!({ "$ref": "#/components/responses/Problem" }));
        }
        let mut operation = json!({
            "operationId": id,
            "summary": self.summary,
            "tags": [self.group],
            "responses": answers,
        });
        if !parameters.is_empty() {
            operation["parameters"] = json!(parameters);
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = body.clone();
        }
        operation["security"] = if has_token { json!([{ "access_token": [] }]) } else { json!([]) };
        operation
    }
}

/// The schema that an operation has added under this name.
#[must_use]
pub fn named(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with these properties, of which some must be there, and no others.
#[must_use]
pub fn object(properties: Json, required: &[&str]) -> Json {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The description of all routes, each with the prefix that it is served under.
#[must_use]
pub fn document<'a>(routes: impl IntoIterator<Item = (&'a str, &'a Route)>) -> Json {
    let mut paths: BTreeMap<String, Map<String, Json>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Json> = BTreeMap::new();
    for (prefix, route) in routes {
        let path = format!("{prefix}{}", route.path);
        let method = route.method.as_str().to_ascii_lowercase();
        let words: Vec<&str> = path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty()).collect();
        let id = format!("{method}_{}", words.join("_").replace('-', "_"));
        let Some(operation) = &route.operation else { continue };
        paths.entry(path.clone()).or_default().insert(method, operation.describe(route, &path, &id));
        schemas.extend(operation.schemas.iter().cloned());
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    link(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tenantry",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Everything of a tenant is also served below /api/{slug}/ in place of /api/v1/.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": {
                "description": "It was not done; `code` says why",
                "content": { "application/problem+json": { "schema": named("Problem") } },
            } },
            "securitySchemes": { "access_token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        },
    })
}

/// Says where the id of what a POST makes leads: a program that walks the description finds the rows that it made.
fn link(paths: &mut BTreeMap<String, Map<String, Json>>) {
    let of_one: Vec<(String, Json)> = paths
        .iter()
        .flat_map(|(path, operations)| operations.values().map(move |one| (path.clone(), one["operationId"].clone())))
        .collect();
    for (path, operations) in paths {
        let Some(made) = operations.get_mut("post").and_then(|post| post["responses"].get_mut("201")) else { continue };
        let below = format!("{}/{{id}}", path.replace("/{id}/", "/"));
        // Rows that are made below their parent's path are at their own.
        let below = below.replacen(&parent_of(path), "", 1);
        let links: Map<String, Json> = of_one
            .iter()
            .filter(|(of, _)| of.starts_with(&below))
            .filter_map(|(_, id)| {
                let link = json!({ "operationId": id, "parameters": { "id": "$response.body#/id" } });
                Some((id.as_str()?.to_owned(), link))
            })
            .collect();
        if !links.is_empty() {
            made["links"] = Json::Object(links);
        }
    }
}

/// The segment before `/{id}/` in a path.
fn parent_of(path: &str) -> String {
    let before = path.split_once("/{id}/").and_then(|(before, _)| before.rsplit_once('/'));
    before.map_or(String::new(), |(_, parent)| format!("/{parent}"))
}

fn problem_schema() -> Json {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    object(
        json!({
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": codes },
            "error": { "type": "string" },
            "errors": { "type": "object", "additionalProperties": { "type": "array", "items": { "type": "string" } } },
            "upgrade_required": { "type": "boolean" },
            "request_id": { "type": "string" },
        }),
        &["status", "code", "error"],
    )
}
