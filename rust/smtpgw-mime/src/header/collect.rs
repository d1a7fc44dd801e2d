//! Collects a header line by line while it arrives, and tells where it ends.
//!
//! Octets go in by [`Collector::extend`], which may cut a line anywhere; [`Collector::end_line`] judges each line
//! once it is complete. Kept: the octets up to `Limits::header_octets`, one span a field up to `Limits::fields`.
//! What is beyond either limit is looked at only to find the end of the header.
//!
//! Delimiters (RFC 2046 §5.1.1) are not known here: the decoder looks at [`Collector::line`] first.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Field, Header, MimeField};
use crate::defect::DefectKind;
use crate::dialect::{BlankBeforeColon, BlankLine, Dialect, JunkLine, Nul};
use crate::limits::Limits;

/// What a line was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A field, the continuation of one, or something skipped.
    Taken,
    /// The empty line that ends the header.
    End,
    /// No field at all; it is still there as [`Collector::line`].
    Junk,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    name: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
}

/// A header in the making.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    octets: Vec<u8>,
    spans: Vec<Span>,
    /// Where the current line begins in `octets`.
    line_start: usize,
    /// Octets of the current line that were not kept, because of the limit.
    line_cut: usize,
    /// Octets of the current line that the dialect drops: NULs, and what stands behind one.
    line_dropped: usize,
    /// One of them was a NUL.
    nul_seen: bool,
    /// Lines are skipped from here on, because of the limit.
    full: bool,
    /// The field before the current line was not kept (limit) or there is none: continuations go with it.
    dropped: bool,
    /// The last field is one by its name alone; its colon may follow on the next line.
    awaits_colon: bool,
    /// What is odd, and where.
    notes: Vec<(DefectKind, u64)>,
    /// The header is that of a message: an mbox line may stand before it.
    pub(crate) of_message: bool,
    /// The header was too long.
    pub(crate) hit_octets: bool,
    /// The header had too many fields.
    pub(crate) hit_fields: bool,
}

/// Octets of a line that tell what it is: the name of a field and its colon are among them, and a delimiter needs no
/// more. So many are kept of each line when the header is full.
pub(crate) const JUDGED: usize = 4096;

impl Collector {
    /// Adds octets of the current line; a line end can only be the last of them.
    pub(crate) fn extend(&mut self, octets: &[u8], dialect: &Dialect, limits: &Limits) {
        if dialect.nul == Nul::Keep {
            self.keep(octets, limits);
            return;
        }
        let before = self.line().len() + self.line_cut;
        for (index, run) in octets.split(|&octet| octet == 0).enumerate() {
            self.nul_seen |= index > 0;
            if !self.nul_seen || dialect.nul == Nul::Drop {
                self.keep(run, limits);
            } else if run.ends_with(b"\n") {
                // A line ends whatever was in it.
                self.keep(b"\r\n", limits);
            }
        }
        self.line_dropped += (octets.len() + before).saturating_sub(self.line().len() + self.line_cut);
    }

    fn keep(&mut self, octets: &[u8], limits: &Limits) {
        let room = if self.full {
            (self.line_start + JUDGED).saturating_sub(self.octets.len())
        } else {
            limits.header_octets.max(JUDGED).saturating_sub(self.octets.len())
        };
        let (kept, cut) = octets.split_at(octets.len().min(room));
        self.octets.extend_from_slice(kept);
        self.line_cut += cut.len();
        if let (Some(b'\n'), false) = (cut.last(), cut.is_empty()) {
            // The line end always counts, so that a cut line still ends.
            self.octets.push(b'\n');
        }
    }

    /// The current line so far, with its line end when it is complete.
    pub(crate) fn line(&self) -> &[u8] {
        self.octets.get(self.line_start..).unwrap_or_default()
    }

    /// Octets of the current line so far, those that were not kept included.
    pub(crate) fn line_len(&self) -> usize {
        self.line().len() + self.line_cut + self.line_dropped
    }

    /// Whether the current line, of which [`JUDGED`] octets are there, is no field whatever follows.
    pub(crate) fn is_junk(&self, dialect: &Dialect) -> bool {
        let line = self.line();
        !line.starts_with(b" ")
            && !line.starts_with(b"\t")
            && !self.is_mbox_line(line)
            && field_name(line, dialect).is_none()
    }

