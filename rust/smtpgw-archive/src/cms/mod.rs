//! CMS (RFC 5652; PKCS #7 before it), in which S/MIME puts a whole entity, and signing programs a file.
//!
//! ContentInfo ::= SEQUENCE { contentType, [0] content }, and of the content:
//!
//! | contentType                                   | what happens                                                     |
//! |-----------------------------------------------|------------------------------------------------------------------|
//! | signed, digested                              | what is signed comes out as the only member; detached: no member |
//! | compressed (RFC 3274)                         | inflated, likewise                                               |
//! | enveloped, encrypted, auth-enveloped (RFC 5083) | `Encrypted`                                                    |
//! | any other                                     | `Unhandled`                                                      |
//!
//! No signature is verified: whoever opens the file sees the content either way. What is signed is an octet string in
//! one piece, or in any number of pieces within each other (BER), as programs write it that do not know the length
//! beforehand; PKCS #7 allows any other element as well, which comes out as it stands.

mod ber;

use std::io::{Read, Seek};

use flate2::{Decompress, FlushDecompress, Status};

use crate::Unscanned;
use crate::flow::{CHUNK, Flow};

use ber::{Element, Walk, element};

/// Whether octets begin as a CMS of a kind that holds content.
pub(crate) fn begins_as_cms(head: &[u8]) -> bool {
    let Some(outer) = Element::read(head).filter(|outer| outer.tag == SEQUENCE) else { return false };
    let inside = usize::try_from(outer.head).ok().and_then(|at| head.get(at..)).unwrap_or_default();
    let Some(kind) = Element::read(inside).filter(|kind| kind.tag == OBJECT_IDENTIFIER) else { return false };
    let at = usize::try_from(kind.head).unwrap_or(usize::MAX);
    let length = kind.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    inside.get(at..at.saturating_add(length)).is_some_and(|name| Kind::of(name).is_some())
}

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let damaged = Err(Unscanned::PartiallyCorrupted);
    let Some(outer) = element(&flow, 0)?.filter(|outer| outer.tag == SEQUENCE) else { return damaged };
    let Some(name) = element(&flow, outer.head)?.filter(|name| name.tag == OBJECT_IDENTIFIER) else { return damaged };
    let at = outer.head + name.head;
    let Some(octets) = flow.text(at, name.length.unwrap_or(u64::MAX), LONGEST_NAME)? else { return damaged };
    let kind = match Kind::of(&octets) {
        Some(Kind::Sealed) => return Err(Unscanned::Encrypted),
        Some(kind) => kind,
        None => return Err(Unscanned::Unhandled),
    };
    // [0], the SEQUENCE in it, and of that the version and the algorithms, which are passed over.
    let mut walk = Walk::new(at + octets.len() as u64);
    let found = walk.enter(&flow, EXPLICIT)?
        && walk.enter(&flow, SEQUENCE)?
        && walk.skip(&flow)?
        && walk.skip(&flow)?
        && walk.enter(&flow, SEQUENCE)?
        && walk.skip(&flow)?;
    if !found {
        return damaged;
    }
    match element(&flow, walk.at())? {
        // Detached: the SEQUENCE ends behind the name of what it is. Nor is there anything where the file ends.
        Some(explicit) if explicit.tag == EXPLICIT && walk.is_inside() => {}
        Some(_) => return Ok(()),
        None => return damaged,
    }
    walk.enter(&flow, EXPLICIT)?;
    let inflate = (kind == Kind::Compressed).then(|| (Decompress::new(true), vec![0; CHUNK]));
    let mut giving = Giving { inflate, packed: 0, over: false };
    flow.out.begin(b"content", None)?;
    let outcome = match element(&flow, walk.at())? {
        Some(content) if matches!(content.tag, OCTET_STRING | OCTET_STRING_PIECES) => {
            giving.string(&mut flow, walk.at()).and_then(|()| giving.finish())
        }
        // As PKCS #7 has it.
        Some(_) => {
            let (start, is_whole) = (walk.at(), walk.skip(&flow)?);
            giving.stretch(&mut flow, start, walk.at()).and(if is_whole { Ok(()) } else { damaged })
        }
        None => damaged,
    };
    flow.out.end(outcome)
}

/// What a CMS is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its content stands in it as it is.
    Open,
    Compressed,
    /// Nobody without the key reads it.
    Sealed,
}

