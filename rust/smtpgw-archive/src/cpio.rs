//! cpio: the forms `newc`, `crc`, `odc` and the old binary one of either byte order.
//!
//! Archives may follow each other, with zeros between. Where something else stands, the next header is searched, as
//! cpio itself does, and the container is reported as damaged.

use std::io::{Read, Seek};

use memchr::memmem;

use crate::Unscanned;
use crate::flow::{CHUNK, Flow};
use crate::limits::CPIO_NAME;
use crate::source::le16;

/// A header: how long it is, and what of it counts.
struct Header {
    length: u64,
    /// Name and data are filled up to a multiple of this.
    align: u64,
    mode: u64,
    name: u64,
    size: u64,
}

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let mut at = 0;
    let (mut has_headers, mut has_end, mut is_damaged) = (false, false, false);
    let length = flow.source.length();
    while at < length {
        flow.out.budget.tick()?;
        let mut buffer = [0; 110];
        let octets = flow.source.read_at(at, &mut buffer)?;
        let Some(header) = header(octets) else {
            let Some(next) = next_header(&mut flow, at, &mut is_damaged)? else { break };
            at = next;
            continue;
        };
        has_headers = true;
        let name_at = at + header.length;
        let Some(name) = flow.text(name_at, header.name, CPIO_NAME)? else {
            is_damaged = true;
            at += 2;
            continue;
        };
        let name = name.strip_suffix(b"\0").unwrap_or(&name).to_vec();
        let data = up(name_at + header.name, header.align);
        has_end = name.split(|&octet| octet == 0).next() == Some(b"TRAILER!!!") && header.size == 0;
        if !has_end {
            if header.mode & 0o170_000 == 0o040_000 && header.size == 0 {
                flow.out.budget.begin_member()?;
            } else {
                flow.stored(&name, data, header.size, Ok(()))?;
            }
        }
        at = up(data.saturating_add(header.size), header.align);
    }
    match (has_headers, has_end && !is_damaged) {
        (false, _) => Err(Unscanned::Corrupted),
        (true, false) => Err(Unscanned::PartiallyCorrupted),
        (true, true) => Ok(()),
    }
}

/// Whether octets begin as a binary header does: the others have marks that are long enough.
pub(crate) fn begins_as_binary(head: &[u8]) -> bool {
    let Some(header) = header(head).filter(|header| header.length == 26) else { return false };
    let end = usize::try_from(header.length + header.name).unwrap_or(usize::MAX);
    let is_kind = matches!(header.mode >> 12, 1 | 2 | 4 | 6 | 8 | 10 | 12) || header.mode == 0;
    // Programs in C see the name end at its first zero, wherever that is.
    let name = head.get(26..end).unwrap_or(&[]);
    is_kind && name.len() > 1 && name.iter().position(|&octet| octet == 0).is_some_and(|at| at > 0)
}

fn header(octets: &[u8]) -> Option<Header> {
    let hex = |field: usize| number(octets.get(6 + 8 * field..14 + 8 * field)?, 16);
    let octal = |at: usize, length: usize| number(octets.get(at..at + length)?, 8);
    if octets.starts_with(b"070701") || octets.starts_with(b"070702") {
        return Some(Header { length: 110, align: 4, mode: hex(1)?, size: hex(6)?, name: hex(11)? });
    }
    if octets.starts_with(b"070707") {
        return Some(Header { length: 76, align: 1, mode: octal(18, 6)?, name: octal(59, 6)?, size: octal(65, 11)? });
    }
    let word: fn(&[u8], usize) -> u64 = match octets.get(..26)? {
        [0xc7, 0x71, ..] => |octets, at| u64::from(le16(octets, at)),
        [0x71, 0xc7, ..] => |octets, at| u64::from(le16(octets, at).swap_bytes()),
        _ => return None,
    };
    let size = word(octets, 22) << 16 | word(octets, 24);
    Some(Header { length: 26, align: 2, mode: word(octets, 6), name: word(octets, 20), size })
}

fn number(field: &[u8], base: u32) -> Option<u64> {
    let text = str::from_utf8(field).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_alphanumeric()))?;
    u64::from_str_radix(text, base).ok()
}

fn up(at: u64, align: u64) -> u64 {
    at.div_ceil(align).saturating_mul(align)
}

/// Where the next header with a long mark is, if there is one. Anything but zeros on the way is damage.
fn next_header<R: Read + Seek>(
    flow: &mut Flow<'_, R>,
    start: u64,
    is_damaged: &mut bool,
) -> Result<Option<u64>, Unscanned> {
    let mut at = start;
    let mut buffer = vec![0; CHUNK];
    loop {
        flow.out.budget.tick()?;
        let octets = flow.source.read_at(at, &mut buffer)?;
        let found = memmem::find_iter(octets, b"07070").find(|found| {
            let mark = octets.get(found + 5);
            (*found > 0 || at > start) && matches!(mark, Some(b'1' | b'2' | b'7'))
        });
        *is_damaged |= octets[..found.unwrap_or(octets.len())].iter().any(|&octet| octet != 0);
        match found {
            Some(found) => return Ok(Some(at + found as u64)),
            None if octets.len() < CHUNK => return Ok(None),
            // A mark may begin in the last five octets.
            None => at += octets.len() as u64 - 5,
        }
    }
}
