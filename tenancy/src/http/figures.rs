//! How many requests were answered, how, and in what time.

use std::{cell::RefCell, collections::HashMap, sync::Arc, time::Duration};

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};

/// What is counted together: the pattern of a path, the method, and the answer's status.
type Kind = (Arc<str>, &'static str, StatusCode);

thread_local! {
    /// To find a figure by its labels costs more than to count, and a thread answers the same few kinds again and again.
    static FIGURES: RefCell<HashMap<Kind, (Counter, Histogram)>> = RefCell::default();
}

/// Counts a request that was answered. To be called once [`crate::telemetry::figures`] was.
pub(super) fn count(endpoint: Arc<str>, method: &'static str, status: StatusCode, time: Duration) {
    FIGURES.with_borrow_mut(|figures| {
        let (requests, seconds) = figures.entry((endpoint, method, status)).or_insert_with_key(figures_of);
        requests.increment(1);
        seconds.record(time);
    });
}

fn figures_of((endpoint, method, status): &Kind) -> (Counter, Histogram) {
    let (endpoint, method, status) = (endpoint.clone(), *method, status.as_str().to_owned());
    (
        metrics::counter!("api_requests_total", "endpoint" => endpoint.clone(), "method" => method, "status" => status),
        metrics::histogram!("api_request_duration_seconds", "endpoint" => endpoint, "method" => method),
    )
}
