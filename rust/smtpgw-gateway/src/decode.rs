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
use smtpgw_mime::{Decoder, Defect, DefectKind, Dialect, Event, Field, Header, LimitKind, PartHead, PartKind, Sink};

use crate::content::{Reader, detect};
use crate::message::{Content, Message, Part};
use crate::record::UnscannedRecord;
use crate::settings::{Settings, Unscanned};
use crate::spool::{Spool, blocking};
use crate::world::Instant;

/// One message on its way through the decoder.
pub(crate) struct Decoding {
    decoder: Decoder,
    collector: Collector,
    /// What unpacking needs, shared by all containers of the message; taken along by the thread that opens them. The
    /// members have a spool of their own: that of the leaves may hold the beginning of one that is still arriving.
    unpacking: Option<(Spool, archive::Budget)>,
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
    /// Octets that further headers may take.
    header_left: u64,
    /// Whether one was too much, and that has been said.
    header_lost: bool,
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
    /// `spools`: one for the leaves, one for the members of containers.
    pub(crate) fn new(message: Arc<Message>, spools: [Spool; 2], settings: &Settings) -> Self {
        let [spool, members] = spools;
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
                header_left: decode.header as u64 * HEADERS,
                header_lost: false,
            },
            unpacking: Some((members, archive_budget(settings))),
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
        let Some((spool, budget)) = self.unpacking.take() else { return Ok(parts) };
        let mut opening = Opening { spool, budget, depth: self.archive_depth, gaps: Vec::new() };
        let (opening, result) = blocking(move || {
            let result = opening.open_all(parts);
            (opening, result)
        })
        .await?;
        self.unpacking = Some((opening.spool, opening.budget));
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
        if matches!(outcome, Err(archive::Unscanned::Unreadable)) {
            // Our own trouble, not the sender's: the message is deferred.
            return Err(io::Error::other("a container could not be read back"));
        }
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

/// All headers of a message may take this many times what one may (`decode.header`).
const HEADERS: u64 = 4;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;
    use crate::message::{Envelope, Session};
    use crate::spool::{Budget, read_piece};

    fn message() -> Arc<Message> {
        let nowhere = std::net::SocketAddr::from(([0; 4], 0));
        let (id, helo) = (String::new(), String::new());
        let session = Session { id, client: nowhere, listener: nowhere, esmtp: true, helo, tls: None };
        Arc::new(Message { session: Arc::new(session), envelope: Envelope::default(), progress: Default::default() })
    }

    async fn octets(content: &Content) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = read_piece(content, all.len() as u64).await.unwrap();
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(&piece);
        }
    }

    async fn decode(raw: &[&[u8]], threshold: u64) -> Vec<(String, Vec<u8>)> {
        let budget = Budget::new(1 << 30);
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), threshold, Arc::clone(&budget));
        let mut decoding = Decoding::new(message(), [spool(), spool()], &Settings::default());
        let mut parts = Vec::new();
        for piece in raw {
            decoding.push(piece);
            parts.extend(decoding.settle().await.unwrap());
        }
        decoding.finish();
        parts.extend(decoding.settle().await.unwrap());
        let mut found = Vec::new();
        for part in parts {
            let data = octets(&part.data).await;
            assert_eq!(part.sha256[..], Sha256::digest(&data)[..], "{}", part.path);
            found.push((part.path.clone(), data));
        }
        found
    }

    #[tokio::test]
    async fn members_never_mix_with_the_leaf_that_is_arriving() {
        let zip: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00!\x5c\xb7}\xa9\x03\x09\x00\x00\x00\x09\x00\x00\x00\x05\x00\x00\x00a.exeMZ memberPK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00!\x5c\xb7}\xa9\x03\x09\x00\x00\x00\x09\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00a.exePK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x003\x00\x00\x00,\x00\x00\x00\x00\x00";
        let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
        for body in [zip, b"MZ the leaf behind it", zip, b"and the last"] {
            raw.extend_from_slice(b"--b\r\nContent-Transfer-Encoding: binary\r\n\r\n");
            raw.extend_from_slice(body);
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(b"--b--\r\n");
        let whole = decode(&[&raw], 1 << 20).await;
        let paths: Vec<_> = whole.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["1", "1/a.exe", "2", "3", "3/a.exe", "4"]);
        assert_eq!(whole[1].1, b"MZ member");
        assert_eq!(whole[2].1, b"MZ the leaf behind it");
        for threshold in [0, 1 << 20] {
            for at in 1..raw.len() {
                assert_eq!(decode(&[&raw[..at], &raw[at..]], threshold).await, whole, "cut at {at}");
            }
            assert_eq!(decode(&raw.chunks(1).collect::<Vec<_>>(), threshold).await, whole, "octet by octet");
        }
    }

    #[tokio::test]
    async fn a_header_that_is_not_kept_is_always_told() {
        // A limit of every size around the first header's: whether or not it fits to the octet, the loss of any is told.
        let first = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\r\n\r\nx\r\n--b--\r\n";
        for left in 0..400 {
            let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
            let mut decoding = Decoding::new(message(), [spool(), spool()], &Settings::default());
            decoding.collector.header_left = left;
            decoding.push(first);
            decoding.finish();
            let parts = decoding.settle().await.unwrap();
            let root = decoding.collector.message.progress.read().header.clone().unwrap();
            let lost = root.fields().is_empty() || parts[0].header.fields().is_empty();
            assert_eq!(decoding.take_gaps().iter().any(|gap| gap.what == "headers"), lost, "{left} octets left");
        }
    }

    #[tokio::test]
    async fn an_encoding_that_nobody_knows_is_unscanned() {
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
        for (encoding, gaps) in [("x-yenc", 1), ("8bit", 0)] {
            let mut decoding = Decoding::new(message(), [spool(), spool()], &Settings::default());
            decoding.push(format!("Content-Transfer-Encoding: {encoding}\r\n\r\nbody\r\n").as_bytes());
            decoding.finish();
            decoding.settle().await.unwrap();
            let found = decoding.take_gaps();
            assert_eq!(found.len(), gaps, "{encoding}");
            assert!(found.iter().all(|gap| gap.reason == Unscanned::Unhandled && gap.what == "1"));
        }
    }

    #[tokio::test]
    async fn headers_of_all_parts_together_are_bounded() {
        let mut settings = Settings::default();
        settings.decode.header = 1_000;
        let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
        for _ in 0..50 {
            raw.extend_from_slice(format!("--b\r\nA: {}\r\n\r\nx\r\n", "y".repeat(900)).as_bytes());
        }
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
        let mut decoding = Decoding::new(message(), [spool(), spool()], &settings);
        decoding.push(&raw);
        decoding.finish();
        let parts = decoding.settle().await.unwrap();
        assert_eq!(parts.len(), 50);
        assert!(parts.iter().map(|part| part.header.fields().len()).sum::<usize>() < 10);
        assert_eq!(decoding.take_gaps().iter().filter(|gap| gap.what == "headers").count(), 1);
    }
}
