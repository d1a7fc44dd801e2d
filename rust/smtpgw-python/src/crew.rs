//! The crew that runs hooks: [`Hooks`] is the gateway's side of it, [`CrewHandle`] Python's.
//!
//! ```text
//!   gateway ── submit ──► Threads (ordinary hooks)  ──► Worker, one for each thread ──► hook
//!           ── overrun ─► Tasks (asynchronous ones) ──► Loop ──► Task, one for each batch ──► hook
//!                  └────► incidents ──► supervisor thread: logs, starts replacements
//! ```
//!
//! Nothing here attaches to the interpreter: `submit` and `overrun` are called by the gateway's own threads, which
//! must never wait for Python. What needs Python (starting a thread) is done by the supervisor.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::prelude::*;
use smtpgw_gateway::inspect::{Batch, Inspect, InspectorInfo};

use crate::roster::Roster;
use crate::tasks::{Loop, Tasks};
use crate::threads::{STOP_WAIT, Threads, Worker};

/// Everything the threads share.
pub(crate) struct Crew {
    pub(crate) roster: Roster,
    pub(crate) threads: Threads,
    pub(crate) tasks: Tasks,
    incidents: Mutex<Incidents>,
    happened: Condvar,
}

#[derive(Default)]
struct Incidents {
    queue: VecDeque<Incident>,
    closed: bool,
}

/// Something that the supervisor has to look after.
#[pyclass(frozen, get_all, module = "smtpgw._core", name = "Incident")]
pub(crate) struct Incident {
    /// `inspector.hook` that is over its time; empty if a thread ended for another reason.
    hook: String,
    /// How long it may run, seconds.
    timeout_s: f64,
    /// The thread that is inside the hook; 0 for an asynchronous one.
    ident: u64,
    /// Whether the event loop has to be looked at.
    asynchronous: bool,
    /// Whether another thread takes the place of this one.
    replaced: bool,
}

impl Crew {
    /// Asks the supervisor for a thread in place of one that ended.
    pub(crate) fn vacancy(&self) {
        self.report(Incident { hook: String::new(), timeout_s: 0.0, ident: 0, asynchronous: false, replaced: true });
    }

    fn report(&self, incident: Incident) {
        let mut incidents = self.incidents.lock();
        if incidents.queue.len() == INCIDENTS_AT_MOST {
            incidents.queue.pop_front();
        }
        incidents.queue.push_back(incident);
        self.happened.notify_one();
    }

    fn close(&self) {
        self.threads.close();
        self.tasks.close();
        self.incidents.lock().closed = true;
        self.happened.notify_all();
    }

    /// Waits for what ends soon; lost threads are left alone.
    fn wait_ended(&self) {
        let deadline = Instant::now() + STOP_WAIT;
        self.threads.wait_ended(deadline);
        self.tasks.wait_ended(deadline);
    }
}

/// The gateway's side: dropping it ends the crew.
pub(crate) struct Hooks(Arc<Crew>);

impl Hooks {
    /// Reads the roster and starts `threads` threads for its ordinary hooks, and an event loop if it has
    /// asynchronous ones.
    pub(crate) fn start(entries: &Bound<'_, PyAny>, threads: usize) -> PyResult<Self> {
        let py = entries.py();
        let roster = Roster::read(entries)?;
        let synchronous = roster.infos().iter().any(|info| !info.asynchronous);
        let asynchronous = roster.infos().iter().any(|info| info.asynchronous);
        let hooks = Self(Arc::new(Crew {
            roster,
            threads: Threads::new(if synchronous { threads.clamp(1, THREADS_AT_MOST) } else { 0 }),
            tasks: Tasks::default(),
            incidents: Mutex::default(),
            happened: Condvar::new(),
        }));
        let crew = CrewHandle(Arc::clone(&hooks.0));
        py.import("smtpgw._workers")?.call_method1("start", (crew, asynchronous))?;
        Ok(hooks)
    }

    /// What ends the crew and waits a moment for its threads, once the gateway is done with it.
    pub(crate) fn ending(&self) -> Ending {
        Ending(Arc::clone(&self.0))
    }
}

impl Inspect for Hooks {
    fn roster(&self) -> &[InspectorInfo] {
        self.0.roster.infos()
    }

    fn submit(&self, batch: Arc<Batch>) {
        if self.is_asynchronous(&batch, 0) {
            self.0.tasks.submit(batch);
        } else {
            self.0.threads.submit(batch);
        }
    }

    fn overrun(&self, batch: &Arc<Batch>, index: usize) {
        let crew = &self.0;
        let Some(call) = batch.calls().get(index) else { return };
        let asynchronous = self.is_asynchronous(batch, index);
        let (ident, replaced) = if asynchronous {
            if !crew.tasks.overrun(batch, index) {
                return;
            }
            (0, false)
        } else {
            let Some(loss) = crew.threads.overrun(batch, index) else { return };
            (loss.ident, loss.replaced)
        };
        let timeout = self.roster().get(call.inspector).map_or(Duration::ZERO, |info| info.timeout);
        let hook = crew.roster.name_of(call);
        crew.report(Incident { hook, timeout_s: timeout.as_secs_f64(), ident, asynchronous, replaced });
    }
}

impl Hooks {
    /// Batches never mix the two kinds, so any call of one tells.
    fn is_asynchronous(&self, batch: &Batch, index: usize) -> bool {
        let info = batch.calls().get(index).and_then(|call| self.roster().get(call.inspector));
        info.is_some_and(|info| info.asynchronous)
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// See [`Hooks::ending`].
pub(crate) struct Ending(Arc<Crew>);

impl Ending {
    /// Ends the crew. May block for a moment: not while attached.
    pub(crate) fn end(&self) {
        self.0.close();
        self.0.wait_ended();
    }
}

/// The crew as `smtpgw._workers` sees it.
#[pyclass(frozen, module = "smtpgw._core", name = "Crew")]
pub(crate) struct CrewHandle(Arc<Crew>);

#[pymethods]
impl CrewHandle {
    /// The calls for one more thread; `None` if no more are needed.
    fn worker(&self) -> Option<Worker> {
        Worker::recruit(&self.0)
    }

    /// The calls for an event loop that takes over from the one before.
    fn event_loop(&self) -> PyResult<Option<Loop>> {
        Ok(Loop::recruit(&self.0)?)
    }

    /// Waits for the next thing to look after; `None` once the crew is to end.
    fn next_incident(&self, py: Python<'_>) -> Option<Incident> {
        py.detach(|| {
            let mut incidents = self.0.incidents.lock();
            loop {
                if incidents.closed {
                    return None;
                }
                if let Some(incident) = incidents.queue.pop_front() {
                    return Some(incident);
                }
                self.0.happened.wait(&mut incidents);
            }
        })
    }

    /// Whether the event loop does not look up any more, watched for at most `patience_s` seconds.
    fn event_loop_is_stuck(&self, py: Python<'_>, patience_s: f64) -> bool {
        let patience = Duration::try_from_secs_f64(patience_s).unwrap_or_default();
        py.detach(|| self.0.tasks.is_stuck(patience))
    }
}

/// Incidents that wait for the supervisor. Losing one loses a line in the log: gaps are filled whatever it says.
const INCIDENTS_AT_MOST: usize = 256;

/// Threads for hooks. They share one interpreter lock: more would only wait for each other.
const THREADS_AT_MOST: usize = 256;
