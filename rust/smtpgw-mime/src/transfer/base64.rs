//! base64 (RFC 2045 §6.8), at memory speed on what programs write and patiently on everything else.
//!
//! - *Runs*: lines of one length, a multiple of four, are copied into a block without their line ends (by
//!   fixed-width copies for the length that nearly everybody uses), and the block is decoded at once. A block that
//!   is not pure alphabet is decoded again by the other path, so nothing is ever skipped unseen.
//! - *Patient*: one character at a time. Characters outside the alphabet are skipped, padding ends a group wherever
//!   it stands and what follows it is for the dialect to say, a group that is cut short still gives its octets.
//!
//! Between calls at most three characters of a group and one buffer of decoded octets are held.

mod alphabet;
mod lines;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use base64_simd::{AsOut, STANDARD_NO_PAD};

use super::{Offset, Output};
use crate::defect::DefectKind;
use crate::dialect::{AfterPadding, Base64Junk};

use alphabet::{BLANK, JUNK, PAD, VALUES};
use lines::{gather, gather_fixed};

/// Characters decoded at once: both buffers stay in the first-level cache.
const BLOCK: usize = 16 * 1024;
/// Octets that a block becomes.
const DECODED: usize = BLOCK / 4 * 3;
/// Lines up to this length count as lines; what is longer is decoded where it stands.
const LINE: usize = 1024;
/// Characters that the patient path takes between two looks at the buffer.
const STRIDE: usize = 4096;

/// The decoder of one body.
#[derive(Debug)]
pub(crate) struct Base64 {
    after_padding: AfterPadding,
    junk: Base64Junk,
    /// The characters of an unfinished group, six bits each.
    bits: u32,
    /// How many there are: 0 to 3.
    count: u8,
    padding: Padding,
    block: Box<[u8]>,
    decoded: Box<[u8]>,
    /// Octets in `decoded` that have not come out.
    filled: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    /// None since the last character.
    None,
    /// One `=` came, a second one is due.
    Half,
    /// The group is complete.
    Whole,
    /// After padding and more data, which the dialect ignores.
    Stopped,
}

impl Default for Base64 {
    fn default() -> Self {
        Self {
            after_padding: AfterPadding::default(),
            junk: Base64Junk::default(),
            bits: 0,
            count: 0,
            padding: Padding::None,
            block: vec![0; BLOCK].into_boxed_slice(),
            decoded: vec![0; 2 * DECODED].into_boxed_slice(),
            filled: 0,
        }
    }
}

/// What became of an attempt at a run.
enum Run {
    /// There is none here.
    None,
    /// That many octets of input are decoded.
    Clean(usize),
    /// That many octets hold something that is not alphabet; nothing is decoded.
    Dirty(usize),
}

impl Base64 {
    /// Makes ready for another body.
    pub(crate) fn restart(&mut self, after_padding: AfterPadding, junk: Base64Junk) {
        self.after_padding = after_padding;
        self.junk = junk;
        self.bits = 0;
        self.count = 0;
        self.padding = Padding::None;
        self.filled = 0;
    }

