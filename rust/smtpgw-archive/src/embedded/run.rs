//! One piece of a text that is read as octets: where it ends, and what it gives.
//!
//! Its beginning is held until it is known whether it is meant; from then on octets come out as they are met.

use super::code::{Code, hex};
use super::marks::holds_files;
use super::sense::{is_known, is_text};
use crate::Unscanned;
use crate::flow::Out;
use crate::limits::{EMBEDDED_CALL, EMBEDDED_HELD, EMBEDDED_HEX, EMBEDDED_LITERAL};

/// Why octets are taken for a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It stands in quotes, or between tags; `call`: as what `atob` takes.
    Literal { call: bool },
    /// A `data:` URL with base64.
    Url,
    /// One without.
    Percent,
    /// The value of a property of a calendar or a card.
    Property,
    /// Armour; `pgp`: that of OpenPGP by its label.
    Armour { pgp: bool },
}

impl Kind {
    /// What a piece is called that has no name, before where it stands.
    const fn name(self) -> &'static str {
        match self {
            Self::Literal { .. } => "literal",
            Self::Url | Self::Percent => "data",
            Self::Property => "value",
            Self::Armour { .. } => "armour",
        }
    }
}

/// What stands around it, and so ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// Quotes; any, if it is not known which. `list`: the first of a list.
    Quotes { quote: Option<u8>, list: bool },
    /// Tags.
    Tags,
    /// Round brackets.
    Brackets,
    /// The rest of a line and those that continue it.
    Line,
    /// Blanks, and whatever it cannot consist of.
    Nothing,
}

/// A piece on its way.
pub(super) struct Run {
    pub(super) kind: Kind,
    pub(super) around: Around,
    /// How it is called, once it comes out.
    pub(super) name: Vec<u8>,
    /// Where it begins.
    at: u64,
    joint: Joint,
    /// Characters whose octets are not known yet to be wanted.
    held: Vec<u8>,
    /// How many of them were in quotes that have been closed.
    closed: Option<usize>,
    state: State,
    code: Code,
    octets: Vec<u8>,
    /// Octets of the container.
    packed: u64,
    outcome: Result<(), Unscanned>,
    percent: Percent,
    has_codes: bool,
    is_padded: bool,
    /// A blank between tags came behind a character, in the same line: prose has such.
    is_parted: bool,
    last: u8,
    /// The rest of this line is a header of armour.
    skips_line: bool,
}

/// Where in quoted pieces that are joined it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Within,
    Behind,
    /// Behind what joins.
    Joined,
    /// In the next statement; `adds`: to what was before.
    Statement {
        adds: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Held,
    Given,
    /// It is none.
    Dropped,
}

/// Digits of a percent code that have come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Percent {
    None,
    Begun,
    One(u8),
}

impl Run {
    pub(super) fn new(kind: Kind, around: Around, at: u64, packed: u64) -> Self {
        Self {
            kind,
            around,
            name: Vec::new(),
            at,
            joint: Joint::Within,
            held: Vec::new(),
            closed: None,
            state: State::Held,
            code: if kind == Kind::Percent { Code::Plain } else { Code::base64() },
            octets: Vec::new(),
            packed,
            outcome: Ok(()),
            percent: Percent::None,
            has_codes: false,
            is_padded: false,
            is_parted: false,
            last: b'\n',
            skips_line: false,
        }
    }

    /// Takes a character; whether the piece goes on.
    pub(super) fn take(&mut self, octet: u8, out: &mut Out<'_>) -> Result<bool, Unscanned> {
        let next = match (self.joint, octet) {
            (Joint::Within, _) => return self.within(octet, out),
            (joint, _) if is_blank(octet) => joint,
            (Joint::Behind, b'+' | b'&') => Joint::Joined,
            (Joint::Behind, b',') if self.is_list() && !self.is_padded => Joint::Joined,
            (Joint::Behind, b';') => Joint::Statement { adds: false },
            (Joint::Joined | Joint::Statement { adds: true }, b'"' | b'\'' | b'`') => Joint::Within,
            // Basic goes on in the next line behind a low line.
            (Joint::Joined, b'_') => Joint::Joined,
            (Joint::Statement { .. }, b'+') => Joint::Statement { adds: true },
            (Joint::Statement { adds }, _) if is_name(octet) || octet == b'=' => Joint::Statement { adds },
            _ => return Ok(false),
        };
        self.joint = next;
        Ok(true)
    }

