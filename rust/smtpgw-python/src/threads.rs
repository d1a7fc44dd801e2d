//! The lane of ordinary hooks: one queue, and the threads that serve it.
//!
//! The threads are Python's own (`smtpgw._workers`), so that only the interpreter's frames stand below a hook: a
//! thread that hangs in one is then ended by the interpreter's exit like any daemon thread, whereas an exit that had
//! to unwind through frames of ours would abort the process. Each is attached to the interpreter all its life and
//! detaches only here, to wait (rule P1).
//!
//! A thread whose call is over its time is lost: it is not counted any more and another takes its place, as long as
//! not too many are lost. One that comes back takes its place again if that is still free, and ends otherwise.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use smtpgw_gateway::inspect::Batch;

use crate::crew::Crew;
use crate::seat::{Caller, Invocation, Seat};

/// Queue and threads.
pub(crate) struct Threads {
    /// How many are to serve.
    wanted: usize,
    state: Mutex<State>,
    /// Something is in the queue, or the lane is closed.
    ready: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Batch>>,
    closed: bool,
    /// Threads that serve.
    active: usize,
    /// Threads that are over their time in a call.
    lost: usize,
    seats: Vec<Arc<Seat>>,
}

/// A thread that was lost.
pub(crate) struct Loss {
    /// Its identifier in Python.
    pub(crate) ident: u64,
    /// Whether another takes its place.
    pub(crate) replaced: bool,
}

impl Threads {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, state: Mutex::default(), ready: Condvar::new(), ended: Condvar::new() }
    }

    pub(crate) fn submit(&self, batch: Arc<Batch>) {
        self.state.lock().queue.push_back(batch);
        self.ready.notify_one();
    }

    /// Counts the thread inside this call as lost and puts the batch back; `None` if no thread is inside any more.
    pub(crate) fn overrun(&self, batch: &Arc<Batch>, index: usize) -> Option<Loss> {
        let mut state = self.state.lock();
        let ident = state.seats.iter().find(|seat| seat.lose(batch, index))?.ident();
        state.active -= 1;
        state.lost += 1;
        state.queue.push_front(Arc::clone(batch));
        self.ready.notify_one();
        Some(Loss { ident, replaced: state.lost <= LOST_AT_MOST })
    }

    /// No more calls are begun. What is under way is left alone.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.clear();
        self.ready.notify_all();
    }

    /// Waits until all threads that are not lost have ended, at most until `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state.active > 0 && !self.ended.wait_until(&mut state, deadline).timed_out() {}
    }

    /// A seat for a new thread, if one is needed.
    fn recruit(&self) -> Option<Arc<Seat>> {
        let mut state = self.state.lock();
        if state.closed || state.active >= self.wanted || state.lost > LOST_AT_MOST {
            return None;
        }
        state.active += 1;
        let seat = Arc::new(Seat::default());
        state.seats.push(Arc::clone(&seat));
        Some(seat)
    }

    /// Whether a thread that was lost and came back serves again.
    fn rejoin(&self, seat: &Seat) -> bool {
        let mut state = self.state.lock();
        let needed = !state.closed && state.active < self.wanted;
        if needed {
            seat.set_lost(false);
            state.lost -= 1;
            state.active += 1;
        }
        needed
    }

    /// A thread is gone. Whether it leaves a gap.
    fn leave(&self, seat: &Arc<Seat>) -> bool {
        let mut state = self.state.lock();
        state.seats.retain(|other| !Arc::ptr_eq(other, seat));
        if seat.is_lost() {
            state.lost -= 1;
        } else {
            state.active -= 1;
        }
        self.ended.notify_all();
        !state.closed && state.active < self.wanted
    }

    fn next(&self, py: Python<'_>) -> Option<Arc<Batch>> {
        let mut state = self.state.lock();
        if !state.closed
            && let Some(batch) = state.queue.pop_front()
        {
            return Some(batch);
        }
        drop(state);
        py.detach(|| {
            let mut state = self.state.lock();
            loop {
                if state.closed {
                    return None;
                }
                if let Some(batch) = state.queue.pop_front() {
                    return Some(batch);
                }
                self.ready.wait(&mut state);
            }
        })
    }
}

/// What one thread of `smtpgw._workers` goes by: an iterator of calls that waits for the next one.
#[pyclass(frozen, module = "smtpgw._core", name = "Worker")]
pub(crate) struct Worker {
    crew: Arc<Crew>,
    seat: Arc<Seat>,
    caller: Mutex<Caller>,
}

impl Worker {
    /// The calls for a new thread, if one is needed.
    pub(crate) fn recruit(crew: &Arc<Crew>) -> Option<Self> {
        let seat = crew.threads.recruit()?;
        Some(Self { crew: Arc::clone(crew), caller: Mutex::new(Caller::new(Arc::clone(&seat))), seat })
    }
}

#[pymethods]
impl Worker {
    /// Tells which thread it is that goes by this.
    fn sit(&self, ident: u64) {
        self.seat.set_ident(ident);
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Option<Invocation<'py>> {
        // Nobody else locks it: the iterator belongs to its thread.
        let mut caller = self.caller.lock();
        loop {
            if let Some(invocation) = caller.next(py, &self.crew.roster) {
                return Some(invocation);
            }
            if self.seat.is_lost() && !self.crew.threads.rejoin(&self.seat) {
                return None;
            }
            caller.take_up(self.crew.threads.next(py)?);
        }
    }

    fn returned(&self, result: &Bound<'_, PyAny>) {
        self.caller.lock().returned(result);
    }

    fn raised(&self, error: &Bound<'_, PyAny>) {
        self.caller.lock().raised(error);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.crew.threads.leave(&self.seat) {
            self.crew.vacancy();
        }
    }
}

/// How long a stop waits for threads that are inside a call.
pub(crate) const STOP_WAIT: Duration = Duration::from_secs(2);

/// Threads that may hang in calls before no more are started: each keeps its stack and what its hook holds.
const LOST_AT_MOST: usize = 64;
