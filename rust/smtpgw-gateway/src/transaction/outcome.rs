//! How a transaction ended, and its record.

use smtpgw_smtp::Reply;

use super::{Correspondence, Transaction};
use crate::record::{InspectorTurn, JudgedRecord, Timing, TransactionRecord, inspectors};
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

impl<W: World> Correspondence<W> {
    /// One that ends before its content does, or before there is any.
    pub(super) fn unfinished(&self, transaction: &Transaction, name: &'static str) -> Outcome {
        let now = Instant::now();
        let content_begun = transaction.content_begun.unwrap_or(now);
        let timing = Timing {
            envelope_s: content_begun.duration_since(transaction.begun),
            content_s: now.duration_since(content_begun),
            ..Timing::default()
        };
        let mut judged = transaction.reception.as_ref().map(|reception| reception.record()).unwrap_or_default();
        judged.inspectors = inspectors(self.early.iter().chain(&transaction.early), self.roster());
        Outcome { judged, timing, ..Outcome::named(name) }
    }

    /// Writes down which inspectors have been given up, or taken up again.
    pub(crate) fn record_turns(&self) {
        for (info, is_open) in self.setup.desk.panel.iter().flat_map(|panel| panel.turns()) {
            let turn = InspectorTurn { inspector: &info.name, mode: info.mode };
            match is_open {
                true => self.house.log(LogLevel::Warning, "inspector-down", &turn),
                false => self.house.log(LogLevel::Info, "inspector-up", &turn),
            }
        }
    }

    pub(super) fn record(&self, transaction: &Transaction, outcome: &Outcome) {
        let session = &transaction.session;
        let inspector_failed = outcome.judged.inspectors.iter().any(|inspector| inspector.failed);
        let level = match outcome {
            Outcome { error: Some(_), .. } => LogLevel::Warning,
            _ if inspector_failed || !outcome.unwritten.is_empty() => LogLevel::Warning,
            _ => LogLevel::Info,
        };
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
        self.record_turns();
    }
}

/// A reply of ours with an inspector's own text, if it gave one; code and class stay.
pub(super) fn worded(reply: Reply, text: Option<&str>) -> Reply {
    match text {
        Some(text) if !text.trim().is_empty() => Reply::new(reply.code(), reply.enhanced(), text),
        _ => reply,
    }
}
