//! One message coming in: spooled, decoded and inspected while it arrives, judged at its end.
//!
//! The same engine serves a message on the wire and a file on the disk (`smtpgw scan`). A [`Reception`] takes
//! content in pieces and ends as a [`Judged`] message, or as an error if it could not be kept (the disk is full):
//! then the client is told to come back, and nothing was delivered.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::decision::{Decision, fold};
use crate::decode::Decoding;
use crate::inspect::Mode;
use crate::inspection::{Failure, Inspection, Opinion, Panel};
use crate::message::{Content, Envelope, Message, Part, Progress, Session};
use crate::record::{self, JudgedRecord, PartRecord, Receipts, UnscannedRecord, VerdictRecord};
use crate::settings::{Settings, Unscanned};
use crate::spool::{Budget, Spool};
use crate::world::{Instant, timeout_at};

/// What receptions need from the gateway.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) settings: Arc<Settings>,
    pub(crate) panel: Option<Arc<Panel>>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) folder: Arc<PathBuf>,
}

impl Desk {
    /// Names whose copies in a message are forged, as far as that is known before the verdict: ours, if anybody on the
    /// roster gives points.
    pub(crate) fn forged(&self) -> Option<&'static [&'static str]> {
        let scores = self.panel.as_ref().is_some_and(|panel| panel.roster().iter().any(|info| info.scores));
        scores.then_some(&SPAM_FIELDS)
    }
}

/// A message coming in.
pub(crate) struct Reception {
    desk: Desk,
    message: Arc<Message>,
    raw: Spool,
    decoding: Decoding,
    inspection: Option<Inspection>,
    gaps: Vec<UnscannedRecord>,
    /// Why it cannot be kept any more; content is dropped from then on.
    lost: Option<io::Error>,
}

/// A message with its decision.
pub(crate) struct Judged {
    pub(crate) message: Arc<Message>,
    pub(crate) content: Content,
    pub(crate) decision: Decision,
    pub(crate) opinions: Vec<Opinion>,
    pub(crate) gaps: Vec<UnscannedRecord>,
    /// What is in memory stays charged to the budget until the message is gone.
    _charged: Box<Reception>,
}

impl Reception {
    pub(crate) fn new(desk: &Desk, session: Arc<Session>, envelope: Envelope) -> Box<Self> {
        let message = Arc::new(Message { session, envelope, progress: Default::default() });
        let raw = Spool::new(Arc::clone(&desk.folder), desk.settings.spool.memory, Arc::clone(&desk.budget));
        Box::new(Self {
            decoding: Decoding::new(Arc::clone(&message), raw.another(), &desk.settings),
            raw,
            inspection: desk.panel.clone().map(Inspection::new),
            desk: desk.clone(),
            message,
            gaps: Vec::new(),
            lost: None,
        })
    }

    /// Takes further content. Never blocks; [`Reception::settle`] follows before the next read.
    pub(crate) fn push(&mut self, content: &[u8]) {
        if self.lost.is_none() {
            self.raw.append(content);
            self.decoding.push(content);
        }
    }

    /// Brings what was pushed to rest and sends finished parts off to the inspectors. Waits for the disk and for a
    /// place in the inspectors' queue: this is the back-pressure on the client.
    pub(crate) async fn settle(&mut self) {
        if self.lost.is_none() {
            self.lost = self.try_settle().await.err();
        }
    }

    /// For the record of a message that does not come to its end.
    pub(crate) fn record(&self) -> JudgedRecord {
        let receipts = Receipts::new(&self.gaps, &[], &[]);
        seen(&self.message.progress.read(), self.raw.len(), &self.gaps, &receipts)
    }

    /// Looks after calls that are over their time; when to do so again.
    pub(crate) fn look_after(&mut self) -> Option<Instant> {
        self.inspection.as_mut().and_then(Inspection::poll)
    }

