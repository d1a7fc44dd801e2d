//! Breakers, calls that are given up, and places in the queue.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use super::breaker::BREAKER_FAILURES;
use super::*;
use crate::inspect::{Answer, Hooks, Inspect, InspectorInfo, Mode};
use crate::message::Session;
use crate::verdict::Action;

/// Never begins with anything.
struct Idle(Vec<InspectorInfo>);

impl Inspect for Idle {
    fn roster(&self) -> &[InspectorInfo] {
        &self.0
    }

    fn submit(&self, _: Arc<Batch>) {}

    fn overrun(&self, _: &Arc<Batch>, _: usize) {}
}

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

fn info() -> InspectorInfo {
    InspectorInfo {
        name: "inspector".into(),
        mode: Mode::Enforce,
        timeout: Duration::from_secs(1),
        on_error: Action::Defer,
        on_timeout: Action::Defer,
        hooks: Hooks { connect: true, ..Hooks::default() },
        asynchronous: false,
        scores: false,
        largest: None,
    }
}

fn panel() -> Arc<Panel> {
    Panel::new(Arc::new(Raising(vec![info()])))
}

fn subject() -> Subject {
    let nowhere = std::net::SocketAddr::from(([0; 4], 0));
    let (id, helo) = (String::new(), String::new());
    Subject::Connect(Arc::new(Session { esmtp: true, helo, ..Session::new(id, nowhere, nowhere) }))
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
    let batch = Batch::new(vec![Call { inspector: 0, subject: subject() }, Call { inspector: 0, subject: subject() }]);
    let claim = batch.claim();
    batch.give_up_waiting(0);
    batch.give_up_waiting(1);
    let open: Vec<_> = batch.open_calls().into_iter().map(|(index, since)| (index, since.is_some())).collect();
    assert_eq!(open, [(0, true)], "whoever hangs in it is still looked after");
    drop(claim);
    assert!(batch.is_complete());
}

#[tokio::test(start_paused = true)]
async fn content_is_held_up_for_want_of_a_place_once_and_no_longer() {
    let panel = Panel::new(Arc::new(Idle(vec![info()])));
    let all = u32::try_from(panel.queue.available_permits()).unwrap();
    let taken = Arc::clone(&panel.queue).acquire_many_owned(all).await.unwrap();
    let mut inspection = Inspection::new(Arc::clone(&panel));
    let (begun, budget) = (Instant::now(), Duration::from_millis(200));
    for _ in 0..20 {
        inspection.enqueue(&subject());
        inspection.submit_meanwhile(budget).await;
    }
    let held_up = begun.elapsed();
    assert!(budget <= held_up && held_up < 2 * budget, "once, and not for each of twenty: {held_up:?}");
    assert_eq!(inspection.opinions.len(), 20);
    assert!(inspection.opinions.iter().all(|opinion| opinion.result == Err(Failure::TimedOut)));
    drop(taken);
    inspection.enqueue(&subject());
    inspection.submit_meanwhile(budget).await;
    assert_eq!(inspection.submitted.len(), 1, "where there are places again they are taken");
}
