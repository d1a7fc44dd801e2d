//! Records for Python: a bounded ring that the log thread fills and `next_records` empties.
//!
//! The log thread never waits for Python: when nobody takes records, the oldest are lost.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use smtpgw_gateway::{Record, RecordSink};

/// The ring.
#[derive(Default)]
pub(crate) struct Records {
    lines: Mutex<VecDeque<String>>,
    arrived: Condvar,
}

impl Records {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What has come since the last time; waits for the first at most `timeout`.
    pub(crate) fn take(&self, timeout: Duration) -> Vec<String> {
        let deadline = Instant::now() + timeout;
        let mut lines = self.lines.lock();
        while lines.is_empty() && !self.arrived.wait_until(&mut lines, deadline).timed_out() {}
        lines.drain(..).collect()
    }
}

/// As a sink of the gateway's.
impl RecordSink for SharedRecords {
    fn write(&mut self, record: &Record) {
        let mut lines = self.0.lines.lock();
        if lines.len() == LINES_AT_MOST {
            lines.pop_front();
        }
        lines.push_back(record.json.clone());
        self.0.arrived.notify_all();
    }
}

/// The log thread's hold on the ring.
pub(crate) struct SharedRecords(pub(crate) Arc<Records>);

/// Records kept for a reader that is slow: some thousand messages' worth.
const LINES_AT_MOST: usize = 10_000;
