//! What surrounds every request: an id, a span for the log, figures, and the body of an error.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
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
    let http = request.request().clone();
    let span =
        tracing::info_span!("request", request_id = %id, method = %http.method(), tenant = tracing::field::Empty);

    let outcome = next.call(request).instrument(span.clone()).await;
    let mut response = match outcome {
        Ok(response) => match response.response().error().map(problem_of) {
            Some(problem) => answer(&http, &span, id, &problem),
            None => response.map_into_left_body(),
        },
        Err(error) => answer(&http, &span, id, &problem_of(&error)),
    };
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }

    let endpoint = http.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    metrics::counter!("api_requests_total", "endpoint" => endpoint.clone(), "method" => method(&http), "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!("api_request_duration_seconds", "endpoint" => endpoint, "method" => method(&http))
        .record(seconds);
    tracing::debug!(parent: &span, path = http.path(), status = status.as_u16(), seconds, "answered");
    Ok(response)
}

fn answer<B>(
    http: &HttpRequest,
    span: &tracing::Span,
    id: RequestId,
    problem: &Problem,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let code = problem.code();
    if code.status().is_server_error() {
        let cause = problem.cause().unwrap_or("unknown");
        if code == Code::Internal {
            tracing::error!(parent: span, path = http.path(), cause, "the request failed");
        } else {
            tracing::warn!(parent: span, path = http.path(), code = code.as_str(), cause, "the request was put off");
        }
    }
    ServiceResponse::new(http.clone(), problem.response(Some(id)).map_into_right_body())
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
fn method(http: &HttpRequest) -> &'static str {
    match http.method().as_str() {
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