    fn within(&mut self, octet: u8, out: &mut Out<'_>) -> Result<bool, Unscanned> {
        if !matches!(self.kind, Kind::Url | Kind::Percent) {
            return self.character(octet, out);
        }
        // What only looks like a code stands for itself.
        match (self.percent, hex(octet), octet) {
            (Percent::None, _, b'%') => self.percent = Percent::Begun,
            (Percent::None, ..) => return self.character(octet, out),
            (Percent::Begun, Some(digit), _) => self.percent = Percent::One(digit),
            (Percent::One(first), Some(digit), _) => {
                self.percent = Percent::None;
                self.has_codes = true;
                let octet = first << 4 | digit;
                if self.kind == Kind::Percent {
                    self.push(octet, out)?;
                } else {
                    return self.character(octet, out);
                }
            }
            (begun, ..) => {
                self.percent = Percent::None;
                if self.kind == Kind::Percent {
                    self.push(b'%', out)?;
                    if let Percent::One(digit) = begun {
                        self.push(b"0123456789abcdef".get(usize::from(digit)).copied().unwrap_or(b'0'), out)?;
                    }
                }
                return self.within(octet, out);
            }
        }
        Ok(true)
    }

    /// A character of the piece itself, codes undone.
    fn character(&mut self, octet: u8, out: &mut Out<'_>) -> Result<bool, Unscanned> {
        if let (Around::Quotes { quote, .. }, b'"' | b'\'' | b'`') = (self.around, octet)
            && quote.is_none_or(|quote| quote == octet)
        {
            self.joint = Joint::Behind;
            self.closed = Some(self.held.len());
            return Ok(true);
        }
        if self.kind == Kind::Percent { self.plain(octet, out) } else { self.base64(octet, out) }
    }

    fn plain(&mut self, octet: u8, out: &mut Out<'_>) -> Result<bool, Unscanned> {
        let ends = match self.around {
            Around::Quotes { .. } | Around::Tags => false,
            Around::Brackets => octet == b')',
            Around::Line => matches!(octet, b'\n' | b'\r'),
            Around::Nothing => is_blank(octet) || matches!(octet, b'"' | b'\'' | b'`' | b'<' | b'>' | b')'),
        };
        // Of URLs these are dropped, wherever they stand (WHATWG URL §4.4).
        if !ends && !matches!(octet, b'\t' | b'\n' | b'\r') {
            self.push(octet, out)?;
        }
        Ok(!ends)
    }

