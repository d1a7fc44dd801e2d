//! What a container is, by its content.
//!
//! The declared type and the name of a part never decide: an attacker writes them.

use memchr::memmem;

use crate::cms::begins_as_cms;
use crate::cpio;
use crate::embedded::holds_files;
use crate::iso::is_image;
use crate::office_xml::begins_as_office_xml;
use crate::pdf::begins_as_pdf;
use crate::rtf::begins_as_rtf;
use crate::sight::{Sight, is_at};
use crate::source::{le16, le32, le64};
use crate::tar::is_header;
use crate::tnef::SIGNATURE;
use crate::{active_mime, others, sfx};

/// A kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// PKWARE's zip, and all that is built on it: OOXML, OpenDocument, JAR, APK, EPUB.
    Zip,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz, and lzma in its container.
    Xz,
    /// LZMA with the header of the first programs that wrote it.
    Lzma,
    /// RFC 8878.
    Zstd,
    /// POSIX tar (`ustar`).
    Tar,
    /// 7-Zip.
    SevenZip,
    /// RAR, versions 4 and 5.
    Rar,
    /// Unix `ar`.
    Ar,
    /// cpio.
    Cpio,
    /// Microsoft's cabinet.
    Cab,
    /// The `winmail.dat` of Outlook.
    Tnef,
    /// Microsoft's compound file: old Office documents, `.msg`, `.msi`.
    Cfb,
    /// RTF, for the objects in it.
    Rtf,
    /// RTF as Outlook packs it, in TNEF and `.msg`.
    PackedRtf,
    /// Office documents in a single file of XML: flat OPC, and what came before it.
    OfficeXml,
    /// Texts with files in them as base64 or percent codes: pages, scripts, calendars, cards, armour.
    Embedded,
    /// What Office packs macros in where the document is text (`.mso`).
    ActiveMime,
    /// PDF, for the files, scripts and packed objects in it.
    Pdf,
    /// CMS, PKCS #7: what is signed, packed or encrypted by S/MIME (`.p7m`).
    Cms,
    /// ACE.
    Ace,
    /// ARJ.
    Arj,
    /// LHA, LZH.
    Lha,
    /// A disk image by ISO 9660 or UDF.
    Iso,
    /// Images of disks of other kinds, and archives and packed streams that are known by sight only.
    Other,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 26] = [
        Self::Zip,
        Self::Gzip,
        Self::Bzip2,
        Self::Xz,
        Self::Lzma,
        Self::Zstd,
        Self::Tar,
        Self::SevenZip,
        Self::Rar,
        Self::Ar,
        Self::Cpio,
        Self::Cab,
        Self::Cfb,
        Self::Rtf,
        Self::PackedRtf,
        Self::OfficeXml,
        Self::Embedded,
        Self::ActiveMime,
        Self::Pdf,
        Self::Cms,
        Self::Iso,
        Self::Ace,
        Self::Arj,
        Self::Lha,
        Self::Tnef,
        Self::Other,
    ];

    /// The name used in configuration and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
            Self::Tar => "tar",
            Self::SevenZip => "7z",
            Self::Rar => "rar",
            Self::Ar => "ar",
            Self::Cpio => "cpio",
            Self::Cab => "cab",
            Self::Tnef => "tnef",
            Self::Cfb => "cfb",
            Self::Rtf => "rtf",
            Self::PackedRtf => "packed_rtf",
            Self::OfficeXml => "office_xml",
            Self::Embedded => "embedded",
            Self::ActiveMime => "active_mime",
            Self::Pdf => "pdf",
            Self::Cms => "cms",
            Self::Ace => "ace",
            Self::Arj => "arj",
            Self::Lha => "lha",
            Self::Iso => "iso",
            Self::Other => "other",
        }
    }

    /// Whether it is a text as well, that people read as it stands.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Embedded)
    }
}

