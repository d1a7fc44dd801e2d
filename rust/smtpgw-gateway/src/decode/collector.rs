//! Turns the MIME decoder's events into leaves, and notes what could not be shown.

use std::sync::Arc;

use smtpgw_mime::charset::is_unread;
use smtpgw_mime::{Defect, DefectKind, Event, Field, Header, LimitKind, PartHead, PartKind, PartPath, Sink};

use super::leaf::Leaf;
use super::sealed::is_smime;
use crate::message::Message;
use crate::record::UnscannedRecord;
use crate::settings::Unscanned;
use crate::spool::Spool;

/// Turns events into parts.
pub(super) struct Collector {
    pub(super) message: Arc<Message>,
    pub(super) spool: Spool,
    /// The leaf being decoded.
    pub(super) leaf: Option<Leaf>,
    /// Kinds of the open containers, outermost first; a leaf is not among them.
    pub(super) containers: usize,
    /// Leaves that have ended, in the order of the spool's cuts.
    pub(super) ended: Vec<Leaf>,
    pub(super) gaps: Vec<UnscannedRecord>,
    pub(super) parts: usize,
    pub(super) headers: HeaderBudget,
}

/// What headers may take. They live as long as the message, so all of them together have a limit: what is over it is
/// not kept, and that is said.
pub(super) struct HeaderBudget {
    /// Octets that further headers may take.
    pub(super) left: u64,
    /// Whether one was too much, and that has been said.
    is_told: bool,
    lost: Vec<UnscannedRecord>,
}

impl HeaderBudget {
    /// `one`: what one header may take.
    pub(super) fn new(one: usize) -> Self {
        Self { left: one as u64 * HEADERS, is_told: false, lost: Vec::new() }
    }

    /// The header to keep.
    pub(super) fn keep(&mut self, header: Header) -> Arc<Header> {
        let octets = |field: &Field| (field.name().len() + field.raw().len() + size_of::<Field>()) as u64;
        let size: u64 = header.fields().iter().map(octets).sum();
        if size <= self.left {
            self.left -= size;
            return Arc::new(header);
        }
        // Said once: what it names is the message. A later, smaller header may still fit.
        if !std::mem::replace(&mut self.is_told, true) {
            self.lost.push(UnscannedRecord { reason: Unscanned::Ambiguous, what: "headers".into() });
        }
        Arc::default()
    }

    /// What could not be kept.
    pub(super) fn take_gaps(&mut self) -> Vec<UnscannedRecord> {
        std::mem::take(&mut self.lost)
    }
}

impl Sink for Collector {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => self.begin(*head),
            Event::Data(octets) => {
                if let Some(leaf) = &mut self.leaf {
                    leaf.take(octets);
                    self.spool.append(octets);
                }
            }
            Event::PartEnd => match self.leaf.take() {
                Some(leaf) => {
                    self.spool.cut();
                    self.ended.push(leaf);
                }
                None => self.containers = self.containers.saturating_sub(1),
            },
            Event::Defect(defect) => {
                self.gaps.extend(gap_of_defect(&defect));
                if let Some(leaf) = &mut self.leaf {
                    leaf.defects.push(defect.clone());
                }
                self.message.progress.write().defects.push(defect);
            }
            Event::LimitHit(limit, path) => self.gaps.push(gap_of_limit(limit, &path)),
            // The decoder's events may grow; what we do not know of cannot be a part.
            _ => {}
        }
    }
}

impl Collector {
    fn begin(&mut self, head: PartHead) {
        let is_message = self.parts == 0;
        self.parts += 1;
        self.gaps.extend(gap_of(&head));
        let is_leaf = head.kind == PartKind::Leaf;
        let leaf = Leaf::of(head, &mut self.headers, None);
        if is_message {
            self.message.progress.write().header = Some(Arc::clone(&leaf.header));
        }
        self.containers += usize::from(!is_leaf);
        self.leaf = is_leaf.then_some(leaf);
    }
}

/// All headers of a message may take this many times what one may (`decode.header`).
const HEADERS: u64 = 4;

/// What cannot be shown of a part of this type.
pub(super) fn gap_of(head: &PartHead) -> Option<UnscannedRecord> {
    let reason = match head.media_type.as_str() {
        "message/partial" => Unscanned::PartialMessage,
        "application/pgp-encrypted" => Unscanned::Encrypted,
        // Shown as far as it can be read; a program that has the table shows more.
        media_type if media_type.starts_with("text/") && head.charset.as_deref().is_some_and(is_unread) => {
            Unscanned::Unhandled
        }
        // What it says of itself; what it is shows when it is opened.
        media_type if is_smime(media_type) => {
            let field = head.header.first("Content-Type").map(|field| field.value().to_ascii_lowercase());
            field.filter(|field| field.contains("enveloped-data")).map(|_| Unscanned::Encrypted)?
        }
        _ => return None,
    };
    Some(UnscannedRecord { reason, what: head.path.to_string() })
}

/// What cannot be shown because of a defect.
pub(super) fn gap_of_defect(defect: &Defect) -> Option<UnscannedRecord> {
    // Its octets are shown as they came; a program that knows the encoding shows something else.
    (defect.kind == DefectKind::UnknownEncoding)
        .then(|| UnscannedRecord { reason: Unscanned::Unhandled, what: defect.path.to_string() })
}

/// What cannot be shown because of a limit: its name, and the part at which it was hit. The outermost multipart has no
/// number.
pub(super) fn gap_of_limit(limit: LimitKind, path: &PartPath) -> UnscannedRecord {
    let (name, path) = (limit.name(), path.to_string());
    let what = if path.is_empty() { name.to_owned() } else { on(name, &path) };
    UnscannedRecord { reason: reason_of(limit), what }
}

/// What was the matter, and with which part.
pub(crate) fn on(what: &str, path: &str) -> String {
    format!("{what}{ON}{path}")
}

/// A limit and the part at which it was hit, if that is what a gap is about. No path begins with a word.
pub(crate) fn limit_and_path(what: &str) -> Option<(&str, &str)> {
    let is_name = |name: &str| name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    what.split_once(ON).filter(|(name, _)| is_name(name))
}

const ON: &str = " on ";

const fn reason_of(limit: LimitKind) -> Unscanned {
    match limit {
        LimitKind::Depth => Unscanned::Nested,
        LimitKind::Parts => Unscanned::FilesLimit,
        LimitKind::DecodedTotal => Unscanned::Mailbomb,
        // A header that is not read to its end may hide how the body is to be read.
        _ => Unscanned::Ambiguous,
    }
}
