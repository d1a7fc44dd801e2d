//! Archives behind something else: a program that unpacks itself, or anything that an archiver passes over.
//!
//! 7-Zip looks for an archive in the first eight mebioctets of a file that it knows by nothing else, WinRAR and the
//! programs that unpack themselves do so in their own way, and which of several they take is their choice: so all are
//! found. A mark alone is none, since programs that write archives carry the marks: the header behind it must have its
//! sum, or make sense.

use std::io::Read as _;

use memchr::memmem;

use crate::Format;
use crate::limits::{GZIP_TRIED, GZIP_TRIES, PLACES};
use crate::sight::Sight;
use crate::source::{le16, le32};

/// A mark, and what must hold of the octets from it on.
type Kind = (Format, &'static [u8], fn(&[u8]) -> bool);

const KINDS: [Kind; 8] = [
    (Format::Zip, b"PK\x03\x04", is_zip),
    (Format::SevenZip, b"7z\xbc\xaf\x27\x1c", is_seven_zip),
    (Format::Rar, b"Rar!\x1a\x07", is_rar),
    (Format::Cab, b"MSCF", is_cab),
    (Format::Xz, b"\xfd7zXZ\0", is_xz),
    (Format::Zstd, b"\x28\xb5\x2f\xfd", is_zstd),
    (Format::Bzip2, b"1AY&SY", |_| true),
    (Format::Gzip, b"\x1f\x8b\x08", is_gzip),
];

/// The kinds of archives that stand somewhere in octets that begin as none.
pub(crate) fn kinds(head: &[u8], sight: Sight) -> impl Iterator<Item = Format> {
    // A cabinet's version is two control octets.
    let may_be =
        move |(format, mark, _): &&Kind| sight.may_hold(mark) && (*format != Format::Cab || sight.has_controls());
    KINDS.iter().filter(may_be).filter(|kind| positions(head, kind).next().is_some()).map(|(format, ..)| *format)
}

/// Whether archives of a format are opened where they stand. A zip is read as a whole, by its end.
pub(crate) fn is_looked_for(format: Format) -> bool {
    format != Format::Zip && KINDS.iter().any(|kind| kind.0 == format)
}

/// Where archives of such a format begin, up to one more than are opened.
pub(crate) fn places(head: &[u8], format: Format) -> Vec<u64> {
    let kind = KINDS.iter().find(|kind| kind.0 == format);
    kind.map_or_else(Vec::new, |kind| positions(head, kind).take(PLACES + 1).map(|at| at as u64).collect())
}

fn positions<'h>(head: &'h [u8], (format, mark, is_sound): &'h Kind) -> impl Iterator<Item = usize> + use<'h> {
    // Streams within programs are what these keep for themselves: nothing but a program looks there.
    let is_meant = matches!(format, Format::Zip | Format::SevenZip | Format::Rar | Format::Cab) || !is_program(head);
    let marks = is_meant.then(|| memmem::find_iter(head, *mark)).into_iter().flatten();
    let before = if *format == Format::Bzip2 { 4 } else { 0 };
    let begins = marks.filter_map(move |at| at.checked_sub(before));
    let sound = begins
        .filter(move |&at| head.get(at..).is_some_and(|octets| is_sound(octets) && (before == 0 || is_bzip2(octets))));
    // A mark of three octets may stand anywhere. To unpack what follows takes time, and beyond so many it is taken for
    // one untried.
    let mut tries = 0;
    sound.filter(move |&at| {
        *format != Format::Gzip || {
            tries += 1;
            tries > GZIP_TRIES || unpacks(head.get(at..).unwrap_or_default())
        }
    })
}

/// A program by its own header, not by its first letters alone.
fn is_program(head: &[u8]) -> bool {
    let pe_at = usize::try_from(le32(head, 60)).unwrap_or(usize::MAX);
    let is_pe = || head.get(pe_at..).is_some_and(|header| header.starts_with(b"PE\0\0"));
    head.starts_with(b"\x7fELF") || (head.starts_with(b"MZ") && is_pe())
}

/// Whether version, method and the length of the name make sense.
fn is_zip(octets: &[u8]) -> bool {
    let (version, method, name) = (le16(octets, 4), le16(octets, 8), le16(octets, 26));
    let is_version = version & 0xff <= 100 && version >> 8 <= 20;
    is_version && matches!(method, 0..=20 | 93..=99) && (1..=4096).contains(&name) && octets.len() > 30
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
pub(crate) fn is_cab(octets: &[u8]) -> bool {
    let (size, files_at) = (le32(octets, 8), le32(octets, 16));
    let (folders, files) = (le16(octets, 26), le16(octets, 28));
    octets.get(24..26) == Some(&[3, 1]) && files_at >= 36 && files_at < size && folders > 0 && files > 0
}

/// Whether the flags have their sum.
fn is_xz(octets: &[u8]) -> bool {
    octets.get(6..8).is_some_and(|flags| octets.len() >= 12 && crc(flags) == le32(octets, 8))
}

/// Whether the first block of a frame is one (RFC 8878 §3.1.1.1, §3.1.1.2): what is reserved is free, and its size
/// within the limit for blocks.
fn is_zstd(octets: &[u8]) -> bool {
    let Some(&flags) = octets.get(4) else { return false };
    let is_single = flags & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
    let size = [usize::from(is_single), 2, 4, 8][usize::from(flags >> 6)];
    let block = le32(octets, 5 + usize::from(!is_single) + dictionary + size) & 0xff_ffff;
    flags & 0x08 == 0 && block >> 1 & 3 != 3 && block >> 3 <= 128 << 10 && block != 0
}

/// Whether no reserved flag is set (RFC 1952 §2.3.1.2).
fn is_gzip(octets: &[u8]) -> bool {
    octets.len() >= 18 && octets.get(3).is_some_and(|flags| flags & 0xe0 == 0)
}

/// Whether a gzip stream gives some octets before it fails, or ends well.
fn unpacks(octets: &[u8]) -> bool {
    let octets = octets.get(..GZIP_TRIED).unwrap_or(octets);
    flate2::bufread::GzDecoder::new(octets).take(256).read_to_end(&mut Vec::with_capacity(256)).is_ok()
}

/// Whether what stands before the mark of the first block is the beginning of a stream.
fn is_bzip2(octets: &[u8]) -> bool {
    matches!(octets, [b'B', b'Z', b'h', b'1'..=b'9', ..])
}

fn crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}