/// The marks by which the other formats are known: where, what, which. Recognised and not opened, they are
/// [`Unhandled`](crate::Unscanned::Unhandled): what nobody looked into must not pass as clean.
const MARKS: [(usize, &[u8], Format); 24] = [
    (0, b"\x1f\x8b\x08", Format::Gzip),
    (4, b"1AY&SY", Format::Bzip2),
    // The end of a stream without a block: a stream that is not empty may follow.
    (4, b"\x17\x72\x45\x38\x50\x90", Format::Bzip2),
    (0, b"\xfd7zXZ\0", Format::Xz),
    (0, b"\x28\xb5\x2f\xfd", Format::Zstd),
    // A skippable frame, RFC 8878 §3.1.2.
    (1, b"\x2a\x4d\x18", Format::Zstd),
    (257, b"ustar", Format::Tar),
    (0, b"7z\xbc\xaf\x27\x1c", Format::SevenZip),
    (0, b"Rar!\x1a\x07", Format::Rar),
    (0, b"!<arch>\n", Format::Ar),
    (0, b"!<thin>\n", Format::Ar),
    (0, b"070701", Format::Cpio),
    (0, b"070702", Format::Cpio),
    (0, b"070707", Format::Cpio),
    (0, b"MSCF\0\0\0\0", Format::Cab),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Cfb),
    (0, &SIGNATURE, Format::Tnef),
    (0, active_mime::MARK, Format::ActiveMime),
    (8, b"LZFu", Format::PackedRtf),
    (8, b"MELA", Format::PackedRtf),
    (7, b"**ACE**", Format::Ace),
    (0, b"\x60\xea", Format::Arj),
    (2, b"-lh", Format::Lha),
    (2, b"-lz", Format::Lha),
];

/// Octets from the beginning that [`detect`] wants to see; more are ignored. 7-Zip looks for archives behind something
/// else in as many, and the whole header has to be there.
pub const HEAD: usize = (8 << 20) + (64 << 10);

/// Octets in which everything but an image of a disk shows how it begins.
pub(crate) const BEGIN: usize = 4 << 10;

/// Octets up to the end that [`detect`] wants to see: a zip's end record with the longest comment.
pub const TAIL: usize = END_LENGTH + u16::MAX as usize;

/// The format of a container by its first octets and its last. The two may overlap; both are the whole of a short
/// one.
pub fn detect(head: &[u8], tail: &[u8]) -> Option<Format> {
    detect_all(head, tail).next()
}

/// Every format that programs may take it for, the likeliest first. A zip is known by its end, a disk image by what
/// stands behind its first sixteen sectors, which are free, all others by their beginning: so one file may be several,
/// and each program shows its own.
pub fn detect_all(head: &[u8], tail: &[u8]) -> impl Iterator<Item = Format> {
    let mut found = Vec::new();
    let is_zip = begins_as_zip(head);
    let sight = Sight::of(head);
    let sight_of_tail = if std::ptr::eq(head, tail) { sight } else { Sight::of(tail) };
    if is_zip || (sight_of_tail.may_hold(ZIP_END) && ends_as_zip(tail)) {
        found.push(Format::Zip);
    }
    if others::ends(tail) {
        found.push(Format::Other);
    }
    let beginning: Vec<_> = by_beginning(head).collect();
    // Members that are only stored stand in the open in most containers, and come out of these. Of a PDF only what it
    // names comes out.
    let is_open = beginning.iter().all(|format| *format == Format::Pdf);
    let hidden = (!is_zip && is_open).then(|| sfx::kinds(head, sight)).into_iter().flatten();
    for format in beginning.into_iter().chain(hidden) {
        if !found.contains(&format) {
            found.push(format);
        }
    }
    if holds_files(head) {
        found.push(Format::Embedded);
    }
    found.into_iter()
}

