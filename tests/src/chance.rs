//! Choices that can be made again.

use std::{ops::Range, time::Duration};

/// A sequence of numbers (splitmix64).
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    /// The seed of the environment, or the usual one; printed, so that a failure can be played again.
    pub fn from_environment(usual: u64) -> Self {
        let seed = std::env::var("TENANTRY_TEST_SEED").ok().map_or(usual, |text| text.parse().unwrap());
        println!("TENANTRY_TEST_SEED={seed}");
        Self(seed)
    }

    /// The sequence of a seed.
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence for somebody else.
    pub fn fork(&self, number: u64) -> Self {
        Self(self.0 ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// A place among `count`, the first twice as likely as the second, three times as likely as the third (Zipf's law).
    pub fn rank(&mut self, count: usize) -> usize {
        let all: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        let mut point = (self.next() as f64 / u64::MAX as f64) * all;
        let passed = |rank: &usize| {
            point -= 1.0 / *rank as f64;
            point > 0.0
        };
        (1..count).take_while(passed).count()
    }

    pub fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.next() % (range.end - range.start))
    }
}
