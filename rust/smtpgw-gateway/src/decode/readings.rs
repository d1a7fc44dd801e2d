//! The further readings of an ambiguous message: its raw content, at rest, is decoded again under the other choices
//! that matter for what is odd about it, on a thread that may block.
//!
//! Each reading is looked at twice at most: once to see by their hashes whether it shows a leaf that no reading before
//! it has shown, and once more to keep those. A leaf is the same if its octets, type, charset and names are. Bounded
//! are the readings (`decode.readings`), the octets read for all of them ([`REREAD`]), and the further parts and their
//! octets ([`Room`]); above each the message is `ambiguous`, or what the limit says.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use smtpgw_mime::{Base64Junk, Decoder, Dialect, Event, Limits, Observed, PartHead, PartKind, Readings, Sink};

use super::collector::{HeaderBudget, gap_of, gap_of_defect, gap_of_limit};
use super::effort::Effort;
use super::leaf::{Leaf, Rested};
use super::room::Room;
use crate::content::Reader;
use crate::message::{Content, Part};
use crate::record::UnscannedRecord;
use crate::settings::Unscanned;
use crate::spool::Spool;

/// What reading again needs.
pub(super) struct Rereading<'a> {
    pub(super) limits: &'a Limits,
    /// `decode.readings`
    pub(super) readings: usize,
    /// Octets that may still be read again, from [`REREAD`] on.
    pub(super) left: &'a mut u64,
    /// How much more of what they show there may be.
    pub(super) room: Room,
    pub(super) effort: &'a Effort,
    pub(super) raw: &'a Content,
    pub(super) spool: &'a mut Spool,
    pub(super) headers: &'a mut HeaderBudget,
}

/// What came of it.
pub(super) struct Further {
    pub(super) parts: Vec<Rested>,
    pub(super) gaps: Vec<UnscannedRecord>,
    /// Readings that were tried.
    pub(super) tried: usize,
    /// What is left.
    pub(super) room: Room,
}

impl Rereading<'_> {
    /// All further readings. `first`: what the first one showed, `observed`: what it saw.
    pub(super) fn read(&mut self, first: &[Arc<Part>], observed: &Observed) -> io::Result<Further> {
        let mut readings = Readings::new(observed, self.readings);
        let mut further = Further { parts: Vec::new(), gaps: Vec::new(), tried: 0, room: self.room };
        let leaves: Vec<Key> = first.iter().filter(|part| part.container.is_none()).map(|part| Key::of(part)).collect();
        let mut known: HashSet<Key> = leaves.iter().copied().collect();
        let mut seen = HashSet::from([(digest(&leaves), *observed)]);
        let mut told = HashSet::new();
        while let Some(dialect) = readings.next_dialect() {
            if self.effort.is_over() {
                further.gap(Unscanned::Timeout, "readings");
                return Ok(further);
            }
            if *self.left < 2 * self.raw.len() {
                further.gap(Unscanned::Ambiguous, "readings");
                return Ok(further);
            }
            further.tried += 1;
            *self.left -= self.raw.len();
            let mut survey = Survey::new(dialect);
            let (observed, _) = decode(self.limits, dialect, b"", self.raw, &mut survey)?;
            // Most are those of the readings before.
            survey.gaps.retain(|gap| told.insert(gap.clone()));
            further.gaps.append(&mut survey.gaps);
            if !seen.insert((digest(&survey.keys), observed)) {
                continue;
            }
            readings.learn(dialect, &observed);
            let new: Vec<bool> =
                survey.keys.iter().zip(&survey.as_is).map(|(key, dull)| !dull && known.insert(*key)).collect();
            if !new.contains(&true) {
                continue;
            }
            *self.left -= self.raw.len();
            let count = new.iter().filter(|new| **new).count();
            if count > further.room.parts {
                further.gap(Unscanned::FilesLimit, "readings");
                return Ok(further);
            }
            let (parts, is_cut) = self.keep(dialect, &new, further.room.octets)?;
            let octets = parts.iter().map(|rested| rested.part.data.len()).sum();
            further.room.take(count, octets);
            further.parts.extend(parts);
            if is_cut {
                further.gap(Unscanned::Mailbomb, "readings");
                return Ok(further);
            }
        }
        if readings.is_cut() {
            further.gap(Unscanned::Ambiguous, "readings");
        }
        Ok(further)
    }

    /// The leaves of one reading that are `new`, up to so many octets, and whether that cut them short.
    fn keep(&mut self, dialect: Dialect, new: &[bool], octets: u64) -> io::Result<(Vec<Rested>, bool)> {
        let reading = dialect.to_string();
        let mut keeping = Keeping { left: octets, ..Keeping::new(self.spool, self.headers, Some((&reading, new))) };
        decode(self.limits, dialect, b"", self.raw, &mut keeping)?;
        // What is to be said of it the survey has said.
        let is_cut = keeping.is_cut;
        Ok((keeping.finish()?.0, is_cut))
    }
}

