//! The lane of ordinary hooks: one queue, and the threads that serve it.
//!
//! The threads are Python's own (`smtpgw._workers`), so that only the interpreter's frames stand below a hook: a
//! thread that hangs in one is then ended by the interpreter's exit like any daemon thread, whereas an exit that had
//! to unwind through frames of ours would abort the process. Each is attached to the interpreter all its life and
//! detaches only here, to wait (rule P1).
//!
//! ```text
//!            called            queue empty
//!   idle ────────────► working ───────────► idle      one at a time, the one that was idle last
//!    │                  ▲    │
//!    │ somebody works   │    └─ over its time ─► away ─► idle, or the end
//!    └────────────► watching ─► idle (nothing had to wait for a while)
//! ```
//!
//! All of them share one interpreter lock: a second thread that is called while the first one works would mostly wait
//! for that lock, and make the first one wait for it after each scan. So what comes meanwhile is left to whoever works,
//! and one other thread watches that it gets on: if a batch has waited for [`PATIENCE`], it works as well, and the next
//! one watches. It looks by itself and goes on for a while ([`LULL`]): to be woken for each batch would cost more than
//! many of them take.
//!
//! A thread whose call is over its time is lost: it is not counted any more and another takes its place, as long as
//! not too many are lost. One that comes back takes its place again if that is still free, and ends otherwise.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use pyo3::prelude::*;
use smtpgw_gateway::inspect::Batch;

use crate::crew::Crew;
use crate::seat::{Caller, Invocation, Seat};

/// Queue and threads.
pub(crate) struct Threads {
    /// How many are to serve.
    wanted: usize,
    state: Mutex<State>,
    /// A thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Batch>>,
    closed: bool,
    /// Threads that serve.
    active: usize,
    /// Of these, who works or was called to.
    working: usize,
    /// Threads that are over their time in a call.
    lost: usize,
    posts: Vec<Arc<Post>>,
    /// Those who wait, the last one last.
    idle: Vec<Arc<Post>>,
    watching: Option<Arc<Post>>,
    /// Batches taken so far.
    taken: u64,
}

/// One thread, as the others see it.
#[derive(Default)]
pub(crate) struct Post {
    seat: Arc<Seat>,
    /// Changed and read under the lock of the state alone.
    role: Mutex<Role>,
    called: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Idle,
    Working,
    Watching,
    /// Lost.
    Away,
}

/// A thread that was lost.
pub(crate) struct Loss {
    /// Its identifier in Python.
    pub(crate) ident: u64,
    /// Whether another takes its place.
    pub(crate) replaced: bool,
}

impl State {
    /// Sees to it that somebody comes for the queue.
    fn call(&mut self) {
        if self.working == 0 {
            if let Some(post) = self.idle.pop() {
                self.set(&post, Role::Working);
                post.called.notify_one();
            } else if let Some(post) = &self.watching {
                post.called.notify_one();
            }
        } else if self.watching.is_none()
            && let Some(post) = self.idle.pop()
        {
            self.set(&post, Role::Watching);
            post.called.notify_one();
        }
    }

    fn set(&mut self, post: &Arc<Post>, role: Role) {
        let before = std::mem::replace(&mut *post.role.lock(), role);
        match before {
            Role::Working => self.working -= 1,
            Role::Watching => self.watching = None,
            Role::Idle | Role::Away => {}
        }
        match role {
            Role::Working => self.working += 1,
            Role::Watching => self.watching = Some(Arc::clone(post)),
            Role::Idle | Role::Away => {}
        }
    }

    /// The next batch, for a thread that works from now on.
    fn take(&mut self, post: &Arc<Post>) -> Option<Arc<Batch>> {
        let batch = self.queue.pop_front().filter(|_| !self.closed)?;
        let watched = *post.role.lock() == Role::Watching;
        self.set(post, Role::Working);
        self.taken += 1;
        if watched && !self.queue.is_empty() {
            self.call();
        }
        Some(batch)
    }
}

