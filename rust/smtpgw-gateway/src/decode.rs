//! Decoding while content arrives: raw octets in, finished [`Part`]s out.
//!
//! The MIME decoder's events are turned into parts here: each leaf is spooled and hashed as it is decoded, and is a
//! [`Part`] once its octets rest. Containers among the leaves are opened on a thread that may block; their members
//! become further parts, opened in turn down to the limit. What could not be shown is noted as a gap, never
//! dropped silently. Nothing here judges.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use smtpgw_archive as archive;
use smtpgw_mime::{Decoder, Defect, Dialect, Event, Header, LimitKind, PartHead, PartKind, Sink};

use crate::content::{Reader, detect};
use crate::message::{Content, Message, Part};
use crate::record::UnscannedRecord;
use crate::settings::{Settings, Unscanned};
use crate::spool::{Budget, Spool, blocking};
use crate::world::Instant;

/// One message on its way through the decoder.
pub(crate) struct Decoding {
    decoder: Decoder,
    collector: Collector,
    /// What unpacking may still cost, shared by all containers of the message; taken along by the thread that
    /// opens them.
    unpacking: Option<archive::Budget>,
    archive_depth: usize,
}

/// Turns events into parts.
struct Collector {
    message: Arc<Message>,
    spool: Spool,
    /// The leaf being decoded.
    leaf: Option<Leaf>,
    /// Kinds of the open containers, outermost first; a leaf is not among them.
    containers: usize,
    /// Leaves that have ended, in the order of the spool's cuts.
    ended: Vec<Leaf>,
    gaps: Vec<UnscannedRecord>,
    parts: usize,
}

/// A leaf without its octets.
struct Leaf {
    path: String,
    media_type: String,
    filename: Option<String>,
    names: Vec<String>,
    charset: Option<String>,
    transfer_encoding: String,
    header: Arc<Header>,
    hash: Sha256,
    defects: Vec<Defect>,
    container: Option<&'static str>,
}

impl Decoding {
    pub(crate) fn new(message: Arc<Message>, spool: Spool, settings: &Settings) -> Self {
        let decode = &settings.decode;
        let mut limits = smtpgw_mime::Limits::DEFAULT;
        limits.depth = decode.depth;
        limits.parts = decode.parts;
        limits.header_octets = decode.header;
        limits.fields = decode.fields;
        limits.decoded_total = settings.limits.message_size.saturating_mul(decode.total_ratio);
        Self {
            decoder: Decoder::new(limits, Dialect::default()),
            collector: Collector {
                message,
                spool,
                leaf: None,
                containers: 0,
                ended: Vec::new(),
                gaps: Vec::new(),
                parts: 0,
            },
            unpacking: Some(archive_budget(settings)),
            archive_depth: decode.archive.depth,
        }
    }

    /// Decodes further content. Never blocks; [`Decoding::settle`] follows.
    pub(crate) fn push(&mut self, content: &[u8]) {
        self.decoder.push(content, &mut self.collector);
    }

    /// Content is complete. Never blocks; [`Decoding::settle`] follows.
    pub(crate) fn finish(&mut self) {
        self.decoder.finish(&mut self.collector);
    }

    /// Brings decoded octets to rest and hands out the parts that are finished, members of containers behind the
    /// container.
    pub(crate) async fn settle(&mut self) -> io::Result<Vec<Arc<Part>>> {
        let contents = self.collector.spool.settle().await?;
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let leaves = self.collector.ended.drain(..contents.len());
        let parts: Vec<_> = leaves.zip(contents).map(|(leaf, content)| leaf.rest(content)).collect();
        if parts.iter().any(|part| may_be_container(&part.data)) { self.open(parts).await } else { Ok(parts) }
    }

    /// What could not be shown so far.
    pub(crate) fn take_gaps(&mut self) -> Vec<UnscannedRecord> {
        std::mem::take(&mut self.collector.gaps)
    }

    async fn open(&mut self, parts: Vec<Arc<Part>>) -> io::Result<Vec<Arc<Part>>> {
        let Some(budget) = self.unpacking.take() else { return Ok(parts) };
        // The spool goes along: members are written to it where blocking is allowed.
        let empty = Spool::new(Arc::default(), 0, Budget::new(0));
        let spool = std::mem::replace(&mut self.collector.spool, empty);
        let mut opening = Opening { spool, budget, depth: self.archive_depth, gaps: Vec::new() };
        let (opening, result) = blocking(move || {
            let result = opening.open_all(parts);
            (opening, result)
        })
        .await?;
        self.collector.spool = opening.spool;
        self.unpacking = Some(opening.budget);
        self.collector.gaps.extend(opening.gaps);
        result
    }
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
        let header = Arc::new(head.header);
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

impl Leaf {
    /// The part, now that its octets rest.
    fn rest(self, data: Content) -> Arc<Part> {
        Arc::new(Part {
            path: self.path,
            media_type: self.media_type,
            filename: self.filename,
            names: self.names,
            charset: self.charset,
            transfer_encoding: self.transfer_encoding,
            header: self.header,
            data,
            sha256: self.hash.finalize().into(),
            defects: self.defects,
            container: self.container,
        })
    }
}

/// Opens containers, on a thread that may block.
struct Opening {
    spool: Spool,
    budget: archive::Budget,
    depth: usize,
    gaps: Vec<UnscannedRecord>,
}

impl Opening {
    fn open_all(&mut self, parts: Vec<Arc<Part>>) -> io::Result<Vec<Arc<Part>>> {
        let mut finished = Vec::with_capacity(parts.len());
        // A work list rather than recursion: depth is the sender's choice.
        let mut waiting: VecDeque<(Arc<Part>, usize)> = parts.into_iter().map(|part| (part, 0)).collect();
        while let Some((part, depth)) = waiting.pop_front() {
            finished.push(Arc::clone(&part));
            let Some(format) = Reader::new(&part.data).detect()? else { continue };
            if depth >= self.depth {
                self.gap(Unscanned::Nested, part.path.clone());
                continue;
            }
            let members = self.open(&part, format)?;
            // Members come right behind their container, before its siblings.
            members.into_iter().rev().for_each(|member| waiting.push_front((member, depth + 1)));
        }
        Ok(finished)
    }

