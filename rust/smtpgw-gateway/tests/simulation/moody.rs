//! The inspectors of a scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Hooks, Inspect, InspectorInfo, Mode, Outcome, Subject};
use smtpgw_gateway::message::Content;
use smtpgw_gateway::verdict::{Action, Verdict};
use tokio::time::sleep;

use crate::actors::{Log, note};
use crate::scenario::Temper;

/// Two inspectors: one with moods, and one in shadow mode that would refuse everything, which must not matter.
pub struct Moody {
    roster: Vec<InspectorInfo>,
    tempers: Vec<Temper>,
    calls: AtomicUsize,
    log: Log,
}

impl Moody {
    pub fn new(tempers: Vec<Temper>, log: Log) -> Self {
        let moody = InspectorInfo {
            name: "moody".into(),
            mode: Mode::Enforce,
            timeout: Duration::from_millis(150),
            on_error: Action::Defer,
            on_timeout: Action::Defer,
            hooks: Hooks { part: true, message: true, ..Hooks::default() },
            asynchronous: false,
            scores: false,
            largest: None,
        };
        let shadow = InspectorInfo { name: "shadow".into(), mode: Mode::Shadow, ..moody.clone() };
        let shadow = InspectorInfo { on_error: Action::Reject, on_timeout: Action::Reject, ..shadow };
        Self { roster: vec![moody, shadow], tempers, calls: AtomicUsize::new(0), log }
    }
}

impl Inspect for Moody {
    fn roster(&self) -> &[InspectorInfo] {
        &self.roster
    }

    fn submit(&self, batch: Arc<Batch>) {
        let nth = self.calls.fetch_add(1, Ordering::Relaxed);
        let (tempers, log) = (self.tempers.clone(), Arc::clone(&self.log));
        tokio::spawn(async move {
            let mut nth = nth;
            while let Some(claim) = batch.claim() {
                nth += 1;
                let refusal = || Outcome::Returned(vec![Verdict::new(Action::Reject, "told to")]);
                let temper = tempers[nth % tempers.len()];
                let shadow = claim.call().inspector == 1;
                if let Some(octets) = octets_in_a_file(&claim.call().subject) {
                    note(&log, "inspector", &format!("({octets} octets in a file)"));
                }
                let outcome = match temper {
                    _ if shadow && nth.is_multiple_of(2) => Outcome::Raised("shadow".into()),
                    _ if shadow => refusal(),
                    Temper::Fine(milliseconds) => {
                        sleep(Duration::from_millis(milliseconds)).await;
                        Outcome::Returned(Vec::new())
                    }
                    Temper::Never => std::future::pending().await,
                    Temper::Raises => Outcome::Raised("told to".into()),
                    Temper::Rejects => refusal(),
                    Temper::Scores => {
                        let points = Verdict { points: 1.0, symbol: "ODD".into(), ..Verdict::new(Action::Accept, "") };
                        Outcome::Returned(vec![points])
                    }
                    Temper::Dies => continue,
                };
                claim.answer(Answer { outcome, elapsed: Duration::ZERO });
            }
        });
    }

    fn overrun(&self, batch: &Arc<Batch>, _: usize) {
        self.submit(Arc::clone(batch));
    }
}

/// How much of what a call is about rests in a file.
pub fn octets_in_a_file(subject: &Subject) -> Option<u64> {
    let content = match subject {
        Subject::Part(part, _) => Some(part.data.clone()),
        Subject::Message(message) => message.progress.read().raw.clone(),
        _ => None,
    };
    content.filter(|content| matches!(content, Content::File { .. })).map(|content| content.len())
}
