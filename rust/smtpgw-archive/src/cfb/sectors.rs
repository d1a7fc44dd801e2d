//! The sectors of a compound file and the chains they form (MS-CFB §2.2 to §2.5).

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Out;
use crate::source::{Source, le16, le32};

use super::directory::Entry;

/// A compound file as sectors.
pub(super) struct Sectors<'a, R> {
    source: &'a Source<R>,
    /// Octets of one sector.
    size: u64,
    /// Streams below this size lie in small sectors.
    cutoff: u64,
    /// Which sector follows each.
    next: Vec<u32>,
    pub(super) directory: u32,
    mini_table: u32,
    /// Whether sizes are told in 32 bits, what stands behind them being undefined.
    pub(super) is_short: bool,
    pub(super) is_damaged: bool,
}

/// The small sectors, which lie one behind the other in a stream of their own.
pub(super) struct Mini {
    next: Vec<u32>,
    /// The sectors of that stream.
    place: Vec<u32>,
    pub(super) is_damaged: bool,
}

impl<'a, R: Read + Seek> Sectors<'a, R> {
    pub(super) fn read(source: &'a Source<R>, out: &Out<'_>) -> Result<Self, Unscanned> {
        let header = source.array_at::<512>(0)?.ok_or(Unscanned::Corrupted)?;
        let size = match le16(&header, 30) {
            9 => 512,
            12 => 4096,
            _ => return Err(Unscanned::Corrupted),
        };
        let mut sectors = Self {
            source,
            size,
            cutoff: u64::from(le32(&header, 56)),
            next: Vec::new(),
            directory: le32(&header, 48),
            mini_table: le32(&header, 60),
            is_short: size == 512,
            is_damaged: le16(&header, 32) != 6,
        };
        sectors.read_table(&header, out)?;
        Ok(sectors)
    }

    /// Reads the table of what follows each sector, which lies in sectors that a list of lists names.
    fn read_table(&mut self, header: &[u8; 512], out: &Out<'_>) -> Result<(), Unscanned> {
        let count = self.count();
        let per_sector = usize::try_from(self.size / 4).unwrap_or(usize::MAX);
        let mut tables: Vec<u32> = (76..512).step_by(4).map(|at| le32(header, at)).collect();
        let mut list = le32(header, 68);
        let mut sector = vec![0; usize::try_from(self.size).unwrap_or(0)];
        let mut lists = 0;
        while list <= LAST && tables.len() < count {
            out.budget.tick()?;
            let octets = self.source.read_at(self.at(list), &mut sector)?;
            lists += 1;
            if (octets.len() as u64) < self.size || lists > count {
                self.is_damaged = true;
                break;
            }
            tables.extend((0..per_sector - 1).map(|n| le32(octets, 4 * n)));
            list = le32(octets, octets.len() - 4);
        }
        for table in tables.into_iter().filter(|table| *table <= LAST) {
            out.budget.tick()?;
            if self.next.len() >= count {
                break;
            }
            let octets = self.source.read_at(self.at(table), &mut sector)?;
            self.is_damaged |= octets.is_empty();
            self.next.extend((0..octets.len() / 4).map(|n| le32(octets, 4 * n)));
        }
        self.next.truncate(count);
        Ok(())
    }

    /// Sectors that the file has, the last one perhaps not whole.
    fn count(&self) -> usize {
        usize::try_from(self.source.length().saturating_sub(self.size).div_ceil(self.size)).unwrap_or(usize::MAX)
    }