    /// Notes that it is one.
    pub(crate) fn note_junk(&mut self, at: u64) {
        if loose_name(self.line()).is_some() {
            note(&mut self.notes, DefectKind::LooseFieldName, at);
        }
        note(&mut self.notes, DefectKind::JunkInHeader, at);
    }

    fn is_mbox_line(&self, line: &[u8]) -> bool {
        self.of_message && self.is_at_start() && line.starts_with(b"From ")
    }

    /// Whether nothing was kept yet.
    fn is_at_start(&self) -> bool {
        self.line_start == 0 && self.spans.is_empty() && !self.full
    }

    /// Judges the complete line and makes ready for the next. `at`: offset of the line.
    pub(crate) fn end_line(&mut self, at: u64, dialect: &Dialect, limits: &Limits) -> Line {
        let verdict = self.judge(at, dialect, limits);
        match verdict {
            Line::Taken => {}
            Line::End => return verdict,
            Line::Junk => {
                self.hit_octets |= self.line_cut > 0;
                return verdict;
            }
        }
        if self.full || self.dropped {
            self.octets.truncate(self.line_start);
        }
        if self.line_cut > 0 {
            self.full = true;
            self.hit_octets = true;
        }
        self.line_cut = 0;
        self.line_dropped = 0;
        self.nul_seen = false;
        self.line_start = self.octets.len();
        verdict
    }

    fn judge(&mut self, at: u64, dialect: &Dialect, limits: &Limits) -> Line {
        let line = self.octets.get(self.line_start..).unwrap_or_default();
        let (text, bare) = match line {
            [text @ .., b'\r', b'\n'] => (text, false),
            [text @ .., b'\n'] => (text, true),
            text => (text, false),
        };
        if bare && self.line_cut == 0 {
            note(&mut self.notes, DefectKind::BareLineFeed, at);
        }
        if memchr::memchr2(b'\r', 0, text).is_some() {
            if text.contains(&b'\r') {
                note(&mut self.notes, DefectKind::BareCarriageReturn, at);
            }
            if text.contains(&0) {
                note(&mut self.notes, DefectKind::NulInHeader, at);
            }
        }
        let text_end = self.line_start + text.len();
        match text {
            [] => return Line::End,
            [b' ' | b'\t', ..] => {
                if text.iter().all(|&b| b == b' ' || b == b'\t') {
                    note(&mut self.notes, DefectKind::BlankContinuation, at);
                    if dialect.blank_line == BlankLine::EndsHeader {
                        return Line::End;
                    }
                }
                match self.spans.last_mut() {
                    Some(_) if self.dropped || self.full => {}
                    Some(span) => {
                        if let (true, Some(at)) = (self.awaits_colon, first_word(text)) {
                            self.awaits_colon = false;
                            let colon = usize::from(text.get(at) == Some(&b':'));
                            span.value = position(self.line_start + at + colon);
                        }
                        span.value_end = position(text_end);
                    }
                    None => {
                        note(&mut self.notes, DefectKind::LeadingContinuation, at);
                        self.dropped = true;
                    }
                }
                return Line::Taken;
            }
            // Where the line before is a field without a colon, this is it.
            [b':', ..] if let (true, false, Some(span)) = (self.awaits_colon, self.full, self.spans.last_mut()) => {
                self.awaits_colon = false;
                (span.value, span.value_end) = (position(self.line_start + 1), position(text_end));
                return Line::Taken;
            }
            _ => {}
        }
        self.awaits_colon = false;
        let Some((name_len, blanks)) = field_name(text, dialect) else {
            if self.is_mbox_line(text) {
                note(&mut self.notes, DefectKind::MboxFromLine, at);
                self.dropped = true;
                return Line::Taken;
            }
            if let Some((name_len, _)) = field_name(text, &Dialect::default()) {
                let is_empty = name_len == 0;
                let kind = if is_empty { DefectKind::EmptyFieldName } else { DefectKind::BlankBeforeColon };
                note(&mut self.notes, kind, at);
            }
            note(&mut self.notes, DefectKind::JunkInHeader, at);
            let loose = loose_name(text);
            if loose.is_some() {
                note(&mut self.notes, DefectKind::LooseFieldName, at);
            }
            return match (dialect.junk_line, loose) {
                (JunkLine::EndsHeader, _) => Line::Junk,
                (JunkLine::Field, Some(name)) => {
                    let rest = text.get(name.end..).unwrap_or_default();
                    let word = first_word(rest);
                    let colon = word.filter(|&at| rest.get(at) == Some(&b':')).map_or(0, |at| at + 1);
                    let [start, end] = [name.start, name.end].map(|at| self.line_start + at);
                    self.field(start..end, end + colon..text_end, limits);
                    self.awaits_colon = word.is_none();
                    Line::Taken
                }
                (JunkLine::Skip | JunkLine::Field, _) => {
                    self.dropped = true;
                    Line::Taken
                }
            };
        };
        if name_len == 0 {
            note(&mut self.notes, DefectKind::EmptyFieldName, at);
        } else if blanks > 0 {
            note(&mut self.notes, DefectKind::BlankBeforeColon, at);
        }
        let (name, name_end) = (self.line_start, self.line_start + name_len);
        self.field(name..name_end, name_end + blanks + 1..text_end, limits);
        Line::Taken
    }

