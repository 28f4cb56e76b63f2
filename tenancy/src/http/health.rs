//! Whether the process lives, and whether it can serve.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, web};
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::json;

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What must hold before a process is sent requests.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
}

/// How long one check may take before it counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

impl Readiness {
    /// Adds a check; its error is shown to whoever asks `/health/ready`, so it names no address and no secret.
    #[must_use]
    pub fn with<F, R>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || check().boxed())));
        self
    }

    /// The checks that fail now, with what is wrong.
    pub async fn failing(&self) -> Vec<(&'static str, String)> {
        let mut failing = Vec::new();
        for (name, check) in &self.checks {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            if let Err(reason) = result.unwrap_or_else(|_| Err("no answer".to_owned())) {
                failing.push((*name, reason));
            }
        }
        failing
    }
}

/// `/health`, `/health/live`, `/health/ready`.
pub fn health_routes(config: &mut web::ServiceConfig, service: &'static str, readiness: Readiness) {
    let alive = move || async move {
        let timestamp = jiff::Timestamp::now();
        HttpResponse::Ok().json(json!({"status": "ok", "service": service, "timestamp": timestamp}))
    };
    let ready = move || {
        let readiness = readiness.clone();
        async move {
            let failing = readiness.failing().await;
            if failing.is_empty() {
                return HttpResponse::Ok().json(json!({"status": "ready", "service": service}));
            }
            let failing: serde_json::Map<_, _> =
                failing.into_iter().map(|(name, reason)| (name.to_owned(), json!(reason))).collect();
            HttpResponse::ServiceUnavailable()
                .insert_header(("Retry-After", "1"))
                .json(json!({"status": "not_ready", "service": service, "failing": failing}))
        }
    };
    config
        .route("/health", web::get().to(alive))
        .route("/health/live", web::get().to(alive))
        .route("/health/ready", web::get().to(ready));
}
