//! An inspector that says what it was told to say, after a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Hooks, Inspect, InspectorInfo, Mode, Outcome};
use smtpgw_gateway::verdict::{Action, Verdict};

pub struct Scripted {
    roster: Vec<InspectorInfo>,
    /// `None`: it never answers.
    delay: Option<Duration>,
    verdict: Option<Verdict>,
    overruns: AtomicUsize,
}

impl Scripted {
    /// Has nothing to say, after `delay`.
    pub fn accepting(delay: Duration) -> Self {
        Self::new(Some(delay), None)
    }

    /// The same, and may take that long.
    pub fn thinking(delay: Duration) -> Self {
        let mut scripted = Self::accepting(delay);
        scripted.roster.iter_mut().for_each(|info| info.timeout = 2 * delay);
        scripted
    }

    /// Says `verdict` to everything, after `delay`.
    pub fn saying(verdict: Verdict, delay: Duration) -> Self {
        Self::new(Some(delay), Some(verdict))
    }

    /// Never answers.
    pub fn hung() -> Self {
        Self::new(None, None)
    }

    /// How many calls were reported as over their time.
    pub fn overruns(&self) -> usize {
        self.overruns.load(Ordering::Relaxed)
    }

    fn new(delay: Option<Duration>, verdict: Option<Verdict>) -> Self {
        let info = InspectorInfo {
            name: "scripted".into(),
            mode: Mode::Enforce,
            timeout: Duration::from_secs(5),
            on_error: Action::Defer,
            on_timeout: Action::Defer,
            hooks: Hooks { part: true, message: true, ..Hooks::default() },
            asynchronous: false,
            scores: false,
            largest: None,
        };
        Self { roster: vec![info], delay, verdict, overruns: AtomicUsize::new(0) }
    }
}

impl Inspect for Scripted {
    fn roster(&self) -> &[InspectorInfo] {
        &self.roster
    }

    fn submit(&self, batch: Arc<Batch>) {
        let (delay, verdict) = (self.delay, self.verdict.clone());
        tokio::spawn(async move {
            while let Some(claim) = batch.claim() {
                let Some(delay) = delay else { std::future::pending().await };
                tokio::time::sleep(delay).await;
                let outcome = Outcome::Returned(verdict.clone().into_iter().collect());
                claim.answer(Answer { outcome, elapsed: delay });
            }
        });
    }

    fn overrun(&self, batch: &Arc<Batch>, _: usize) {
        self.overruns.fetch_add(1, Ordering::Relaxed);
        // As the contract says: another worker goes on with the batch.
        self.submit(Arc::clone(batch));
    }
}
