//! Brings what was counted to the platform database. A batch whose answer was lost is sent again as it was, and counts
//! once.

use std::sync::Arc;

use rust_decimal::Decimal;
use tenancy::TenantId;
use uuid::Uuid;

use super::{
    Metric,
    meter::{HOUR, Meter},
};
use crate::context::Directory;

/// What is to be added to the record.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) id: Uuid,
    /// Hours since 1970.
    pub(crate) hour: u32,
    pub(crate) lines: Vec<Line>,
}

/// One tenant's use of one thing.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) tenant: TenantId,
    pub(crate) metric: Metric,
    pub(crate) amount: i64,
    meter: Arc<Meter>,
}

/// Bytes of a megabyte, as packages sell it.
const MEGABYTE: i64 = 1024 * 1024;

impl Line {
    /// The amount in the record's unit.
    pub(crate) fn value(&self) -> Decimal {
        match self.metric {
            Metric::Storage => Decimal::from(self.amount) / Decimal::from(MEGABYTE),
            _ => Decimal::from(self.amount),
        }
    }
}

/// Sends batches, one after another.
#[derive(Default)]
pub(crate) struct Recorder {
    /// A batch that may have been recorded, or not.
    open: Option<Batch>,
}

impl Recorder {
    /// Brings what was counted until now to the record. Says whether all of it is there.
    pub(crate) async fn record(&mut self, directory: &Directory) -> bool {
        // First what is open, then what has come together since.
        for _ in 0..2 {
            let batch = self.open.take().unwrap_or_else(|| collect(directory));
            if batch.lines.is_empty() {
                return true;
            }
            match directory.record(batch.clone()).await {
                Ok(calls) => {
                    for line in batch.lines.iter().filter(|line| line.metric == Metric::ApiCalls) {
                        let in_all = calls.get(&line.tenant).copied().unwrap_or_default();
                        let taken = u32::try_from(line.amount).unwrap_or_default();
                        line.meter.recorded(batch.hour, taken, in_all);
                    }
                }
                Err(_) => {
                    self.open = Some(batch);
                    return false;
                }
            }
        }
        true
    }
}

fn collect(directory: &Directory) -> Batch {
    let hour = (jiff::Timestamp::now().as_second() as u64 / HOUR) as u32;
    let mut lines = Vec::new();
    directory.for_each(|record| {
        for metric in Metric::ALL {
            let amount = record.meter.take(metric);
            if amount != 0 {
                lines.push(Line { tenant: record.id, metric, amount, meter: record.meter.clone() });
            }
        }
    });
    Batch { id: Uuid::now_v7(), hour, lines }
}