    /// Content is complete: waits for the inspectors, at most until `deadline` (rule D0), and decides.
    /// `early` are the opinions on the connection and the recipients; they count as well.
    pub(crate) async fn finish(
        mut self: Box<Self>,
        early: Vec<Opinion>,
        deadline: Instant,
    ) -> Result<Judged, io::Error> {
        if let Some(error) = self.lost.take() {
            return Err(error);
        }
        self.decoding.finish();
        self.raw.cut();
        let content = self.raw.settle().await?.pop().unwrap_or(Content::Memory(Default::default()));
        self.message.progress.write().raw = Some(content.clone());
        let parts = match timeout_at(deadline, self.remaining(&content)).await {
            Ok(parts) => parts?,
            Err(_) => {
                self.gaps.push(UnscannedRecord { reason: Unscanned::Timeout, what: "decoding".into() });
                Vec::new()
            }
        };
        // A limit or a piece that cannot be shown is so in most readings.
        let mut known = HashSet::new();
        self.gaps.retain(|gap| known.insert(gap.clone()));
        self.message.progress.write().unscanned = self.gaps.iter().map(|gap| (gap.reason, gap.what.clone())).collect();
        let mut opinions = early;
        if let Some(mut inspection) = self.inspection.take() {
            parts.iter().for_each(|part| inspection.part(part, &self.message));
            opinions.extend(inspection.finish(&self.message, deadline).await);
            opinions.sort_by_key(|opinion| opinion.inspector);
        }
        let roster = self.desk.panel.as_ref().map_or(&[][..], |panel| panel.roster());
        let mut reasons: BTreeSet<Unscanned> = self.gaps.iter().map(|gap| gap.reason).collect();
        for opinion in opinions.iter().filter(|opinion| opinion.result.is_err()) {
            let info = &roster[opinion.inspector];
            let what = format!("{} on {}", info.name, opinion.about);
            let reason = match opinion.result {
                Err(Failure::TooLarge) => Unscanned::Oversize,
                _ => Unscanned::InspectorDown,
            };
            self.gaps.push(UnscannedRecord { reason, what });
            // A shadow inspector is recorded and never acted on, its failures included.
            if info.mode == Mode::Enforce {
                reasons.insert(reason);
            }
        }
        let decision = fold(&opinions, roster, &reasons, &self.desk.settings);
        let (message, gaps) = (Arc::clone(&self.message), std::mem::take(&mut self.gaps));
        Ok(Judged { message, content, decision, opinions, gaps, _charged: self })
    }

    async fn try_settle(&mut self) -> io::Result<()> {
        // Raw content stays one stretch: nothing is handed out before the end.
        self.raw.settle().await?;
        let parts = self.parts().await?;
        if let Some(inspection) = &mut self.inspection {
            parts.iter().for_each(|part| inspection.part(part, &self.message));
            inspection.submit_meanwhile(self.desk.settings.verdict.budget_s).await;
        }
        Ok(())
    }

    /// The parts that come out at the end of content, and those of further readings.
    async fn remaining(&mut self, content: &Content) -> io::Result<Vec<Arc<Part>>> {
        let mut parts = self.parts().await?;
        let further = self.decoding.reread(content).await?;
        self.note(&further);
        parts.extend(further);
        Ok(parts)
    }

    async fn parts(&mut self) -> io::Result<Vec<Arc<Part>>> {
        let parts = self.decoding.settle().await?;
        self.note(&parts);
        Ok(parts)
    }

    /// Puts parts on the record, with what could not be shown beside them.
    fn note(&mut self, parts: &[Arc<Part>]) {
        let gaps = self.decoding.take_gaps();
        let mut progress = self.message.progress.write();
        progress.unscanned.extend(gaps.iter().map(|gap| (gap.reason, gap.what.clone())));
        progress.parts.extend(parts.iter().cloned());
        drop(progress);
        self.gaps.extend(gaps);
    }
}

/// What there is of a message, `size` octets of it, for its record.
fn seen(progress: &Progress, size: u64, gaps: &[UnscannedRecord], receipts: &Receipts) -> JudgedRecord {
    let field = |name: &str| progress.header.as_ref()?.first(name).map(|field| record::shortened(field.decoded()));
    JudgedRecord {
        size,
        subject: field("Subject"),
        message_id: field("Message-ID"),
        verdict: None,
        parts: progress.parts.iter().map(|part| PartRecord::of(part, receipts)).collect(),
        defects: progress.defects.iter().map(|defect| defect.kind.name().to_owned()).collect(),
        unscanned: gaps.to_vec(),
        inspectors: Vec::new(),
    }
}

impl Judged {
    /// For the record.
    pub(crate) fn record(&self, desk: &Desk) -> JudgedRecord {
        let roster = desk.panel.as_ref().map_or(&[][..], |panel| panel.roster());
        let receipts = Receipts::new(&self.gaps, &self.opinions, roster);
        JudgedRecord {
            verdict: Some(VerdictRecord::of(&self.decision)),
            inspectors: record::inspectors(&self.opinions, roster),
            ..seen(&self.message.progress.read(), self.content.len(), &self.gaps, &receipts)
        }
    }

    /// Whether the `X-Spam-` fields are written: if anybody gives points.
    fn is_scored(&self, desk: &Desk) -> bool {
        !self.decision.symbols.is_empty() || desk.forged().is_some()
    }

    /// Names of the fields that policy would put on top and that a message which has gone already is without.
    pub(crate) fn unwritten(&self, desk: &Desk) -> Vec<String> {
        let tags = self.decision.tags.first().map(|_| UNSCANNED_FIELD.to_owned());
        let spam = self.decision.is_spam(&desk.settings).then_some(SPAM_FLAG);
        // Points of an inspector that had not said that it gives any: nor were forged copies taken out.
        let unexpected = !self.decision.symbols.is_empty() && desk.forged().is_none();
        let points = unexpected.then_some([SPAM_STATUS, SPAM_SCORE]).into_iter().flatten();
        let fields = spam.into_iter().chain(points).map(str::to_owned);
        self.decision.header.iter().map(|(name, _)| name.clone()).chain(tags).chain(fields).collect()
    }

