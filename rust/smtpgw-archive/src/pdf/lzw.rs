//! `/LZWDecode` (ISO 32000-1 §7.4.4): codes of nine bits that grow to twelve, the high bit first.
//!
//! Our own: `weezl` reads codes some at a time and drops those in front of damage, which programs show.

use std::io::{self, Read};

use super::filters::{Octets, damage, fill};

/// The decoder.
pub(super) struct Lzw<'p> {
    octets: Octets<'p>,
    /// Of each code the one it goes on from, and its last octet.
    table: Vec<(u16, u8)>,
    /// The octets of the last code, from the last to the first that is still to come.
    made: Vec<u8>,
    bits: u32,
    held: u32,
    before: Option<u16>,
    /// By how many codes they grow early.
    early: usize,
    is_over: bool,
}

impl<'p> Lzw<'p> {
    pub(super) fn new(octets: Octets<'p>, is_late: bool) -> Self {
        let table = Vec::with_capacity(CODES);
        let early = usize::from(!is_late);
        Self { octets, table, made: Vec::new(), bits: 0, held: 0, before: None, early, is_over: false }
    }

    fn code(&mut self) -> io::Result<Option<u16>> {
        let width = match FIRST + self.table.len() + self.early {
            ..=511 => 9,
            512..=1023 => 10,
            1024..=2047 => 11,
            _ => 12,
        };
        while self.held < width {
            let Some(octet) = self.octets.next()? else { return Ok(None) };
            self.bits = self.bits << 8 | u32::from(octet);
            self.held += 8;
        }
        self.held -= width;
        let code = self.bits >> self.held & ((1 << width) - 1);
        self.bits &= (1 << self.held) - 1;
        Ok(u16::try_from(code).ok())
    }

    /// Makes the octets of the next code; whether there is one.
    fn step(&mut self) -> io::Result<bool> {
        let Some(code) = self.code()? else { return Ok(false) };
        match usize::from(code) {
            CLEAR => {
                self.table.clear();
                self.before = None;
                return Ok(true);
            }
            END => return Ok(false),
            _ => {}
        }
        let known = FIRST + self.table.len();
        if let Some(before) = self.before {
            // A code that is not yet there is the one before with its own first octet behind it.
            let from = if usize::from(code) < known { code } else { before };
            if usize::from(code) > known {
                return Err(damage());
            }
            let first = self.first(from)?;
            if self.table.len() < FULL {
                self.table.push((before, first));
            }
        }
        let mut at = code;
        while usize::from(at) >= FIRST {
            let &(from, last) = self.table.get(usize::from(at) - FIRST).ok_or_else(damage)?;
            self.made.push(last);
            at = from;
        }
        self.made.push(u8::try_from(at).map_err(|_| damage())?);
        self.before = Some(code);
        Ok(true)
    }

    /// The first octet of a code. Each goes on from an earlier one, so this ends.
    fn first(&self, code: u16) -> io::Result<u8> {
        let mut at = code;
        while usize::from(at) >= FIRST {
            at = self.table.get(usize::from(at) - FIRST).ok_or_else(damage)?.0;
        }
        u8::try_from(at).map_err(|_| damage())
    }
}

impl Read for Lzw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill(buffer, || {
            while self.made.is_empty() && !self.is_over {
                self.is_over = !self.step()?;
            }
            Ok(self.made.pop())
        })
    }
}

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
const CODES: usize = 4_096;
const FULL: usize = CODES - FIRST;
