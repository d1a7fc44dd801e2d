//! What one message may cost: CPU time (`decode.cpu_s`), of whichever threads work on it, one at a time; and a panic,
//! which ends the work on this message and nothing else.
//!
//! Time is that of the thread, not of the clock on the wall: a message must not be given up because its neighbours keep
//! the processors busy. All work is done in steps of bounded size, a piece of content or a step of unpacking, and
//! whether the time is over is asked between them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::world::{Instant, thread_time};

/// The CPU time of one message.
#[derive(Debug)]
pub(super) struct Effort {
    limit: u64,
    /// Nanoseconds of the steps that are done.
    spent: AtomicU64,
    /// What the clock of the working thread showed when its step began; [`IDLE`] between steps.
    begun: AtomicU64,
    /// A brief step was none: from then on each asks for the time of its thread.
    is_exact: AtomicBool,
}

impl Effort {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit: nanoseconds(limit),
            spent: AtomicU64::new(0),
            begun: AtomicU64::new(IDLE),
            is_exact: AtomicBool::new(false),
        }
    }

    /// Does a step on this thread and counts its time. A panic is an error that costs the message: whoever sent it is
    /// told to come back, and it is nothing to anybody else.
    pub(super) fn step<T>(&self, step: impl FnOnce() -> T) -> io::Result<T> {
        self.begun.store(nanoseconds(thread_time()), Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(step));
        self.spent.store(self.spent(), Relaxed);
        self.begun.store(IDLE, Relaxed);
        outcome.map_err(|_| io::Error::other("what decodes messages failed"))
    }

    /// The same for a step that takes less than it would cost to ask what this thread has taken: time counts as on the
    /// wall. If it was longer than such a step is, others had the processor meanwhile, or the step was dear after all:
    /// one is given the benefit of the doubt, and all that come after it are asked.
    pub(super) fn brief_step<T>(&self, step: impl FnOnce() -> T) -> io::Result<T> {
        if self.is_exact.load(Relaxed) {
            return self.step(step);
        }
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(step));
        let elapsed = begun.elapsed();
        self.is_exact.store(elapsed > BRIEF, Relaxed);
        let taken = nanoseconds(elapsed.min(BRIEF));
        self.spent.store(self.spent.load(Relaxed).saturating_add(taken), Relaxed);
        outcome.map_err(|_| io::Error::other("what decodes messages failed"))
    }

    /// Whether no more time is left. Within a step to be asked on its own thread.
    pub(super) fn is_over(&self) -> bool {
        self.spent() > self.limit
    }

    /// A clock that goes while the message is worked on, for limits of a share of it; [`NEVER`] once no time is left.
    pub(super) fn clock(&self) -> Duration {
        match self.spent() {
            spent if spent > self.limit => NEVER,
            spent => Duration::from_nanos(spent),
        }
    }

    fn spent(&self) -> u64 {
        let current = match self.begun.load(Relaxed) {
            IDLE => 0,
            begun => nanoseconds(thread_time()).saturating_sub(begun),
        };
        self.spent.load(Relaxed).saturating_add(current)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1)
}

const IDLE: u64 = u64::MAX;

/// A time that nothing takes.
const NEVER: Duration = Duration::from_secs(1 << 40);

/// Octets of content that are decoded in a brief step.
pub(super) const BRIEF_OCTETS: usize = 8 << 10;

/// More than decoding so many should take: the dearest of them begin a part every ten octets.
const BRIEF: Duration = Duration::from_millis(20);

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step is a failed test
mod tests {
    use super::*;

    /// Keeps the processor busy until so much time of this thread has gone.
    fn work(time: Duration) {
        let until = thread_time() + time;
        while thread_time() < until {}
    }

    /// Longer than any limit here.
    fn wait() {
        let (_kept, nobody) = std::sync::mpsc::channel::<()>();
        nobody.recv_timeout(Duration::from_millis(60)).unwrap_err();
    }

    #[test]
    fn steps_on_any_thread_add_up_and_waiting_is_free() {
        let effort = Effort::new(Duration::from_millis(30));
        effort.step(|| work(Duration::from_millis(16))).unwrap();
        assert!(!effort.is_over());
        // Neither what happens between steps nor what a step waits for.
        work(Duration::from_millis(20));
        let shown = effort.clock();
        effort.step(wait).unwrap();
        assert!(!effort.is_over() && effort.clock() - shown < Duration::from_millis(10));
        assert!(shown >= Duration::from_millis(16));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                effort.step(|| {
                    assert!(!effort.is_over());
                    work(Duration::from_millis(16));
                    assert!(effort.is_over(), "it is seen within the step");
                })
            });
        });
        assert!(effort.is_over());
        assert_eq!(effort.clock(), NEVER);
    }

    #[test]
    fn a_brief_step_counts_and_its_share_of_a_wait_is_small() {
        let effort = Effort::new(Duration::from_millis(4));
        effort.brief_step(|| work(Duration::from_millis(5))).unwrap();
        assert!(effort.is_over());
        let effort = Effort::new(Duration::from_millis(19));
        effort.brief_step(wait).unwrap();
        assert!(effort.is_over(), "a wait counts, and not more than a step should take");
        let effort = Effort::new(Duration::from_millis(21));
        effort.brief_step(wait).unwrap();
        assert!(!effort.is_over());
        assert!(effort.brief_step(|| std::panic::resume_unwind(Box::new("a mistake of ours"))).is_err());
    }

    #[test]
    fn brief_steps_that_are_none_are_timed_exactly_after_the_first() {
        let effort = Effort::new(Duration::from_millis(70));
        effort.brief_step(|| work(Duration::from_millis(60))).unwrap();
        assert!(!effort.is_over());
        effort.brief_step(wait).unwrap();
        assert!(!effort.is_over(), "waiting is free from now on");
        effort.brief_step(|| work(Duration::from_millis(60))).unwrap();
        assert!(effort.is_over(), "and work counts whole");
    }

    #[test]
    fn a_panic_is_an_error_and_its_time_counts() {
        let effort = Effort::new(Duration::from_millis(10));
        let outcome = effort.step(|| {
            work(Duration::from_millis(12));
            std::panic::resume_unwind(Box::new("a mistake of ours"))
        });
        assert!(outcome.is_err());
        assert!(effort.is_over());
    }
}
