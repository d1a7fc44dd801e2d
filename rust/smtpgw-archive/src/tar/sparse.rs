//! Sparse files: their pieces lie behind one another in the archive, and a map says where each belongs.
//!
//! | form     | where the map is                                                                             |
//! |----------|----------------------------------------------------------------------------------------------|
//! | old GNU  | four pieces in the header, the next in blocks behind it, 21 in each                          |
//! | pax 0.0  | a record for each offset, and one for each length                                            |
//! | pax 0.1  | one record, numbers with commas between them                                                 |
//! | pax 1.0  | decimal lines in front of the octets: how many, then an offset and a length for each         |

use std::io::{Read, Seek};

use super::{BLOCK, number};
use crate::Unscanned;
use crate::flow::{CHUNK, Flow};
use crate::limits::{RATIO_FLOOR, TAR_HEADER, TAR_PIECES};

/// Where the pieces of a file belong.
#[derive(Clone, Default)]
pub(super) struct Map {
    /// Offset and length of each, in the order in which they lie.
    pieces: Vec<(u64, u64)>,
    /// Octets of the whole file.
    size: Option<u64>,
    /// The offset of a piece whose length is still to come (pax 0.0).
    offset: Option<u64>,
    /// It stands in front of the octets (pax 1.0).
    is_in_front: bool,
    /// It is not all there.
    is_cut: bool,
}

impl Map {
    /// A record of pax that is about it.
    pub(super) fn record(&mut self, keyword: &[u8], value: &[u8]) {
        let decimal = || super::decimal(value);
        match keyword {
            b"size" | b"realsize" => self.size = decimal(),
            b"major" => self.is_in_front = decimal().is_some_and(|version| version >= 1),
            b"offset" => self.offset = decimal(),
            b"numbytes" => match (self.offset.take(), decimal()) {
                (Some(offset), Some(length)) => self.add(offset, length),
                _ => self.is_cut = true,
            },
            b"map" => {
                let mut numbers = value.split(|&octet| octet == b',').map(super::decimal);
                while let (Some(offset), Some(length)) = (numbers.next(), numbers.next()) {
                    match (offset, length) {
                        (Some(offset), Some(length)) => self.add(offset, length),
                        _ => self.is_cut = true,
                    }
                }
            }
            _ => {}
        }
    }

    /// That of GNU's own header, which goes on in blocks from `at` on; where the octets begin.
    pub(super) fn of_header<R: Read + Seek>(
        flow: &Flow<'_, R>,
        block: &[u8; BLOCK],
        mut at: u64,
    ) -> Result<(Self, u64), Unscanned> {
        let mut map = Self { size: number(&block[483..495]), ..Self::default() };
        map.fields(&block[386..482]);
        let mut goes_on = block[482] != 0;
        while goes_on {
            flow.out.budget.tick()?;
            let Some(more) = flow.source.array_at::<BLOCK>(at)? else {
                map.is_cut = true;
                break;
            };
            map.fields(&more[..504]);
            (goes_on, at) = (more[504] != 0, at + BLOCK as u64);
        }
        Ok((map, at))
    }

    fn fields(&mut self, fields: &[u8]) {
        for field in fields.chunks_exact(24) {
            // What is not used is zero.
            if field.iter().any(|&octet| octet != 0) {
                match (number(&field[..12]), number(&field[12..])) {
                    (Some(offset), Some(length)) => self.add(offset, length),
                    _ => self.is_cut = true,
                }
            }
        }
    }

    fn add(&mut self, offset: u64, length: u64) {
        if self.pieces.len() < TAR_PIECES {
            self.pieces.push((offset, length));
        } else {
            self.is_cut = true;
        }
    }

    /// Reads the map in front of the octets, if it is there; how many octets it takes.
    fn in_front<R: Read + Seek>(&mut self, flow: &mut Flow<'_, R>, start: u64, size: u64) -> Result<u64, Unscanned> {
        if !self.is_in_front {
            return Ok(0);
        }
        let room = size.min(TAR_HEADER).min(flow.source.length().saturating_sub(start));
        let text = flow.text(start, room, TAR_HEADER)?.unwrap_or_default();
        let mut taken = 0;
        let mut numbers = text.split_inclusive(|&octet| octet == b'\n').map(|line| {
            taken += line.len();
            line.strip_suffix(b"\n").and_then(super::decimal)
        });
        let mut left = numbers.next().flatten();
        while let Some(count) = left.filter(|&count| count > 0) {
            match (numbers.next().flatten(), numbers.next().flatten()) {
                (Some(offset), Some(length)) => self.add(offset, length),
                _ => self.is_cut = true,
            }
            left = if self.is_cut { None } else { Some(count - 1) };
        }
        self.is_cut |= left.is_none();
        Ok((taken as u64).next_multiple_of(BLOCK as u64))
    }

    /// Whether the pieces follow one another, fill so many octets, and fit in the file.
    fn is_sound(&self, octets: u64) -> bool {
        let mut end = 0;
        let follow = self.pieces.iter().all(|&(offset, length)| {
            let before = end;
            end = offset.saturating_add(length);
            offset >= before
        });
        let sum = self.pieces.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length));
        follow && !self.is_cut && sum == octets && self.size.is_some_and(|size| size >= end)
    }

    /// Gives the file out, as it is and as its octets lie in the archive. A file that is next to nothing but holes, or
    /// whose map is none, only the latter way.
    pub(super) fn give<R: Read + Seek>(
        mut self,
        flow: &mut Flow<'_, R>,
        name: &[u8],
        start: u64,
        size: u64,
    ) -> Result<(), Unscanned> {
        let map = self.in_front(flow, start, size)?;
        let (data, octets) = (start.saturating_add(map), size.saturating_sub(map));
        let whole = self.size.unwrap_or(0);
        let limits = flow.out.budget.limits();
        let most = limits.member.min(RATIO_FLOOR.max(limits.ratio.saturating_mul(octets)));
        if !self.is_sound(octets) || whole > most {
            return flow.stored(name, start, size, Err(Unscanned::Unhandled));
        }
        flow.out.begin(name, Some(whole))?;
        let outcome = self.expand(flow, data, octets, whole);
        flow.out.end(outcome)?;
        if whole == octets && map == 0 {
            return Ok(());
        }
        // As programs show it that know nothing of holes.
        flow.stored(name, start, size, Ok(()))
    }

    fn expand<R: Read + Seek>(
        &self,
        flow: &mut Flow<'_, R>,
        data: u64,
        octets: u64,
        whole: u64,
    ) -> Result<(), Unscanned> {
        let zeros = vec![0; CHUNK];
        let (mut at, mut end) = (data, 0);
        for (offset, length) in self.pieces.iter().copied().chain([(whole, 0)]) {
            let mut hole = offset.saturating_sub(end);
            while hole > 0 {
                let some = usize::try_from(hole).unwrap_or(CHUNK).min(CHUNK);
                flow.out.give(zeros.get(..some).unwrap_or_default(), octets)?;
                hole -= some as u64;
            }
            flow.copy_of(at, length, octets)?;
            (at, end) = (at.saturating_add(length), offset.saturating_add(length));
        }
        Ok(())
    }
}
