//! The fixed company of inspectors, with its queue and its circuit breakers.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::{Failed, Inspection, Opinion};
use crate::inspect::{Batch, Inspect, InspectorInfo, Subject};
use crate::world::Instant;

/// The inspectors, with what the gateway keeps about them.
pub(crate) struct Panel {
    pub(super) inspect: Arc<dyn Inspect>,
    pub(super) breakers: Vec<Breaker>,
    pub(super) queue: Arc<Semaphore>,
}

impl Panel {
    pub(crate) fn new(inspect: Arc<dyn Inspect>) -> Arc<Self> {
        let breakers = inspect.roster().iter().map(|_| Breaker::default()).collect();
        Arc::new(Self { inspect, breakers, queue: Arc::new(Semaphore::new(QUEUE)) })
    }

    pub(crate) fn roster(&self) -> &[InspectorInfo] {
        self.inspect.roster()
    }

    /// Asks one question outside a message (`on_connect`, `on_recipient`) and waits for all answers.
    pub(crate) async fn ask(self: &Arc<Self>, subject: Subject, deadline: Instant) -> Vec<Opinion> {
        let mut inspection = Inspection::new(Arc::clone(self));
        inspection.enqueue(&subject);
        inspection.submit(deadline).await;
        inspection.settle(deadline).await;
        std::mem::take(&mut inspection.opinions)
    }

    /// Whether any inspector is asked about recipients.
    pub(crate) fn wants_recipients(&self) -> bool {
        self.roster().iter().any(|info| info.hooks.recipient)
    }

    /// Whether any inspector has a hook for such a question.
    pub(crate) fn wants(&self, subject: &Subject) -> bool {
        self.roster().iter().any(|info| has_hook(info, subject))
    }
}

impl Panel {
    /// The inspectors that are not asked any more (true), or are asked again, since this was last called.
    pub(crate) fn turns(&self) -> impl Iterator<Item = (&InspectorInfo, bool)> {
        let turned = |(info, breaker): (_, &Breaker)| breaker.turn().map(|is_open| (info, is_open));
        self.roster().iter().zip(&self.breakers).filter_map(turned)
    }

    /// Tells an inspector's breaker of a failure, once a message.
    pub(super) fn failed(&self, inspector: usize, failed: &mut Failed) {
        if !failed.contains(&inspector) {
            failed.push(inspector);
            self.breakers[inspector].failed(Instant::now());
        }
    }

    /// Gives up the calls of `batch` that are over their time; when to look again, or `None` if it is complete.
    pub(super) fn look_after(&self, batch: &Arc<Batch>, now: Instant, failed: &mut Failed) -> Option<Instant> {
        if batch.is_complete() {
            return None;
        }
        let mut next = None;
        for (index, since) in batch.open_calls() {
            let limit = self.roster()[batch.calls()[index].inspector].timeout;
            // A call that nobody has begun cannot be over its time before its own limit has passed from now.
            let due = since.unwrap_or(now) + limit;
            if due <= now {
                if batch.give_up(index) {
                    self.failed(batch.calls()[index].inspector, failed);
                    self.inspect.overrun(batch, index);
                }
            } else {
                next = Some(next.map_or(due, |other: Instant| other.min(due)));
            }
        }
        next
    }
}

pub(super) fn has_hook(info: &InspectorInfo, subject: &Subject) -> bool {
    match subject {
        Subject::Connect(_) => info.hooks.connect,
        Subject::Recipient { .. } => info.hooks.recipient,
        Subject::Part(..) => info.hooks.part,
        Subject::Message(_) => info.hooks.message,
    }
}

/// Batches of calls to inspectors under way at a time. More would only wait longer: a handful of workers serves them.
const QUEUE: usize = 1_024;
