//! What stands within a leaf and is no archive: files in texts (uuencode, yEnc), and whole messages that were attached
//! as files.
//!
//! Both are known by their content. The files become members as those of an archive do; a message is decoded like the
//! one it is in, its other readings included, and its parts get the path of the leaf in front of their own.

use std::io::{self, Read as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use smtpgw_mime::{Dialect, Inline, InlineEncoding, InlineReader, MissingBoundary};

use super::collector::{limit_and_path, on};
use super::leaf::{Leaf, Rested};
use super::readings::{Keeping, Rereading, decode};
use super::room::Room;
use crate::content::Reader;
use crate::message::{Content, Part};
use crate::record::UnscannedRecord;
use crate::settings::Unscanned;
use crate::spool::Spool;

/// What was found within one leaf.
pub(super) struct Found {
    pub(super) parts: Vec<Rested>,
    pub(super) gaps: Vec<UnscannedRecord>,
    /// What is left for others.
    pub(super) room: Room,
}

/// Whether a transfer encoding promises a file within the text.
pub(super) fn is_inline_encoding(transfer_encoding: &str) -> bool {
    matches!(transfer_encoding, "x-uuencode" | "uuencode" | "x-uue" | "uue" | "x-yencode" | "x-yenc")
}

/// The files within a text, as far as there is room.
pub(super) fn files(part: &Part, spool: &mut Spool, room: Room) -> io::Result<Found> {
    let mut taking =
        Taking { part, spool, room, leaf: None, ended: Vec::new(), rested: Vec::new(), gaps: Vec::new(), error: None };
    let mut reader = InlineReader::default();
    let (mut content, mut piece) = (Reader::new(&part.data), vec![0; PIECE]);
    loop {
        let read = content.read(&mut piece)?;
        let mut sink = |inline: Inline<'_>| taking.take(inline);
        if read == 0 {
            reader.finish(&mut sink);
            break;
        }
        reader.push(piece.get(..read).unwrap_or_default(), &mut sink);
    }
    let Taking { ended, mut rested, gaps, error, spool, room, .. } = taking;
    if let Some(error) = error {
        return Err(error);
    }
    rested.extend(spool.settle_blocking()?);
    let parts = ended.into_iter().zip(rested).map(|(leaf, content)| leaf.rest(content)).collect();
    Ok(Found { parts, gaps, room })
}

/// Takes the files of one text.
struct Taking<'a> {
    part: &'a Part,
    spool: &'a mut Spool,
    room: Room,
    leaf: Option<Leaf>,
    ended: Vec<Leaf>,
    rested: Vec<Content>,
    gaps: Vec<UnscannedRecord>,
    error: Option<io::Error>,
}

impl Taking<'_> {
    fn take(&mut self, inline: Inline<'_>) {
        match inline {
            Inline::Begin { encoding, name } => self.begin(encoding, name),
            Inline::Data(octets) => {
                let within = usize::try_from(self.room.octets).unwrap_or(usize::MAX).min(octets.len());
                let (octets, beyond) = octets.split_at(within);
                self.room.take(0, octets.len() as u64);
                if let (Some(leaf), false) = (&self.leaf, beyond.is_empty()) {
                    self.gap(Unscanned::Mailbomb, leaf.path.clone());
                }
                if let (Some(leaf), None) = (&mut self.leaf, &self.error) {
                    leaf.take(octets);
                    self.spool.append(octets);
                    match self.spool.settle_blocking() {
                        Ok(contents) => self.rested.extend(contents),
                        Err(error) => self.error = Some(error),
                    }
                }
            }
            Inline::End { complete, volume } => {
                let Some(leaf) = self.leaf.take() else { return };
                if volume {
                    self.gap(Unscanned::Multipart, leaf.path.clone());
                } else if !complete {
                    self.gap(Unscanned::PartiallyCorrupted, leaf.path.clone());
                }
                self.spool.cut();
                self.ended.push(leaf);
            }
            Inline::BinHex => self.gap(Unscanned::Unhandled, self.part.path.clone()),
        }
    }

    fn begin(&mut self, encoding: InlineEncoding, name: String) {
        if self.room.parts == 0 {
            self.gap(Unscanned::FilesLimit, self.part.path.clone());
            return;
        }
        self.room.take(1, 0);
        let path = format!("{}/{}", self.part.path, if name.is_empty() { encoding.name() } else { &name });
        self.leaf = Some(Leaf::member(path, name, encoding.name(), self.part));
    }

    fn gap(&mut self, reason: Unscanned, what: String) {
        let gap = UnscannedRecord { reason, what };
        if self.gaps.last() != Some(&gap) {
            self.gaps.push(gap);
        }
    }
}

/// Where a leaf begins as a whole message, behind what is no part of one; `None` if it is none. By its name; or all its
/// first lines are fields, as far as they are looked at, or fields of which one belongs to MIME or two are such as
/// every letter has.
pub(super) fn message_at(part: &Part) -> io::Result<Option<u64>> {
    let content = &part.data;
    let mut buffer;
    let head = match content {
        // Hardly any leaf gets further than this.
        Content::Memory(octets) => octets.get(..HEAD).unwrap_or(octets),
        Content::File { .. } => {
            buffer = [0; HEAD];
            let read = Reader::new(content).read(&mut buffer)?;
            buffer.get(..read).unwrap_or_default()
        }
    };
    let behind_mark = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begin = behind_mark.trim_ascii_start();
    let at = (head.len() - begin.len()) as u64;
    let named = |name: &String| SUFFIXES.iter().any(|suffix| name.to_ascii_lowercase().ends_with(suffix));
    let is_message =
        !begin.is_empty() && (part.names.iter().any(named) || begins_as_message(begin, head.len() == HEAD));
    Ok(is_message.then_some(at))
}

