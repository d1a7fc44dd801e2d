//! What a 7z says of itself: where its streams are, how they are packed, and what files they hold (7zFormat.txt of the
//! LZMA SDK).
//!
//! Counts are compared with the members that there may be, and with the octets that are left to hold them, before
//! anything is made: a few octets describe a folder, which takes hundreds here.

use crate::Unscanned;
use crate::limits::SEVENZIP_CODERS;

use super::folder::{Coder, Folder};

/// The tables of an archive, or of the header that is packed itself.
#[derive(Default)]
pub(super) struct Tables {
    /// Where the first packed stream begins, behind the signature.
    pub(super) pack_start: u64,
    /// Sizes of the packed streams, one behind the other.
    pub(super) pack_sizes: Vec<u64>,
    pub(super) folders: Vec<Folder>,
    /// What the folders hold, in order.
    pub(super) streams: Vec<Stream>,
    /// Streams in each folder.
    pub(super) streams_of: Vec<usize>,
    pub(super) files: Vec<File>,
}

/// A file's octets in a folder.
#[derive(Clone, Copy)]
pub(super) struct Stream {
    pub(super) size: u64,
    pub(super) crc: Option<u32>,
}

/// A file, as the archive lists it.
pub(super) struct File {
    pub(super) name: Vec<u8>,
    pub(super) has_stream: bool,
    pub(super) is_folder: bool,
}

/// What a header is.
pub(super) enum Kind {
    Plain(Tables),
    /// The header is in the first folder of these tables.
    Packed(Tables),
}

/// The header can not be read, or not by us.
pub(super) type Damage = Unscanned;

const DAMAGED: Damage = Unscanned::Corrupted;

/// Reads a header. `members` is how many files it may have.
pub(super) fn read(octets: &[u8], members: usize) -> Result<Kind, Damage> {
    let mut at = Cursor(octets);
    let mut tables = Tables::default();
    match at.octet()? {
        END if octets.len() == 1 => return Ok(Kind::Plain(tables)),
        ENCODED_HEADER => {
            at.streams(&mut tables, members)?;
            return Ok(Kind::Packed(tables));
        }
        HEADER => {}
        _ => return Err(DAMAGED),
    }
    loop {
        match at.octet()? {
            END => return Ok(Kind::Plain(tables)),
            ARCHIVE_PROPERTIES => {
                while at.octet()? != END {
                    let size = at.size()?;
                    at.take(size)?;
                }
            }
            MAIN_STREAMS => at.streams(&mut tables, members)?,
            FILES => at.files(&mut tables, members)?,
            // Streams for tables that lie outside of the header; nothing writes them.
            _ => return Err(Unscanned::Unhandled),
        }
    }
}