/// What octets begin as. Formats may come twice.
pub(crate) fn by_beginning(head: &[u8]) -> impl Iterator<Item = Format> {
    let marked = MARKS.iter().filter(move |(at, mark, _)| is_at(head, *at, mark)).map(|(_, _, format)| *format);
    let marked = marked.filter(move |format| match format {
        // Short marks, which text may begin with: one octet more of the header must fit.
        Format::Arj => is_at(head, 10, b"\x02"),
        Format::Lha => is_at(head, 6, b"-"),
        // Two sizes stand in front of it.
        Format::PackedRtf => !head.iter().take(8).all(|octet| octet.is_ascii_graphic() || octet.is_ascii_whitespace()),
        Format::Zstd => is_at(head, 0, b"\x28") || head.first().is_some_and(|first| first >> 4 == 5),
        _ => true,
    });
    let others = [
        is_image(head).then_some(Format::Iso),
        // The oldest tars have no mark, only a sum.
        is_header(head).then_some(Format::Tar),
        cpio::begins_as_binary(head).then_some(Format::Cpio),
        begins_as_cms(head).then_some(Format::Cms),
        begins_as_rtf(head).then_some(Format::Rtf),
        begins_as_office_xml(head).then_some(Format::OfficeXml),
        begins_as_pdf(head).then_some(Format::Pdf),
        begins_as_lzma(head).then_some(Format::Lzma),
        others::begins(head).then_some(Format::Other),
    ];
    marked.chain(others.into_iter().flatten())
}

/// A local header, the end record of an empty zip, or the marks of a split one (APPNOTE §8.5).
pub(crate) fn begins_as_zip(head: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00"].iter().any(|mark| head.starts_with(*mark))
}

/// Properties that can be, which are 0x5d in nearly every file, a dictionary of a size that programs write, a size that
/// is not told or is below a tebioctet, and the first octet of every stream.
fn begins_as_lzma(head: &[u8]) -> bool {
    let (dictionary, size) = (le32(head, 1), le64(head, 5));
    let is_usual = dictionary.is_power_of_two() || (dictionary / 3).is_power_of_two() || dictionary == u32::MAX;
    head.len() > 18
        && (head[0] == 0x5d || (head[0] < 225 && size != 0))
        && dictionary >= 4096
        && is_usual
        && (size == u64::MAX || size >> 40 == 0)
        && head[13] == 0
}

/// An end record that has members: other things may stand before the zip, such as a program that unpacks it, or a
/// picture that a viewer opens. The size of the directory tells it from text about zips.
fn ends_as_zip(tail: &[u8]) -> bool {
    let tail = &tail[tail.len().saturating_sub(TAIL)..];
    memmem::find_iter(tail, ZIP_END).any(|at| {
        let record = &tail[at..];
        let (records, size) = (u32::from(le16(record, 10)), le32(record, 12));
        record.len() >= END_LENGTH && records > 0 && (size == u32::MAX || (46 * records..1 << 29).contains(&size))
    })
}

/// The mark of a zip's end record.
const ZIP_END: &[u8] = b"PK\x05\x06";

