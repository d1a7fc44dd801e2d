//! Unix `ar`: Debian packages and static libraries, with GNU's and BSD's long names.
//!
//! The tables that linkers keep in one (`/`, `//`, `__.SYMDEF`) are members like others: they take octets, and octets
//! are looked at. A thin archive has no octets of its members and is `Unhandled`.

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::{AR_NAME, AR_NAMES};

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    match flow.source.array_at::<8>(0)? {
        Some(mark) if mark == *b"!<arch>\n" => {}
        Some(mark) if mark == *b"!<thin>\n" => return Err(Unscanned::Unhandled),
        _ => return Err(Unscanned::Corrupted),
    }
    let mut names = Vec::new();
    let mut at = 8;
    let length = flow.source.length();
    while at < length {
        let header = flow.source.array_at::<HEADER>(at)?.filter(|header| header.ends_with(b"`\n"));
        let size = header.as_ref().and_then(|header| decimal(&header[48..58]));
        let (Some(header), Some(mut size)) = (header, size) else {
            return Err(Unscanned::PartiallyCorrupted);
        };
        at += HEADER as u64;
        let end = at.saturating_add(size);
        let field = header[..16].trim_ascii_end();
        let mut name = field.to_vec();
        if field == b"//" {
            names = flow.text(at, size, AR_NAMES)?.unwrap_or_default();
        } else if let Some(length) = field.strip_prefix(b"#1/").and_then(decimal) {
            // BSD: the name is the beginning of the data.
            let stands = length <= size;
            name = flow.text(at, length, AR_NAMES)?.filter(|_| stands).unwrap_or_default();
            name.truncate(name.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1));
            if stands {
                (at, size) = (at + length, size - length);
            }
        } else if let Some(place) = field.strip_prefix(b"/").and_then(decimal) {
            let rest = usize::try_from(place).ok().and_then(|place| names.get(place..)).unwrap_or(&[]);
            // Many members may share one name of the table.
            let rest = rest.get(..AR_NAME).unwrap_or(rest);
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            name = rest[..end].strip_suffix(b"/").unwrap_or(&rest[..end]).to_vec();
        } else if let Some(short) = field.strip_suffix(b"/").filter(|short| !short.is_empty() && *short != b"/") {
            name = short.to_vec();
        }
        flow.stored(&name, at, size, Ok(()))?;
        at = end.saturating_add(end & 1);
    }
    // A pad may be missing at the very end.
    if at <= length + 1 { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
}

fn decimal(field: &[u8]) -> Option<u64> {
    str::from_utf8(field.trim_ascii())
        .ok()
        .filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?
        .parse()
        .ok()
}

/// Octets of a header.
const HEADER: usize = 60;
