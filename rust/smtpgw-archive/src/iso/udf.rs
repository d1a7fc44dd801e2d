//! UDF (ECMA-167, OSTA UDF 1.02 to 2.01) in sectors of 2,048 octets, as it stands on images beside ISO 9660 or alone:
//! what systems mount first where both are.
//!
//! Anchor → volume descriptors → partitions and the logical volume → file set → root → folders → files. What those use
//! that programs which write such images do not (virtual and metadata partitions, chained entries) is not read, and the
//! image is `Unhandled` beside what is. Of volumes that differ each is handed out, since which of them a system finds
//! is its own choice.

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::{ISO_FOLDER, UDF_CONTINUATIONS};
use crate::source::{le16, le32, le64};

use super::tag::{EXTENDED_FILE_ENTRY, EXTENTS, FILE_ENTRY, FILE_IDENTIFIER, FILE_SET, descriptor, has_sum, has_tag};
use super::volume::{Address, Volume};
use super::{PATH, SECTOR, Walk, file};

/// Hands out the files that no tree before has; whether all of it was understood.
pub(super) fn walk<R: Read + Seek>(flow: &mut Flow<'_, R>, walk: &mut Walk) -> Result<bool, Unscanned> {
    let (volumes, mut is_complete) = Volume::all(flow)?;
    is_complete &= !volumes.is_empty();
    let mut continuations = UDF_CONTINUATIONS;
    for volume in volumes {
        let mut reader = Reader { is_complete: volume.is_plain, is_sound: true, volume, continuations };
        is_complete &= files(flow, walk, &mut reader)? && reader.is_complete;
        continuations = reader.continuations;
        walk.is_damaged |= !reader.is_sound;
        walk.next_tree();
    }
    Ok(is_complete)
}

/// Hands out those of one volume; whether it has any.
fn files<R: Read + Seek>(flow: &mut Flow<'_, R>, walk: &mut Walk, reader: &mut Reader) -> Result<bool, Unscanned> {
    let set = match reader.volume.at(reader.volume.file_set) {
        Some(at) => descriptor(flow, at, &[FILE_SET])?,
        None => None,
    };
    let root = set.and_then(|(_, set)| reader.volume.at(Address::read(&set, 400 + 4)));
    let Some(root) = root else { return Ok(false) };
    let mut folders = HashSet::new();
    let mut waiting = VecDeque::from([(root, String::new())]);
    while let Some((at, path)) = waiting.pop_front() {
        flow.out.budget.begin_member()?;
        if !folders.insert(at) {
            // It holds itself, or is in two others.
            walk.is_damaged = true;
            continue;
        }
        let Some(Entry { is_folder: true, size, pieces }) = reader.entry(flow, at)? else {
            walk.is_damaged = true;
            continue;
        };
        let Some(octets) = folder(flow, size, &pieces)? else {
            walk.is_damaged = true;
            continue;
        };
        let (names, is_whole) = names(&octets);
        walk.is_damaged |= !is_whole;
        if flow.out.budget.exceeds_members(names.len()) {
            return Err(Unscanned::FilesLimit);
        }
        for Name { name, is_folder, icb } in names {
            let name = format!("{path}{name}");
            let Some(at) = reader.volume.at(icb) else {
                walk.is_damaged = true;
                continue;
            };
            if is_folder {
                let path = if name.len() < PATH { format!("{name}/") } else { "…/".to_owned() };
                waiting.push_back((at, path));
                continue;
            }
            match reader.entry(flow, at)? {
                Some(Entry { is_folder: false, size, pieces }) => {
                    if walk.is_new(&pieces, &name) {
                        let is_whole = pieces.iter().map(|piece| piece.1).sum::<u64>() == size;
                        file(flow, &name, &pieces, if is_whole { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) })?;
                    }
                }
                _ => walk.is_damaged = true,
            }
        }
    }
    Ok(true)
}

/// A file or a folder: its octets, in pieces that lie in the image, fewer than its size where some are not to be found.
struct Entry {
    is_folder: bool,
    size: u64,
    pieces: Vec<(u64, u64)>,
}

/// Reads entries.
struct Reader {
    volume: Volume,
    /// How many more lists of pieces may go on elsewhere, in the whole image.
    continuations: usize,
    /// Whether nothing was met that is not read.
    is_complete: bool,
    /// Whether every descriptor summed up to what it says: Linux passes over one that does not, 7-Zip does not ask.
    is_sound: bool,
}

impl Reader {
    /// The entry at a position; `None` if there is none that is read.
    fn entry<R: Read + Seek>(&mut self, flow: &Flow<'_, R>, at: u64) -> Result<Option<Entry>, Unscanned> {
        flow.out.budget.tick()?;
        let Some((kind, octets)) = descriptor(flow, at, &[FILE_ENTRY, EXTENDED_FILE_ENTRY])? else { return Ok(None) };
        self.is_sound &= has_sum(&octets);
        let (attributes_at, begin) = if kind == FILE_ENTRY { (168, 176) } else { (208, 216) };
        let size = le64(&octets, 56);
        let begin = begin + usize::try_from(le32(&octets, attributes_at)).unwrap_or(usize::MAX).min(octets.len());
        let length = usize::try_from(le32(&octets, attributes_at + 4)).unwrap_or(usize::MAX);
        let Some(list) = octets.get(begin..begin.saturating_add(length)) else { return Ok(None) };
        let is_folder = match octets[27] {
            4 => true,
            5 | 0 | 12 | 249 => false,
            _ => {
                self.is_complete = false;
                false
            }
        };
        // Entries that follow each other in time are for media that are written once.
        self.is_complete &= le16(&octets, 20) == 4;
        let pieces = match le16(&octets, 34) & 7 {
            form @ (0 | 1) => self.pieces(flow, list.to_vec(), form == 1, at, size)?,
            3 => vec![(at + begin as u64, size.min(length as u64))],
            _ => {
                self.is_complete = false;
                Vec::new()
            }
        };
        Ok(Some(Entry { is_folder, size, pieces }))
    }

