//! The lane of asynchronous hooks: one queue, and the event loop that serves it, one task a batch.
//!
//! The loop runs in a thread of Python's own (`smtpgw._workers`) and is woken through a socket that it watches, so
//! nothing of ours ever attaches to the interpreter to reach it. The calls of a batch are awaited one after the
//! other in one task, which keeps their order; a task whose call is over its time is lost and cancelled, and another
//! task goes on with the batch.
//!
//! A hook that blocks the loop itself cannot be cancelled. The supervisor notices that the loop does not look up any
//! more, and a new loop takes the place of the blocked one, which ends when it comes back and its tasks are done.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use smtpgw_gateway::inspect::Batch;

use crate::crew::Crew;
use crate::seat::{Caller, Invocation, Seat};

/// Queue, loops and tasks.
#[derive(Default)]
pub(crate) struct Tasks {
    state: Mutex<State>,
    /// The loop has looked up, or has ended, or the lane is closed.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Batch>>,
    closed: bool,
    /// Which loop serves, counted from 1; lower ones are being replaced.
    generation: u64,
    /// Loops that have not ended.
    loops: usize,
    /// Tasks that serve.
    active: usize,
    /// Tasks that are over their time in a call.
    lost: usize,
    /// Every task's loop, number and seat.
    seats: Vec<(u64, u64, Arc<Seat>)>,
    last_task: u64,
    /// Tasks to cancel: their loop and number.
    cancel: Vec<(u64, u64)>,
    /// How often the loop was asked to look up, and up to which of these it has.
    asked: u64,
    answered: u64,
    /// The loop's wake-up socket, and whether an octet is on its way.
    waker: Option<UnixStream>,
    woken: bool,
}

impl State {
    fn wake(&mut self) {
        if let (false, Some(waker)) = (self.woken, &mut self.waker) {
            // A socket that is full wakes the loop just as well; one that is broken has no loop any more.
            let _ = waker.write(&[0]);
            self.woken = true;
        }
    }
}

impl Tasks {
    pub(crate) fn submit(&self, batch: Arc<Batch>) {
        let mut state = self.state.lock();
        state.queue.push_back(batch);
        state.wake();
    }

    /// Counts the task inside this call as lost, has it cancelled and puts the batch back. False if no task is inside
    /// any more.
    pub(crate) fn overrun(&self, batch: &Arc<Batch>, index: usize) -> bool {
        let mut state = self.state.lock();
        let inside = state.seats.iter().find(|(_, _, seat)| seat.lose(batch, index));
        let Some((generation, task)) = inside.map(|(generation, task, _)| (*generation, *task)) else { return false };
        state.active -= 1;
        state.lost += 1;
        state.cancel.push((generation, task));
        state.queue.push_front(Arc::clone(batch));
        state.asked += 1;
        state.wake();
        true
    }

    /// Nothing more is begun, and what is under way is cancelled.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.clear();
        state.seats.iter().for_each(|(_, _, seat)| seat.set_lost(true));
        state.lost += std::mem::take(&mut state.active);
        state.wake();
        self.changed.notify_all();
    }

    /// Waits until the loops have ended, at most until `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state.loops > 0 && !self.changed.wait_until(&mut state, deadline).timed_out() {}
    }

    /// Whether the loop has not looked up within `patience` although it was asked to.
    pub(crate) fn is_stuck(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        let (asked, generation) = (state.asked, state.generation);
        while state.answered < asked && state.generation == generation && !state.closed {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return true;
            }
        }
        false
    }
}

/// What one event loop of `smtpgw._workers` goes by.
#[pyclass(frozen, module = "smtpgw._core", name = "Loop")]
pub(crate) struct Loop {
    crew: Arc<Crew>,
    generation: u64,
    wake_ups: UnixStream,
}

