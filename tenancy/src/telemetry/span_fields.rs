//! The fields of a span as JSON. tracing-subscriber's own reads them again for every field that is recorded later, and
//! each request records one.

use std::fmt;

use serde::Serialize;
use tracing::{
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, FormattedFields, format::Writer},
};

/// Writes the fields of spans, for lines in JSON.
pub(super) struct JsonSpanFields;

impl<'writer> FormatFields<'writer> for JsonSpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        writer.write_char('{')?;
        let mut object = Object { writer: writer.by_ref(), first: true, result: Ok(()) };
        fields.record(&mut object);
        object.result?;
        writer.write_char('}')
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let text = &mut current.fields;
        if text.pop().is_none() {
            text.push('{');
        }
        let mut object = Object { first: text.len() == 1, writer: Writer::new(text), result: Ok(()) };
        fields.record(&mut object);
        let result = object.result;
        text.push('}');
        result
    }
}

/// An object that is being written.
struct Object<'writer> {
    writer: Writer<'writer>,
    first: bool,
    result: fmt::Result,
}

impl Object<'_> {
    fn put(&mut self, field: &Field, value: &impl Serialize) {
        if self.result.is_ok() {
            self.result = self.write(field, value);
        }
    }

    fn write(&mut self, field: &Field, value: &impl Serialize) -> fmt::Result {
        let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        // Names of fields are identifiers.
        write!(self.writer, "{comma}\"{}\":{value}", field.name())
    }
}

impl Visit for Object<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_its_span_also_those_that_came_later() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
        let layer = layer.fmt_fields(JsonSpanFields).with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("request", id = %"a\"b", count = 2, tenant = tracing::field::Empty);
            span.record("tenant", "ac\nme");
            span.in_scope(|| tracing::info!("done"));
            let empty = tracing::info_span!("empty", tenant = tracing::field::Empty);
            empty.record("tenant", "acme");
            empty.in_scope(|| tracing::info!("done too"));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let spans: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["span"].clone()).collect();
        assert_eq!(spans[0], serde_json::json!({"name": "request", "id": "a\"b", "count": 2, "tenant": "ac\nme"}));
        assert_eq!(spans[1], serde_json::json!({"name": "empty", "tenant": "acme"}));
    }
}
