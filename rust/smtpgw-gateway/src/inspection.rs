//! One message's way past the inspectors: what is asked, how long it may take, what came back.
//!
//! A [`Panel`] is the fixed company of inspectors with its queue and circuit breakers; an [`Inspection`] is one
//! message's dealings with it. Parts are asked about while content still arrives; `on_message` is asked once every
//! `on_part` of the message has been answered or stands before it in the same batch.
//!
//! What is bounded: batches under way (a place each until its last call is closed, so the workers' queue is bounded), the time of one call (the
//! inspector's `timeout_s`), the time of all of them after the end of data (rule D0). A worker that is over its
//! time is reported to the implementation and replaced; the call counts as timed out. An `Inspection` that is
//! dropped early gives up what nobody has begun and leaves the rest to a supervisor task, so that a vanished
//! client does not hide a hung worker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::inspect::{Batch, Call, Inspect, InspectorInfo, Outcome, Subject};
use crate::message::{Message, Part};
use crate::verdict::Verdict;
use crate::world::{Instant, sleep_until};

/// The inspectors, with what the gateway keeps about them.
pub(crate) struct Panel {
    inspect: Arc<dyn Inspect>,
    breakers: Vec<Breaker>,
    queue: Arc<Semaphore>,
}

/// What one inspector said in one hook call.
#[derive(Clone, Debug)]
pub(crate) struct Opinion {
    /// Index into the roster.
    pub(crate) inspector: usize,
    /// Which hook, and for `on_part` which part.
    pub(crate) about: About,
    pub(crate) result: Result<Vec<Verdict>, Failure>,
    pub(crate) elapsed: Duration,
}

/// What an opinion is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Connect,
    Recipient,
    Part(String),
    Message,
}

/// Why there is no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The hook raised.
    Raised(String),
    /// It took longer than its own limit, or than the message's budget.
    TimedOut,
    /// It failed so often that it is not asked for a while.
    CircuitOpen,
}

impl Failure {
    /// For records.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Raised(reason) => reason,
            Self::TimedOut => "timed out",
            Self::CircuitOpen => "failed too often, not asked",
        }
    }
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

/// One message's dealings with the panel.
pub(crate) struct Inspection {
    panel: Arc<Panel>,
    /// Calls not yet submitted, synchronous and asynchronous inspectors apart.
    waiting: [Vec<Call>; 2],
    submitted: Vec<Arc<Batch>>,
    opinions: Vec<Opinion>,
    /// Inspectors whose failure on this message their breakers have been told of.
    failed: Failed,
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
        }
    }

    /// Notes a finished part; [`Inspection::submit`] sends it off.
    pub(crate) fn part(&mut self, part: &Arc<Part>, message: &Arc<Message>) {
        self.enqueue(&Subject::Part(Arc::clone(part), Arc::clone(message)));
    }

    /// Sends off what has been noted. Waits for a place in the queue, at most until `deadline`.
    pub(crate) async fn submit(&mut self, deadline: Instant) {
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
                // Those that ran were told when they were given up; one that nobody began says nothing on the inspector.
                Err(Failure::TimedOut | Failure::CircuitOpen) => {}
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

impl Panel {
    /// Tells an inspector's breaker of a failure, once a message.
    fn failed(&self, inspector: usize, failed: &mut Failed) {
        if !failed.contains(&inspector) {
            failed.push(inspector);
            self.breakers[inspector].failed(Instant::now());
        }
    }

    /// Gives up the calls of `batch` that are over their time; when to look again, or `None` if it is complete.
    fn look_after(&self, batch: &Arc<Batch>, now: Instant, failed: &mut Failed) -> Option<Instant> {
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

impl fmt::Display for About {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connect => "connect",
            Self::Recipient => "recipient",
            Self::Part(path) => path,
            Self::Message => "message",
        })
    }
}

impl About {
    fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Connect(_) => Self::Connect,
            Subject::Recipient { .. } => Self::Recipient,
            Subject::Part(part, _) => Self::Part(part.path.clone()),
            Subject::Message(_) => Self::Message,
        }
    }
}