impl Further {
    fn gap(&mut self, reason: Unscanned, what: &str) {
        self.gaps.push(UnscannedRecord { reason, what: what.to_owned() });
    }
}

/// Decodes a message in one reading, as if `ahead` stood before it; what was observed, and how many parts and octets it
/// had.
pub(super) fn decode(
    limits: &Limits,
    dialect: Dialect,
    ahead: &[u8],
    raw: &Content,
    sink: &mut dyn Sink,
) -> io::Result<(Observed, (usize, u64))> {
    let mut decoder = Decoder::new(limits.clone(), dialect);
    decoder.push(ahead, sink);
    if let Content::Memory(octets) = raw {
        decoder.push(octets, sink);
    } else {
        let (mut reader, mut piece) = (Reader::new(raw), vec![0; PIECE]);
        loop {
            let read = reader.read(&mut piece)?;
            if read == 0 {
                break;
            }
            decoder.push(piece.get(..read).unwrap_or_default(), sink);
        }
    }
    decoder.finish(sink);
    Ok((decoder.observed(), decoder.used()))
}

/// What makes a leaf another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key([u8; 32]);

impl Key {
    fn new(sha256: &[u8; 32], media_type: &str, charset: Option<&str>, names: &[String]) -> Self {
        let mut hash = Sha256::new();
        hash.update(sha256);
        for text in [media_type, charset.unwrap_or_default()].into_iter().chain(names.iter().map(String::as_str)) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        Self(hash.finalize().into())
    }

    fn of(part: &Part) -> Self {
        Self::new(&part.sha256, &part.media_type, part.charset.as_deref(), &part.names)
    }
}

/// What a whole reading shows.
fn digest(keys: &[Key]) -> [u8; 32] {
    let mut hash = Sha256::new();
    keys.iter().for_each(|key| hash.update(key.0));
    hash.finalize().into()
}

/// Sees what a reading shows, and keeps nothing.
struct Survey {
    dialect: Dialect,
    head: Option<(PartHead, Sha256, bool)>,
    /// Of the leaves, in the order in which they ended.
    keys: Vec<Key>,
    /// Whether a leaf is base64 as it stands in which nothing is odd, so that nobody shows it so.
    as_is: Vec<bool>,
    gaps: Vec<UnscannedRecord>,
}

impl Survey {
    fn new(dialect: Dialect) -> Self {
        Self { dialect, head: None, keys: Vec::new(), as_is: Vec::new(), gaps: Vec::new() }
    }
}

impl Sink for Survey {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => {
                self.gaps.extend(gap_of(&head));
                if head.kind == PartKind::Leaf {
                    let dull = self.dialect.base64_junk == Base64Junk::AsIs && head.transfer_encoding == "base64";
                    self.head = Some((*head, Sha256::new(), dull));
                }
            }
            Event::Data(octets) => {
                if let Some((_, hash, dull)) = &mut self.head {
                    hash.update(octets);
                    *dull &= octets.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+/=\r\n \t".contains(octet));
                }
            }
            Event::PartEnd => {
                if let Some((head, hash, dull)) = self.head.take() {
                    let sha256 = hash.finalize().into();
                    self.keys.push(Key::new(&sha256, &head.media_type, head.charset.as_deref(), &head.names));
                    self.as_is.push(dull);
                }
            }
            Event::LimitHit(limit, path) => self.gaps.push(gap_of_limit(limit, &path)),
            Event::Defect(defect) => self.gaps.extend(gap_of_defect(&defect)),
            _ => {}
        }
    }
}