    /// The pieces of a list, up to a size. `is_long`: each names its partition; otherwise it is the one of the entry.
    fn pieces<R: Read + Seek>(
        &mut self,
        flow: &Flow<'_, R>,
        mut list: Vec<u8>,
        is_long: bool,
        entry: u64,
        size: u64,
    ) -> Result<Vec<(u64, u64)>, Unscanned> {
        let own = self.partition_of(entry);
        let mut pieces: Vec<(u64, u64)> = Vec::new();
        let mut left = size;
        loop {
            let mut next = None;
            for extent in list.chunks_exact(if is_long { 16 } else { 8 }) {
                let (word, block) = (le32(extent, 0), le32(extent, 4));
                let length = u64::from(word & 0x3fff_ffff).min(left);
                let partition = if is_long { le16(extent, 8) } else { own };
                let at = self.volume.at(Address { block, partition });
                let more = u32::try_from(length.saturating_sub(1) / SECTOR).unwrap_or(u32::MAX);
                let last = block.saturating_add(more);
                match (word >> 30, at) {
                    _ if word & 0x3fff_ffff == 0 => break,
                    (3, at) => {
                        next = at;
                        break;
                    }
                    (0, Some(at)) if self.volume.at(Address { block: last, partition }).is_some() => {
                        match pieces.last_mut().filter(|last| last.0 + last.1 == at) {
                            Some(last) => last.1 += length,
                            None if length > 0 => pieces.push((at, length)),
                            None => {}
                        }
                        left -= length;
                    }
                    // Beyond its partition; or room that was kept free and reads as zeros, which no image needs.
                    _ => return Ok(pieces),
                }
            }
            let Some(at) = next.filter(|_| left > 0) else { return Ok(pieces) };
            flow.out.budget.tick()?;
            let Some(continuations) = self.continuations.checked_sub(1) else { return Err(Unscanned::FilesLimit) };
            self.continuations = continuations;
            let Some((_, octets)) = descriptor(flow, at, &[EXTENTS])? else { return Ok(pieces) };
            self.is_sound &= has_sum(&octets);
            let length = usize::try_from(le32(&octets, 20)).unwrap_or(usize::MAX);
            list = octets.get(24..24_usize.saturating_add(length)).unwrap_or_default().to_vec();
        }
    }

    /// The place in the list of maps of the partition that a position is in.
    fn partition_of(&self, at: u64) -> u16 {
        let sector = at / SECTOR;
        let is_in = |number: &Option<u16>| {
            let by_number = self.volume.partitions.iter().find(|partition| Some(partition.0) == *number);
            by_number.is_some_and(|(_, start, length)| (*start..start.saturating_add(*length)).contains(&sector))
        };
        self.volume.maps.iter().position(is_in).and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX)
    }
}

/// A name in a folder.
struct Name {
    name: String,
    is_folder: bool,
    icb: Address,
}

/// The names in a folder that are shown, and whether all of it was read.
fn names(mut octets: &[u8]) -> (Vec<Name>, bool) {
    let mut names = Vec::new();
    while octets.len() >= 38 {
        if !has_tag(octets, &[FILE_IDENTIFIER]) {
            return (names, false);
        }
        let (marks, length) = (octets[18], usize::from(octets[19]));
        let begin = 38 + usize::from(le16(octets, 36));
        let Some(name) = octets.get(begin..begin + length) else { return (names, false) };
        // Neither what was deleted nor the folder that it is in.
        if marks & (DELETED | PARENT) == 0 {
            names.push(Name { name: text(name), is_folder: marks & FOLDER != 0, icb: Address::read(octets, 24) });
        }
        octets = octets.get((begin + length).next_multiple_of(4)..).unwrap_or_default();
    }
    (names, octets.is_empty())
}

/// Compressed Unicode (OSTA UDF §2.1.1): letters of one octet or of two.
fn text(name: &[u8]) -> String {
    match name.split_first() {
        Some((8, letters)) => letters.iter().map(|&letter| char::from(letter)).collect(),
        Some((16, letters)) => {
            let units = letters.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}

/// The octets of a folder; `None` where it is too large or not all there.
fn folder<R: Read + Seek>(
    flow: &mut Flow<'_, R>,
    size: u64,
    pieces: &[(u64, u64)],
) -> Result<Option<Vec<u8>>, Unscanned> {
    let mut octets = Vec::new();
    if size > ISO_FOLDER {
        return Ok(None);
    }
    for (start, length) in pieces {
        let Some(piece) = flow.text(*start, *length, ISO_FOLDER)? else { return Ok(None) };
        octets.extend(piece);
    }
    Ok((octets.len() as u64 == size).then_some(octets))
}

/// Marks of a name.
const FOLDER: u8 = 0x02;
const DELETED: u8 = 0x04;
const PARENT: u8 = 0x08;
