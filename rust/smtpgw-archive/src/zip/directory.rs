//! A zip's directory: the end record at the end of the file, found backwards through a comment, and the records it
//! points to (APPNOTE §4.3.12, §4.3.14 to §4.3.16).
//!
//! A directory counts only if it agrees with itself: as many records as it says, one behind the other, up to the end
//! record at most. Positions may be counted from the beginning of the file or from the beginning of the zip in it;
//! the end record tells which.
//!
//! Several may agree, one in the comment of the other; which of them a program takes is its own choice.

use std::io::{Read, Seek};

use memchr::memmem;

use crate::Unscanned;
use crate::format::TAIL;
use crate::limits::{ZIP_DIRECTORIES, ZIP_ENDS};
use crate::source::{le16, le32, le64};

use super::data::{Expected, Unpacker};
use super::header::{DESCRIPTOR_MARK, Header};
use super::readings::Readings;

/// What the end of a file says of a directory.
pub(super) enum Found {
    /// There is one, or more: the one that most programs take comes first.
    Directories(Vec<Directory>),
    /// There is one, and it is empty.
    Empty,
    /// It lies in another volume.
    Volume,
    /// There is none, or none that agrees with itself.
    Nothing,
}

/// A directory that agrees with itself.
#[derive(PartialEq, Eq)]
pub(super) struct Directory {
    /// Where its first record is.
    pub(super) start: u64,
    /// Where its last record ends at the latest.
    pub(super) end: u64,
    /// Octets in front of the zip, to be added to every offset.
    before: u64,
}

/// Looks for the directory.
pub(super) fn find<R: Read + Seek>(unpacker: &mut Unpacker<'_, R>) -> Result<Found, Unscanned> {
    let length = unpacker.source.length();
    let mut tail = vec![0; TAIL];
    let tail_start = length.saturating_sub(TAIL as u64);
    let tail = unpacker.source.read_at(tail_start, &mut tail)?;
    let mut found = Vec::new();
    for at in memmem::rfind_iter(tail, END_MARK).take(ZIP_ENDS) {
        let Some(record) = tail[at..].first_chunk::<END>() else { continue };
        let Some(end) = EndRecord::read(unpacker, record, tail_start + at as u64)? else { continue };
        if found.is_empty() && end.is_volume {
            return Ok(Found::Volume);
        }
        if end.records == 0 && end.size == 0 {
            if found.is_empty() {
                return Ok(Found::Empty);
            }
            continue;
        }
        // Counted back from the end record, and by its offset from the beginning: programs do either.
        for start in [end.at.checked_sub(end.size), Some(end.offset)].into_iter().flatten() {
            let Some(before) = start.checked_sub(end.offset) else { continue };
            let directory = Directory { start, end: end.at, before };
            if found.len() < ZIP_DIRECTORIES && !found.contains(&directory) && directory.agrees(unpacker, &end)? {
                found.push(directory);
            }
        }
    }
    if !found.is_empty() {
        return Ok(Found::Directories(found));
    }
    let is_first_volume = unpacker.source.array_at::<4>(0)?.is_some_and(|mark| mark == *DESCRIPTOR_MARK);
    Ok(if is_first_volume { Found::Volume } else { Found::Nothing })
}

impl Directory {
    /// Whether the records are there, one behind the other, as many as the end record says, and end before it. Stops
    /// where there are more than may be unpacked: [`Directory::walk`] will say so.
    fn agrees<R: Read + Seek>(&self, unpacker: &mut Unpacker<'_, R>, end: &EndRecord) -> Result<bool, Unscanned> {
        let mut at = self.start;
        let mut records: u64 = 0;
        while at < self.end {
            unpacker.out.budget.tick()?;
            let Some(next) = Header::central_end(&unpacker.source, at)? else { break };
            (at, records) = (next, records + 1);
            if usize::try_from(records).map_or(true, |records| unpacker.out.budget.exceeds_members(records)) {
                return Ok(true);
            }
        }
        // The short form counts modulo 65,536; programs do write more without ZIP64.
        let counted = if end.is_long { records } else { records % 0x1_0000 };
        Ok(records > 0 && counted == end.records && at <= self.end)
    }