    /// Header fields that policy puts on top, complete with CRLF, and the names whose other copies are forged.
    pub(crate) fn added_header(&self, desk: &Desk) -> (Vec<u8>, Option<&'static [&'static str]>) {
        let mut head = HeaderWriter::default();
        for (name, value) in &self.decision.header {
            head.field(name, value);
        }
        for reason in &self.decision.tags {
            head.field(UNSCANNED_FIELD, reason.name());
        }
        if !self.is_scored(desk) {
            return (head.0, None);
        }
        let Decision { points, symbols, .. } = &self.decision;
        let spam = self.decision.is_spam(&desk.settings);
        if spam {
            head.field(SPAM_FLAG, "YES");
        }
        let names: Vec<&str> = symbols.iter().map(|(symbol, _)| symbol.as_str()).collect();
        let tests = if names.is_empty() { "none".to_owned() } else { names.join(",") };
        let required = desk.settings.verdict.tag_score;
        let word = if spam { "Yes" } else { "No" };
        head.field(SPAM_STATUS, &format!("{word}, score={points:.1} required={required:.1} tests={tests}"));
        head.field(SPAM_SCORE, &format!("{points:.1}"));
        (head.0, Some(&SPAM_FIELDS))
    }
}

/// Writes header fields that nothing in a value can break out of.
#[derive(Default)]
struct HeaderWriter(Vec<u8>);

impl HeaderWriter {
    fn field(&mut self, name: &str, value: &str) {
        // RFC 5322 §2.2: a name is printable ASCII without colon. A name that is none would be a line of its own.
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':') {
            return;
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b':');
        let mut column = name.len() + 1;
        for word in value.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|w| !w.is_empty())
        {
            // RFC 5322 §2.1.1: lines should stay within 78; folding is allowed at any blank.
            if column + 1 + word.len() > 78 && column > name.len() + 1 {
                self.0.extend_from_slice(b"\r\n");
                column = 0;
            }
            self.0.push(b' ');
            let kept: String =
                word.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).take(WORD).collect();
            self.0.extend_from_slice(kept.as_bytes());
            column += 1 + kept.len();
        }
        self.0.extend_from_slice(b"\r\n");
    }
}

/// What names a reason why something was not scanned.
const UNSCANNED_FIELD: &str = "X-Smtpgw-Unscanned";

/// Fields that are ours when we write any of them; foreign copies are forged.
const SPAM_FIELDS: [&str; 6] =
    [SPAM_FLAG, SPAM_STATUS, SPAM_SCORE, "X-Spam-Level", "X-Spam-Checker-Version", "X-Spam-Report"];

/// The field of a message that has `tag_score` points.
const SPAM_FLAG: &str = "X-Spam-Flag";

/// The fields of every message that got points.
const SPAM_STATUS: &str = "X-Spam-Status";
const SPAM_SCORE: &str = "X-Spam-Score";

/// Octets of one word of a field we write: RFC 5322 §2.1.1 allows a line 998.
const WORD: usize = 900;

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step is a failed test
mod tests {
    use super::*;

    #[test]
    fn a_field_cannot_be_broken_out_of() {
        let mut head = HeaderWriter::default();
        head.field("X-A", "one\r\nX-Evil: yes\0 two");
        head.field("Bad name", "x");
        head.field("X-B", &"word ".repeat(40));
        head.field("X-C", &"w".repeat(2_000));
        let text = String::from_utf8_lossy(&head.0).into_owned();
        assert!(text.starts_with("X-A: one X-Evil: yes two\r\nX-B: word"));
        assert!(text.split("\r\n").all(|line| line.len() <= 998));
        assert!(text.split("\r\n").all(|line| line.is_empty() || line.starts_with(' ') || line.starts_with("X-")));
    }

    #[tokio::test]
    async fn what_is_not_decoded_in_time_is_told() {
        let nowhere = std::net::SocketAddr::from(([0; 4], 0));
        let desk = Desk {
            settings: Arc::default(),
            panel: None,
            budget: Budget::new(1 << 30),
            folder: Arc::new(std::env::temp_dir()),
        };
        // Something to open, on a thread of its own.
        let content = b"Content-Type: application/octet-stream\r\n\r\nFrom: a\r\nTo: b\r\n\r\nhello\r\n";
        let minute = std::time::Duration::from_secs(60);
        let is_told = async |deadline| {
            let session = Arc::new(Session::new(String::new(), nowhere, nowhere));
            let mut reception = Reception::new(&desk, session, Envelope::default());
            reception.push(content);
            let judged = reception.finish(Vec::new(), deadline).await.unwrap();
            judged.gaps.contains(&UnscannedRecord { reason: Unscanned::Timeout, what: "decoding".into() })
        };
        // The thread may be done before anybody looks at the clock.
        let mut late = 0;
        while !is_told(Instant::now() - minute).await {
            late += 1;
            assert!(late < 1_000, "a deadline that has passed is never told");
        }
        assert!(!is_told(Instant::now() + minute).await);
    }
}
