//! Turns the MIME decoder's events into leaves, and notes what could not be shown.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use smtpgw_mime::{DefectKind, Event, Field, Header, LimitKind, PartHead, PartKind, Sink};

use super::leaf::Leaf;
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
    /// Octets that further headers may take.
    pub(super) header_left: u64,
    /// Whether one was too much, and that has been said.
    pub(super) header_lost: bool,
}

impl Sink for Collector {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => self.begin(*head),
            Event::Data(octets) => {
                if let Some(leaf) = &mut self.leaf {
                    leaf.hash.update(octets);
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
                if defect.kind == DefectKind::UnknownEncoding {
                    // Its octets are shown as they came; a program that knows the encoding shows something else.
                    let what = defect.path.to_string();
                    self.gaps.push(UnscannedRecord { reason: Unscanned::Unhandled, what });
                }
                if let Some(leaf) = &mut self.leaf {
                    leaf.defects.push(defect.clone());
                }
                self.message.progress.write().defects.push(defect);
            }
            Event::LimitHit(limit) => {
                self.gaps.push(UnscannedRecord { reason: reason_of(limit), what: limit.name().to_owned() });
            }
            // The decoder's events may grow; what we do not know of cannot be a part.
            _ => {}
        }
    }
}

impl Collector {
    fn begin(&mut self, head: PartHead) {
        let is_message = self.parts == 0;
        self.parts += 1;
        let header = self.keep(head.header);
        if is_message {
            self.message.progress.write().header = Some(Arc::clone(&header));
        }
        let path = head.path.to_string();
        if head.media_type == "message/partial" {
            self.gaps.push(UnscannedRecord { reason: Unscanned::PartialMessage, what: path.clone() });
        }
        if head.kind != PartKind::Leaf {
            self.containers += 1;
            return;
        }
        self.leaf = Some(Leaf {
            path,
            media_type: head.media_type,
            filename: head.filename,
            names: head.names,
            charset: head.charset,
            transfer_encoding: head.transfer_encoding,
            header,
            hash: Sha256::new(),
            defects: Vec::new(),
            container: None,
        });
    }
}

impl Collector {
    /// The header to keep. Headers live as long as the message, so all of them together have a limit: what is over it
    /// is not kept, and that is said.
    fn keep(&mut self, header: Header) -> Arc<Header> {
        let octets = |field: &Field| (field.name().len() + field.raw().len() + size_of::<Field>()) as u64;
        let size: u64 = header.fields().iter().map(octets).sum();
        if size <= self.header_left {
            self.header_left -= size;
            return Arc::new(header);
        }
        // Said once: what it names is the message. A later, smaller header may still fit.
        let gap = UnscannedRecord { reason: Unscanned::Ambiguous, what: "headers".into() };
        if !std::mem::replace(&mut self.header_lost, true) {
            self.gaps.push(gap);
        }
        Arc::default()
    }
}

/// All headers of a message may take this many times what one may (`decode.header`).
pub(super) const HEADERS: u64 = 4;

const fn reason_of(limit: LimitKind) -> Unscanned {
    match limit {
        LimitKind::Depth => Unscanned::Nested,
        LimitKind::Parts => Unscanned::FilesLimit,
        LimitKind::DecodedTotal => Unscanned::Mailbomb,
        // A header that is not read to its end may hide how the body is to be read.
        _ => Unscanned::Ambiguous,
    }
}