    fn open(&mut self, part: &Part, format: archive::Format) -> io::Result<Vec<Arc<Part>>> {
        let mut members = Members {
            spool: &mut self.spool,
            container: part,
            format,
            leaf: None,
            ended: Vec::new(),
            rested: Vec::new(),
            gaps: Vec::new(),
            error: None,
        };
        let outcome = archive::unpack(format, Reader::new(&part.data), &mut self.budget, &mut members);
        let Members { ended, mut rested, gaps, error, .. } = members;
        self.gaps.extend(gaps);
        if let Err(reason) = outcome {
            self.gap(reason_of_archive(&reason), part.path.clone());
        }
        if let Some(error) = error {
            return Err(error);
        }
        rested.extend(self.spool.settle_blocking()?);
        Ok(ended.into_iter().zip(rested).map(|(leaf, content)| leaf.rest(content)).collect())
    }

    fn gap(&mut self, reason: Unscanned, what: String) {
        self.gaps.push(UnscannedRecord { reason, what });
    }
}

/// Takes the members of one container.
struct Members<'a> {
    spool: &'a mut Spool,
    container: &'a Part,
    format: archive::Format,
    leaf: Option<Leaf>,
    ended: Vec<Leaf>,
    rested: Vec<Content>,
    gaps: Vec<UnscannedRecord>,
    error: Option<io::Error>,
}

impl archive::Members for Members<'_> {
    fn begin(&mut self, member: archive::Member<'_>) {
        let name = member.path.into_owned();
        self.leaf = Some(Leaf {
            path: format!("{}/{name}", self.container.path),
            media_type: "application/octet-stream".into(),
            names: vec![name.clone()],
            filename: Some(name),
            charset: None,
            transfer_encoding: "binary".into(),
            header: Arc::default(),
            hash: Sha256::new(),
            defects: Vec::new(),
            container: Some(self.format.name()),
        });
    }

    fn data(&mut self, octets: &[u8]) {
        if let (Some(leaf), None) = (&mut self.leaf, &self.error) {
            leaf.hash.update(octets);
            self.spool.append(octets);
            match self.spool.settle_blocking() {
                Ok(contents) => self.rested.extend(contents),
                Err(error) => self.error = Some(error),
            }
        }
    }

    fn end(&mut self, outcome: Result<(), archive::Unscanned>) {
        let Some(leaf) = self.leaf.take() else { return };
        if let Err(reason) = outcome {
            self.gaps.push(UnscannedRecord { reason: reason_of_archive(&reason), what: leaf.path.clone() });
        }
        self.spool.cut();
        self.ended.push(leaf);
    }
}

/// Whether it is worth a trip to a thread that may block: what is in memory is looked at here.
fn may_be_container(content: &Content) -> bool {
    match content {
        Content::Memory(octets) => detect(octets).is_some(),
        Content::File { .. } => true,
    }
}

fn archive_budget(settings: &Settings) -> archive::Budget {
    let limits = &settings.decode.archive;
    let limits = archive::Limits {
        total: limits.total,
        member: limits.member,
        ratio: limits.ratio,
        members: limits.members,
        depth: limits.depth,
        duration: limits.seconds,
    };
    let begin = Instant::now();
    archive::Budget::new(limits, move || begin.elapsed())
}

const fn reason_of(limit: LimitKind) -> Unscanned {
    match limit {
        LimitKind::Depth => Unscanned::Nested,
        LimitKind::Parts => Unscanned::FilesLimit,
        LimitKind::DecodedTotal => Unscanned::Mailbomb,
        // A header that is not read to its end may hide how the body is to be read.
        _ => Unscanned::Ambiguous,
    }
}

const fn reason_of_archive(reason: &archive::Unscanned) -> Unscanned {
    match reason {
        archive::Unscanned::Encrypted => Unscanned::Encrypted,
        archive::Unscanned::Corrupted => Unscanned::Corrupted,
        archive::Unscanned::PartiallyCorrupted => Unscanned::PartiallyCorrupted,
        archive::Unscanned::Multipart => Unscanned::Multipart,
        archive::Unscanned::Nested => Unscanned::Nested,
        archive::Unscanned::Mailbomb => Unscanned::Mailbomb,
        archive::Unscanned::FilesLimit => Unscanned::FilesLimit,
        archive::Unscanned::Timeout => Unscanned::Timeout,
        archive::Unscanned::DisabledFormat => Unscanned::DisabledFormat,
        _ => Unscanned::Unhandled,
    }
}
