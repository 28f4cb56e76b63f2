//! How likely a tenant is to be asked for again.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Times are kept as milliseconds since this moment: an atomic holds them.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// After this time a use counts half. Long, because how often tells more than how lately: over a thousand tenants that are
/// asked for as often as their rank says (Zipf), the most frequent 90 answer two requests of three, the last 90 one of two.
const HALF_LIFE: Duration = Duration::from_secs(300);

/// The uses of one tenant, each counting less the longer ago it was.
pub(super) struct Heat(AtomicU64);

impl Heat {
    /// Never used.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts a use now.
    pub(super) fn rise(&self) {
        self.rise_at(now());
    }

    /// The uses until now.
    pub(super) fn level(&self) -> f32 {
        self.level_at(now())
    }

    /// The time of the last use.
    pub(super) fn last_rise(&self) -> Instant {
        *START + Duration::from_millis(unpack(self.0.load(Ordering::Relaxed)).1.into())
    }

    fn rise_at(&self, now: u32) {
        // Two at once may count as one: that changes nothing that matters, and a lost race costs no second try.
        let (level, at) = unpack(self.0.load(Ordering::Relaxed));
        self.0.store(pack(fade(level, at, now) + 1.0, now), Ordering::Relaxed);
    }

    fn level_at(&self, now: u32) -> f32 {
        let (level, at) = unpack(self.0.load(Ordering::Relaxed));
        fade(level, at, now)
    }
}

/// 49 days of milliseconds, after which levels are wrong for a while and nothing else is.
fn now() -> u32 {
    START.elapsed().as_millis() as u32
}

fn fade(level: f32, at: u32, now: u32) -> f32 {
    let passed = now.wrapping_sub(at) as f32 / HALF_LIFE.as_millis() as f32;
    level * (-passed).exp2()
}

fn pack(level: f32, at: u32) -> u64 {
    u64::from(level.to_bits()) << 32 | u64::from(at)
}

fn unpack(packed: u64) -> (f32, u32) {
    (f32::from_bits((packed >> 32) as u32), packed as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_counts_half_after_the_half_life() {
        let heat = Heat::new();
        heat.rise_at(1_000);
        heat.rise_at(1_000);
        let later = 1_000 + HALF_LIFE.as_millis() as u32;
        assert!((heat.level_at(1_000) - 2.0).abs() < 0.001);
        assert!((heat.level_at(later) - 1.0).abs() < 0.001);
        heat.rise_at(later);
        assert!((heat.level_at(later) - 2.0).abs() < 0.001);
    }

    /// Requests for 1,000 tenants by Zipf's law with 90 connections: how many find one open.
    fn hits(victim: impl Fn(&[Heat], &[usize], u32) -> usize) -> f64 {
        let weights: Vec<f64> = (1..=1_000).map(|rank| 1.0 / f64::from(rank)).collect();
        let all: f64 = weights.iter().sum();
        let heats: Vec<Heat> = weights.iter().map(|_| Heat::new()).collect();
        let (mut open, mut hits, mut asked) = (Vec::<usize>::new(), 0, 0);
        let mut seed = 42_u64;
        for request in 0..60_000_u32 {
            // splitmix64
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let mut point = (bits ^ (bits >> 31)) as f64 / u64::MAX as f64 * all;
            let tenant = weights.iter().position(|weight| {
                point -= weight;
                point <= 0.0
            });
            let (tenant, now) = (tenant.unwrap_or(0), request * 2);
            if request >= 20_000 {
                asked += 1;
                hits += u32::from(open.contains(&tenant));
            }
            heats[tenant].rise_at(now);
            if !open.contains(&tenant) {
                if open.len() == 90 {
                    let place = victim(&heats, &open, now);
                    open.swap_remove(place);
                }
                open.push(tenant);
            }
        }
        f64::from(hits) / f64::from(asked)
    }

    #[test]
    fn how_often_tells_more_than_how_lately() {
        let coldest = |heats: &[Heat], open: &[usize], now: u32| {
            let level = |place: &usize| heats[open[*place]].level_at(now);
            (0..open.len()).min_by(|a, b| level(a).total_cmp(&level(b))).unwrap()
        };
        let oldest = |heats: &[Heat], open: &[usize], _: u32| {
            (0..open.len()).min_by_key(|place| heats[open[*place]].last_rise()).unwrap()
        };
        let (by_heat, by_age) = (hits(coldest), hits(oldest));
        assert!(by_heat > 0.62 && by_heat > by_age + 0.05, "{by_heat} against {by_age}");
    }
}
