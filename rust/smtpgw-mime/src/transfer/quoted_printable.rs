//! quoted-printable (RFC 2045 §6.7).
//!
//! Escapes and soft line breaks are undone, blanks before a line end are dropped (rule 3), line ends stay as they
//! came. An `=` that begins neither is kept as it stands, as the RFC advises.
//!
//! State × input → state:
//!
//! | state                    | hex       | blank    | CR          | LF                        | other            |
//! |--------------------------|-----------|----------|-------------|---------------------------|------------------|
//! | Text, blanks held        | give back | hold     | hold        | drop blanks, keep line end| give back        |
//! | Equals (`=`)             | EqualsHex | EqualsBlank | EqualsCr | Text (soft line break)    | keep `=`, Text   |
//! | EqualsHex (`=4`)         | Text, octet | keep, Text | keep, Text | keep, Text             | keep, Text       |
//! | EqualsBlank (`=` blanks) | keep, Text | hold    | EqualsCr    | Text (soft line break)    | keep, Text       |
//! | EqualsCr (`=` blanks CR) | keep, Text | keep, Text | keep, Text | Text (soft line break)  | keep, Text       |
//!
//! `=` begins Equals from Text and, after what was kept, from everywhere. Behind Equals and EqualsHex it may be that of a
//! soft line break which cuts an escape: what stands before it is kept in mind until that is known, and some programs
//! go on there ([`QuotedPrintableRules::Joined`]). Held are at most [`BLANKS`] blanks; a longer run is given out as it
//! stands.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::{Offset, Output};
use crate::defect::DefectKind;
use crate::dialect::QuotedPrintableRules;
use crate::header::hex;

/// Decoded octets that are gathered before they come out.
const BUFFER: usize = 16 * 1024;
/// Text up to this length is copied at a fixed width.
const SHORT: usize = 64;
/// Blanks that are held until it is known whether they end a line: as many as RFC 5322 §2.1.1 gives a line.
const BLANKS: usize = 998;

/// The decoder of one body.
#[derive(Debug, Default)]
pub(crate) struct QuotedPrintable {
    state: State,
    /// Blanks, and perhaps one CR after them, of which it is not known whether they end a line.
    held: Vec<u8>,
    /// The escape that the `=` which was read last may cut, and where that stands.
    cut: Option<(State, Offset)>,
    rules: QuotedPrintableRules,
    decoded: Decoded,
}

/// Decoded octets that have not come out.
#[derive(Debug)]
struct Decoded {
    octets: Box<[u8]>,
    filled: usize,
}

impl Default for Decoded {
    fn default() -> Self {
        Self { octets: vec![0; 2 * BUFFER + BLANKS + SHORT].into_boxed_slice(), filled: 0 }
    }
}

impl Decoded {
    /// Adds the first `len` of `octets`. There is always room: between two looks at [`BUFFER`] no more than that and
    /// what was held is added.
    fn put(&mut self, octets: &[u8], len: usize) {
        let Some(room) = self.octets.get_mut(self.filled..) else { return };
        if let (true, Some(from), Some(to)) =
            (len <= SHORT, octets.first_chunk::<SHORT>(), room.first_chunk_mut::<SHORT>())
        {
            // Text between escapes is short: one copy of fixed width, of which the beginning counts.
            *to = *from;
            self.filled += len;
        } else if let (Some(from), Some(to)) = (octets.get(..len), room.get_mut(..len)) {
            to.copy_from_slice(from);
            self.filled += len;
        }
    }

    fn put_all(&mut self, octets: &[u8]) {
        self.put(octets, octets.len());
    }