impl Threads {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, state: Mutex::default(), ended: Condvar::new() }
    }

    pub(crate) fn submit(&self, batch: Arc<Batch>) {
        let mut state = self.state.lock();
        state.queue.push_back(batch);
        state.call();
    }

    /// Counts the thread inside this call as lost and puts the batch back; `None` if no thread is inside any more.
    pub(crate) fn overrun(&self, batch: &Arc<Batch>, index: usize) -> Option<Loss> {
        let mut state = self.state.lock();
        let post = Arc::clone(state.posts.iter().find(|post| post.seat.lose(batch, index))?);
        state.set(&post, Role::Away);
        state.active -= 1;
        state.lost += 1;
        state.queue.push_front(Arc::clone(batch));
        state.call();
        Some(Loss { ident: post.seat.ident(), replaced: state.lost <= LOST_AT_MOST })
    }

    /// No more calls are begun. What is under way is left alone.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.clear();
        state.posts.iter().for_each(|post| _ = post.called.notify_one());
    }

    /// Waits until all threads that are not lost have ended, at most until `deadline`.
    pub(crate) fn wait_ended(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state.active > 0 && !self.ended.wait_until(&mut state, deadline).timed_out() {}
    }

    /// A post for a new thread, if one is needed.
    fn recruit(&self) -> Option<Arc<Post>> {
        let mut state = self.state.lock();
        if state.closed || state.active >= self.wanted || state.lost > LOST_AT_MOST {
            return None;
        }
        state.active += 1;
        let post = Arc::new(Post::default());
        state.posts.push(Arc::clone(&post));
        Some(post)
    }

    /// Whether a thread that was lost and came back serves again.
    fn rejoin(&self, post: &Arc<Post>) -> bool {
        let mut state = self.state.lock();
        let needed = !state.closed && state.active < self.wanted;
        if needed {
            state.set(post, Role::Idle);
            post.seat.set_lost(false);
            state.lost -= 1;
            state.active += 1;
        }
        needed
    }

    /// A thread is gone. Whether it leaves a gap.
    fn leave(&self, post: &Arc<Post>) -> bool {
        let mut state = self.state.lock();
        state.set(post, Role::Away);
        state.posts.retain(|other| !Arc::ptr_eq(other, post));
        if post.seat.is_lost() {
            state.lost -= 1;
        } else {
            state.active -= 1;
        }
        // What it was called for is somebody else's now.
        if !state.queue.is_empty() {
            state.call();
        }
        self.ended.notify_all();
        !state.closed && state.active < self.wanted
    }

    fn next(&self, py: Python<'_>, post: &Arc<Post>) -> Option<Arc<Batch>> {
        let mut state = self.state.lock();
        if let Some(batch) = state.take(post) {
            return Some(batch);
        }
        // It works until it waits: what comes in between is its own, and another thread need not be woken for it.
        drop(state);
        py.detach(|| {
            let mut state = self.state.lock();
            while !state.closed {
                let role = *post.role.lock();
                let is_mine = match role {
                    Role::Working => true,
                    Role::Watching => watch(&mut state, post),
                    Role::Idle | Role::Away => state.working == 0,
                };
                if is_mine && let Some(batch) = state.take(post) {
                    return Some(batch);
                }
                // Whoever was called for it came too late; who watched is not needed any more.
                state.set(post, Role::Idle);
                if state.queue.is_empty() || state.watching.is_some() {
                    state.idle.push(Arc::clone(post));
                    post.called.wait(&mut state);
                    state.idle.retain(|other| !Arc::ptr_eq(other, post));
                } else {
                    state.set(post, Role::Watching);
                }
            }
            None
        })
    }
}

/// Watches those who work. Whether a batch has to be taken: one has waited for long, or nobody works any more.
fn watch(state: &mut MutexGuard<'_, State>, post: &Post) -> bool {
    let mut quiet = 0;
    while !state.closed && quiet < LULL {
        if state.working == 0 && !state.queue.is_empty() {
            return true;
        }
        let last = state.taken + state.queue.len() as u64;
        quiet = if state.queue.is_empty() { quiet + 1 } else { 0 };
        if post.called.wait_for(state, PATIENCE).timed_out() && state.taken < last {
            return true;
        }
    }
    false
}

/// What one thread of `smtpgw._workers` goes by: an iterator of calls that waits for the next one.
#[pyclass(frozen, module = "smtpgw._core", name = "Worker")]
pub(crate) struct Worker {
    crew: Arc<Crew>,
    post: Arc<Post>,
    caller: Mutex<Caller>,
}

impl Worker {
    /// The calls for a new thread, if one is needed.
    pub(crate) fn recruit(crew: &Arc<Crew>) -> Option<Self> {
        let post = crew.threads.recruit()?;
        Some(Self { crew: Arc::clone(crew), caller: Mutex::new(Caller::new(Arc::clone(&post.seat))), post })
    }
}

#[pymethods]
impl Worker {
    /// Tells which thread it is that goes by this.
    fn sit(&self, ident: u64) {
        self.post.seat.set_ident(ident);
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
            if self.post.seat.is_lost() && !self.crew.threads.rejoin(&self.post) {
                return None;
            }
            caller.take_up(self.crew.threads.next(py, &self.post)?);
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
        if self.crew.threads.leave(&self.post) {
            self.crew.vacancy();
        }
    }
}

/// How long a batch waits for whoever works before another thread takes it. A thousand times what the hooks of an
/// ordinary message take, a thousandth of what a network scanner does.
const PATIENCE: Duration = Duration::from_millis(1);

/// Looks at an empty queue, [`PATIENCE`] apart, after which nobody watches any more: a tenth of a second, in which it
/// takes less than a hundredth of a processor.
const LULL: u32 = 100;

/// How long a stop waits for threads that are inside a call.
pub(crate) const STOP_WAIT: Duration = Duration::from_secs(2);

/// Threads that may hang in calls before no more are started: each keeps its stack and what its hook holds.
const LOST_AT_MOST: usize = 64;
