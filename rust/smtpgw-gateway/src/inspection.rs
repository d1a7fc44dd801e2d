//! One message's way past the inspectors: what is asked, how long it may take, what came back.
//!
//! A [`Panel`] is the fixed company of inspectors with its queue and circuit breakers; an [`Inspection`] is one
//! message's dealings with it. Parts are asked about while content still arrives; `on_message` is asked once every
//! `on_part` of the message has been answered or stands before it in the same batch.
//!
//! What is bounded: batches under way (a place each until its last call is closed, so the workers' queue is bounded),
//! the time of one call (the inspector's `timeout_s`), the time of all of them after the end of data (rule D0). A
//! worker that is over its time is reported to the implementation and replaced; the call counts as timed out. An
//! `Inspection` that is dropped early gives up what nobody has begun and leaves the rest to a supervisor task, so that
//! a vanished client does not hide a hung worker.

mod breaker;
mod opinion;
mod panel;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::inspect::{Batch, Call, Outcome, Subject};
use crate::message::{Message, Part};
use crate::world::{Instant, sleep_until};

pub(crate) use opinion::{About, Failure, Opinion};
pub(crate) use panel::Panel;

use panel::has_hook;

/// One message's dealings with the panel.
pub(crate) struct Inspection {
    panel: Arc<Panel>,
    /// Calls not yet submitted, synchronous and asynchronous inspectors apart.
    waiting: [Vec<Call>; 2],
    submitted: Vec<Arc<Batch>>,
    opinions: Vec<Opinion>,
    /// Inspectors whose failure on this message their breakers have been told of.
    failed: Failed,
    /// Until when content may be held up, all in all, for want of a place in the queue; set when it is first.
    patience: Option<Instant>,
}

/// Inspectors, by index, that have failed on one message. A breaker hears of one failure a message, however many parts
/// it has: a sender must not be able to switch an inspector off for everybody with one message.
type Failed = Vec<usize>;

impl Inspection {
    pub(crate) fn new(panel: Arc<Panel>) -> Self {
        Self {
            panel,
            waiting: [Vec::new(), Vec::new()],
            submitted: Vec::new(),
            opinions: Vec::new(),
            failed: Failed::new(),
            patience: None,
        }
    }

    /// Notes a finished part; [`Inspection::submit_meanwhile`] sends it off.
    pub(crate) fn part(&mut self, part: &Arc<Part>, message: &Arc<Message>) {
        self.enqueue(&Subject::Part(Arc::clone(part), Arc::clone(message)));
    }

    /// Sends off what has been noted, while content arrives. Waits for places in the queue, which holds the content up,
    /// for at most `budget` in all of the message: whoever finds none by then counts as timed out.
    pub(crate) async fn submit_meanwhile(&mut self, budget: Duration) {
        let until = self.patience.unwrap_or_else(|| Instant::now() + budget);
        self.submit(until).await;
    }

    /// Sends off what has been noted. Waits for a place in the queue, at most until `deadline`.
    async fn submit(&mut self, deadline: Instant) {
        for kind in 0..self.waiting.len() {
            let calls = std::mem::take(&mut self.waiting[kind]);
            if calls.is_empty() {
                continue;
            }
            let batch = Batch::new(calls);
            let permit = self.place(deadline).await;
            match permit {
                Some(place) => {
                    batch.hold(place);
                    self.submitted.push(Arc::clone(&batch));
                    self.panel.inspect.submit(batch);
                }
                None => {
                    batch.open_calls().iter().for_each(|(index, _)| _ = batch.give_up(*index));
                    self.take(&batch);
                }
            }
        }
    }

    /// A place in the queue, at most until `deadline`. Batches under way are looked after meanwhile, or hung workers
    /// and those who wait for them would wait for each other.
    async fn place(&mut self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let queue = Arc::clone(&self.panel.queue);
        loop {
            if let Ok(place) = Arc::clone(&queue).try_acquire_owned() {
                return Some(place);
            }
            self.patience.get_or_insert(deadline);
            let look = self.poll().unwrap_or(deadline).min(deadline);
            tokio::select! {
                place = Arc::clone(&queue).acquire_owned() => return place.ok(),
                () = sleep_until(look) => {}
            }
            if Instant::now() >= deadline {
                return None;
            }
        }
    }