    fn push(&mut self, octet: u8) {
        if let Some(room) = self.octets.get_mut(self.filled) {
            *room = octet;
            self.filled += 1;
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Equals,
    EqualsHex(u8),
    EqualsBlank,
    EqualsCr,
}

impl QuotedPrintable {
    /// Makes ready for another body.
    pub(crate) fn restart(&mut self, rules: QuotedPrintableRules) {
        self.rules = rules;
    }

    pub(crate) fn feed(&mut self, raw: &[u8], at: Offset, out: &mut dyn Output) {
        let mut rest = raw;
        loop {
            rest = match (self.state, rest) {
                (_, []) => break,
                (State::Text, _) if self.held.is_empty() => self.text(rest, at.plus(raw.len() - rest.len()), out),
                (_, [octet, after @ ..]) => {
                    self.step(*octet, at.plus(raw.len() - rest.len()), out);
                    after
                }
            };
            if self.decoded.filled >= BUFFER {
                self.flush(out);
            }
        }
    }

    pub(crate) fn finish(&mut self, at: Offset, out: &mut dyn Output) {
        match self.state {
            // The end of the data ends the line: blanks go, a CR is no blank.
            State::Text => {
                self.held.retain(|&octet| octet == b'\r');
                self.give_back();
            }
            // A soft line break at the very end, without its line end.
            State::Equals | State::EqualsCr => {}
            State::EqualsBlank => out.defect(DefectKind::QuotedPrintableSoftBreak, at),
            State::EqualsHex(_) => self.keep(at, out),
        }
        self.keep_cut(out);
        self.held.clear();
        self.state = State::Text;
        self.flush(out);
    }

    fn flush(&mut self, out: &mut dyn Output) {
        if let Some(decoded) = self.decoded.octets.get(..self.decoded.filled)
            && !decoded.is_empty()
        {
            out.data(decoded);
        }
        self.decoded.filled = 0;
    }

    /// Takes text, line ends and whole escapes until the buffer is full or something remains open; gives what is
    /// left.
    fn text<'a>(&mut self, raw: &'a [u8], at: Offset, out: &mut dyn Output) -> &'a [u8] {
        let mut rest = raw;
        while self.decoded.filled < BUFFER && !rest.is_empty() {
            let at = at.plus(raw.len() - rest.len());
            // What is taken at once stays small, so that the buffer does.
            let window = rest.get(..BUFFER).unwrap_or(rest);
            let Some(special) = find_special(window) else {
                let (text, after) = rest.split_at(window.len());
                let (text, carriage_return) = text.strip_suffix(b"\r").map_or((text, &[][..]), |text| (text, b"\r"));
                let (text, blanks) = self.split_blanks(text, at, out);
                self.decoded.put_all(text);
                self.held.extend_from_slice(blanks);
                self.held.extend_from_slice(carriage_return);
                return after;
            };
            let (text, after) = rest.split_at(special);
            rest = match after {
                [b'\n', after @ ..] => {
                    let line = text.strip_suffix(b"\r").unwrap_or(text);
                    let (kept, blanks) = self.split_blanks(line, at, out);
                    if blanks.is_empty() {
                        self.decoded.put(rest, special + 1);
                    } else {
                        self.decoded.put(rest, kept.len());
                        self.decoded.put_all(rest.get(line.len()..=special).unwrap_or_default());
                    }
                    after
                }
                [b'=', after @ ..] => {
                    self.note_blanks(text, at, out);
                    self.decoded.put(rest, special);
                    match after {
                        [b'\r', b'\n', after @ ..] => after,
                        [high @ (b'0'..=b'9' | b'A'..=b'F'), low @ (b'0'..=b'9' | b'A'..=b'F'), after @ ..] => {
                            self.decoded.push(hex(*high) << 4 | hex(*low));
                            after
                        }
                        _ => {
                            self.state = State::Equals;
                            return after;
                        }
                    }
                }
                _ => return after,
            };
        }
        rest
    }

