//! What was seen.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use smtpgw_bench::latency::Latency;

/// Counts and samples of one connection, or of all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages that the target took.
    pub(crate) messages: u64,
    /// Octets of their content on the wire.
    pub(crate) octets: u64,
    pub(crate) connections: u64,
    pub(crate) replies: BTreeMap<u16, u64>,
    pub(crate) failures: BTreeMap<&'static str, u64>,
    pub(crate) greeting: Latency,
    pub(crate) handshake: Latency,
    pub(crate) end_of_data: Latency,
}

impl Tally {
    /// One more reply.
    pub(crate) fn reply(&mut self, code: u16) {
        *self.replies.entry(code).or_default() += 1;
    }

    /// One more thing that went wrong.
    pub(crate) fn failure(&mut self, kind: &'static str) {
        *self.failures.entry(kind).or_default() += 1;
    }

    /// Adds what another connection saw.
    pub(crate) fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.octets += other.octets;
        self.connections += other.connections;
        other.replies.into_iter().for_each(|(code, count)| *self.replies.entry(code).or_default() += count);
        other.failures.into_iter().for_each(|(kind, count)| *self.failures.entry(kind).or_default() += count);
        self.greeting.merge(other.greeting);
        self.handshake.merge(other.handshake);
        self.end_of_data.merge(other.end_of_data);
    }

    /// As the report has it.
    pub(crate) fn summary(self, elapsed: Duration) -> Value {
        let seconds = elapsed.as_secs_f64();
        let replies: BTreeMap<_, _> = self.replies.iter().map(|(code, count)| (code.to_string(), *count)).collect();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let per_second = |count: u64| count as f64 / seconds;
        json!({
            "seconds": seconds,
            "connections": self.connections,
            "messages": self.messages,
            "octets": self.octets,
            "messages_per_second": per_second(self.messages),
            "megabytes_per_second": per_second(self.octets) / 1e6,
            "replies": replies,
            "failures": self.failures,
            "latency_ms": {
                "greeting": self.greeting.summary(),
                "handshake": self.handshake.summary(),
                "end_of_data": self.end_of_data.summary(),
            },
        })
    }
}
