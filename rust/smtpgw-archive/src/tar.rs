//! Tar: the old form, ustar and pax (IEEE 1003.1 `pax`), and GNU's long names.
//!
//! Read here and not by a library for the reason that zip is: where headers are damaged or follow the end mark,
//! programs differ, and what any of them shows must come out. So a header that does not sum up is searched for
//! block by block, headers behind the end mark are followed, and both are reported as damage.
//!
//! Sparse files are condensed in the archive. They come out as they are and as they lie there; one that is next to
//! nothing but holes only in the latter way, and is `Unhandled`. Links, devices and folders have no octets; they count
//! as members and are not shown.

mod sparse;

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::TAR_HEADER;

use sparse::Map;

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let mut walk = Walk::default();
    let mut at = 0;
    loop {
        flow.out.budget.tick()?;
        let Some(block) = flow.source.array_at::<BLOCK>(at)? else { break };
        if block == [0; BLOCK] {
            walk.has_end = true;
            at += BLOCK as u64;
        } else if is_header(&block) {
            walk.is_damaged |= walk.has_end || walk.is_lost;
            (walk.has_headers, walk.is_lost) = (true, false);
            at = walk.member(&mut flow, &block, at + BLOCK as u64)?;
        } else {
            // Behind the end it is what a tape held before; in front of it, a header that is lost.
            walk.is_damaged |= !walk.has_end;
            walk.is_lost = true;
            at += BLOCK as u64;
        }
    }
    match (walk.has_headers, walk.is_damaged || !walk.has_end) {
        (false, _) => Err(Unscanned::Corrupted),
        (true, true) => Err(Unscanned::PartiallyCorrupted),
        (true, false) => Ok(()),
    }
}

/// Whether a block is a header: the sum at 148 is that of its octets, signed or not, as some old programs summed.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<BLOCK>() else { return false };
    let Some(said) = number(&block[148..156]) else { return false };
    let is_sum = |at: usize| (148..156).contains(&at);
    let octet = |(at, octet): (usize, &u8)| if is_sum(at) { b' ' } else { *octet };
    let unsigned: u64 = block.iter().enumerate().map(octet).map(u64::from).sum();
    let signed: i64 = block.iter().enumerate().map(octet).map(|octet| i64::from(octet.cast_signed())).sum();
    said == unsigned || i64::try_from(said) == Ok(signed)
}

/// What is known between headers.
#[derive(Default)]
struct Walk {
    has_headers: bool,
    has_end: bool,
    is_damaged: bool,
    /// The last block was neither header nor end.
    is_lost: bool,
    /// What headers before the next member say of it.
    next: Extended,
    /// What pax says of all members that follow.
    global: Extended,
}

/// What the headers that stand before a member's own say.
#[derive(Clone, Default)]
struct Extended {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    /// It is a sparse file, and so its pieces lie.
    sparse: Option<Map>,
}

impl Walk {
    /// Takes the member whose header is `block` and whose octets begin at `start`; where the next header is.
    fn member<R: Read + Seek>(
        &mut self,
        flow: &mut Flow<'_, R>,
        block: &[u8; BLOCK],
        start: u64,
    ) -> Result<u64, Unscanned> {
        let kind = block[156];
        let own_size = number(&block[124..136]);
        let own = own_size.unwrap_or(0);
        let behind = |size: u64| start.saturating_add(size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64));
        self.is_damaged |= own_size.is_none();
        match kind {
            b'L' | b'K' | b'x' | b'X' | b'g' => {
                match flow.text(start, own, TAR_HEADER)? {
                    Some(text) if kind == b'L' => self.next.name = Some(until_zero(&text).to_vec()),
                    Some(text) if kind == b'g' => self.is_damaged |= !self.global.apply(&text),
                    Some(text) if kind != b'K' => self.is_damaged |= !self.next.apply(&text),
                    Some(_) => {}
                    None => self.is_damaged = true,
                }
                return Ok(behind(own));
            }
            _ => {}
        }
        let next = std::mem::take(&mut self.next);
        let size = next.size.or(self.global.size).unwrap_or(own);
        // Old programs go by the header, new ones by the record before it: between the two a member could hide.
        self.is_damaged |= size != own;
        // Links to files may carry octets in pax; the others never do, and programs differ on whether to skip what
        // their size says. So nothing is skipped, and what lies there is read as headers.
        if matches!(kind, b'2'..=b'6') || (kind == b'1' && size == 0) {
            flow.out.budget.begin_member()?;
            self.is_damaged |= size > 0;
            return Ok(start);
        }
        let name = next.name.or_else(|| self.global.name.clone()).unwrap_or_else(|| name_of(block));
        if name.ends_with(b"/") && size == 0 {
            // A folder, as the oldest tars write it.
            flow.out.budget.begin_member()?;
            return Ok(start);
        }
        if kind == b'S' {
            let (map, data) = Map::of_header(flow, block, start)?;
            map.give(flow, &name, data, size)?;
            return Ok(behind(size).saturating_add(data - start));
        }
        if let Some(map) = next.sparse.or_else(|| self.global.sparse.clone()) {
            map.give(flow, &name, start, size)?;
        } else {
            let remark = if kind == b'M' { Err(Unscanned::Unhandled) } else { Ok(()) };
            flow.stored(&name, start, size, remark)?;
        }
        Ok(behind(size))
    }
}

impl Extended {
    /// Takes the records of a pax header, `length keyword=value\n`; whether all of them could be read.
    fn apply(&mut self, mut text: &[u8]) -> bool {
        while !text.is_empty() {
            let Some((record, rest)) = record(text) else { return until_zero(text).is_empty() };
            text = rest;
            let Some(at) = memchr::memchr(b'=', record) else { return false };
            let (keyword, value) = (&record[..at], &record[at + 1..]);
            match keyword {
                b"path" if self.sparse.is_none() => self.name = Some(value.to_vec()),
                b"GNU.sparse.name" => self.name = Some(value.to_vec()),
                b"size" => match decimal(value) {
                    Some(size) => self.size = Some(size),
                    None => return false,
                },
                _ => {}
            }
            if let Some(keyword) = keyword.strip_prefix(b"GNU.sparse.") {
                self.sparse.get_or_insert_default().record(keyword, value);
            }
        }
        true
    }
}

/// The first record of a pax header without its length, and what follows it.
fn record(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', text.get(..20.min(text.len()))?)?;
    let length = usize::try_from(decimal(&text[..space])?).ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    Some((record, rest))
}

fn decimal(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?.parse().ok()
}

/// A number of a header: octal between spaces and zeros, or, with the highest bit set, big-endian.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, long @ ..] = field {
        let (high, low) = long.split_at_checked(long.len().checked_sub(8)?)?;
        return high.iter().all(|&octet| octet == 0).then(|| u64::from_be_bytes(*low.first_chunk().unwrap_or(&[0; 8])));
    }
    let digits = until_zero(field).trim_ascii();
    let digit = |number: u64, octet: &u8| matches!(octet, b'0'..=b'7').then(|| number * 8 + u64::from(octet - b'0'));
    if digits.len() > 20 { None } else { digits.iter().try_fold(0, digit) }
}

/// The name in a header: of ustar, with its first half in another field.
fn name_of(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_zero(&block[..100]);
    let prefix = until_zero(&block[345..500]);
    if block[257..].starts_with(b"ustar\0") && !prefix.is_empty() {
        [prefix, b"/", name].concat()
    } else {
        name.to_vec()
    }
}

fn until_zero(octets: &[u8]) -> &[u8] {
    memchr::memchr(0, octets).map_or(octets, |at| &octets[..at])
}

const BLOCK: usize = 512;