impl Loop {
    /// A loop that takes the place of the one before; `None` if too many are blocked, or none is wanted any more.
    pub(crate) fn recruit(crew: &Arc<Crew>) -> io::Result<Option<Self>> {
        let (waker, wake_ups) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        wake_ups.set_nonblocking(true)?;
        let mut state = crew.tasks.state.lock();
        if state.closed || state.loops > BLOCKED_AT_MOST {
            return Ok(None);
        }
        // The old one has to see that it is not wanted any more.
        state.woken = false;
        state.wake();
        state.waker = Some(waker);
        state.woken = false;
        state.generation += 1;
        state.loops += 1;
        state.answered = state.asked;
        // There may be work already.
        state.wake();
        Ok(Some(Self { crew: Arc::clone(crew), generation: state.generation, wake_ups }))
    }
}

#[pymethods]
impl Loop {
    /// What to watch for wake-ups.
    fn fileno(&self) -> i32 {
        self.wake_ups.as_raw_fd()
    }

    /// Whether it is to end: the crew is closed, or another loop has taken its place.
    #[getter]
    fn is_over(&self) -> bool {
        let state = self.crew.tasks.state.lock();
        state.closed || state.generation != self.generation
    }

    /// Whether the crew is closed, so that nothing here is wanted any more.
    #[getter]
    fn is_closed(&self) -> bool {
        self.crew.tasks.state.lock().closed
    }

    /// Takes note of a wake-up. The numbers of the tasks to cancel.
    fn look_up(&self) -> Vec<u64> {
        let mut state = self.crew.tasks.state.lock();
        let mut octets = [0; 64];
        while matches!((&self.wake_ups).read(&mut octets), Ok(read) if read > 0) {}
        if state.generation == self.generation {
            state.woken = false;
            state.answered = state.asked;
            self.crew.tasks.changed.notify_all();
        }
        let (mine, others) = state.cancel.drain(..).partition(|(generation, _)| *generation == self.generation);
        state.cancel = others;
        let mine: Vec<_> = mine;
        mine.into_iter().map(|(_, task)| task).collect()
    }

    /// The next batch, for a task of its own; `None` if there is none, or as many tasks as may be.
    fn next_task(&self) -> Option<Task> {
        let mut state = self.crew.tasks.state.lock();
        let over = state.closed || state.generation != self.generation;
        if over || state.active >= TASKS_AT_MOST || state.lost >= LOST_AT_MOST {
            return None;
        }
        let batch = state.queue.pop_front()?;
        state.active += 1;
        state.last_task += 1;
        let (number, seat) = (state.last_task, Arc::new(Seat::default()));
        state.seats.push((self.generation, number, Arc::clone(&seat)));
        drop(state);
        let mut caller = Caller::new(Arc::clone(&seat));
        caller.take_up(batch);
        Some(Task { crew: Arc::clone(&self.crew), number, seat, caller: Mutex::new(caller) })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let mut state = self.crew.tasks.state.lock();
        state.loops -= 1;
        self.crew.tasks.changed.notify_all();
    }
}

/// What one task of an event loop goes by: an iterator of the calls of one batch.
#[pyclass(frozen, module = "smtpgw._core", name = "Task")]
pub(crate) struct Task {
    crew: Arc<Crew>,
    number: u64,
    seat: Arc<Seat>,
    caller: Mutex<Caller>,
}

#[pymethods]
impl Task {
    /// Its number, unique in the crew.
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Option<Invocation<'py>> {
        self.caller.lock().next(py, &self.crew.roster)
    }

    fn returned(&self, result: &Bound<'_, PyAny>) {
        self.caller.lock().returned(result);
    }

    fn raised(&self, error: &Bound<'_, PyAny>) {
        self.caller.lock().raised(error);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut state = self.crew.tasks.state.lock();
        state.seats.retain(|(_, number, _)| *number != self.number);
        state.cancel.retain(|(_, number)| *number != self.number);
        if self.seat.is_lost() {
            state.lost -= 1;
        } else {
            state.active -= 1;
        }
    }
}

/// Batches under way at a time: hooks that wait for other servers wait side by side, and this bounds how many
/// connections they hold.
const TASKS_AT_MOST: usize = 256;

/// Cancelled tasks that will not end; beyond that nothing more is begun.
const LOST_AT_MOST: usize = 1_000;

/// Blocked loops beside the one that serves.
const BLOCKED_AT_MOST: usize = 16;
