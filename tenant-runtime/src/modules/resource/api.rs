//! Resources over HTTP: the same handlers for all of them.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{Method, StatusCode, header},
    web::{self, Path},
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tenancy::{Problem, fields::FieldErrors, http::Route, ids::AnyId};

use super::{
    Action, Resource,
    conditions::{etag, if_match, if_none_match},
    idempotency::key,
    list::{ListQuery, OF_PATH},
    show::{Shown, ShownWith},
    store,
};
use crate::Tenant;

/// The path of one row; below `/api/{slug}` it also has the slug.
#[derive(Deserialize)]
pub(crate) struct OnePath {
    id: String,
}

type Body = web::Json<Map<String, Json>>;
type Answer = Result<HttpResponse, Problem>;

impl Resource {
    /// The routes of the resource, and those below its parent's path.
    pub(crate) fn routes(&'static self) -> Vec<Route> {
        let path = format!("/{}", self.path);
        let one = format!("{path}/{{id}}");
        let mut routes = Vec::new();
        for action in self.actions {
            let access = self.access(*action);
            let mut add = |method, path: &str, operation, handler: fn(&'static Self) -> actix_web::Route| {
                routes.push(Route::new(method, path.to_owned(), access, operation, move || handler(self)));
            };
            match action {
                Action::Read => {
                    add(Method::GET, &path, self.list_operation(), |of| {
                        web::to(move |tenant, request| list(of, tenant, request, None))
                    });
                    add(Method::GET, &one, self.read_operation(), |of| {
                        web::to(move |tenant, request, path| read(of, tenant, request, path))
                    });
                }
                Action::Create => add(Method::POST, &path, self.create_operation(false), |of| {
                    web::to(move |tenant, request, body| create(of, tenant, request, body, None))
                }),
                Action::Update => {
                    add(Method::PUT, &one, self.replace_operation(), |of| {
                        web::to(move |tenant, request, path, body| replace(of, tenant, request, path, body))
                    });
                    add(Method::PATCH, &one, self.change_operation(), |of| {
                        web::to(move |tenant, request, path, body| change(of, tenant, request, path, body))
                    });
                }
                Action::Delete => add(Method::DELETE, &one, self.delete_operation(), |of| {
                    web::to(move |tenant, request, path| delete(of, tenant, request, path))
                }),
            }
        }
        if let Some(parent) = &self.parent {
            let below = format!("/{}/{{id}}/{}", (parent.resource)().path, self.path);
            let (read, make) = (self.access(Action::Read), self.access(Action::Create));
            routes.push(Route::new(Method::GET, below.clone(), read, self.list_operation(), move || {
                web::to(move |tenant, request, path: Path<OnePath>| list(self, tenant, request, Some(path)))
            }));
            routes.push(Route::new(Method::POST, below, make, self.create_operation(true), move || {
                web::to(move |tenant, request, body, path: Path<OnePath>| {
                    create(self, tenant, request, body, Some(path))
                })
            }));
        }
        routes
    }

    /// A text that is no id of the resource names no row of it.
    pub(crate) fn id(&self, path: &OnePath) -> Result<AnyId, Problem> {
        AnyId::parse(self.prefix, &path.id).map_err(|_| self.missing())
    }

    /// The row of the parent that a path names, and the field that says so.
    fn parent_in(&self, path: Option<&Path<OnePath>>) -> Result<Option<(&'static str, AnyId)>, Problem> {
        match (&self.parent, path) {
            (Some(parent), Some(path)) => Ok(Some((parent.field, (parent.resource)().id(path)?))),
            _ => Ok(None),
        }
    }
}

impl Shown {
    /// The row as an answer.
    pub(crate) fn answer(&self) -> Answer {
        one(HttpResponse::Ok(), self)
    }
}

/// One row with its ETag (RFC 9110, 8.8.3).
fn one(mut response: HttpResponseBuilder, row: &Shown) -> Answer {
    response.insert_header((header::ETAG, etag(row.version()?)));
    Ok(response.json(row))
}