fn has_hook(info: &InspectorInfo, subject: &Subject) -> bool {
    match subject {
        Subject::Connect(_) => info.hooks.connect,
        Subject::Recipient { .. } => info.hooks.recipient,
        Subject::Part(..) => info.hooks.part,
        Subject::Message(_) => info.hooks.message,
    }
}

/// Stops asking an inspector that only fails: every message would wait for it in vain.
#[derive(Debug, Default)]
struct Breaker(Mutex<BreakerState>);

#[derive(Debug, Default)]
struct BreakerState {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    fn lets_through(&self, now: Instant) -> bool {
        let mut state = self.0.lock();
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // One call goes through to try; the others wait for what becomes of it.
                state.open_until = Some(now + BREAKER_PAUSE);
                true
            }
            None => true,
        }
    }

    fn succeeded(&self) {
        *self.0.lock() = BreakerState::default();
    }

    fn failed(&self, now: Instant) {
        let mut state = self.0.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= BREAKER_FAILURES {
            state.open_until = Some(now + BREAKER_PAUSE);
        }
    }
}

/// Batches under way at a time. More would only wait longer: a handful of workers serves them.
const QUEUE: usize = 1_024;

/// Messages in a row that it failed on, after which an inspector is not asked for a while. High enough that a few bad messages do not
/// switch off the inspector for everybody: hostile input must not be able to do that cheaply.
const BREAKER_FAILURES: u32 = 20;

/// For how long.
const BREAKER_PAUSE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{Answer, Hooks, Mode};
    use crate::message::Session;
    use crate::verdict::Action;

    /// Raises in every call, at once.
    struct Raising(Vec<InspectorInfo>);

    impl Inspect for Raising {
        fn roster(&self) -> &[InspectorInfo] {
            &self.0
        }

        fn submit(&self, batch: Arc<Batch>) {
            while let Some(claim) = batch.claim() {
                claim.answer(Answer { outcome: Outcome::Raised("odd".into()), elapsed: Duration::ZERO });
            }
        }

        fn overrun(&self, _: &Arc<Batch>, _: usize) {}
    }

    fn panel() -> Arc<Panel> {
        let info = InspectorInfo {
            name: "raising".into(),
            mode: Mode::Enforce,
            timeout: Duration::from_secs(1),
            on_error: Action::Defer,
            on_timeout: Action::Defer,
            hooks: Hooks { connect: true, ..Hooks::default() },
            asynchronous: false,
            scores: false,
        };
        Panel::new(Arc::new(Raising(vec![info])))
    }

    fn subject() -> Subject {
        let nowhere = std::net::SocketAddr::from(([0; 4], 0));
        let (id, helo) = (String::new(), String::new());
        Subject::Connect(Arc::new(Session { id, client: nowhere, listener: nowhere, esmtp: true, helo, tls: None }))
    }

    #[tokio::test]
    async fn one_message_never_opens_a_breaker_and_many_do() {
        let (panel, subject, deadline) = (panel(), subject(), Instant::now() + Duration::from_secs(9));
        let mut inspection = Inspection::new(Arc::clone(&panel));
        for _ in 0..10 * BREAKER_FAILURES {
            inspection.enqueue(&subject);
            inspection.submit(deadline).await;
        }
        inspection.settle(deadline).await;
        assert!(inspection.opinions.iter().all(|opinion| matches!(opinion.result, Err(Failure::Raised(_)))));
        for message in 1..BREAKER_FAILURES {
            let opinions = panel.ask(subject.clone(), deadline).await;
            assert!(matches!(opinions[0].result, Err(Failure::Raised(_))), "message {message} is still asked about");
        }
        let opinions = panel.ask(subject, deadline).await;
        assert_eq!(opinions[0].result, Err(Failure::CircuitOpen));
    }

    #[tokio::test]
    async fn a_call_that_runs_is_not_given_up_as_waiting() {
        let batch =
            Batch::new(vec![Call { inspector: 0, subject: subject() }, Call { inspector: 0, subject: subject() }]);
        let claim = batch.claim();
        batch.give_up_waiting(0);
        batch.give_up_waiting(1);
        let open: Vec<_> = batch.open_calls().into_iter().map(|(index, since)| (index, since.is_some())).collect();
        assert_eq!(open, [(0, true)], "whoever hangs in it is still looked after");
        drop(claim);
        assert!(batch.is_complete());
    }
}
