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
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::message::{Message, Part, Session};
use crate::verdict::{Action, Verdict};
use crate::world::Instant;

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
    /// How long one call may run, from when a worker claimed it.
    pub timeout: Duration,
    /// What a raised error counts as.
    pub on_error: Action,
    /// What a timeout counts as.
    pub on_timeout: Action,
    /// Which hooks it has.
    pub hooks: Hooks,
    /// Whether its hooks are coroutines; a [`Batch`] never mixes asynchronous and synchronous inspectors.
    pub asynchronous: bool,
    /// Whether it gives points: then relayed messages carry the `X-Spam-` fields, and forged ones are removed.
    pub scores: bool,
    /// Octets of one part that it looks at; a larger one is not shown to it and is unscanned
    /// ([`crate::settings::Unscanned::Oversize`]).
    pub largest: Option<u64>,
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
    /// The hook returned; empty: it has nothing to say.
    Returned(Vec<Verdict>),
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
    progress: Mutex<BatchProgress>,
    complete: Notify,
}

#[derive(Debug)]
struct BatchProgress {
    slots: Box<[Slot]>,
    /// Slots before this one have left `Waiting`.
    next: usize,
    /// Slots that are not `Closed`.
    open: usize,
    /// The batch's place in the queue, given back as soon as the last call is closed.
    place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Slot {
    Waiting,
    Claimed(Instant),
    Closed(Option<Answer>),
}

impl Batch {
    /// A batch of `calls`.
    pub fn new(calls: Vec<Call>) -> Arc<Self> {
        let slots = calls.iter().map(|_| Slot::Waiting).collect();
        Arc::new(Self {
            progress: Mutex::new(BatchProgress { slots, next: 0, open: calls.len(), place: None }),
            calls: calls.into(),
            complete: Notify::new(),
        })
    }

    /// The calls, in order.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Notes the batch's place in the queue.
    pub(crate) fn hold(&self, place: OwnedSemaphorePermit) {
        self.progress.lock().place = Some(place);
    }

    /// The next call that nobody has taken and that is still wanted; `None` when there is none.
    pub fn claim(self: &Arc<Self>) -> Option<Claim> {
        let mut progress = self.progress.lock();
        while let Some(slot) = progress.slots.get(progress.next) {
            let index = progress.next;
            let waiting = matches!(slot, Slot::Waiting);
            progress.next += 1;
            if waiting {
                progress.slots[index] = Slot::Claimed(Instant::now());
                return Some(Claim { batch: Arc::clone(self), index, answered: false });
            }
        }
        None
    }

    /// Gives the call at `index` up: a later answer is dropped, and if nobody has claimed it nobody will.
    /// True if it had been claimed and not answered, so that some worker is inside it.
    pub fn give_up(&self, index: usize) -> bool {
        let mut progress = self.progress.lock();
        let running = matches!(progress.slots.get(index), Some(Slot::Claimed(_)));
        self.close(&mut progress, index, None);
        running
    }

    /// Gives the call at `index` up if nobody has claimed it.
    pub(crate) fn give_up_waiting(&self, index: usize) {
        let mut progress = self.progress.lock();
        if matches!(progress.slots.get(index), Some(Slot::Waiting)) {
            self.close(&mut progress, index, None);
        }
    }

    /// Takes the answers, by call; `None` for one that was given up.
    pub fn take_answers(&self) -> Vec<Option<Answer>> {
        let mut progress = self.progress.lock();
        let take = |slot: &mut Slot| if let Slot::Closed(answer) = slot { answer.take() } else { None };
        progress.slots.iter_mut().map(take).collect()
    }

    /// Whether every call has been answered or given up.
    pub fn is_complete(&self) -> bool {
        self.progress.lock().open == 0
    }

    /// Waits until every call has been answered or given up. One waiter at a time.
    pub async fn completed(&self) {
        while !self.is_complete() {
            self.complete.notified().await;
        }
    }

    /// The calls that are not closed: index, and since when a worker has been inside it.
    pub fn open_calls(&self) -> Vec<(usize, Option<Instant>)> {
        let progress = self.progress.lock();
        let open = |(index, slot): (usize, &Slot)| match slot {
            Slot::Waiting => Some((index, None)),
            Slot::Claimed(since) => Some((index, Some(*since))),
            Slot::Closed(_) => None,
        };
        progress.slots.iter().enumerate().filter_map(open).collect()
    }

    fn close(&self, progress: &mut BatchProgress, index: usize, answer: Option<Answer>) {
        let Some(slot) = progress.slots.get_mut(index) else { return };
        if matches!(slot, Slot::Closed(_)) {
            return;
        }
        *slot = Slot::Closed(answer);
        progress.open -= 1;
        if progress.open == 0 {
            progress.place = None;
            // A permit is kept if the one waiter is not waiting yet.
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
        let mut progress = self.batch.progress.lock();
        // Of what was given up a late answer counts for nothing.
        if let (
            Some(Slot::Claimed(_)),
            Outcome::Returned(_),
            Call { inspector, subject: Subject::Part(part, message) },
        ) = (progress.slots.get(self.index), &answer.outcome, self.call())
        {
            message.progress.write().inspected.push((*inspector, Arc::clone(part)));
        }
        self.batch.close(&mut progress, self.index, Some(answer));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.answered {
            let outcome = Outcome::Raised("the worker gave the call up".into());
            let answer = Answer { outcome, elapsed: Duration::ZERO };
            self.batch.close(&mut self.batch.progress.lock(), self.index, Some(answer));
        }
    }
}
