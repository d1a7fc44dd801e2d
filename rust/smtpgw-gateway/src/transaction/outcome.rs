//! How a transaction ended, and its record.

use smtpgw_smtp::Reply;

use super::{Correspondence, Transaction};
use crate::record::{JudgedRecord, Timing, TransactionRecord};
use crate::settings::LogLevel;
use crate::world::{Instant, World};

/// How a transaction ended, for its record.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) reply: Option<Reply>,
    pub(super) backend_reply: Option<Reply>,
    pub(super) error: Option<String>,
    /// Fields that could not be put on top of a message that had gone.
    pub(super) unwritten: Vec<String>,
    pub(super) judged: JudgedRecord,
    pub(super) timing: Timing,
}

impl Outcome {
    pub(super) fn named(name: &'static str) -> Self {
        Self {
            name,
            reply: None,
            backend_reply: None,
            error: None,
            unwritten: Vec::new(),
            judged: JudgedRecord::default(),
            timing: Timing::default(),
        }
    }
}

impl Transaction {
    /// It ends before its content does, or before there is any.
    pub(super) fn unfinished(&self, name: &'static str) -> Outcome {
        let mut timing = Timing::default();
        let now = Instant::now();
        let content_begun = self.content_begun.unwrap_or(now);
        timing.envelope_s = content_begun.duration_since(self.begun);
        timing.content_s = now.duration_since(content_begun);
        let judged = self.reception.as_ref().map(|reception| reception.record()).unwrap_or_default();
        Outcome { judged, timing, ..Outcome::named(name) }
    }
}

impl<W: World> Correspondence<W> {
    pub(super) fn record(&self, transaction: &Transaction, outcome: &Outcome) {
        let session = &transaction.session;
        let level =
            if outcome.error.is_some() || !outcome.unwritten.is_empty() { LogLevel::Warning } else { LogLevel::Info };
        let record = TransactionRecord {
            session: &session.id,
            transaction: self.count,
            client: session.client,
            helo: &session.helo,
            tls: session.tls.is_some(),
            tls_facts: session.tls.as_ref(),
            client_hello: session.tls.as_ref().and_then(|tls| tls.client_hello.as_deref()),
            reverse_path: transaction.reverse_path.as_str(),
            forward_paths: &transaction.envelope.forward_paths,
            backend: transaction.place.as_ref().map(|place| place.site.name.as_str()),
            backend_address: transaction.place.as_ref().and_then(|place| place.address),
            outcome: outcome.name,
            reply: outcome.reply.as_ref(),
            backend_reply: outcome.backend_reply.as_ref(),
            error: outcome.error.as_deref(),
            streamed: transaction.streamed,
            unwritten: &outcome.unwritten,
            judged: &outcome.judged,
            timing: outcome.timing,
        };
        self.house.log(level, "transaction", &record);
    }
}

/// A reply of ours with an inspector's own text, if it gave one; code and class stay.
pub(super) fn worded(reply: Reply, text: Option<&str>) -> Reply {
    match text {
        Some(text) if !text.trim().is_empty() => Reply::new(reply.code(), reply.enhanced(), text),
        _ => reply,
    }
}
