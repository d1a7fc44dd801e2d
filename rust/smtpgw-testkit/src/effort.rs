//! How much work something is, on a machine that does other work as well.
//!
//! Elapsed time says little on a busy machine, so the processor time of the calling thread is taken, and of several
//! runs the quickest. Tests compare two sizes of one input with it; no test holds an absolute figure.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// What this thread has worked; on other systems than Linux the time that passed.
pub fn worked() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedstat.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| BEGUN.elapsed(), Duration::from_nanos)
}

/// The least that `work` takes in three runs.
pub fn quickest(mut work: impl FnMut()) -> Duration {
    let mut once = || {
        let begun = worked();
        work();
        worked().saturating_sub(begun)
    };
    let runs = [once(), once(), once()];
    runs.into_iter().min().unwrap_or_default()
}

/// Whether work that took `small` for an input and `large` for one eight times its size grows with the input and not
/// with its square: sixteen times as much is allowed, and what the clock is too coarse for. Quadratic work is
/// sixty-four times as much.
pub fn is_linear(small: Duration, large: Duration) -> bool {
    large <= small * 16 + Duration::from_millis(40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_linear_work_from_quadratic() {
        let spin = |turns: u64| (0..turns).fold(0_u64, |sum, turn| std::hint::black_box(sum ^ turn));
        let linear = |size: u64| quickest(|| _ = spin(size * 100_000));
        let quadratic = |size: u64| quickest(|| _ = spin(size * size * 100_000));
        assert!(is_linear(linear(20), linear(160)));
        assert!(!is_linear(quadratic(20), quadratic(160)));
    }
}
