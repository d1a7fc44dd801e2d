//! Programs that unpack themselves: an archive somewhere in the first octets of an executable.
//!
//! A zip is known by its end and needs none of this. The others are known by their mark, which the programs that
//! write them carry as well; so the header behind the mark must have its sum, or make sense, for it to count.

use memchr::memmem;

use crate::Format;
use crate::source::{le16, le32};

/// Where an archive of one of the three formats begins in an executable.
pub(crate) fn find(head: &[u8]) -> Option<(Format, usize)> {
    if !head.starts_with(b"MZ") && !head.starts_with(b"\x7fELF") {
        return None;
    }
    let all = |mark: &'static [u8], format, is_sound: fn(&[u8]) -> bool| {
        let sound = memmem::find_iter(head, mark).find(|&at| head.get(at..).is_some_and(is_sound));
        sound.map(|at| (format, at))
    };
    let found = [
        all(b"7z\xbc\xaf\x27\x1c", Format::SevenZip, is_seven_zip),
        all(b"Rar!\x1a\x07", Format::Rar, is_rar),
        all(b"MSCF\0\0\0\0", Format::Cab, is_cab),
    ];
    found.into_iter().flatten().min_by_key(|(_, at)| *at)
}

/// Whether the start header has its sum.
fn is_seven_zip(octets: &[u8]) -> bool {
    octets.get(12..32).is_some_and(|start| crc(start) == le32(octets, 8))
}

/// Whether the first block has its sum.
fn is_rar(octets: &[u8]) -> bool {
    match octets.get(6..) {
        Some([0, block @ ..]) => {
            // It is the main one, and those are short: a long one would be summed up for every mark.
            let header = block.get(2..usize::from(le16(block, 5)).min(64));
            header.is_some_and(|header| header.len() >= 5 && crc(header) & 0xffff == u32::from(le16(block, 0)))
        }
        // The size of the first header of version 5 takes one octet.
        Some([1, 0, block @ ..]) => {
            let size = block.get(4).map_or(0, |size| usize::from(*size));
            size > 0 && block.get(4..5 + size).is_some_and(|header| crc(header) == le32(block, 0))
        }
        _ => false,
    }
}

/// Whether version, size and counts are those of a cabinet.
fn is_cab(octets: &[u8]) -> bool {
    let (size, files_at) = (le32(octets, 8), le32(octets, 16));
    let (folders, files) = (le16(octets, 26), le16(octets, 28));
    octets.get(24..26) == Some(&[3, 1]) && files_at >= 36 && files_at < size && folders > 0 && files > 0
}

fn crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}
