//! The blocks of RAR up to version 4.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::source::{le16, le32};

use super::{File, outcome};

pub(super) fn walk<R: Read + Seek>(flow: &mut Flow<'_, R>) -> Result<(), Unscanned> {
    let (mut at, mut has_end, mut is_damaged, mut is_volume) = (MARK, false, false, false);
    while !has_end {
        flow.out.budget.tick()?;
        let Some(fixed) = flow.source.array_at::<BLOCK>(at)? else { break };
        let (kind, flags, length) = (fixed[2], le16(&fixed, 3), u64::from(le16(&fixed, 5)));
        let header = flow.text(at, length.max(BLOCK as u64), u64::from(u16::MAX))?;
        let Some(header) = header.filter(|_| length >= BLOCK as u64) else {
            is_damaged = true;
            break;
        };
        let mut crc = flate2::Crc::new();
        crc.update(&header[2..]);
        is_damaged |= crc.sum() & 0xffff != u32::from(le16(&fixed, 0));
        let mut data = if flags & HAS_DATA != 0 { u64::from(le32(&header, 7)) } else { 0 };
        match kind {
            MAIN if flags & HEADERS_ENCRYPTED != 0 => return Err(Unscanned::Encrypted),
            MAIN => is_volume = flags & VOLUME != 0,
            FILE => {
                let Some(file) = read(&header, flags, at + length) else {
                    is_damaged = true;
                    break;
                };
                data = file.packed;
                file.give(flow)?;
            }
            END => has_end = true,
            _ => {}
        }
        at = at.saturating_add(length).saturating_add(data);
    }
    outcome(has_end, is_damaged || at > flow.source.length(), is_volume)
}

fn read(header: &[u8], flags: u16, start: u64) -> Option<File> {
    let name_length = usize::from(le16(header, 26));
    let is_long = flags & LONG != 0;
    let high = |at: usize| if is_long { u64::from(le32(header, at)) << 32 } else { 0 };
    let name_at = if is_long { 40 } else { 32 };
    let name = header.get(name_at..name_at + name_length)?;
    // Before a zero stands the name in the code page, behind it a packed form of the other letters.
    let name = memchr::memchr(0, name).map_or(name, |at| &name[..at]);
    Some(File {
        name: String::from_utf8_lossy(name).into_owned(),
        is_folder: flags & FOLDER == FOLDER,
        is_encrypted: flags & ENCRYPTED != 0,
        is_split: flags & SPLIT != 0,
        is_stored: *header.get(25)? == STORED,
        size: u64::from(le32(header, 11)) | high(36),
        crc: Some(le32(header, 16)),
        start,
        packed: u64::from(le32(header, 7)) | high(32),
    })
}

/// Octets of the mark, and of the shortest block.
const MARK: u64 = 7;
const BLOCK: usize = 7;

const MAIN: u8 = 0x73;
const FILE: u8 = 0x74;
const END: u8 = 0x7b;

/// Flags of any block, of the main one, and of files.
const HAS_DATA: u16 = 0x8000;
const VOLUME: u16 = 0x01;
const HEADERS_ENCRYPTED: u16 = 0x80;
const SPLIT: u16 = 0x03;
const ENCRYPTED: u16 = 0x04;
const FOLDER: u16 = 0xe0;
const LONG: u16 = 0x100;

const STORED: u8 = 0x30;