/// `more`: it goes on behind `begin`.
fn begins_as_message(begin: &[u8], more: bool) -> bool {
    let (mut known, mut fields) = (0, 0);
    let mut lines = begin.split(|&octet| octet == b'\n').peekable();
    while let Some(line) = lines.next() {
        // Cut off by us: every line before it was one of a header, and the first must be one as well.
        let is_last = more && lines.peek().is_none();
        if is_last && fields > 0 {
            return true;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // An mbox has a line of its own in front of each, which may have been kept from being one.
        if [&b" "[..], b"\t", b"From ", b">From "].iter().any(|begin| line.starts_with(begin)) {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else { break };
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        if is_last {
            return true;
        }
        fields += 1;
        let is = |field: &&str| name.eq_ignore_ascii_case(field.as_bytes());
        known += if MIME_FIELDS.iter().any(is) { 2 } else { usize::from(FIELDS.iter().any(is)) };
    }
    known >= 2
}

/// The parts of a message that is a leaf, in every reading.
pub(super) fn message(part: &Part, mut rereading: Rereading<'_>) -> io::Result<Found> {
    let mut keeping = Keeping::new(&mut *rereading.spool, &mut *rereading.headers, None);
    let (observed, (begun, decoded)) = decode(rereading.limits, Dialect::default(), b"", rereading.raw, &mut keeping)?;
    let (mut parts, mut gaps) = keeping.finish()?;
    rereading.room.take(begun, decoded);
    let mut room = rereading.room;
    if observed.is_ambiguous() {
        let first: Vec<Arc<Part>> = parts.iter().map(|rested| Arc::clone(&rested.part)).collect();
        let further = rereading.read(&first, &observed)?;
        parts.extend(further.parts);
        gaps.extend(further.gaps);
        room = further.room;
    }
    gaps.extend(rereading.headers.take_gaps());
    place_within(part, &mut parts, &mut gaps);
    Ok(Found { parts, gaps, room })
}

/// The parts of a multipart that stands within a leaf of another type, as programs find them that look for delimiters
/// everywhere. What stands around them is in the open.
pub(super) fn parts(part: &Part, rereading: Rereading<'_>) -> io::Result<Found> {
    let Rereading { limits, mut room, raw, spool, headers, .. } = rereading;
    let dialect = Dialect { missing_boundary: MissingBoundary::Guess, ..Dialect::default() };
    let mut keeping = Keeping::new(spool, headers, None);
    let (_, (begun, decoded)) = decode(limits, dialect, b"Content-Type: multipart/mixed\r\n\r\n", raw, &mut keeping)?;
    let (mut parts, mut gaps) = keeping.finish()?;
    room.take(begun, decoded);
    gaps.extend(headers.take_gaps());
    parts.retain(|rested| rested.part.reading.is_none());
    for rested in &mut parts {
        if let Some(inner) = Arc::get_mut(&mut rested.part) {
            inner.reading = Some(dialect.to_string().into());
        }
    }
    place_within(part, &mut parts, &mut gaps);
    Ok(Found { parts, gaps, room })
}

/// Puts what was found in a leaf below it.
fn place_within(part: &Part, parts: &mut [Rested], gaps: &mut [UnscannedRecord]) {
    let within = |path: &str| format!("{}/{path}", part.path);
    for gap in gaps {
        gap.what = match limit_and_path(&gap.what) {
            Some((limit, path)) => on(limit, &within(path)),
            None => within(&gap.what),
        };
    }
    for rested in parts {
        // Nobody else has seen it yet.
        if let Some(inner) = Arc::get_mut(&mut rested.part) {
            inner.path = within(&inner.path);
            inner.container = Some("message");
            inner.reading = match (&part.reading, &inner.reading) {
                (Some(outer), Some(own)) => Some(format!("{outer},{own}").into()),
                (one, other) => one.clone().or_else(|| other.clone()),
            };
        }
    }
}

impl Leaf {
    /// A file found in `container`.
    pub(super) fn member(path: String, name: String, kind: &'static str, container: &Part) -> Self {
        Self {
            path,
            media_type: "application/octet-stream".into(),
            names: if name.is_empty() { Vec::new() } else { vec![name.clone()] },
            filename: (!name.is_empty()).then_some(name),
            charset: None,
            transfer_encoding: "binary".into(),
            header: Arc::default(),
            hash: Sha256::new(),
            head: Vec::new(),
            watch: Default::default(),
            parts: Default::default(),
            armor: Default::default(),
            defects: Vec::new(),
            container: Some(kind),
            reading: container.reading.clone(),
        }
    }
}

/// Octets of a leaf in which a message shows itself.
const HEAD: usize = 4 << 10;

/// Octets read at a time.
const PIECE: usize = 64 << 10;

/// How the names of files end that programs open as messages, whatever is in them.
const SUFFIXES: [&str; 3] = [".eml", ".mht", ".mhtml"];

/// Fields of MIME (RFC 2045 §3): nothing but a message begins with one.
const MIME_FIELDS: [&str; 3] = ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"];

/// Fields of letters.
const FIELDS: [&str; 10] =
    ["Return-Path", "Received", "From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "DKIM-Signature"];
