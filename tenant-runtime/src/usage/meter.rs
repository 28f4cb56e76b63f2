//! One tenant's counters. A request costs two atomic additions and no write.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    ApiCalls,
    PageViews,
    Projects,
    Tasks,
    /// Bytes here, megabytes in the record.
    Storage,
}

impl Metric {
    pub(crate) const ALL: [Self; 5] = [Self::ApiCalls, Self::PageViews, Self::Projects, Self::Tasks, Self::Storage];

    /// Its name in the record.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::ApiCalls => "api_calls",
            Self::PageViews => "page_views",
            Self::Projects => "projects",
            Self::Tasks => "tasks",
            Self::Storage => "storage_mb",
        }
    }
}

/// Seconds of the window in which calls are limited.
pub(crate) const HOUR: u64 = 3600;

/// One tenant's counters.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The hour since 1970, and the calls in it that were let through here.
    hour: AtomicU64,
    /// The same hour's calls that other runtimes, or this one before a restart, let through; with their hour.
    elsewhere: AtomicU64,
    /// Of the calls here, those that are in the record; with their hour.
    recorded: AtomicU64,
    unrecorded: [AtomicI64; 5],
}

/// How many calls are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Calls an hour.
    pub(crate) limit: u32,
    /// What is left of them.
    pub(crate) remaining: u32,
    /// Seconds until the hour is over.
    pub(crate) reset: u32,
    /// Whether this call was let through.
    pub(crate) admitted: bool,
}

const fn pack(hour: u32, count: u32) -> u64 {
    (hour as u64) << 32 | count as u64
}

const fn unpack(packed: u64) -> (u32, u32) {
    ((packed >> 32) as u32, packed as u32)
}

/// The count, where it is of this hour.
fn of_hour(counter: &AtomicU64, hour: u32) -> u32 {
    let (counted, count) = unpack(counter.load(Ordering::Relaxed));
    if counted == hour { count } else { 0 }
}

impl Meter {
    /// Counts a call at this time (seconds since 1970), where the hourly limit lets it through; -1 is no limit.
    pub(crate) fn call(&self, limit: i64, now: u64) -> Rate {
        let hour = (now / HOUR) as u32;
        let limit = u32::try_from(limit).unwrap_or(if limit < 0 { u32::MAX } else { 0 });
        let elsewhere = of_hour(&self.elsewhere, hour);
        let counted = self.hour.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |packed| {
            let (counted, count) = unpack(packed);
            let count = if counted == hour { count } else { 0 };
            (count.saturating_add(elsewhere) < limit).then(|| pack(hour, count + 1))
        });
        let admitted = counted.is_ok();
        if admitted {
            self.add(Metric::ApiCalls, 1);
        }
        let used = of_hour(&self.hour, hour).saturating_add(elsewhere);
        let reset = (HOUR - now % HOUR) as u32;
        Rate { limit, remaining: limit.saturating_sub(used), reset, admitted }
    }

    /// How many calls were let through in the hour of this time, as far as is known here.
    pub(crate) fn calls(&self, now: u64) -> u32 {
        let hour = (now / HOUR) as u32;
        of_hour(&self.hour, hour).saturating_add(of_hour(&self.elsewhere, hour))
    }

    /// Counts something.
    pub(crate) fn add(&self, metric: Metric, amount: i64) {
        self.unrecorded[metric as usize].fetch_add(amount, Ordering::Relaxed);
    }

    /// Takes what is not in the record yet.
    pub(crate) fn take(&self, metric: Metric) -> i64 {
        self.unrecorded[metric as usize].swap(0, Ordering::Relaxed)
    }

    /// The record has taken over so many calls of this hour, and has so many in all.
    pub(crate) fn recorded(&self, hour: u32, taken: u32, in_all: u32) {
        let own = of_hour(&self.recorded, hour).saturating_add(taken);
        self.recorded.store(pack(hour, own), Ordering::Relaxed);
        self.elsewhere.store(pack(hour, in_all.saturating_sub(own)), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_so_many_calls_and_the_next_as_many_again() {
        let meter = Meter::default();
        let start = 500_000 * HOUR;
        for used in 1..=3 {
            let rate = meter.call(3, start + 600);
            assert_eq!(rate, Rate { limit: 3, remaining: 3 - used, reset: 3000, admitted: true });
        }
        let refused = meter.call(3, start + 3599);
        assert_eq!((refused.admitted, refused.remaining, refused.reset), (false, 0, 1));
        assert!(meter.call(3, start + 3600).admitted);
        assert_eq!(meter.take(Metric::ApiCalls), 4);
        assert!(meter.call(-1, start + 3600).admitted && !meter.call(0, start + 3600).admitted);
    }

    #[test]
    fn calls_elsewhere_count() {
        let meter = Meter::default();
        let now = 500_000 * HOUR;
        meter.call(10, now);
        meter.recorded(500_000, 1, 8);
        assert_eq!(meter.call(10, now).remaining, 1);
        assert_eq!(meter.call(10, now).remaining, 0);
        assert!(!meter.call(10, now).admitted);
        meter.recorded(500_000, 2, 10);
        assert!(!meter.call(10, now).admitted);
        assert!(meter.call(10, now + HOUR).admitted);
    }
}
