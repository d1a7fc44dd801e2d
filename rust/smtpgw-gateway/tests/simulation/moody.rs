//! The inspectors of a scenario.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Hooks, Inspect, InspectorInfo, Mode, Outcome};
use smtpgw_gateway::verdict::{Action, Verdict};
use tokio::time::sleep;

use crate::scenario::Temper;

/// Two inspectors: one with moods, and one in shadow mode that would refuse everything, which must not matter.
pub struct Moody {
    roster: Vec<InspectorInfo>,
    tempers: Vec<Temper>,
    calls: AtomicUsize,
}

impl Moody {
    pub fn new(tempers: Vec<Temper>) -> Self {
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
        Self { roster: vec![moody, shadow], tempers, calls: AtomicUsize::new(0) }
    }
}

impl Inspect for Moody {
    fn roster(&self) -> &[InspectorInfo] {
        &self.roster
    }

    fn submit(&self, batch: Arc<Batch>) {
        let nth = self.calls.fetch_add(1, Ordering::Relaxed);
        let tempers = self.tempers.clone();
        tokio::spawn(async move {
            let mut nth = nth;
            while let Some(claim) = batch.claim() {
                nth += 1;
                let refusal = || Outcome::Returned(vec![Verdict::new(Action::Reject, "told to")]);
                let temper = tempers[nth % tempers.len()];
                let shadow = claim.call().inspector == 1;
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
