//! What surrounds every request: an id, a span for the log, figures, and the body of an error.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tracing::Instrument;

use crate::{
    ids::RequestId,
    problem::{Code, Problem},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id that the request has in logs, in the `X-Request-Id` header and in error bodies.
#[must_use]
pub fn request_id(request: &HttpRequest) -> Option<RequestId> {
    request.extensions().get::<RequestId>().copied()
}

/// Middleware for the whole application: gives each request an id and a log span, counts it, and puts the id into
/// whatever error comes back. The span has an empty `tenant` that the guard of a route fills in.
///
/// # Errors
/// None of its own: errors become answers here.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let started = Instant::now();
    let id = RequestId::generate();
    request.extensions_mut().insert(id);
    // Routing needs the request for itself alone, so nothing here may keep a copy of it.
    let method = method(request.method());
    let span = tracing::info_span!("request", request_id = %id, method, tenant = tracing::field::Empty);

    let mut response = match next.call(request).instrument(span.clone()).await {
        Ok(response) => response,
        Err(error) => {
            let problem = problem_of(&error);
            log(&span, "unknown", &problem);
            return Err(Identified { problem, id }.into());
        }
    };
    let endpoint = response.request().match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let mut response = match response.response_mut().error().map(problem_of) {
        Some(problem) => {
            log(&span, &endpoint, &problem);
            // What a handler added, such as `Allow`, stays.
            let added = response.headers().clone();
            let mut answer =
                ServiceResponse::new(response.request().clone(), problem.response(Some(id)).map_into_right_body());
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

    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    metrics::counter!("api_requests_total", "endpoint" => endpoint.clone(), "method" => method, "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!("api_request_duration_seconds", "endpoint" => endpoint, "method" => method).record(seconds);
    tracing::debug!(parent: &span, path = response.request().path(), status = status.as_u16(), seconds, "answered");
    Ok(response)
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

fn log(span: &tracing::Span, endpoint: &str, problem: &Problem) {
    let code = problem.code();
    let cause = problem.cause().unwrap_or("unknown");
    if code == Code::Internal {
        tracing::error!(parent: span, endpoint, cause, "the request failed");
    } else if code.status().is_server_error() {
        tracing::warn!(parent: span, endpoint, code = code.as_str(), cause, "the request was put off");
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