    /// Splits off the blanks at the end of `text` that would be held there: a run longer than [`BLANKS`] is given
    /// out in pieces of that length.
    fn split_blanks<'a>(&self, text: &'a [u8], at: Offset, out: &mut dyn Output) -> (&'a [u8], &'a [u8]) {
        self.note_blanks(text, at, out);
        let blanks = text.iter().rev().take_while(|&&octet| is_blank(octet)).count();
        text.split_at(text.len() - blanks % BLANKS)
    }

    /// Reports a run of at least [`BLANKS`] blanks in `text`.
    fn note_blanks(&self, text: &[u8], at: Offset, out: &mut dyn Output) {
        if text.len() < BLANKS {
            return;
        }
        let mut run = 0;
        for (index, &octet) in text.iter().enumerate() {
            run = if is_blank(octet) { run + 1 } else { 0 };
            if run == BLANKS {
                out.defect(DefectKind::QuotedPrintableBlanks, at.plus(index));
                return;
            }
        }
    }

    /// One octet by the table above.
    fn step(&mut self, octet: u8, at: Offset, out: &mut dyn Output) {
        match (self.state, octet) {
            (State::Text, b'\n') => {
                let line_end: &[u8] = if self.held.ends_with(b"\r") { b"\r\n" } else { b"\n" };
                self.decoded.put_all(line_end);
                self.held.clear();
            }
            (State::Text, b' ' | b'\t') => {
                if self.held.ends_with(b"\r") {
                    self.give_back();
                }
                self.hold_blank(octet, at, out);
            }
            (State::Text, b'\r') => {
                if self.held.ends_with(b"\r") {
                    self.give_back();
                }
                self.held.push(octet);
            }
            (State::Text, b'=') => {
                self.give_back();
                self.state = State::Equals;
            }
            (State::Text, _) => {
                self.give_back();
                self.decoded.push(octet);
            }
            (State::Equals | State::EqualsBlank | State::EqualsCr, b'\n') => {
                if !self.held.is_empty() {
                    out.defect(DefectKind::QuotedPrintableSoftBreak, at);
                    if self.rules == QuotedPrintableRules::Strict {
                        self.keep(at, out);
                        self.step(octet, at, out);
                        return;
                    }
                    self.held.clear();
                }
                self.state = State::Text;
                if let Some((escape, _)) = self.cut {
                    out.defect(DefectKind::QuotedPrintableCut, at);
                    if self.rules == QuotedPrintableRules::Joined {
                        (self.state, self.cut) = (escape, None);
                    }
                }
                self.keep_cut(out);
            }
            (State::Equals | State::EqualsHex(_), b'=') => {
                self.keep_cut(out);
                self.cut = Some((self.state, at));
                self.state = State::Equals;
            }
            (State::Equals, b' ' | b'\t') => {
                self.held.push(octet);
                self.state = State::EqualsBlank;
            }
            (State::EqualsBlank, b' ' | b'\t') if self.held.len() < BLANKS => self.held.push(octet),
            (State::Equals | State::EqualsBlank, b'\r') => self.state = State::EqualsCr,
            (State::Equals, _) if octet.is_ascii_hexdigit() => self.state = State::EqualsHex(octet),
            (State::EqualsHex(high), _) if octet.is_ascii_hexdigit() => {
                self.keep_cut(out);
                if high.is_ascii_lowercase() || octet.is_ascii_lowercase() {
                    out.defect(DefectKind::QuotedPrintableLowerCase, at);
                    if self.rules == QuotedPrintableRules::Strict {
                        self.keep(at, out);
                        self.step(octet, at, out);
                        return;
                    }
                }
                self.decoded.push(hex(high) << 4 | hex(octet));
                self.state = State::Text;
            }
            _ => {
                self.keep(at, out);
                self.step(octet, at, out);
            }
        }
    }

    /// What no soft line break cut is no escape.
    fn keep_cut(&mut self, out: &mut dyn Output) {
        let Some((escape, at)) = self.cut.take() else { return };
        out.defect(DefectKind::QuotedPrintableEscape, at);
        self.decoded.push(b'=');
        if let State::EqualsHex(high) = escape {
            self.decoded.push(high);
        }
    }

    /// What was taken for an escape or a soft line break is neither.
    fn keep(&mut self, at: Offset, out: &mut dyn Output) {
        self.keep_cut(out);
        out.defect(DefectKind::QuotedPrintableEscape, at);
        self.decoded.push(b'=');
        match self.state {
            State::EqualsHex(high) => self.decoded.push(high),
            State::EqualsCr => self.held.push(b'\r'),
            _ => {}
        }
        self.state = State::Text;
        if self.held.len() >= BLANKS {
            self.give_back();
        }
    }

    fn hold_blank(&mut self, octet: u8, at: Offset, out: &mut dyn Output) {
        self.held.push(octet);
        if self.held.len() >= BLANKS {
            out.defect(DefectKind::QuotedPrintableBlanks, at);
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.decoded.put_all(&self.held);
        self.held.clear();
    }
}

/// The next `=` or line feed. Escapes stand close together where there are any: the first octets are looked at here,
/// a vector search is only begun behind them.
fn find_special(window: &[u8]) -> Option<usize> {
    const NEAR: usize = 12;
    let Some((near, far)) = window.split_first_chunk::<NEAR>() else {
        return memchr::memchr2(b'=', b'\n', window);
    };
    match near.iter().position(|&octet| octet == b'=' || octet == b'\n') {
        Some(at) => Some(at),
        None => memchr::memchr2(b'=', b'\n', far).map(|at| at + NEAR),
    }
}

fn is_blank(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

#[cfg(test)]
#[path = "quoted_printable_tests.rs"]
mod tests;
