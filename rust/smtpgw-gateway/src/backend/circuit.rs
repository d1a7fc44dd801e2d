//! Whether the way to an address is open to mail: the flag that earlier replies may look at (rule B2).
//!
//! | state \ input | a dial failed | a look failed | a dial or a look went well |
//! |---|---|---|---|
//! | closed | open(1) | open(1) | closed |
//! | open(n) | open(n) | open(n+1) | closed |
//!
//! While it is open no message tries the way: looks do (see [`super::health`]), in the background, ever more
//! rarely. Dials that were under way when the first of them failed do not count again. Only when a look is long overdue
//! may a message try after all: nobody looks after the backends of settings that are no longer in force.

use std::time::Duration;

use crate::world::Instant;

/// The state of the way to one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Circuit {
    open: Option<Open>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    /// Failures in a row, the first dial's and the looks' after it.
    failures: u32,
    look_at: Instant,
}

impl Circuit {
    /// Whether messages may go this way.
    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.open.as_ref().is_none_or(|open| now >= open.look_at + OVERDUE)
    }

    /// When it wants to be looked at; never while it is closed.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.look_at)
    }

    /// There is reason to look at once, if it is open.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Some(open) = &mut self.open {
            open.look_at = now;
        }
    }

    /// It went well. Whether that is news.
    pub(super) fn close(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// A message's dial failed. Whether that is news. `dice` spreads the looks of many gateways.
    pub(super) fn dial_failed(&mut self, now: Instant, dice: u64) -> bool {
        match &self.open {
            // Overdue, and tried by a message: that was the look.
            Some(open) if now >= open.look_at + OVERDUE => self.look_failed(now, dice),
            Some(_) => false,
            None => self.look_failed(now, dice),
        }
    }

    /// A look failed. Whether that is news.
    pub(super) fn look_failed(&mut self, now: Instant, dice: u64) -> bool {
        let failures = self.open.as_ref().map_or(1, |open| open.failures.saturating_add(1));
        let news = self.open.is_none();
        self.open = Some(Open { failures, look_at: now + jittered(rest(failures), dice) });
        news
    }
}

/// How long after that many failures in a row nobody looks.
fn rest(failures: u32) -> Duration {
    FIRST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(LAST)
}

/// Three quarters to five quarters of `rest`.
pub(super) fn jittered(rest: Duration, dice: u64) -> Duration {
    let share = u32::try_from(dice % 1_000).unwrap_or(0);
    rest * 3 / 4 + rest / 2 * share / 1_000
}

/// Between the first failure of an address and the first look at it. Long enough not to hurry a server that is being
/// restarted.
const FIRST: Duration = Duration::from_secs(1);

/// Between looks at a server that stays away. Senders come back after minutes, so they find it soon after its return.
const LAST: Duration = Duration::from_secs(30);

/// A look at an address that is this late is not coming, and a message may try it.
const OVERDUE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Input {
        Dial,
        Look,
        Good,
    }
    use Input::{Dial, Good, Look};

    #[test]
    fn the_table() {
        let now = Instant::now();
        // What happened, whether the last of it was news, failures counted.
        let table: &[(&[Input], bool, u32)] = &[
            (&[Good], false, 0),
            (&[Dial], true, 1),
            (&[Look], true, 1),
            (&[Dial, Dial, Dial], false, 1),
            (&[Dial, Look], false, 2),
            (&[Dial, Look, Look, Dial], false, 3),
            (&[Dial, Good], true, 0),
            (&[Dial, Look, Good, Good], false, 0),
            (&[Dial, Good, Dial], true, 1),
        ];
        for (inputs, news, failures) in table {
            let mut circuit = Circuit::default();
            let mut last = false;
            for input in *inputs {
                last = match input {
                    Dial => circuit.dial_failed(now, 7),
                    Look => circuit.look_failed(now, 7),
                    Good => circuit.close(),
                };
            }
            assert_eq!((last, circuit.open.as_ref().map_or(0, |open| open.failures)), (*news, *failures), "{inputs:?}");
            assert_eq!(circuit.is_closed(now), *failures == 0, "{inputs:?}");
        }
    }

    #[test]
    fn looks_become_rare_and_stay_bounded() {
        let mut before = Duration::ZERO;
        for failures in 1..100 {
            assert!(rest(failures) >= before && rest(failures) <= LAST);
            before = rest(failures);
        }
        assert_eq!((rest(1), before), (FIRST, LAST));
        for dice in [0, 1, 499, 999, u64::MAX] {
            let rest = jittered(LAST, dice);
            assert!(rest >= LAST * 3 / 4 && rest <= LAST * 5 / 4, "{rest:?}");
        }
    }

    #[test]
    fn a_look_that_never_comes_lets_a_message_try() {
        let now = Instant::now();
        let mut circuit = Circuit::default();
        circuit.dial_failed(now, 0);
        let overdue = circuit.look_at().unwrap_or(now) + OVERDUE;
        assert!(!circuit.is_closed(overdue - Duration::from_millis(1)) && circuit.is_closed(overdue));
        assert!(!circuit.dial_failed(overdue, 0), "known already");
        assert!(!circuit.is_closed(overdue), "and not tried by the next one again");
    }
}
