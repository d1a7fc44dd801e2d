//! How slowly content may come (`limits.data_rate`): a minimum rate over the whole content, not a limit on each read,
//! so that a client that sends an octet now and then does not hold a connection for ever.

use std::time::Duration;

use crate::world::Instant;

/// The slowest that content may come: an allowance to begin with, and a second more for every `rate` octets. Only
/// time spent waiting for the client counts.
pub(crate) struct Pace {
    rate: u64,
    received: u64,
    waited: Duration,
}

impl Pace {
    pub(crate) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), received: 0, waited: Duration::ZERO }
    }

    /// By when the next octets must come if waiting begins `now`.
    pub(crate) fn deadline(&self, now: Instant) -> Instant {
        let allowed = ALLOWANCE + Duration::from_secs(self.received / self.rate);
        now + allowed.saturating_sub(self.waited).min(STALL)
    }

    pub(crate) fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    pub(crate) fn received(&mut self, octets: usize) {
        self.received += octets as u64;
    }
}

/// Time a client has for content beyond what its octets earn.
const ALLOWANCE: Duration = Duration::from_secs(60);

/// The longest silence in content, however much came before: RFC 5321 §4.5.3.2.5 gives a client three minutes.
const STALL: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_below_the_rate_runs_out_of_time() {
        let now = Instant::now();
        let mut pace = Pace::new(500);
        assert_eq!(pace.deadline(now), now + ALLOWANCE);
        // A dribbler: an octet a second earns next to nothing.
        for _ in 0..59 {
            pace.received(1);
            pace.waited(Duration::from_secs(1));
        }
        assert_eq!(pace.deadline(now), now + Duration::from_secs(1));
        pace.waited(Duration::from_secs(2));
        assert_eq!(pace.deadline(now), now);
    }

    #[test]
    fn octets_earn_time_and_silence_has_its_own_limit() {
        let now = Instant::now();
        let mut pace = Pace::new(500);
        pace.received(10_000_000);
        pace.waited(Duration::from_secs(600));
        assert_eq!(pace.deadline(now), now + STALL);
    }
}