/// Keeps the leaves of a reading, all or those that are new.
pub(super) struct Keeping<'a> {
    spool: &'a mut Spool,
    headers: &'a mut HeaderBudget,
    /// The name of the reading, and which of its leaves are new, in the order in which they end, which is that in
    /// which they begin. Without it all are.
    new: Option<(&'a str, std::slice::Iter<'a, bool>)>,
    leaf: Option<Leaf>,
    /// Of the open parts, outermost first.
    is_leaf: Vec<bool>,
    ended: Vec<Leaf>,
    rested: Vec<Content>,
    gaps: Vec<UnscannedRecord>,
    /// How many more octets are kept, and whether there were more.
    left: u64,
    is_cut: bool,
    error: Option<io::Error>,
}

impl<'a> Keeping<'a> {
    pub(super) fn new(spool: &'a mut Spool, headers: &'a mut HeaderBudget, new: Option<(&'a str, &'a [bool])>) -> Self {
        Self {
            spool,
            headers,
            new: new.map(|(reading, new)| (reading, new.iter())),
            leaf: None,
            is_leaf: Vec::new(),
            ended: Vec::new(),
            rested: Vec::new(),
            gaps: Vec::new(),
            left: u64::MAX,
            is_cut: false,
            error: None,
        }
    }

    /// The leaves, at rest, and what could not be shown.
    pub(super) fn finish(self) -> io::Result<(Vec<Rested>, Vec<UnscannedRecord>)> {
        let Self { spool, ended, mut rested, gaps, error, .. } = self;
        if let Some(error) = error {
            return Err(error);
        }
        rested.extend(spool.settle_blocking()?);
        Ok((ended.into_iter().zip(rested).map(|(leaf, content)| leaf.rest(content)).collect(), gaps))
    }
}

impl Sink for Keeping<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => {
                let is_leaf = head.kind == PartKind::Leaf;
                self.is_leaf.push(is_leaf);
                self.gaps.extend(gap_of(&head));
                let reading = match &mut self.new {
                    None => is_leaf.then_some(None),
                    Some((reading, new)) => (is_leaf && new.next() == Some(&true)).then_some(Some(*reading)),
                };
                self.leaf = reading.map(|reading| Leaf::of(*head, self.headers, reading));
            }
            Event::Data(octets) => {
                if let (Some(leaf), None) = (&mut self.leaf, &self.error) {
                    let within = usize::try_from(self.left).unwrap_or(usize::MAX).min(octets.len());
                    let (octets, beyond) = octets.split_at(within);
                    self.left -= within as u64;
                    self.is_cut |= !beyond.is_empty();
                    leaf.take(octets);
                    self.spool.append(octets);
                    match self.spool.settle_blocking() {
                        Ok(contents) => self.rested.extend(contents),
                        Err(error) => self.error = Some(error),
                    }
                }
            }
            Event::PartEnd => {
                if self.is_leaf.pop() == Some(true)
                    && let Some(leaf) = self.leaf.take()
                {
                    self.spool.cut();
                    self.ended.push(leaf);
                }
            }
            Event::LimitHit(limit, path) => self.gaps.push(gap_of_limit(limit, &path)),
            Event::Defect(defect) => {
                self.gaps.extend(gap_of_defect(&defect));
                if let Some(leaf) = &mut self.leaf {
                    leaf.defects.push(defect);
                }
            }
            _ => {}
        }
    }
}

/// Octets read for all further readings of one message and of those attached to it together: some seconds of work, and
/// forty readings of the largest message that is usual.
pub(super) const REREAD: u64 = 1 << 30;

/// Octets read at a time.
const PIECE: usize = 256 << 10;
