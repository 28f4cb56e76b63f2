//! Logs and figures.

mod request;

use std::{io::IsTerminal, sync::OnceLock};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use request::Lines;
pub use request::is_for;
pub(crate) use request::within;
use tracing::Level;
use tracing_subscriber::{
    filter::Targets,
    fmt::{
        self,
        format::{Compact, Format, Json, JsonFields},
    },
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line, for production.
    Json,
    /// For a person at a terminal.
    Text,
}

/// Sends logs to standard error. `filter` is a list of targets and levels (`info,tenant_runtime=debug`); the variable
/// `RUST_LOG` has precedence. A second call changes nothing.
pub fn logs(format: LogFormat, filter: &str) {
    // By target and level alone: to filter by spans as well would cost something at every step of every request.
    let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let wanted = wanted.or_else(|| filter.parse().ok()).unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let lines = fmt::layer().with_writer(std::io::stderr);
    // Failing means that logs are set up already, as in tests.
    let _ = match format {
        LogFormat::Json => {
            let lines = lines.event_format(json()).fmt_fields(JsonFields::new());
            tracing_subscriber::registry().with(wanted).with(lines).try_init()
        }
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            tracing_subscriber::registry().with(wanted).with(lines.event_format(text(colours))).try_init()
        }
    };
}

fn json() -> Lines<Format<Json>> {
    Lines(fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false))
}

fn text(colours: bool) -> Lines<Format<Compact>> {
    Lines(fmt::format().compact().with_target(false).with_ansi(colours))
}

/// The process's figures, for `/metrics`. The recorder is the process's one and only, as the `metrics` crate has it.
pub fn figures() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let builder = PrometheusBuilder::new();
        let builder = match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds) {
            Ok(builder) => builder,
            Err(_) => PrometheusBuilder::new(),
        };
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Failing means that somebody else's recorder is in place; ours then stays empty.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}