    /// Takes what is answered, and gives up what is over its time. Never waits. Returns when to look again.
    pub(crate) fn poll(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let mut next = None;
        for at in (0..self.submitted.len()).rev() {
            let batch = Arc::clone(&self.submitted[at]);
            match Arc::clone(&self.panel).look_after(&batch, now, &mut self.failed) {
                Some(soonest) => next = Some(next.map_or(soonest, |other: Instant| other.min(soonest))),
                None => {
                    self.submitted.swap_remove(at);
                    self.take(&batch);
                }
            }
        }
        next
    }

    /// Waits until everything that was sent off is answered, over its time, or `deadline` has come.
    pub(crate) async fn settle(&mut self, deadline: Instant) {
        while let Some(next) = self.poll() {
            if Instant::now() >= deadline {
                self.give_up_all();
                continue;
            }
            if let Some(first) = self.submitted.first() {
                let batch = Arc::clone(first);
                tokio::select! {
                    () = batch.completed() => {}
                    () = sleep_until(next.min(deadline)) => {}
                }
            }
        }
    }

    /// Asks about the whole message and waits for everything.
    pub(crate) async fn finish(mut self, message: &Arc<Message>, deadline: Instant) -> Vec<Opinion> {
        if self.poll().is_some() {
            // Some parts are still with the workers: the question about the whole comes after them.
            self.submit(deadline).await;
            self.settle(deadline).await;
        }
        self.enqueue(&Subject::Message(Arc::clone(message)));
        self.submit(deadline).await;
        self.settle(deadline).await;
        std::mem::take(&mut self.opinions)
    }

    fn enqueue(&mut self, subject: &Subject) {
        let panel = Arc::clone(&self.panel);
        let now = Instant::now();
        for (inspector, info) in panel.roster().iter().enumerate().filter(|(_, info)| has_hook(info, subject)) {
            if let (Subject::Part(part, _), Some(largest)) = (subject, info.largest)
                && part.data.len() > largest
            {
                let (about, result) = (About::of(subject), Err(Failure::TooLarge));
                self.opinions.push(Opinion { inspector, about, result, elapsed: Duration::ZERO });
                continue;
            }
            if panel.breakers[inspector].lets_through(now) {
                self.waiting[usize::from(info.asynchronous)].push(Call { inspector, subject: subject.clone() });
            } else {
                let about = About::of(subject);
                let result = Err(Failure::CircuitOpen);
                self.opinions.push(Opinion { inspector, about, result, elapsed: Duration::ZERO });
            }
        }
    }

    fn give_up_all(&mut self) {
        for batch in &self.submitted {
            for (index, _) in batch.open_calls() {
                if batch.give_up(index) {
                    self.panel.failed(batch.calls()[index].inspector, &mut self.failed);
                    self.panel.inspect.overrun(batch, index);
                }
            }
        }
    }

    fn take(&mut self, batch: &Arc<Batch>) {
        for (call, answer) in batch.calls().iter().zip(batch.take_answers()) {
            let elapsed = answer.as_ref().map_or(Duration::ZERO, |answer| answer.elapsed);
            let result = match answer.map(|answer| answer.outcome) {
                Some(Outcome::Returned(verdicts)) => Ok(verdicts),
                Some(Outcome::Raised(reason)) => Err(Failure::Raised(reason)),
                None => Err(Failure::TimedOut),
            };
            match &result {
                Ok(_) => self.panel.breakers[call.inspector].succeeded(),
                Err(Failure::Raised(_)) => self.panel.failed(call.inspector, &mut self.failed),
                // Those that ran were told when they were given up; one that nobody began says nothing on the
                // inspector.
                Err(Failure::TimedOut | Failure::CircuitOpen | Failure::TooLarge) => {}
            }
            self.opinions.push(Opinion { inspector: call.inspector, about: About::of(&call.subject), result, elapsed });
        }
    }
}

impl Drop for Inspection {
    fn drop(&mut self) {
        for batch in self.submitted.drain(..) {
            for (index, since) in batch.open_calls() {
                if since.is_none() {
                    batch.give_up_waiting(index);
                }
            }
            if let (false, Ok(runtime)) = (batch.is_complete(), tokio::runtime::Handle::try_current()) {
                let (panel, mut failed) = (Arc::clone(&self.panel), self.failed.clone());
                runtime.spawn(async move {
                    while let Some(next) = panel.look_after(&batch, Instant::now(), &mut failed) {
                        tokio::select! {
                            () = batch.completed() => {}
                            () = sleep_until(next) => {}
                        }
                    }
                });
            }
        }
    }
}
