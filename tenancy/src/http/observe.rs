//! What surrounds every request: an id, which request a log line belongs to, figures, and the body of an error.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{figures, routes::Endpoint};
use crate::{
    ids::RequestId,
    problem::{Code, Problem},
    telemetry::within,
};
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
};

type Tell = dyn Fn(&HttpRequest, &Problem, RequestId) -> HttpResponse + Send + Sync;

/// How a problem is told where a person looks at it, and not a program.
#[derive(Clone)]
pub struct ErrorPage(Arc<Tell>);

impl ErrorPage {
    /// Problems are told by what this makes of them.
    pub fn new(tell: impl Fn(&HttpRequest, &Problem, RequestId) -> HttpResponse + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The endpoint of what no route answers.
const UNKNOWN: &str = "unknown";

/// The id that the request has in logs, in the `X-Request-Id` header and in error bodies.
#[must_use]
pub fn request_id(request: &HttpRequest) -> Option<RequestId> {
    request.extensions().get::<RequestId>().copied()
}

/// Middleware for the whole application: gives each request an id that its log lines tell, counts it, and puts the id
/// into whatever error comes back.
///
/// # Errors
/// None of its own: errors become answers here.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let (id, method) = (RequestId::generate(), method(request.method()));
    request.extensions_mut().insert(id);
    within(id, method, observed(id, method, request, next)).await
}

async fn observed<B: MessageBody + 'static>(
    id: RequestId,
    method: &'static str,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let started = Instant::now();
    // Routing needs the request for itself alone, so nothing here may keep a copy of it.
    let mut response = match next.call(request).await {
        Ok(response) => response,
        Err(error) => {
            let problem = problem_of(&error);
            log(UNKNOWN, &problem);
            figures::count(UNKNOWN.into(), method, problem.code().status(), started.elapsed());
            return Err(Identified { problem, id }.into());
        }
    };
    let endpoint = endpoint(response.request());
    let mut response = match response.response_mut().error().map(problem_of) {
        Some(problem) => {
            log(&endpoint, &problem);
            // What a handler added, such as `Allow`, stays.
            let added = response.headers().clone();
            let told = match response.request().app_data::<ErrorPage>() {
                Some(page) => page.0(response.request(), &problem, id),
                None => problem.response(Some(id)),
            };
            let mut answer = ServiceResponse::new(response.request().clone(), told.map_into_right_body());
            for (name, value) in added {
                if !answer.headers().contains_key(&name) {
                    answer.headers_mut().insert(name, value);
                }
            }
            answer
        }
        None => response.map_into_left_body(),
    };
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    // Whatever is answered is what it says it is, and nothing that a browser makes of it.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let (status, time) = (response.status(), started.elapsed());
    figures::count(endpoint, method, status, time);
    let seconds = time.as_secs_f64();
    tracing::debug!(path = response.request().path(), status = status.as_u16(), seconds, "answered");
    Ok(response)
}

/// The pattern of the path, or one word for all paths that nobody serves.
fn endpoint(request: &HttpRequest) -> Arc<str> {
    match request.app_data::<Endpoint>() {
        Some(endpoint) => endpoint.0.clone(),
        None => request.match_pattern().map_or_else(|| UNKNOWN.into(), Into::into),
    }
}

/// A problem that found no response to go into; it carries the id itself.
#[derive(Debug)]
struct Identified {
    problem: Problem,
    id: RequestId,
}

impl std::fmt::Display for Identified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Identified {
    fn status_code(&self) -> StatusCode {
        self.problem.code().status()
    }
    fn error_response(&self) -> HttpResponse {
        self.problem.response(Some(self.id))
    }
}

fn log(endpoint: &str, problem: &Problem) {
    let code = problem.code();
    let cause = problem.cause().unwrap_or("unknown");
    if code == Code::Internal {
        tracing::error!(endpoint, cause, "the request failed");
    } else if code.status().is_server_error() {
        let code = code.as_str();
        match PUT_OFF.pass(Instant::now()) {
            Some(unsaid) => tracing::warn!(endpoint, code, cause, unsaid, "the request was put off"),
            None => tracing::debug!(endpoint, code, cause, "the request was put off"),
        }
    }
}

/// A server that restarts has thousands of requests put off, all for one cause.
static PUT_OFF: OncePerSecond = OncePerSecond(Mutex::new((None, 0)));

/// When something was last let pass, and how often it was not since then.
struct OncePerSecond(Mutex<(Option<Instant>, u64)>);

impl OncePerSecond {
    /// `Some` lets it pass, with how often it was not let pass before.
    fn pass(&self, now: Instant) -> Option<u64> {
        let (last, unsaid) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.duration_since(last) < Duration::from_secs(1)) {
            *unsaid += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(unsaid))
    }
}

/// Our own problems as they are; actix's in our shape.
fn problem_of(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.clone();
    }
    let status = error.as_response_error().status_code();
    match status.as_u16() {
        404 => Problem::not_found("page"),
        413 => Problem::new(Code::PayloadTooLarge, "The body is too large"),
        400..=499 => Problem::new(Code::BadRequest, error.to_string()),
        503 => Problem::unavailable(error),
        _ => Problem::internal(error),
    }
}

/// The method as a label: what is not of HTTP is counted under one name, so that strangers can't make series.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_once_a_second_tells_how_often_it_was_not() {
        let (said, start) = (OncePerSecond(Mutex::new((None, 0))), Instant::now());
        let at = |milliseconds| said.pass(start + Duration::from_millis(milliseconds));
        assert_eq!(
            [at(0), at(1), at(999), at(1000), at(1500), at(2500)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }
}
