//! The seam to the inspectors: what the gateway asks, and what comes back.
//!
//! The arrow is inverted: the gateway defines [`Inspect`], a binding implements it, so the gateway runs, is
//! tested and is measured without any interpreter. Policy (modes, timeouts, circuit breakers, folding) is the
//! gateway's; an implementation only runs hooks.
//!
//! Calls travel in a [`Batch`]: what one read of content made ready, for all inspectors, in the order in which it
//! should run. A worker takes one call after the other with [`Batch::claim`]. A worker that hangs in one call
//! does not take the rest with it: the gateway reports it by [`Inspect::overrun`], and another worker goes on
//! claiming from the same batch. The queue in front of the workers is bounded by permits the gateway takes before
//! it submits; an implementation never blocks in `submit`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::message::{Message, Part, Session};
use crate::verdict::{Action, Verdict};

/// Runs the hooks of a fixed list of inspectors.
pub trait Inspect: Send + Sync + 'static {
    /// The inspectors, in the order in which they are asked. Never changes.
    fn roster(&self) -> &[InspectorInfo];

    /// Takes over a batch; returns at once. Some worker must claim every call in it, in order.
    fn submit(&self, batch: Arc<Batch>);

    /// The call at `index` of `batch` was begun and is over its time: its worker must not be counted on any more,
    /// and another one should go on with the batch and with the queue.
    fn overrun(&self, batch: &Arc<Batch>, index: usize);
}

/// One inspector, as the gateway needs to know it.
#[derive(Clone, Debug)]
pub struct InspectorInfo {
    /// Unique name for records and configuration: `yara`, `yara#2`.
    pub name: String,
    /// Whether its verdicts count.
    pub mode: Mode,
    /// How long one call may take, from when it was submitted.
    pub timeout: Duration,
    /// What a raised error counts as.
    pub on_error: Action,
    /// What a timeout counts as.
    pub on_timeout: Action,
    /// Which hooks it has.
    pub hooks: Hooks,
}

/// Whether an inspector's verdicts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Acted on.
    Enforce,
    /// Recorded and counted, never acted on.
    Shadow,
}

/// Which hooks an inspector has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `on_connect(session)`
    pub connect: bool,
    /// `on_recipient(session, reverse_path, forward_path)`
    pub recipient: bool,
    /// `on_part(part, message)`
    pub part: bool,
    /// `on_message(message)`
    pub message: bool,
}

/// What a hook is called with.
#[derive(Clone, Debug)]
pub enum Subject {
    /// `on_connect`
    Connect(Arc<Session>),
    /// `on_recipient`
    Recipient {
        /// The connection.
        session: Arc<Session>,
        /// Sender without angle brackets.
        reverse_path: Arc<str>,
        /// Recipient without angle brackets.
        forward_path: Arc<str>,
    },
    /// `on_part`
    Part(Arc<Part>, Arc<Message>),
    /// `on_message`
    Message(Arc<Message>),
}

/// One hook call to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Index into [`Inspect::roster`].
    pub inspector: usize,
    /// What it is about.
    pub subject: Subject,
}

/// What came of one call.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The hook returned; `None`: it has nothing to say.
    Returned(Option<Verdict>),
    /// The hook raised; the text is for records.
    Raised(String),
}

/// An answered call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What came of it.
    pub outcome: Outcome,
    /// How long the hook ran.
    pub elapsed: Duration,
}

/// Calls to make in order, and the answers so far.
#[derive(Debug)]
pub struct Batch {
    calls: Box<[Call]>,
    next: AtomicUsize,
    answers: Mutex<Answers>,
    complete: Notify,
}

#[derive(Debug)]
struct Answers {
    by_call: Box<[Option<Answer>]>,
    missing: usize,
}

impl Batch {
    /// A batch of `calls`; not empty.
    pub fn new(calls: Vec<Call>) -> Arc<Self> {
        let by_call = (0..calls.len()).map(|_| None).collect();
        Arc::new(Self {
            answers: Mutex::new(Answers { by_call, missing: calls.len() }),
            calls: calls.into(),
            next: AtomicUsize::new(0),
            complete: Notify::new(),
        })
    }

    /// The calls, in order.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The next call that nobody has taken; `None` when all are taken.
    pub fn claim(self: &Arc<Self>) -> Option<Claim> {
        // `fetch_update` rather than `fetch_add`: late claimants must not run the counter over the end.
        let index = self
            .next
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |at| (at < self.calls.len()).then_some(at + 1))
            .ok()?;
        Some(Claim { batch: Arc::clone(self), index, answered: false })
    }

    /// How many calls have been claimed.
    pub fn claimed(&self) -> usize {
        self.next.load(Ordering::Acquire)
    }

    /// Takes the answers there are, by call; a call without one gets `None`. Later answers are dropped.
    pub fn take_answers(&self) -> Vec<Option<Answer>> {
        let mut answers = self.answers.lock();
        answers.by_call.iter_mut().map(Option::take).collect()
    }

    /// Whether the call at `index` has been answered.
    pub fn is_answered(&self, index: usize) -> bool {
        self.answers.lock().by_call.get(index).is_some_and(Option::is_some)
    }

    /// Whether every call has been answered.
    pub fn is_complete(&self) -> bool {
        self.answers.lock().missing == 0
    }

    /// Waits until every call has been answered.
    pub async fn completed(&self) {
        loop {
            let notified = self.complete.notified();
            if self.is_complete() {
                return;
            }
            notified.await;
        }
    }

    fn answer(&self, index: usize, answer: Answer) {
        let mut answers = self.answers.lock();
        let slot = &mut answers.by_call[index];
        if slot.is_some() {
            return;
        }
        *slot = Some(answer);
        answers.missing -= 1;
        if answers.missing == 0 {
            drop(answers);
            // One waiter at most (the message's connection); a permit is kept if it is not waiting yet.
            self.complete.notify_one();
        }
    }
}

/// The right, and the duty, to answer one call. Dropped unanswered, it answers with an error.
#[derive(Debug)]
pub struct Claim {
    batch: Arc<Batch>,
    index: usize,
    answered: bool,
}

impl Claim {
    /// The call.
    pub fn call(&self) -> &Call {
        &self.batch.calls[self.index]
    }

    /// The batch and the index of the call in it, as [`Inspect::overrun`] names them.
    pub fn place(&self) -> (&Arc<Batch>, usize) {
        (&self.batch, self.index)
    }

    /// Answers.
    pub fn answer(mut self, answer: Answer) {
        self.answered = true;
        self.batch.answer(self.index, answer);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.answered {
            let outcome = Outcome::Raised("the worker gave the call up".into());
            self.batch.answer(self.index, Answer { outcome, elapsed: Duration::ZERO });
        }
    }
}