    /// Hands out every member, as the directory has it and, where that is something else, as the local header has it.
    pub(super) fn walk<R: Read + Seek>(
        &self,
        unpacker: &mut Unpacker<'_, R>,
        readings: &mut Readings,
    ) -> Result<(), Unscanned> {
        let mut at = self.start;
        while at < self.end {
            let Some(header) = Header::central(&unpacker.source, at)? else { break };
            at = header.end;
            let position = header.offset.saturating_add(self.before);
            if !readings.is_new(self, position, &header) {
                continue;
            }
            let local = Header::local(&unpacker.source, position)?;
            let mut ends = [None, None];
            if header.is_folder() {
                unpacker.out.budget.begin_member()?;
            } else if let Some(local) = &local {
                ends[0] = Some(unpacker.member(&header, local.end, &Expected::of(&header))?);
            } else {
                unpacker.out.begin_shown(header.display_name(), &header.name, Some(header.unpacked))?;
                unpacker.out.end(Err(Unscanned::Corrupted))?;
            }
            let Some(local) = local else { continue };
            if local.is_other_than(&header) && !local.is_folder() {
                readings.differ = true;
                if local.gives_other_than(&header) {
                    ends[1] = Some(unpacker.member(&local, local.end, &local.expected())?);
                }
            }
            let end = ends.into_iter().flatten().min().unwrap_or(local.end);
            readings.covered.push(position..end);
        }
        Ok(())
    }
}

/// The end record, short or long.
struct EndRecord {
    /// Where the directory ends at the latest.
    at: u64,
    records: u64,
    size: u64,
    offset: u64,
    is_volume: bool,
    is_long: bool,
}

impl EndRecord {
    /// Reads the record that stands at `at`; where one of its numbers is full, the long one in front of it counts.
    fn read<R: Read + Seek>(
        unpacker: &mut Unpacker<'_, R>,
        record: &[u8; END],
        at: u64,
    ) -> Result<Option<Self>, Unscanned> {
        let disks = (le16(record, 4), le16(record, 6));
        let short = Self {
            at,
            records: u64::from(le16(record, 10)),
            size: u64::from(le32(record, 12)),
            offset: u64::from(le32(record, 16)),
            is_volume: disks != (0, 0) && disks != (0xffff, 0xffff),
            is_long: false,
        };
        if short.records != 0xffff && short.size != 0xffff_ffff && short.offset != 0xffff_ffff {
            return Ok(Some(short));
        }
        let Some(locator_at) = at.checked_sub(LOCATOR as u64) else { return Ok(Some(short)) };
        let Some(locator) = unpacker.source.array_at::<LOCATOR>(locator_at)?.filter(|l| l.starts_with(LOCATOR_MARK))
        else {
            return Ok(Some(short));
        };
        // Where it says, or, with data in front of the zip, right before the locator.
        for long_at in [Some(le64(&locator, 8)), locator_at.checked_sub(LONG_END as u64)].into_iter().flatten() {
            let Some(long) = unpacker.source.array_at::<LONG_END>(long_at)?.filter(|l| l.starts_with(LONG_END_MARK))
            else {
                continue;
            };
            return Ok(Some(Self {
                at: long_at,
                records: le64(&long, 32),
                size: le64(&long, 40),
                offset: le64(&long, 48),
                is_volume: (le32(&long, 16), le32(&long, 20)) != (0, 0),
                is_long: true,
            }));
        }
        Ok(None)
    }
}

const END_MARK: &[u8] = b"PK\x05\x06";
const END: usize = 22;
const LOCATOR_MARK: &[u8] = b"PK\x06\x07";
const LOCATOR: usize = 20;
const LONG_END_MARK: &[u8] = b"PK\x06\x06";
const LONG_END: usize = 56;
