//! The circuit breaker of one inspector.

use std::time::Duration;

use parking_lot::Mutex;

use crate::world::Instant;

/// Stops asking an inspector that only fails: every message would wait for it in vain.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    open_until: Option<Instant>,
    /// What has been told of it last: that it is open.
    told_open: bool,
}

impl Breaker {
    pub(super) fn lets_through(&self, now: Instant) -> bool {
        let mut state = self.0.lock();
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // One call goes through to try; the others wait for what becomes of it.
                state.open_until = Some(now + BREAKER_PAUSE);
                true
            }
            None => true,
        }
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.0.lock();
        *state = BreakerState { told_open: state.told_open, ..BreakerState::default() };
    }

    /// Whether it is open, if that is not what it told before.
    pub(super) fn turn(&self) -> Option<bool> {
        let mut state = self.0.lock();
        let is_open = state.open_until.is_some();
        let has_turned = std::mem::replace(&mut state.told_open, is_open) != is_open;
        has_turned.then_some(is_open)
    }

    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.0.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= BREAKER_FAILURES {
            state.open_until = Some(now + BREAKER_PAUSE);
        }
    }
}

/// Messages in a row that it failed on, after which an inspector is not asked for a while. High enough that a few bad
/// messages do not switch off the inspector for everybody: hostile input must not be able to do that cheaply.
pub(super) const BREAKER_FAILURES: u32 = 20;

/// How long it is not asked then.
const BREAKER_PAUSE: Duration = Duration::from_secs(15);
