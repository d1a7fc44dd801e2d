//! Files within text: uuencode, its base64 form (POSIX `uuencode -m`), yEnc, and CMS between lines as of PEM (RFC 7468
//! §8, §9). Text in, names and decoded octets out.
//!
//! Mail programs older than MIME wrote attachments so, and many still open them, wherever they stand in a text.
//!
//! | state        | line                                   | what happens                              |
//! |--------------|----------------------------------------|-------------------------------------------|
//! | Text         | `begin`, mode, name                    | → Announced                               |
//! | Text         | `begin-base64`, mode, name             | a file begins, → Base64                   |
//! | Text         | `=ybegin …`                            | a file begins, → YEnc                     |
//! | Text         | `-----BEGIN PKCS7-----` and the like   | a file begins, → Base64                   |
//! | Announced    | a line of uuencode                     | a file begins, → Uuencode                 |
//! | Announced    | an empty line, if there was a mode     | nothing                                   |
//! | Announced    | anything else                          | it was text; the line is read as such     |
//! | Uuencode     | a line of it; `end`; anything else     | octets; the file ends; it ends damaged    |
//! | Base64       | `====`, `-----END …`; line of base64   | the file ends; octets                     |
//! | Base64       | anything else                          | it ends damaged; the line is text         |
//! | YEnc         | `=yend`; `=ypart`; anything else       | the file ends; nothing; octets            |
//! | YEnc         | the beginning of another file          | it ends damaged; the line is text         |
//!
//! A program that knows only one of them finds its file within another's: so nothing is swallowed that another
//! would open. A line is looked at when it is complete. Of one that is longer than [`LINE`] only its beginning says
//! what it is; its octets are decoded as they come.

mod lines;
mod parts;
mod watch;

use alloc::string::String;
use alloc::vec::Vec;

use crate::transfer::decode_all_base64;

use lines::{
    begins_a_file, begins_pem, behind_begin, ends_base64, is_base64, is_uuencoded, name_of, text_of, uu_value,
};
pub use parts::PartsWatch;
pub use watch::InlineWatch;

/// What is found in a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Inline<'a> {
    /// A file begins.
    Begin {
        /// How it is encoded.
        encoding: InlineEncoding,
        /// Its name; empty if it has none.
        name: String,
    },
    /// Decoded octets of it; never empty.
    Data(&'a [u8]),
    /// It ends.
    End {
        /// Its end was seen.
        complete: bool,
        /// It is one volume of several.
        volume: bool,
    },
    /// A file by BinHex 4.0 (RFC 1741) begins, which is not decoded here.
    BinHex,
}

/// How a file within text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineEncoding {
    /// uuencode
    Uuencode,
    /// Its base64 form.
    Base64,
    /// yEnc
    YEnc,
    /// The lines of PEM, around a CMS.
    Pem,
}

impl InlineEncoding {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uuencode => "uuencode",
            Self::Base64 => "begin-base64",
            Self::YEnc => "yenc",
            Self::Pem => "pem",
        }
    }
}

/// Finds files within a text that comes in pieces.
#[derive(Debug, Default)]
pub struct InlineReader {
    state: State,
    line: Vec<u8>,
    /// The current line was longer than is kept.
    cut: bool,
    /// The rest of the current line is decoded as it comes.
    feeding: bool,
    /// yEnc: the last octet was the escape.
    escaped: bool,
    decoded: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    Announced {
        name: String,
        /// It has a mode, as programs write it; prose that begins with the word has none.
        has_mode: bool,
    },
    Uuencode,
    Base64(Vec<u8>),
    YEnc {
        volume: bool,
    },
}