    fn at(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) * self.size
    }

    /// The sectors of a chain, and whether it ends as it should. `most` is how many are wanted.
    pub(super) fn chain(&self, first: u32, most: usize) -> (Vec<u32>, bool) {
        chain(&self.next, first, most)
    }

    /// The octets of a sector.
    pub(super) fn sector<'b>(&self, sector: u32, buffer: &'b mut [u8]) -> Result<&'b [u8], Unscanned> {
        let size = usize::try_from(self.size).unwrap_or(0).min(buffer.len());
        self.source.read_at(self.at(sector), &mut buffer[..size])
    }

    /// The small sectors, whose own stream the root entry tells.
    pub(super) fn mini(&self, root: Option<&Entry>) -> Mini {
        let mut mini = Mini { next: Vec::new(), place: Vec::new(), is_damaged: false };
        let Some(root) = root else { return mini };
        let wanted = usize::try_from(root.size.div_ceil(self.size)).unwrap_or(usize::MAX);
        let (place, _) = self.chain(root.start, wanted);
        mini.is_damaged = place.len() < wanted;
        mini.place = place;
        let mut sector = vec![0; usize::try_from(self.size).unwrap_or(0)];
        for table in self.chain(self.mini_table, usize::MAX).0 {
            match self.sector(table, &mut sector) {
                Ok(octets) => mini.next.extend((0..octets.len() / 4).map(|n| le32(octets, 4 * n))),
                Err(_) => mini.is_damaged = true,
            }
        }
        mini
    }

    /// The first octets of a stream.
    pub(super) fn head(&self, mini: &Mini, entry: &Entry, most: usize) -> Result<Vec<u8>, Unscanned> {
        let mut head = Vec::new();
        let size = entry.size.min(most as u64);
        match self.each(mini, entry, 0, size, &mut vec![0; 4096], |octets| {
            head.extend_from_slice(octets);
            Ok(())
        }) {
            Err(reason) if reason.is_final() => Err(reason),
            _ => Ok(head),
        }
    }

    /// Calls `take` with the octets of a stream, `size` of them from `start` on.
    pub(super) fn each(
        &self,
        mini: &Mini,
        entry: &Entry,
        start: u64,
        size: u64,
        buffer: &mut [u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Unscanned>,
    ) -> Result<(), Unscanned> {
        let is_mini = entry.size < self.cutoff;
        let sector_size = if is_mini { MINI } else { self.size };
        let end = start.saturating_add(size);
        let wanted = usize::try_from(end.min(entry.size).div_ceil(sector_size)).unwrap_or(usize::MAX);
        let table = if is_mini { &mini.next } else { &self.next };
        let (chain, _) = chain(table, entry.start, wanted);
        let mut at = 0;
        for sector in &chain {
            if at >= end {
                return Ok(());
            }
            let place = if is_mini { self.mini_at(mini, *sector) } else { Some(self.at(*sector)) };
            let Some(place) = place else { return Err(Unscanned::PartiallyCorrupted) };
            let (skip, stop) = (start.saturating_sub(at).min(sector_size), (end - at).min(sector_size));
            let length = usize::try_from(stop.saturating_sub(skip)).unwrap_or(0);
            if length > 0 {
                let room = buffer.get_mut(..length).unwrap_or(&mut []);
                let octets = self.source.read_at(place + skip, room)?;
                take(octets)?;
                if octets.len() < length {
                    return Err(Unscanned::PartiallyCorrupted);
                }
            }
            at += sector_size;
        }
        // Chains that are longer than the stream are common: the size counts, in every program.
        if at >= end { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
    }

    fn mini_at(&self, mini: &Mini, sector: u32) -> Option<u64> {
        let offset = u64::from(sector) * MINI;
        let place = mini.place.get(usize::try_from(offset / self.size).ok()?)?;
        Some(self.at(*place) + offset % self.size)
    }
}

/// Follows a chain for at most `most` sectors; whether it ends there. A table has no longer chain than its length.
fn chain(next: &[u32], first: u32, most: usize) -> (Vec<u32>, bool) {
    let mut chain = Vec::new();
    let mut sector = first;
    while sector <= LAST {
        if chain.len() >= most.min(next.len()) {
            return (chain, false);
        }
        chain.push(sector);
        let Some(following) = usize::try_from(sector).ok().and_then(|sector| next.get(sector)) else {
            return (chain, false);
        };
        sector = *following;
    }
    (chain, sector == END)
}

/// The last number that is a sector's, and the one that ends a chain.
const LAST: u32 = 0xffff_fffa;
const END: u32 = 0xffff_fffe;

/// Octets of a small sector.
const MINI: u64 = 64;