    fn base64(&mut self, octet: u8, out: &mut Out<'_>) -> Result<bool, Unscanned> {
        let is_armour = matches!(self.kind, Kind::Armour { .. });
        if self.skips_line {
            self.skips_line = octet != b'\n';
            return Ok(true);
        }
        let last = std::mem::replace(&mut self.last, octet);
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if !self.is_padded && !self.is_parted => {
                self.push(octet, out)?;
            }
            b'-' | b'_' if !self.is_padded && !self.is_parted && !is_armour && self.kind != Kind::Property => {
                self.push(octet, out)?;
            }
            b'=' if !self.held.is_empty() || self.state != State::Held => self.is_padded = true,
            b'\n' | b'\r' => {
                self.is_parted = false;
                return Ok(self.around != Around::Nothing);
            }
            b' ' | b'\t' | b'\x0c' => {
                self.is_parted |= self.around == Around::Tags && !is_blank(last);
                return Ok(self.around != Around::Nothing);
            }
            // Of a header; what ends armour begins a line.
            b'-' if is_armour && self.state == State::Held && last != b'\n' => {}
            b':' if is_armour && self.state == State::Held => {
                self.held.clear();
                self.skips_line = true;
            }
            b'<' if self.around == Around::Tags => {
                self.closed = Some(self.held.len());
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_list(&self) -> bool {
        matches!(self.around, Around::Quotes { list: true, .. })
    }

    fn push(&mut self, octet: u8, out: &mut Out<'_>) -> Result<(), Unscanned> {
        match self.state {
            State::Dropped => {}
            State::Held => {
                self.held.push(octet);
                if self.held.len() >= EMBEDDED_HELD {
                    self.decide(true, out)?;
                }
            }
            State::Given => {
                self.code.take(octet, &mut self.octets);
                if self.octets.len() >= GIVEN {
                    self.give(out);
                }
            }
        }
        Ok(())
    }

    /// Whether what was held is a piece; `more` may follow. Begins it, if so.
    fn decide(&mut self, more: bool, out: &mut Out<'_>) -> Result<(), Unscanned> {
        self.state = State::Dropped;
        let held = std::mem::take(&mut self.held);
        if let Kind::Literal { call } = self.kind {
            let is_hex = held.iter().all(|octet| hex(*octet).is_some());
            let least = match (call, is_hex) {
                (true, _) => EMBEDDED_CALL,
                (false, true) => EMBEDDED_HEX,
                (false, false) => EMBEDDED_LITERAL,
            };
            if held.len() < least {
                return Ok(());
            }
            if is_hex && held.len() >= EMBEDDED_HEX {
                self.code = Code::Hex(None);
            }
        }
        held.iter().for_each(|octet| self.code.take(*octet, &mut self.octets));
        if self.is_wanted(more) {
            if self.name.is_empty() {
                self.name = format!("{}-{}", self.kind.name(), self.at).into_bytes();
            }
            out.begin(&self.name, None)?;
            self.state = State::Given;
            self.give(out);
        }
        Ok(())
    }

    fn is_wanted(&self, more: bool) -> bool {
        let octets = &self.octets[..];
        match self.kind {
            Kind::Literal { .. } => more || is_known(octets) || is_text(octets),
            Kind::Url | Kind::Property => !octets.is_empty(),
            // Without codes it stands in the open; but other pieces in it were not looked for.
            Kind::Percent => more || self.has_codes || holds_files(octets),
            // A packet of OpenPGP has its highest bit set (RFC 9580 §4.2), a sequence of DER begins so.
            Kind::Armour { pgp } => match octets.first() {
                None | Some(0x30) => false,
                Some(0x80..) if pgp => is_known(octets),
                Some(_) => true,
            },
        }
    }

    fn give(&mut self, out: &mut Out<'_>) {
        if self.outcome.is_ok() && !self.octets.is_empty() {
            self.outcome = out.give(&self.octets, self.packed);
        }
        self.octets.clear();
    }

    /// It ends here.
    pub(super) fn finish(mut self, out: &mut Out<'_>) -> Result<(), Unscanned> {
        if self.state == State::Held {
            match (self.kind, self.closed) {
                // What was not closed is none, and what comes behind the last that was is not of it.
                (Kind::Literal { .. }, None) => return Ok(()),
                (_, Some(closed)) => self.held.truncate(closed),
                _ => {}
            }
            self.decide(false, out)?;
        }
        if self.state != State::Given {
            return Ok(());
        }
        self.give(out);
        out.end(self.outcome)
    }

    /// What begins at the quote that closed this, if that opened something instead.
    pub(super) fn reopened(&self) -> Option<Self> {
        let opens = matches!(self.kind, Kind::Literal { .. }) && self.joint == Joint::Behind;
        let Around::Quotes { quote, .. } = self.around else { return None };
        let run = || Self {
            name: self.name.clone(),
            ..Self::new(Kind::Literal { call: false }, Around::Quotes { quote, list: false }, self.at, self.packed)
        };
        opens.then(run)
    }

    /// All of the text ends, and for this reason.
    pub(super) fn cut(&mut self, reason: Unscanned) {
        self.outcome = self.outcome.and(Err(reason));
        if self.state == State::Held {
            self.state = State::Dropped;
        }
    }
}

pub(super) const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// Whether the name of a variable, or of a place in one, may have it.
const fn is_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'$' | b'.' | b'[' | b']')
}

/// Octets that are given at a time.
const GIVEN: usize = 4 << 10;
