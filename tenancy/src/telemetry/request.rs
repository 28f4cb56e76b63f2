//! Which request a log line belongs to. A span of `tracing` would tell it too, but is written out for every request,
//! and hardly any request logs a line.

use std::{
    cell::OnceCell,
    fmt::{self, Write},
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Compact, Format, Json, Writer},
    },
    registry::LookupSpan,
};

use crate::{TenantSlug, ids::RequestId};

tokio::task_local! {
    static REQUEST: Request;
}

/// What is known of a request.
struct Request {
    id: RequestId,
    method: &'static str,
    tenant: OnceCell<TenantSlug>,
}

/// Runs a request: lines that are logged under way tell its id and its method.
pub(crate) async fn within<T>(id: RequestId, method: &'static str, work: impl Future<Output = T>) -> T {
    REQUEST.scope(Request { id, method, tenant: OnceCell::new() }, work).await
}

/// Lines that are logged for this request from now on also tell its tenant.
pub fn is_for(tenant: &TenantSlug) {
    // Outside a request there is nothing to tell, and the first tenant that is said remains.
    let _ = REQUEST.try_with(|request| request.tenant.set(tenant.clone()));
}

/// Ends every line with its request.
pub(super) struct Lines<F>(pub(super) F);

/// How a kind of line is gone on with.
pub(super) trait Continued {
    /// What a line ends with.
    const END: &'static str;
    /// Writes one more field.
    fn field(line: &mut String, name: &str, value: &str) -> fmt::Result;
}

impl<T> Continued for Format<Json, T> {
    const END: &'static str = "}\n";

    fn field(line: &mut String, name: &str, value: &str) -> fmt::Result {
        // Ids, slugs and methods have nothing that JSON would need escaped.
        write!(line, ",\"{name}\":\"{value}\"")
    }
}

impl<T> Continued for Format<Compact, T> {
    const END: &'static str = "\n";

    fn field(line: &mut String, name: &str, value: &str) -> fmt::Result {
        write!(line, " {name}={value}")
    }
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N> + Continued,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let with_request = REQUEST.try_with(|request| {
            let mut line = String::new();
            self.0.format_event(context, Writer::new(&mut line), event)?;
            line.truncate(line.strip_suffix(F::END).map_or(line.len(), str::len));
            F::field(&mut line, "request_id", &request.id.to_string())?;
            F::field(&mut line, "method", request.method)?;
            if let Some(tenant) = request.tenant.get() {
                F::field(&mut line, "tenant", tenant.as_str())?;
            }
            writer.write_str(&line)?;
            writer.write_str(F::END)
        });
        with_request.unwrap_or_else(|_| self.0.format_event(context, writer, event))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{fmt::layer, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    async fn request(id: RequestId) {
        let before = async { tracing::info!(count = 2, "before") };
        let after = async { tracing::info!("after") };
        tracing::info!("outside");
        within(id, "GET", async {
            before.await;
            is_for(&TenantSlug::parse("acme").unwrap());
            after.await;
        })
        .await;
    }

    #[tokio::test]
    async fn lines_tell_their_request_and_its_tenant_once_it_is_known() {
        let (written, id) = (Written::default(), RequestId::generate());
        let writer = written.clone();
        let fields = tracing_subscriber::fmt::format::JsonFields::new();
        let lines = layer().event_format(super::super::json()).fmt_fields(fields).with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines));
        request(id).await;
        drop(guard);
        let text = written.text();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].get("request_id").is_none(), "{text}");
        assert_eq!((&lines[1]["request_id"], &lines[1]["count"]), (&id.to_string().into(), &2.into()), "{text}");
        assert!(lines[1].get("tenant").is_none(), "{text}");
        assert_eq!((&lines[2]["method"], &lines[2]["tenant"]), (&"GET".into(), &"acme".into()), "{text}");
    }

    #[tokio::test]
    async fn lines_for_people_tell_it_too() {
        let (written, id) = (Written::default(), RequestId::generate());
        let writer = written.clone();
        let lines = layer().event_format(super::super::text(false)).with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines));
        request(id).await;
        drop(guard);
        let text = written.text();
        let last = format!("after request_id={id} method=GET tenant=acme");
        assert!(text.lines().last().is_some_and(|line| line.ends_with(&last)), "{text}");
    }
}