    /// A field begins, within the limits.
    fn field(&mut self, name: Range<usize>, value: Range<usize>, limits: &Limits) {
        self.dropped = self.spans.len() >= limits.fields;
        if self.dropped {
            self.hit_fields = true;
        } else if !self.full {
            self.spans.push(Span {
                name: position(name.start),
                name_end: position(name.end),
                value: position(value.start),
                value_end: position(value.end),
            });
        }
    }

    /// Takes the current line out, to be read as something else.
    pub(crate) fn take_line(&mut self) -> Vec<u8> {
        self.line_dropped = 0;
        self.nul_seen = false;
        self.octets.split_off(self.line_start.min(self.octets.len()))
    }

    /// The header and what is odd about it, leaving the collector as new but for its memory. `at`: offset of the
    /// header.
    pub(crate) fn take(&mut self, at: u64) -> (Header, Vec<(DefectKind, u64)>) {
        let kept = self.octets.get(..self.line_start).unwrap_or_default();
        if simdutf8::basic::from_utf8(kept).is_err() {
            note(&mut self.notes, DefectKind::HeaderCharset, at);
        }
        let octets: Arc<[u8]> = Arc::from(kept);
        let fields: Arc<[Field]> = self
            .spans
            .iter()
            .map(|span| Field::new(Arc::clone(&octets), span.name..span.name_end, span.value..span.value_end))
            .collect();
        let notes = core::mem::take(&mut self.notes);
        self.clear();
        (Header::new(fields), notes)
    }

    /// Empty again.
    pub(crate) fn clear(&mut self) {
        self.octets.clear();
        self.spans.clear();
        self.notes.clear();
        self.line_start = 0;
        self.line_cut = 0;
        self.line_dropped = 0;
        self.nul_seen = false;
        self.full = false;
        self.dropped = false;
        self.awaits_colon = false;
        self.hit_octets = false;
        self.hit_fields = false;
    }
}

/// Octets of the name in front of a colon, and of the blanks between them (RFC 5322 §2.2, §4.5), among
/// which programs have the vertical tab and the form feed.
fn field_name(line: &[u8], dialect: &Dialect) -> Option<(usize, usize)> {
    let line = line.get(..JUDGED).unwrap_or(line);
    let name = line.iter().position(|b| !matches!(b, b'!'..=b'9' | b';'..=b'~'))?;
    let after = line.get(name..)?;
    let blanks = first_word(after)?;
    let allowed = (blanks == 0 && name > 0) || dialect.blank_before_colon == BlankBeforeColon::Field;
    (allowed && after.get(blanks) == Some(&b':')).then_some((name, blanks))
}

/// Where the name of a field of MIME stands within the first word of a line.
fn loose_name(line: &[u8]) -> Option<Range<usize>> {
    let line = line.get(..JUDGED).unwrap_or(line);
    let word = line.split(|&octet| is_blank(octet)).next()?;
    let (at, name) = MimeField::within(word)?;
    Some(at..at + name.name().len())
}

/// Where something other than blanks begins.
fn first_word(text: &[u8]) -> Option<usize> {
    text.iter().position(|&octet| !is_blank(octet))
}

const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\x0b' | b'\x0c')
}

/// Once a kind: a header of a million odd lines is one note.
fn note(notes: &mut Vec<(DefectKind, u64)>, kind: DefectKind, at: u64) {
    if notes.iter().all(|&(known, _)| known != kind) {
        notes.push((kind, at));
    }
}

/// Positions fit: `Limits::header_octets` is far below 4 GiB; beyond, a field is empty rather than wrong.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