/// Octets of a zip's end record without its comment.
const END_LENGTH: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_two() {
        let all = |head: &[u8], tail: &[u8]| detect_all(head, tail).collect::<Vec<_>>();
        let mut end = vec![b'P', b'K', 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, 51, 0, 0, 0];
        end.resize(22, 0);
        let cab = [&b"MSCF\0\0\0\0"[..], &[0; 60], &end].concat();
        assert_eq!(all(&cab, &cab), [Format::Zip, Format::Cab]);
        assert_eq!(all(&cab, b""), [Format::Cab]);
        assert_eq!(all(&end, &end), [Format::Zip]);
        assert_eq!(all(b"text", b"text"), []);
    }

    #[test]
    fn an_image_is_one_whatever_stands_in_its_free_sectors() {
        let image = |front: &[u8]| {
            let mut octets = [front, &vec![0; 32_769 - front.len()], b"CD001\x01"].concat();
            octets.resize(36_000, 0);
            octets
        };
        let tar = {
            let mut block = [0; 512];
            block[..5].copy_from_slice(b"a.txt");
            let sum: u32 = block.iter().map(|octet| u32::from(*octet)).sum::<u32>() + 8 * u32::from(b' ');
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            block
        };
        let fronts: [(&[u8], &[Format]); 8] = [
            (b"", &[]),
            (&tar, &[Format::Tar]),
            (b"PK\x03\x04", &[Format::Zip]),
            (b"\x60\xea", &[]),
            (b"xx-lh", &[]),
            (b"x\x2a\x4d\x18", &[]),
            (b"\x1f\x8b\x08", &[Format::Gzip]),
            (b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", &[Format::Cms]),
        ];
        for (front, others) in fronts {
            let found: Vec<_> = detect_all(&image(front), b"").collect();
            assert!(found.contains(&Format::Iso), "{}", front.escape_ascii());
            assert!(others.iter().all(|other| found.contains(other)), "{}: {found:?}", front.escape_ascii());
            assert_eq!(found.len(), others.len() + 1);
        }
        // What a list of volumes may begin with, and what one system passes over.
        for (first, second) in [
            (b"BOOT2", b"BEA01"),
            (b"CDW02", b"NSR02"),
            (b"CDW02", b"NSR03"),
            (b"BOOT2", b"CD001"),
            (b"\0\0\0\0\0", b"CD001"),
        ] {
            let octets = [&vec![0; 32_769][..], first, &[0; 2_043], second, &[0; 10]].concat();
            assert_eq!(detect(&octets, b""), Some(Format::Iso), "{}", first.escape_ascii());
        }
    }

    #[test]
    fn a_zip_is_known_by_either_end() {
        let mut end = b"PK\x05\x06".to_vec();
        end.resize(END_LENGTH, 0);
        assert_eq!(detect(&end, &end), Some(Format::Zip), "an empty zip");
        assert_eq!(detect(b"PK\x03\x04 and on", b""), Some(Format::Zip));
        end[10] = 1;
        end[12] = 47;
        let hidden = [b"GIF89a...".as_slice(), &end, b"junk"].concat();
        assert_eq!(detect(&hidden, &hidden), Some(Format::Zip), "a zip behind a picture");
    }

    #[test]
    fn every_format_is_known_by_its_mark() {
        for (at, mark, format) in MARKS {
            let mut octets = [&vec![0; at], mark, &[0; 10]].concat();
            assert_eq!(detect(&octets[..at + mark.len() - 1], b""), None, "{} cut short", format.name());
            match format {
                Format::Arj => octets[10] = 2,
                Format::Lha => octets[6] = b'-',
                Format::Zstd if at == 1 => octets[0] = 0x5f,
                _ => {}
            }
            assert_eq!(detect(&octets, b""), Some(format), "{}", format.name());
            assert!(at + mark.len() <= HEAD);
        }
    }

    #[test]
    fn lzma_is_known_by_its_header() {
        let header = |dictionary: u32, size: u64| {
            [&[0x5d][..], &dictionary.to_le_bytes(), &size.to_le_bytes(), &[0, 1, 2, 3, 4, 5, 6, 7]].concat()
        };
        for (dictionary, size) in [(1 << 23, u64::MAX), (3 << 20, 5), (4096, 0), (u32::MAX, 1 << 30)] {
            assert_eq!(detect(&header(dictionary, size), b""), Some(Format::Lzma));
        }
        for (dictionary, size) in [(1 << 23, u64::MAX - 1), (5 << 20, 5), (2048, 0)] {
            assert_eq!(detect(&header(dictionary, size), b""), None);
        }
        assert_eq!(detect(b"]\0\0\x80\0", b""), None, "no stream follows");
        let with = |properties: u8, size: u64| [&[properties], &header(1 << 23, size)[1..]].concat();
        assert_eq!(detect(&with(0x5e, u64::MAX), b""), Some(Format::Lzma), "four bits of context");
        assert_eq!(detect(&with(0, 7), b""), Some(Format::Lzma));
        assert_eq!((detect(&with(0, 0), b""), detect(&with(225, 7), b"")), (None, None));
    }

    #[test]
    fn other_things_are_not_zips() {
        assert_eq!(detect("`가나다라마바사".as_bytes(), b""), None, "text that begins as an ARJ does");
        for octets in [&b""[..], b"P", b"PK", b"hello PK\x05\x06", b"about PK\x05\x06 in zips, a longer text"] {
            assert_eq!(detect(octets, &[octets, &[0; 30]].concat()[..octets.len()]), None, "{octets:?}");
        }
        assert_eq!(detect(b"x", &[b"PK\x05\x06".as_slice(), &[0; 18]].concat()), None, "no members, not at the start");
    }
}
