//! What tenants use: counted in memory by every request, brought to the platform database in batches.

mod meter;
mod recorder;

pub(crate) use meter::{Meter, Metric, Rate};
pub(crate) use recorder::{Batch, Line, Recorder};
