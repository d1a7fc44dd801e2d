//! An inspector that says what it was told to say, after a while.

use std::sync::Arc;
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Hooks, Inspect, InspectorInfo, Mode, Outcome};
use smtpgw_gateway::verdict::Action;

pub struct Scripted {
    roster: Vec<InspectorInfo>,
    delay: Duration,
}

impl Scripted {
    /// Accepts every part and message after `delay`.
    pub fn accepting(delay: Duration) -> Self {
        let info = InspectorInfo {
            name: "scripted".into(),
            mode: Mode::Enforce,
            timeout: Duration::from_secs(5),
            on_error: Action::Defer,
            on_timeout: Action::Defer,
            hooks: Hooks { part: true, message: true, ..Hooks::default() },
            asynchronous: false,
            scores: false,
        };
        Self { roster: vec![info], delay }
    }
}

impl Inspect for Scripted {
    fn roster(&self) -> &[InspectorInfo] {
        &self.roster
    }

    fn submit(&self, batch: Arc<Batch>) {
        let delay = self.delay;
        tokio::spawn(async move {
            while let Some(claim) = batch.claim() {
                tokio::time::sleep(delay).await;
                claim.answer(Answer { outcome: Outcome::Returned(Vec::new()), elapsed: delay });
            }
        });
    }

    fn overrun(&self, _: &Arc<Batch>, _: usize) {}
}
