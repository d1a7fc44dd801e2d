//! The blocks of RAR 5.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::RAR_HEADER;
use crate::source::le32;

use super::{File, outcome};

pub(super) fn walk<R: Read + Seek>(flow: &mut Flow<'_, R>) -> Result<(), Unscanned> {
    let (mut at, mut has_end, mut is_damaged, mut is_volume) = (MARK, false, false, false);
    while !has_end {
        flow.out.budget.tick()?;
        let mut buffer = [0; 7];
        let fixed = flow.source.read_at(at, &mut buffer)?;
        let mut size_at = fixed.get(4..).unwrap_or(&[]);
        let Some(size) = number(&mut size_at) else { break };
        let used = (fixed.len() - size_at.len()) as u64;
        let Some(header) = flow.text(at + used, size, RAR_HEADER)?.filter(|header| !header.is_empty()) else {
            is_damaged = true;
            break;
        };
        let mut crc = flate2::Crc::new();
        crc.update(&fixed[4..fixed.len() - size_at.len()]);
        crc.update(&header);
        is_damaged |= crc.sum() != le32(fixed, 0);
        let Some(block) = Block::read(&header, at + used + size) else {
            is_damaged = true;
            break;
        };
        match block.kind {
            ENCRYPTION => return Err(Unscanned::Encrypted),
            MAIN => is_volume = number(&mut &*block.body).unwrap_or(0) & 1 != 0,
            FILE => match block.file() {
                Some(file) => file.give(flow)?,
                None => is_damaged = true,
            },
            END => has_end = true,
            _ => {}
        }
        at = block.start.saturating_add(block.packed);
    }
    outcome(has_end, is_damaged || at > flow.source.length(), is_volume)
}

/// A header without what all of them begin with.
struct Block<'a> {
    kind: u64,
    flags: u64,
    body: &'a [u8],
    extra: &'a [u8],
    /// Where its data is, and how many octets.
    start: u64,
    packed: u64,
}

impl<'a> Block<'a> {
    fn read(header: &'a [u8], start: u64) -> Option<Self> {
        let mut rest = header;
        let (kind, flags) = (number(&mut rest)?, number(&mut rest)?);
        let extra = if flags & HAS_EXTRA != 0 { number(&mut rest)? } else { 0 };
        let packed = if flags & HAS_DATA != 0 { number(&mut rest)? } else { 0 };
        let (body, extra) = rest.split_at_checked(rest.len().checked_sub(usize::try_from(extra).ok()?)?)?;
        Some(Self { kind, flags, body, extra, start, packed })
    }

    fn file(&self) -> Option<File> {
        let mut rest = self.body;
        let flags = number(&mut rest)?;
        let size = number(&mut rest)?;
        number(&mut rest)?;
        if flags & HAS_TIME != 0 {
            rest = rest.get(4..)?;
        }
        let crc = (flags & HAS_CRC != 0).then(|| le32(rest, 0));
        if crc.is_some() {
            rest = rest.get(4..)?;
        }
        let packing = number(&mut rest)?;
        number(&mut rest)?;
        let length = usize::try_from(number(&mut rest)?).ok()?;
        Some(File {
            name: String::from_utf8_lossy(rest.get(..length)?).into_owned(),
            is_folder: flags & FOLDER != 0,
            is_encrypted: self.has_extra(ENCRYPTED),
            is_split: self.flags & SPLIT != 0,
            is_stored: packing >> 7 & 7 == 0,
            size,
            crc,
            start: self.start,
            packed: self.packed,
        })
    }

    /// Whether there is an extra record of a kind.
    fn has_extra(&self, kind: u64) -> bool {
        let mut rest = self.extra;
        while let Some(size) = number(&mut rest).and_then(|size| usize::try_from(size).ok()) {
            let Some((record, behind)) = rest.split_at_checked(size) else { return false };
            rest = behind;
            if number(&mut &*record) == Some(kind) {
                return true;
            }
        }
        false
    }
}

/// A number of seven bits an octet, the low ones first; the highest bit says that another follows.
fn number(octets: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (first, rest) = octets.split_first()?;
        *octets = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Octets of the mark.
const MARK: u64 = 8;

const MAIN: u64 = 1;
const FILE: u64 = 2;
const ENCRYPTION: u64 = 4;
const END: u64 = 5;

/// Flags of any block.
const HAS_EXTRA: u64 = 0x01;
const HAS_DATA: u64 = 0x02;
const SPLIT: u64 = 0x18;

/// Flags of a file.
const FOLDER: u64 = 0x01;
const HAS_TIME: u64 = 0x02;
const HAS_CRC: u64 = 0x04;

/// The extra record that says how a file is encrypted.
const ENCRYPTED: u64 = 1;