/// The octets of a header that have not been read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn octet(&mut self) -> Result<u8, Damage> {
        let (first, rest) = self.0.split_first().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, octets: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(octets).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u32, Damage> {
        self.take(4).map(|octets| crate::source::le32(octets, 0))
    }

    /// A number: the leading ones of its first octet tell how many follow.
    fn number(&mut self) -> Result<u64, Damage> {
        let first = self.octet()?;
        let more = first.leading_ones().min(8);
        let mut value = 0;
        for n in 0..more {
            value |= u64::from(self.octet()?) << (8 * n);
        }
        // What is left of the first octet is the top.
        let top = if more < 7 { u64::from(first) & ((1 << (7 - more)) - 1) } else { 0 };
        Ok(value | top.checked_shl(8 * more).unwrap_or(0))
    }

    /// A number of octets of the header.
    fn size(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.number()?).map_err(|_| DAMAGED)
    }

    /// A number of things that take a bit or more each.
    fn count(&mut self) -> Result<usize, Damage> {
        let count = self.size()?;
        if count / 8 > self.0.len() { Err(DAMAGED) } else { Ok(count) }
    }

    fn bits(&mut self, count: usize) -> Result<Vec<bool>, Damage> {
        let octets = self.take(count.div_ceil(8))?;
        Ok((0..count).map(|n| octets[n / 8] & (0x80 >> (n % 8)) != 0).collect())
    }

    /// Bits, or a mark that all of them are set.
    fn bits_or_all(&mut self, count: usize) -> Result<Vec<bool>, Damage> {
        if self.octet()? == 0 { self.bits(count) } else { Ok(vec![true; count]) }
    }

    fn digests(&mut self, count: usize) -> Result<Vec<Option<u32>>, Damage> {
        let known = self.bits_or_all(count)?;
        known.into_iter().map(|is_known| is_known.then(|| self.word()).transpose()).collect()
    }

    fn streams(&mut self, tables: &mut Tables, members: usize) -> Result<(), Damage> {
        let mut counted = false;
        loop {
            match self.octet()? {
                END => break,
                PACK_INFO => self.pack_info(tables, members)?,
                UNPACK_INFO => self.unpack_info(tables, members)?,
                SUBSTREAMS => {
                    self.substreams(tables, members)?;
                    counted = true;
                }
                _ => return Err(DAMAGED),
            }
        }
        if !counted {
            // One stream in each folder.
            tables.streams_of = vec![1; tables.folders.len()];
            tables.streams = tables.folders.iter().map(|f| Stream { size: f.size(), crc: f.crc }).collect();
        }
        Ok(())
    }

    fn pack_info(&mut self, tables: &mut Tables, members: usize) -> Result<(), Damage> {
        tables.pack_start = self.number()?;
        let count = self.count()?;
        if count > members.saturating_mul(SEVENZIP_CODERS) {
            return Err(Unscanned::FilesLimit);
        }
        loop {
            match self.octet()? {
                END => return Ok(()),
                SIZE => tables.pack_sizes = (0..count).map(|_| self.number()).collect::<Result<_, _>>()?,
                CRC => _ = self.digests(count)?,
                _ => return Err(DAMAGED),
            }
        }
    }

    fn unpack_info(&mut self, tables: &mut Tables, members: usize) -> Result<(), Damage> {
        if self.octet()? != FOLDER {
            return Err(DAMAGED);
        }
        let count = self.count()?;
        if count > members {
            return Err(Unscanned::FilesLimit);
        }
        if self.octet()? != 0 {
            return Err(Unscanned::Unhandled);
        }
        tables.folders = (0..count).map(|_| self.folder()).collect::<Result<_, _>>()?;
        if self.octet()? != UNPACK_SIZES {
            return Err(DAMAGED);
        }
        for folder in &mut tables.folders {
            let outputs = folder.outputs();
            folder.sizes = (0..outputs).map(|_| self.number()).collect::<Result<_, _>>()?;
        }
        loop {
            match self.octet()? {
                END => return Ok(()),
                CRC => {
                    let digests = self.digests(count)?;
                    tables.folders.iter_mut().zip(digests).for_each(|(folder, crc)| folder.crc = crc);
                }
                _ => return Err(DAMAGED),
            }
        }
    }

    fn folder(&mut self) -> Result<Folder, Damage> {
        let count = self.size()?;
        if count == 0 || count > SEVENZIP_CODERS {
            return Err(Unscanned::Unhandled);
        }
        let mut folder = Folder::default();
        for _ in 0..count {
            let flags = self.octet()?;
            if flags & 0xc0 != 0 {
                return Err(Unscanned::Unhandled);
            }
            let id = self.take(usize::from(flags & 15))?.iter().fold(0, |id, &octet| id << 8 | u64::from(octet));
            let (inputs, outputs) = if flags & 0x10 != 0 { (self.size()?, self.size()?) } else { (1, 1) };
            if inputs > SEVENZIP_CODERS || outputs != 1 {
                return Err(Unscanned::Unhandled);
            }
            let length = if flags & 0x20 != 0 { self.size()? } else { 0 };
            folder.coders.push(Coder { id, inputs, properties: self.take(length)?.to_vec() });
        }
        let inputs: usize = folder.coders.iter().map(|coder| coder.inputs).sum();
        folder.bound = (1..count).map(|_| Ok((self.size()?, self.size()?))).collect::<Result<_, Damage>>()?;
        let is_bound = |input: &usize| folder.bound.iter().any(|(bound, _)| bound == input);
        let free = inputs.checked_sub(folder.bound.len()).ok_or(DAMAGED)?;
        folder.packed = match free {
            1 => (0..inputs).filter(|input| !is_bound(input)).collect(),
            free => (0..free).map(|_| self.size()).collect::<Result<_, _>>()?,
        };
        Ok(folder)
    }

    fn substreams(&mut self, tables: &mut Tables, members: usize) -> Result<(), Damage> {
        let mut id = self.octet()?;
        tables.streams_of = vec![1; tables.folders.len()];
        if id == STREAM_COUNTS {
            for count in &mut tables.streams_of {
                *count = self.size()?;
            }
            id = self.octet()?;
        }
        let total = tables.streams_of.iter().try_fold(0usize, |total, &count| total.checked_add(count));
        if total.is_none_or(|total| total > members) {
            return Err(Unscanned::FilesLimit);
        }
        let has_sizes = id == SIZE;
        for (folder, &count) in tables.folders.iter().zip(&tables.streams_of) {
            // The last one has what is left.
            let mut left = folder.size();
            for n in 1..=count {
                let size = if n == count {
                    left
                } else if has_sizes {
                    self.number()?
                } else {
                    return Err(DAMAGED);
                };
                left = left.checked_sub(size).ok_or(DAMAGED)?;
                let crc = if count == 1 { folder.crc } else { None };
                tables.streams.push(Stream { size, crc });
            }
        }
        if has_sizes {
            id = self.octet()?;
        }
        loop {
            match id {
                END => return Ok(()),
                CRC => {
                    let unknown = tables.streams.iter_mut().filter(|stream| stream.crc.is_none());
                    let unknown: Vec<_> = unknown.collect();
                    let digests = self.digests(unknown.len())?;
                    unknown.into_iter().zip(digests).for_each(|(stream, crc)| stream.crc = crc);
                }
                _ => return Err(DAMAGED),
            }
            id = self.octet()?;
        }
    }

    fn files(&mut self, tables: &mut Tables, members: usize) -> Result<(), Damage> {
        let count = self.size()?;
        if count > members {
            return Err(Unscanned::FilesLimit);
        }
        let mut names = Vec::new();
        let (mut without_stream, mut empty_files) = (Vec::new(), Vec::new());
        loop {
            let id = self.octet()?;
            if id == END {
                break;
            }
            let size = self.size()?;
            let mut property = Cursor(self.take(size)?);
            match id {
                EMPTY_STREAM => without_stream = property.bits(count)?,
                EMPTY_FILE => {
                    let number = without_stream.iter().filter(|&&bit| bit).count();
                    empty_files = property.bits(number)?;
                }
                NAMES if property.octet()? != 0 => return Err(Unscanned::Unhandled),
                NAMES => {
                    names = property
                        .0
                        .chunks_exact(2)
                        .collect::<Vec<_>>()
                        .split(|unit| *unit == [0, 0])
                        .map(<[&[u8]]>::concat)
                        .collect()
                }
                // Times, attributes, padding.
                _ => {}
            }
        }
        let mut names = names.into_iter();
        let mut empty_files = empty_files.into_iter();
        tables.files = (0..count)
            .map(|n| {
                let has_stream = !without_stream.get(n).copied().unwrap_or(false);
                // Of those without octets, the ones that are no files are folders.
                let is_folder = !has_stream && !empty_files.next().unwrap_or(false);
                File { name: names.next().unwrap_or_default(), has_stream, is_folder }
            })
            .collect();
        Ok(())
    }
}

const END: u8 = 0x00;
const HEADER: u8 = 0x01;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SUBSTREAMS: u8 = 0x08;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZES: u8 = 0x0c;
const STREAM_COUNTS: u8 = 0x0d;
const EMPTY_STREAM: u8 = 0x0e;
const EMPTY_FILE: u8 = 0x0f;
const NAMES: u8 = 0x11;
const ENCODED_HEADER: u8 = 0x17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        for (octets, number) in [
            (&[0x7f][..], 0x7f),
            (&[0x80, 0x80], 0x80),
            (&[0xbf, 0xff], 0x3fff),
            (&[0xc0, 0x34, 0x12], 0x1234),
            (&[0xe1, 1, 2, 3], 0x0103_0201),
            (&[0xff, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
            (&[0xfe, 1, 2, 3, 4, 5, 6, 7], 0x07_0605_0403_0201),
        ] {
            let mut cursor = Cursor(octets);
            assert_eq!(cursor.number(), Ok(number), "{octets:x?}");
            assert!(cursor.0.is_empty());
            assert_eq!(Cursor(&octets[..octets.len() - 1]).number(), Err(DAMAGED));
        }
    }
}