pub(super) async fn list(
    resource: &'static Resource,
    tenant: Tenant,
    request: HttpRequest,
    below: Option<Path<OnePath>>,
) -> Answer {
    let mut query = ListQuery::parse(request.query_string(), resource)?;
    let parent = resource.parent_in(below.as_ref())?;
    if let Some((field, id)) = parent {
        query.narrow(field, id.uuid)?;
    }
    let (rows, total) = resource.list(&tenant, &query).await?;
    if total == 0
        && let (Some((_, id)), Some(parent)) = (parent, &resource.parent)
    {
        // None of nothing is not the same as none of something.
        let parent = (parent.resource)();
        store::read(parent, &tenant, id).await?.ok_or_else(|| parent.missing())?;
    }
    Ok(HttpResponse::Ok().json(query.page(rows, total)))
}

pub(super) async fn read(
    resource: &'static Resource,
    tenant: Tenant,
    request: HttpRequest,
    path: Path<OnePath>,
) -> Answer {
    let id = resource.id(&path)?;
    let row = store::read(resource, &tenant, id).await?.ok_or_else(|| resource.missing())?;
    let version = row.version()?;
    let Some(parts) = resource.parts else {
        if if_none_match(&request).is_some_and(|known| known.holds(version)) {
            return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag(version))).finish());
        }
        return one(HttpResponse::Ok(), &row);
    };
    // Boxed, so that every other read needs no room for it.
    Box::pin(read_with(parts(), tenant, id, row)).await
}

/// A row with the rows that belong to it. Its version says nothing of them, so there is no 304 here.
async fn read_with(parts: &'static Resource, tenant: Tenant, id: AnyId, row: Shown) -> Answer {
    let field = parts.parent.as_ref().map_or("", |parent| parent.field);
    let (rows, _) = store::list(parts, &tenant, &ListQuery::all_of(field, id.uuid)).await?;
    let body = ShownWith { whole: &row, name: parts.name, parts: &rows };
    Ok(HttpResponse::Ok().insert_header((header::ETAG, etag(row.version()?))).json(body))
}

pub(super) async fn create(
    resource: &'static Resource,
    tenant: Tenant,
    request: HttpRequest,
    body: Body,
    below: Option<Path<OnePath>>,
) -> Answer {
    let mut body = body.into_inner();
    let mut errors = FieldErrors::default();
    let parent = resource.parent_in(below.as_ref())?;
    if let Some((field, id)) = parent {
        let of_path = json!(id);
        if body.insert(field.to_owned(), of_path.clone()).is_some_and(|given| given != of_path) {
            errors.add(field, OF_PATH);
        }
    }
    errors.finish()?;
    let key = key(&request, resource, &body)?;
    let below = parent.map(|(field, _)| field);
    let (row, again) = resource.make(&tenant, body, key.as_ref(), below).await?;
    // The address of the row itself, also where it was made below its parent.
    let id = row.id()?;
    let path = request.path();
    let place = match below.and_then(|_| path.rsplit_once(&format!("/{}/", parent_path(resource)))) {
        Some((prefix, _)) => format!("{prefix}/{}/{id}", resource.path),
        None => format!("{}/{id}", path.trim_end_matches('/')),
    };
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, place));
    if again {
        response.insert_header(("idempotency-replayed", "true"));
    }
    one(response, &row)
}

fn parent_path(resource: &Resource) -> &'static str {
    resource.parent.as_ref().map_or("", |parent| (parent.resource)().path)
}

pub(super) async fn replace(
    resource: &'static Resource,
    tenant: Tenant,
    request: HttpRequest,
    path: Path<OnePath>,
    body: Body,
) -> Answer {
    let id = resource.id(&path)?;
    one(HttpResponse::Ok(), &resource.replace(&tenant, id, body.into_inner(), if_match(&request)).await?)
}

pub(super) async fn change(
    resource: &'static Resource,
    tenant: Tenant,
    request: HttpRequest,
    path: Path<OnePath>,
    body: Body,
) -> Answer {
    let id = resource.id(&path)?;
    one(HttpResponse::Ok(), &resource.change(&tenant, id, body.into_inner(), if_match(&request)).await?)
}

pub(super) async fn delete(
    resource: &'static Resource,
    tenant: Tenant,
    request: HttpRequest,
    path: Path<OnePath>,
) -> Answer {
    let id = resource.id(&path)?;
    resource.remove(&tenant, id, if_match(&request)).await?;
    Ok(HttpResponse::build(StatusCode::NO_CONTENT).finish())
}
