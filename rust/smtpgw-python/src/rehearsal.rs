//! Inspectors asked about a made message, without a gateway: for their authors' tests and for measuring hooks.
//!
//! What runs is the real thing from the batch inwards: the crew, its threads, timeouts and replacements. What the
//! gateway makes of the answers (modes, policies, circuit breakers, folding) is not part of it.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;
use smtpgw_gateway::inspect::{Batch, Call, Hooks as Has, Inspect as _, Outcome, Subject};
use smtpgw_gateway::verdict::Verdict;
use tokio::time::{Instant, sleep_until};

use crate::crew::Hooks;
use crate::message::Message;

/// What one hook call came to: inspector, hook, path of the part, verdicts as tuples, what went wrong, seconds.
type Answered = (String, &'static str, String, Vec<Given>, Option<String>, f64);

/// Action, reason, points, symbol, header, reply.
type Given = (&'static str, String, f64, String, Vec<(String, String)>, Option<String>);

/// Runs all hooks of `roster` about `message`, in the gateway's order: `on_connect`, `on_recipient` for each
/// recipient, `on_part` for each part, `on_message`.
#[pyfunction]
#[pyo3(signature = (roster, message, *, threads))]
pub(crate) fn rehearse(
    py: Python<'_>,
    roster: &Bound<'_, PyAny>,
    message: &Bound<'_, Message>,
    threads: usize,
) -> PyResult<Py<PyList>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let hooks = Hooks::start(roster, threads)?;
    let ending = hooks.ending();
    let message = Arc::clone(message.get().inner());
    let answers = py.detach(|| {
        let answers = runtime.block_on(ask(&hooks, &message));
        drop(hooks);
        ending.end();
        answers
    });
    Ok(PyList::new(py, answers)?.unbind())
}

async fn ask(hooks: &Hooks, message: &Arc<smtpgw_gateway::message::Message>) -> Vec<Answered> {
    let subjects = subjects(message);
    // As the gateway does it, ordinary and asynchronous inspectors are asked apart; one stage after the other.
    let mut answers = Vec::new();
    for stage in subjects {
        let batches: Vec<_> = [false, true].map(|asynchronous| batch(hooks, &stage, asynchronous)).into();
        let batches: Vec<_> = batches.into_iter().flatten().collect();
        batches.iter().for_each(|batch| hooks.submit(Arc::clone(batch)));
        for batch in &batches {
            finish(hooks, batch).await;
            let calls = batch.calls().iter().zip(batch.take_answers());
            answers.extend(calls.map(|(call, answer)| {
                let (hook, path) = match &call.subject {
                    Subject::Connect(_) => ("on_connect", String::new()),
                    Subject::Recipient { .. } => ("on_recipient", String::new()),
                    Subject::Part(part, _) => ("on_part", part.path.clone()),
                    Subject::Message(_) => ("on_message", String::new()),
                };
                let name = hooks.roster().get(call.inspector).map(|info| info.name.clone()).unwrap_or_default();
                let seconds = answer.as_ref().map_or(0.0, |answer| answer.elapsed.as_secs_f64());
                let (verdicts, error) = match answer.map(|answer| answer.outcome) {
                    Some(Outcome::Returned(verdicts)) => (verdicts.into_iter().map(given).collect(), None),
                    Some(Outcome::Raised(reason)) => (Vec::new(), Some(reason)),
                    None => (Vec::new(), Some("timed out".to_owned())),
                };
                (name, hook, path, verdicts, error, seconds)
            }));
        }
    }
    answers
}

/// The questions in their stages: what is asked before content, and what of it.
fn subjects(message: &Arc<smtpgw_gateway::message::Message>) -> Vec<Vec<Subject>> {
    let session = &message.session;
    let recipients = message.envelope.forward_paths.iter().map(|path| Subject::Recipient {
        session: Arc::clone(session),
        reverse_path: message.envelope.reverse_path.as_str().into(),
        forward_path: path.as_str().into(),
    });
    let parts = message.progress.read().parts.clone();
    let parts = parts.into_iter().map(|part| Subject::Part(part, Arc::clone(message)));
    let whole = std::iter::once(Subject::Message(Arc::clone(message)));
    vec![vec![Subject::Connect(Arc::clone(session))], recipients.collect(), parts.chain(whole).collect()]
}

/// The calls of one stage to one kind of inspectors.
fn batch(hooks: &Hooks, stage: &[Subject], asynchronous: bool) -> Option<Arc<Batch>> {
    let asked = |subject: &Subject, has: Has| match subject {
        Subject::Connect(_) => has.connect,
        Subject::Recipient { .. } => has.recipient,
        Subject::Part(..) => has.part,
        Subject::Message(_) => has.message,
    };
    let mut calls = Vec::new();
    for subject in stage {
        for (inspector, info) in hooks.roster().iter().enumerate() {
            if info.asynchronous == asynchronous && asked(subject, info.hooks) {
                calls.push(Call { inspector, subject: subject.clone() });
            }
        }
    }
    (!calls.is_empty()).then(|| Batch::new(calls))
}

/// Waits until every call is answered or over its time.
async fn finish(hooks: &Hooks, batch: &Arc<Batch>) {
    while !batch.is_complete() {
        let now = Instant::now();
        let mut soonest = now + LOOK_AGAIN;
        for (index, since) in batch.open_calls() {
            let call = batch.calls().get(index);
            let limit =
                call.and_then(|call| hooks.roster().get(call.inspector)).map_or(LOOK_AGAIN, |info| info.timeout);
            // A call that nobody has begun waits for one that has.
            let Some(since) = since else { continue };
            if since + limit > now {
                soonest = soonest.min(since + limit);
            } else if batch.give_up(index) {
                hooks.overrun(batch, index);
            }
        }
        tokio::select! {
            () = batch.completed() => {}
            () = sleep_until(soonest) => {}
        }
    }
}

fn given(verdict: Verdict) -> Given {
    use smtpgw_gateway::verdict::Action;
    let action = match verdict.action {
        Action::Accept => "accept",
        Action::Defer => "defer",
        Action::Discard => "discard",
        Action::Quarantine => "quarantine",
        Action::Reject => "reject",
    };
    (action, verdict.reason, verdict.points, verdict.symbol, verdict.header, verdict.reply)
}

/// How often calls that nobody has begun yet are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
