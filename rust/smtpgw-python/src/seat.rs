//! Who is inside which call: what one worker (a thread, or a task of the event loop) does with a batch.
//!
//! ```text
//!   next() ──claim──► inside ──returned() / raised()──► next()
//!                       │
//!                    overrun ──► lost: when it comes back it takes no more calls
//! ```
//!
//! A [`Seat`] is shared with whoever reports an overrun; a [`Caller`] belongs to its worker alone. The place in the
//! seat is set under the same lock under which the call is claimed, so an overrun that is reported for a claimed
//! call always finds its worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyo3::prelude::*;
use smtpgw_gateway::inspect::{Answer, Batch, Claim, Outcome};

use crate::errors::describe;
use crate::roster::{Roster, Shown};
use crate::verdict::verdicts;

/// Where a worker is, as far as others need to know.
#[derive(Default)]
pub(crate) struct Seat(Mutex<SeatState>);

#[derive(Default)]
struct SeatState {
    /// The batch, by its address, and the index of the call that the worker is inside of.
    place: Option<(usize, usize)>,
    lost: bool,
    /// Python's name for the worker: a thread's identifier.
    ident: u64,
}

impl Seat {
    pub(crate) fn is_lost(&self) -> bool {
        self.0.lock().lost
    }

    pub(crate) fn set_lost(&self, lost: bool) {
        self.0.lock().lost = lost;
    }

    pub(crate) fn set_ident(&self, ident: u64) {
        self.0.lock().ident = ident;
    }

    pub(crate) fn ident(&self) -> u64 {
        self.0.lock().ident
    }

    /// Marks the worker as lost if it is inside this call.
    pub(crate) fn lose(&self, batch: &Arc<Batch>, index: usize) -> bool {
        let mut state = self.0.lock();
        let inside = state.place == Some((Arc::as_ptr(batch).addr(), index)) && !state.lost;
        state.lost |= inside;
        inside
    }

    /// Claims the next call of `batch` and takes place in it.
    fn claim(&self, batch: &Arc<Batch>) -> Option<Claim> {
        let mut state = self.0.lock();
        if state.lost {
            return None;
        }
        let claim = batch.claim()?;
        state.place = Some((Arc::as_ptr(batch).addr(), claim.place().1));
        Some(claim)
    }

    fn leave(&self) {
        self.0.lock().place = None;
    }
}

/// One worker's way through its batches.
pub(crate) struct Caller {
    seat: Arc<Seat>,
    batch: Option<Arc<Batch>>,
    running: Option<(Claim, Instant)>,
    shown: Shown,
}

/// What Python is to call: the hook, whether it has to await the result, a [`Shape`], and what that calls first and
/// second.
///
/// [`Shape`]: crate::roster::Shape
pub(crate) type Invocation<'py> = (Py<PyAny>, bool, u8, Bound<'py, PyAny>, Bound<'py, PyAny>);

impl Caller {
    pub(crate) fn new(seat: Arc<Seat>) -> Self {
        Self { seat, batch: None, running: None, shown: Shown::default() }
    }

    /// Begins with `batch`.
    pub(crate) fn take_up(&mut self, batch: Arc<Batch>) {
        self.batch = Some(batch);
    }

    /// The next call of the batch; `None`, and the batch is let go, when there is none for this worker.
    pub(crate) fn next<'py>(&mut self, py: Python<'py>, roster: &Roster) -> Option<Invocation<'py>> {
        if let Some((claim, begun)) = self.running.take() {
            self.answer_with(claim, begun.elapsed(), Outcome::Raised("the call was left without an answer".into()));
        }
        self.shown.names = Arc::clone(roster.names());
        while let Some(claim) = self.batch.as_ref().and_then(|batch| self.seat.claim(batch)) {
            let begun = Instant::now();
            let call = claim.call();
            let invocation = roster.hook(call).map(|hook| {
                let (shape, first, second) = hook.arguments(py, &call.subject, &mut self.shown)?;
                PyResult::Ok((hook.callable.clone_ref(py), hook.awaited, shape as u8, first, second))
            });
            match invocation {
                Some(Ok(invocation)) => {
                    self.running = Some((claim, begun));
                    return Some(invocation);
                }
                Some(Err(error)) => {
                    self.answer_with(claim, begun.elapsed(), Outcome::Raised(describe(error.value(py))));
                }
                None => self.answer_with(claim, Duration::ZERO, Outcome::Raised("there is no such hook".into())),
            }
        }
        self.batch = None;
        self.shown = Shown::default();
        None
    }

    /// The hook returned this.
    pub(crate) fn returned(&mut self, result: &Bound<'_, PyAny>) {
        let Some((claim, begun)) = self.running.take() else { return };
        let elapsed = begun.elapsed();
        let outcome = match verdicts(result) {
            Ok(verdicts) => Outcome::Returned(verdicts),
            Err(reason) => Outcome::Raised(reason),
        };
        self.answer_with(claim, elapsed, outcome);
    }

    /// The hook raised this.
    pub(crate) fn raised(&mut self, error: &Bound<'_, PyAny>) {
        let Some((claim, begun)) = self.running.take() else { return };
        let elapsed = begun.elapsed();
        self.answer_with(claim, elapsed, Outcome::Raised(describe(error)));
    }

    fn answer_with(&self, claim: Claim, elapsed: Duration, outcome: Outcome) {
        self.seat.leave();
        claim.answer(Answer { outcome, elapsed });
    }
}
