//! How long something took, many times.

use std::time::Duration;

use serde_json::{Value, json};

/// Every sample, so that percentiles are exact.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    microseconds: Vec<u32>,
}

impl Latency {
    /// One more sample.
    pub fn add(&mut self, sample: Duration) {
        self.microseconds.push(u32::try_from(sample.as_micros()).unwrap_or(u32::MAX));
    }

    /// All samples of another.
    pub fn merge(&mut self, other: Self) {
        self.microseconds.extend(other.microseconds);
    }

    /// Count and percentiles in milliseconds; null where nothing was measured.
    pub fn summary(mut self) -> Value {
        self.microseconds.sort_unstable();
        let Some(&max) = self.microseconds.last() else { return Value::Null };
        let count = self.microseconds.len();
        // The smallest sample that so many in a hundred do not exceed (nearest rank).
        let percentile = |percent: usize| {
            let rank = (count * percent).div_ceil(100).max(1);
            f64::from(self.microseconds.get(rank - 1).copied().unwrap_or(max)) / 1e3
        };
        json!({
            "count": count,
            "p50": percentile(50),
            "p90": percentile(90),
            "p99": percentile(99),
            "max": f64::from(max) / 1e3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut latency = Latency::default();
        (1..=200).rev().for_each(|n| latency.add(Duration::from_millis(n)));
        assert_eq!(latency.summary(), json!({"count": 200, "p50": 100.0, "p90": 180.0, "p99": 198.0, "max": 200.0}));
        let mut one = Latency::default();
        one.add(Duration::from_micros(1_500));
        assert_eq!(one.summary(), json!({"count": 1, "p50": 1.5, "p90": 1.5, "p99": 1.5, "max": 1.5}));
        assert_eq!(Latency::default().summary(), Value::Null);
    }
}