impl Kind {
    fn of(name: &[u8]) -> Option<Self> {
        match name.strip_prefix(PKCS)? {
            [7, 2 | 5] => Some(Self::Open),
            [7, 3 | 4 | 6] | [9, 16, 1, 23] => Some(Self::Sealed),
            [9, 16, 1, 9] => Some(Self::Compressed),
            _ => None,
        }
    }
}

/// Gives the content out.
struct Giving {
    /// With the room for what comes out of a piece: there may be a million.
    inflate: Option<(Decompress, Vec<u8>)>,
    /// Octets of it that were read.
    packed: u64,
    /// Whether the stream has ended.
    over: bool,
}

impl Giving {
    /// The octet string at `at`, piece by piece.
    fn string<R: Read + Seek>(&mut self, flow: &mut Flow<'_, R>, at: u64) -> Result<(), Unscanned> {
        let mut at = at;
        // Where the open strings end; `None`: at a mark.
        let mut open: Vec<Option<u64>> = Vec::new();
        loop {
            flow.out.budget.tick()?;
            let Some(piece) = element(flow, at)? else { return Err(Unscanned::PartiallyCorrupted) };
            let (body, end) = (at + piece.head, piece.length.map(|length| (at + piece.head).saturating_add(length)));
            match (piece.tag, end) {
                (OCTET_STRING, Some(end)) => {
                    self.stretch(flow, body, end)?;
                    at = end;
                }
                (OCTET_STRING_PIECES, _) if open.len() < PIECES_DEEP => {
                    open.push(end);
                    at = body;
                }
                (0, Some(_)) if open.last() == Some(&None) => {
                    open.pop();
                    at = body;
                }
                _ => return Err(Unscanned::PartiallyCorrupted),
            }
            while open.last().is_some_and(|end| end.is_some_and(|end| at >= end)) {
                open.pop();
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// What stands from `start` to `end`.
    fn stretch<R: Read + Seek>(&mut self, flow: &mut Flow<'_, R>, start: u64, end: u64) -> Result<(), Unscanned> {
        let wanted = usize::try_from(end.saturating_sub(start)).unwrap_or(CHUNK).min(CHUNK);
        let (mut at, mut buffer) = (start, vec![0; wanted]);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(buffer.len());
            let octets = flow.source.read_at(at, buffer.get_mut(..wanted).unwrap_or_default())?;
            if octets.is_empty() {
                return Err(Unscanned::PartiallyCorrupted);
            }
            at += octets.len() as u64;
            self.packed += octets.len() as u64;
            match &mut self.inflate {
                None => flow.out.give(octets, self.packed)?,
                Some((inflate, room)) => self.over |= inflated(flow, inflate, octets, room, self.packed)?,
            }
        }
        Ok(())
    }

    /// Whether it is whole.
    fn finish(&self) -> Result<(), Unscanned> {
        if self.inflate.is_some() && !self.over { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) }
    }
}

/// Gives what `octets` inflate to, and tells whether the stream ends with them.
fn inflated<R: Read + Seek>(
    flow: &mut Flow<'_, R>,
    inflate: &mut Decompress,
    mut octets: &[u8],
    unpacked: &mut [u8],
    packed: u64,
) -> Result<bool, Unscanned> {
    loop {
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(octets, unpacked, FlushDecompress::None);
        let eaten = usize::try_from(inflate.total_in() - before_in).unwrap_or(usize::MAX);
        let given = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
        octets = octets.get(eaten..).unwrap_or_default();
        flow.out.give(unpacked.get(..given).unwrap_or_default(), packed)?;
        match status {
            Ok(Status::StreamEnd) => return Ok(true),
            Err(_) => return Err(Unscanned::PartiallyCorrupted),
            Ok(_) if octets.is_empty() && given < unpacked.len() => return Ok(false),
            Ok(_) if eaten == 0 && given == 0 => return Err(Unscanned::PartiallyCorrupted),
            Ok(_) => {}
        }
    }
}

/// 1.2.840.113549.1
const PKCS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01";

/// Octets of the name of a kind.
const LONGEST_NAME: u64 = 32;

/// Strings in strings. Programs write one in another.
const PIECES_DEEP: usize = 8;

const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING_PIECES: u8 = 0x24;
const SEQUENCE: u8 = 0x30;
const EXPLICIT: u8 = 0xa0;