impl InlineReader {
    /// Reads the next octets.
    pub fn push(&mut self, octets: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        let mut rest = octets;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (piece, after) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            rest = after;
            if self.feeding {
                self.feeding = end.is_none();
                self.feed(piece, sink);
                continue;
            }
            let room = LINE.saturating_sub(self.line.len());
            let (kept, cut) = piece.split_at(room.min(piece.len()));
            self.line.extend_from_slice(kept);
            if !cut.is_empty() {
                self.cut(cut, sink);
            }
            if end.is_some() && (cut.is_empty() || self.cut) {
                self.end_line(sink);
            }
        }
    }

    /// The text is complete.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Inline<'_>)) {
        if !self.line.is_empty() {
            self.end_line(sink);
        }
        match core::mem::take(&mut self.state) {
            State::Text | State::Announced { .. } => {}
            State::Base64(left) => {
                self.base64(&left, sink);
                sink(Inline::End { complete: false, volume: false });
            }
            State::Uuencode => sink(Inline::End { complete: false, volume: false }),
            State::YEnc { volume } => sink(Inline::End { complete: false, volume }),
        }
    }

    /// More of a line than is kept.
    fn cut(&mut self, more: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        let is_data = match &self.state {
            State::YEnc { .. } => !self.line.starts_with(b"=y") && !begins_a_file(&self.line),
            State::Base64(_) => is_base64(&self.line),
            State::Text | State::Announced { .. } | State::Uuencode => false,
        };
        if !is_data {
            self.cut = true;
            return;
        }
        let line = core::mem::take(&mut self.line);
        self.feed(&line, sink);
        self.feed(more, sink);
        self.feeding = !more.ends_with(b"\n");
    }

    /// Octets of a long line of data.
    fn feed(&mut self, octets: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        match core::mem::take(&mut self.state) {
            State::YEnc { volume } => {
                self.state = State::YEnc { volume };
                self.yenc(octets, sink);
            }
            State::Base64(left) => self.base64_line(left, octets, sink),
            state => self.state = state,
        }
    }

    fn end_line(&mut self, sink: &mut dyn FnMut(Inline<'_>)) {
        let mut line = core::mem::take(&mut self.line);
        let cut = core::mem::take(&mut self.cut);
        let text_end = line.iter().rposition(|octet| !b"\r\n".contains(octet)).map_or(0, |at| at + 1);
        self.read_line(line.get(..text_end).unwrap_or_default(), cut, sink);
        line.clear();
        self.line = line;
    }

    fn read_line(&mut self, line: &[u8], cut: bool, sink: &mut dyn FnMut(Inline<'_>)) {
        match core::mem::take(&mut self.state) {
            State::Text => self.text(line, sink),
            State::Announced { name, has_mode } => {
                if !cut && is_uuencoded(line, !has_mode) {
                    sink(Inline::Begin { encoding: InlineEncoding::Uuencode, name });
                    self.state = State::Uuencode;
                    self.uuencode(line, sink);
                } else if has_mode
                    && (line.trim_ascii().is_empty() || behind_begin(line).is_none() && !begins_a_file(line))
                {
                    // Programs skip what stands between.
                    self.state = State::Announced { name, has_mode };
                } else {
                    self.text(line, sink);
                }
            }
            State::Uuencode if line.trim_ascii().eq_ignore_ascii_case(b"end") => {
                sink(Inline::End { complete: true, volume: false })
            }
            State::Uuencode if line.trim_ascii().is_empty() => self.state = State::Uuencode,
            State::Uuencode if !cut && is_uuencoded(line, false) => {
                self.state = State::Uuencode;
                self.uuencode(line, sink);
            }
            State::Uuencode => {
                sink(Inline::End { complete: false, volume: false });
                self.text(line, sink);
            }
            State::Base64(left) if ends_base64(line) => {
                self.base64(&left, sink);
                sink(Inline::End { complete: true, volume: false });
            }
            State::Base64(left) if is_base64(line) => self.base64_line(left, line, sink),
            State::Base64(left) => {
                self.base64(&left, sink);
                sink(Inline::End { complete: false, volume: false });
                self.text(line, sink);
            }
            State::YEnc { volume } if begins_a_file(line) => {
                self.escaped = false;
                sink(Inline::End { complete: false, volume });
                self.text(line, sink);
            }
            State::YEnc { volume } if line.starts_with(b"=yend") => {
                self.escaped = false;
                sink(Inline::End { complete: true, volume });
            }
            State::YEnc { volume } => {
                self.state = State::YEnc { volume };
                if !line.starts_with(b"=ypart") {
                    self.yenc(line, sink);
                }
            }
        }
    }

    fn text(&mut self, line: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        if let Some(after) = line.strip_prefix(b"begin-base64 ") {
            sink(Inline::Begin { encoding: InlineEncoding::Base64, name: name_of(after).0 });
            self.state = State::Base64(Vec::new());
        } else if let Some(after) = behind_begin(line) {
            let (name, has_mode) = name_of(after);
            self.state = State::Announced { name, has_mode };
        } else if let Some(after) = line.strip_prefix(b"=ybegin ") {
            let name = memchr::memmem::find(after, b"name=").and_then(|at| after.get(at + 5..)).unwrap_or_default();
            sink(Inline::Begin { encoding: InlineEncoding::YEnc, name: text_of(name) });
            self.escaped = false;
            self.state = State::YEnc { volume: memchr::memmem::find(after, b"part=").is_some() };
        } else if begins_pem(line) {
            sink(Inline::Begin { encoding: InlineEncoding::Pem, name: String::new() });
            self.state = State::Base64(Vec::new());
        } else if line.starts_with(b"(This file must be converted with BinHex") {
            sink(Inline::BinHex);
        }
    }

    fn uuencode(&mut self, line: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        let Some((&count, groups)) = line.split_first() else { return };
        let count = usize::from(uu_value(count));
        self.decoded.clear();
        for group in groups.chunks(4) {
            // Blanks at the end of a line may have been lost: they stand for zeros.
            let value = |at: usize| group.get(at).map_or(0, |&octet| u32::from(uu_value(octet)));
            let bits = value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3);
            let [_, octets @ ..] = bits.to_be_bytes();
            self.decoded.extend_from_slice(&octets);
        }
        self.decoded.resize(count, 0);
        self.give(sink);
    }

    /// A line of base64, or a piece of one: whole groups, and one that padding ends.
    fn base64_line(&mut self, mut left: Vec<u8>, line: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        for (at, stretch) in line.split(|&octet| octet == b'=').enumerate() {
            if at > 0 {
                self.base64(&left, sink);
                left.clear();
            }
            left.extend(stretch.iter().filter(|&&octet| octet.is_ascii_alphanumeric() || b"+/".contains(&octet)));
            let whole = left.len() / 4 * 4;
            self.base64(left.get(..whole).unwrap_or_default(), sink);
            left.drain(..whole);
        }
        self.state = State::Base64(left);
    }

    fn base64(&mut self, groups: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        self.decoded.clear();
        decode_all_base64(groups, &mut self.decoded);
        self.give(sink);
    }

    fn yenc(&mut self, octets: &[u8], sink: &mut dyn FnMut(Inline<'_>)) {
        self.decoded.clear();
        for &octet in octets.iter().filter(|octet| !b"\r\n".contains(octet)) {
            if self.escaped {
                self.escaped = false;
                self.decoded.push(octet.wrapping_sub(64 + 42));
            } else if octet == b'=' {
                self.escaped = true;
            } else {
                self.decoded.push(octet.wrapping_sub(42));
            }
        }
        self.give(sink);
    }

    fn give(&mut self, sink: &mut dyn FnMut(Inline<'_>)) {
        if !self.decoded.is_empty() {
            sink(Inline::Data(&self.decoded));
        }
    }
}

/// Octets of a line that are kept: more than any of these encodings writes.
const LINE: usize = 4096;

#[cfg(test)]
#[path = "inline_tests.rs"]
mod tests;