    pub(crate) fn feed(&mut self, raw: &[u8], at: Offset, out: &mut dyn Output) {
        let mut rest = raw;
        while !rest.is_empty() {
            let run = if self.count == 0 && self.padding == Padding::None { self.run(rest, out) } else { Run::None };
            let len = match run {
                Run::Clean(len) => {
                    rest = rest.get(len..).unwrap_or_default();
                    continue;
                }
                Run::Dirty(len) => len,
                Run::None => memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1),
            };
            let (now, after) = rest.split_at(len);
            let mut place = at.plus(raw.len() - rest.len());
            for stride in now.chunks(STRIDE) {
                self.patiently(stride, place, out);
                place = place.plus(stride.len());
            }
            rest = after;
        }
    }

    /// Whether the next character is within a group of four.
    pub(crate) fn is_within_group(&self) -> bool {
        self.count > 0
    }

    /// Decodes lines at the beginning of `raw` that hold nothing but the alphabet, and so no delimiter either; how
    /// many octets that was. The last of them ends a line, unless it is within one of more than [`LINE`] octets.
    pub(crate) fn feed_runs(&mut self, raw: &[u8], out: &mut dyn Output) -> usize {
        let mut rest = raw;
        while self.count == 0
            && self.padding == Padding::None
            && let Run::Clean(len) = self.run(rest, out)
        {
            rest = rest.get(len..).unwrap_or_default();
        }
        raw.len() - rest.len()
    }

    pub(crate) fn finish(&mut self, at: Offset, out: &mut dyn Output) {
        match (self.count, self.padding) {
            (0, Padding::Half) => out.defect(DefectKind::Base64Padding, at),
            (0, _) => {}
            _ => {
                out.defect(DefectKind::Base64Truncated, at);
                self.end_group();
            }
        }
        self.flush(out);
    }

    fn flush(&mut self, out: &mut dyn Output) {
        if let Some(decoded) = self.decoded.get(..self.filled)
            && !decoded.is_empty()
        {
            out.data(decoded);
        }
        self.filled = 0;
    }

    /// Decodes the lines of one length at the beginning of `raw`, as many as are there and fit into a block.
    fn run(&mut self, raw: &[u8], out: &mut dyn Output) -> Run {
        let (characters, consumed) = match (raw.get(76), raw.get(77)) {
            (Some(b'\r'), Some(b'\n')) => gather_fixed::<76, 78>(raw, &mut self.block, b"\r\n"),
            (Some(b'\n'), _) => gather_fixed::<76, 77>(raw, &mut self.block, b"\n"),
            _ => {
                let head = raw.get(..LINE).unwrap_or(raw);
                let Some(end) = memchr::memchr(b'\n', head) else { return self.run_in_place(raw, out) };
                let line_end: &[u8] = if end > 0 && raw.get(end - 1) == Some(&b'\r') { b"\r\n" } else { b"\n" };
                let width = end + 1 - line_end.len();
                if width == 0 || !width.is_multiple_of(4) {
                    return Run::None;
                }
                gather(raw, &mut self.block, width, line_end)
            }
        };
        if characters == 0 {
            return Run::None;
        }
        self.make_room(out);
        let (Some(block), Some(room)) = (self.block.get(..characters), self.decoded.get_mut(self.filled..)) else {
            return Run::None;
        };
        match STANDARD_NO_PAD.decode(block, room.as_out()) {
            Ok(decoded) => {
                self.filled += decoded.len();
                Run::Clean(consumed)
            }
            Err(_) => Run::Dirty(consumed),
        }
    }

    /// Decodes the beginning of a line that is too long to be gathered, where it stands.
    fn run_in_place(&mut self, raw: &[u8], out: &mut dyn Output) -> Run {
        let head = raw.get(..BLOCK).unwrap_or(raw);
        let len = memchr::memchr3(b'\r', b'\n', b'=', head).unwrap_or(head.len()) / 4 * 4;
        if len == 0 {
            return Run::None;
        }
        self.make_room(out);
        let (Some(head), Some(room)) = (head.get(..len), self.decoded.get_mut(self.filled..)) else {
            return Run::None;
        };
        match STANDARD_NO_PAD.decode(head, room.as_out()) {
            Ok(decoded) => {
                self.filled += decoded.len();
                Run::Clean(len)
            }
            Err(_) => Run::Dirty(len),
        }
    }

    /// Room for a decoded block.
    fn make_room(&mut self, out: &mut dyn Output) {
        if self.decoded.len() - self.filled < DECODED {
            self.flush(out);
        }
    }

    /// At most [`STRIDE`] characters.
    fn patiently(&mut self, raw: &[u8], at: Offset, out: &mut dyn Output) {
        self.make_room(out);
        let mut rest = raw;
        loop {
            if self.count == 0 && self.padding == Padding::None {
                rest = self.groups(rest);
            }
            let Some((&octet, after)) = rest.split_first() else { return };
            let place = at.plus(raw.len() - rest.len());
            rest = after;
            let value = self.value(octet, place, out);
            if value < 64 {
                if self.padding != Padding::None && !self.go_on_after_padding(place, out) {
                    continue;
                }
                self.bits = self.bits << 6 | u32::from(value);
                self.count += 1;
                if self.count == 4 {
                    let [_, group @ ..] = self.bits.to_be_bytes();
                    self.put(&group);
                    self.bits = 0;
                    self.count = 0;
                }
            } else if value == PAD {
                self.pad(place, out);
            }
        }
    }

    /// What a character stands for; of one outside the alphabet what the dialect makes of it.
    fn value(&mut self, octet: u8, at: Offset, out: &mut dyn Output) -> u8 {
        let value = VALUES[octet as usize];
        if value == BLANK {
            out.defect(DefectKind::Base64Blank, at);
        } else if value == JUNK {
            out.defect(DefectKind::Base64Junk, at);
            match (self.junk, octet) {
                (Base64Junk::UrlAlphabet, b'-') => return 62,
                (Base64Junk::UrlAlphabet, b'_') => return 63,
                (Base64Junk::Stop, _) => {
                    self.end_group();
                    self.padding = Padding::Stopped;
                }
                _ => {}
            }
        }
        value
    }

    /// Decodes whole groups of the alphabet; what is left begins with another one.
    fn groups<'a>(&mut self, raw: &'a [u8]) -> &'a [u8] {
        let room = self.decoded.get_mut(self.filled..).unwrap_or_default();
        let mut done = 0;
        for (group, room) in raw.as_chunks::<4>().0.iter().zip(room.as_chunks_mut::<3>().0) {
            let [a, b, c, d] = group.map(|octet| VALUES[octet as usize]);
            if (a | b | c | d) >= 64 {
                break;
            }
            let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
            let [_, octets @ ..] = bits.to_be_bytes();
            *room = octets;
            done += 1;
        }
        self.filled += 3 * done;
        raw.get(4 * done..).unwrap_or_default()
    }

    /// A character of the alphabet after padding: whether it counts.
    fn go_on_after_padding(&mut self, at: Offset, out: &mut dyn Output) -> bool {
        match self.padding {
            Padding::None => return true,
            Padding::Stopped => return false,
            Padding::Half => out.defect(DefectKind::Base64Padding, at),
            Padding::Whole => {}
        }
        out.defect(DefectKind::Base64AfterPadding, at);
        match self.after_padding {
            AfterPadding::Continue | AfterPadding::Fill => {
                self.padding = Padding::None;
                true
            }
            AfterPadding::Resume if self.padding == Padding::Half => {
                self.padding = Padding::None;
                true
            }
            AfterPadding::Stop | AfterPadding::Resume | AfterPadding::Skip => {
                self.padding = Padding::Stopped;
                false
            }
        }
    }

    fn pad(&mut self, at: Offset, out: &mut dyn Output) {
        match (self.count, self.padding) {
            _ if self.after_padding == AfterPadding::Skip => {}
            (2, Padding::Half) if self.after_padding == AfterPadding::Resume => {
                self.end_group();
                self.padding = Padding::Whole;
            }
            (2, _) => {
                if self.after_padding != AfterPadding::Resume {
                    self.end_group();
                }
                self.padding = Padding::Half;
            }
            (3, _) => {
                self.end_group();
                self.padding = Padding::Whole;
            }
            (0, Padding::Half) => self.padding = Padding::Whole,
            (0, Padding::Stopped) => {}
            _ => {
                // Too much, or where no group can end: the six bits of a single character are no octet.
                out.defect(DefectKind::Base64Padding, at);
                if self.after_padding == AfterPadding::Fill && self.count == 1 {
                    self.put(&[(self.bits << 2 & 0xff) as u8]);
                }
                if self.after_padding != AfterPadding::Resume {
                    self.bits = 0;
                    self.count = 0;
                }
            }
        }
    }

    /// The octets of a group of two or three characters.
    fn end_group(&mut self) {
        match self.count {
            2 => self.put(&[(self.bits >> 4 & 0xff) as u8]),
            3 => self.put(&[(self.bits >> 10 & 0xff) as u8, (self.bits >> 2 & 0xff) as u8]),
            _ => {}
        }
        self.bits = 0;
        self.count = 0;
    }

    /// There is always room: see [`Self::make_room`].
    fn put(&mut self, octets: &[u8]) {
        if let Some(room) = self.decoded.get_mut(self.filled..self.filled + octets.len()) {
            room.copy_from_slice(octets);
            self.filled += octets.len();
        }
    }
}

/// Decodes base64 that is all there, as far as it goes; for header fields.
pub(crate) fn decode_all_base64(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for &octet in text {
        let value = VALUES[octet as usize];
        if value >= 64 {
            continue;
        }
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
}

#[cfg(test)]
#[path = "base64_tests.rs"]
mod tests;
