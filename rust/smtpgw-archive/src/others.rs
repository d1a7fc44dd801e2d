//! What other programs open and this crate does not: disk images that systems mount at a click, archives and packed
//! streams of one program or one system.
//!
//! They are known by sight, so that what is in them is told as `Unhandled` and never taken for clean.

use crate::sight::is_at;
use crate::source::le16;

/// Whether octets begin as one of them.
pub(crate) fn begins(head: &[u8]) -> bool {
    let is_zstd_before_1 = matches!(head, [0x22..=0x27, 0xb5, 0x2f, 0xfd, ..]);
    // Three octets; the third says how wide the codes become.
    let is_compress = matches!(head, [0x1f, 0x9d, bits, ..] if bits & 0x60 == 0 && (9..=16).contains(&(bits & 0x1f)));
    MARKS.iter().any(|(at, mark)| is_at(head, *at, mark)) || is_zstd_before_1 || is_compress || is_volume(head)
}

/// Whether octets end as one of them: images of disks that have their header there.
pub(crate) fn ends(tail: &[u8]) -> bool {
    let last = &tail[tail.len().saturating_sub(512)..];
    last.len() == 512 && (last.starts_with(b"conectix\0\0\0") || last.starts_with(b"koly\0\0\0\x04"))
}

/// The first sector of a volume by FAT or NTFS.
fn is_volume(head: &[u8]) -> bool {
    let systems: [(usize, &[u8]); 4] = [(3, b"NTFS    "), (54, b"FAT12   "), (54, b"FAT16   "), (82, b"FAT32   ")];
    is_at(head, 510, b"\x55\xaa")
        && matches!(le16(head, 11), 512 | 1024 | 2048 | 4096)
        && systems.iter().any(|(at, mark)| is_at(head, *at, mark))
}

/// Where, what.
const MARKS: [(usize, &[u8]); 47] = [
    // Images of disks: VHDX, VHD, VMDK, VDI, QCOW2, and of files for Windows' own installer.
    (0, b"vhdxfile"),
    (0, b"conectix\0\0\0"),
    (0, b"KDMV"),
    (0, b"COWD"),
    (64, b"\x7f\x10\xda\xbe"),
    (0, b"QFI\xfb"),
    (0, b"MSWIM\0\0\0"),
    (0, b"WLPWM\0\0\0"),
    (0, b"hsqs"),
    (0, b"sqsh"),
    (0, b"\x45\x3d\xcd\x28"),
    (512, b"EFI PART"),
    // Those of macOS: HFS+, HFSX, APFS, images that grow, encrypted ones.
    (1024, b"H+\0\x04"),
    (1024, b"HX\0\x05"),
    (32, b"NXSB"),
    (0, b"sprs\0\0\0\x03"),
    (0, b"encrcdsa"),
    (0, b"cdsaencr"),
    // Streams: those of gzip's ancestors, lzip, LZ4, lzop, lrzip.
    (0, b"\x1f\xa0"),
    (0, b"\x1f\x1e"),
    (0, b"\x1f\x9e"),
    (0, b"LZIP\0"),
    (0, b"LZIP\x01"),
    (0, b"\x04\x22\x4d\x18"),
    (0, b"\x02\x21\x4c\x18"),
    (0, b"\x89LZO\0\r\n\x1a\n"),
    (0, b"LRZI\0"),
    (0, b"\x05\x22\x4d\x18"),
    (0, b"\x06\x22\x4d\x18"),
    // What COMPRESS.EXE makes, in its three forms.
    (0, b"SZDD\x88\xf0\x27\x33"),
    (0, b"SZ\x20\x88\xf0\x27\x33\xd1"),
    (0, b"KWAJ\x88\xf0\x27\xd1"),
    // A letter under rights management (`message.rpmsg`), which Outlook opens.
    (0, b"\x76\xe8\x04\x60\xc4\x11\xe3\x86"),
    // Archives: xar, RPM, Microsoft's help files, the first RAR, ALZip, EGG, StuffIt, zoo, and cpio of afio.
    (0, b"xar!\0"),
    (0, b"\xed\xab\xee\xdb"),
    (0, b"ITSF\x03\0\0\0"),
    (0, b"RE~^"),
    (0, b"ALZ\x01"),
    (0, b"EGGA\0\x01"),
    (0, b"SIT!\0"),
    (0, b"StuffIt (c)"),
    (20, b"\xdc\xa7\xc4\xfd"),
    (0, b"070727"),
    (0, b"ISc("),
    (0, b"7kSt\xa0\x31\x83\xd3"),
    (0, b"ArC\x01"),
    (7, b"-sqx-"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, detect};

    #[test]
    fn each_is_known_by_its_mark() {
        for (at, mark) in MARKS {
            let octets = [&vec![0; at], mark, &[0; 10]].concat();
            assert_eq!(detect(&octets, b""), Some(Format::Other), "{}", mark.escape_ascii());
            assert_eq!(detect(&octets[..at + mark.len() - 1], b""), None, "{} cut short", mark.escape_ascii());
        }
        for head in [&b"\x25\xb5\x2f\xfd"[..], b"\x1f\x9d\x90", b"\x1f\x9d\x0c"] {
            assert!(begins(head), "{}", head.escape_ascii());
        }
        assert!(!begins(b"\x1f\x9d\x08") && !begins(b"\x1f\x9d\xf0") && !begins(b"") && !begins(b"RE: hello"));
    }

    #[test]
    fn what_systems_open_at_a_click_is_known() {
        let known = |at: usize, mark: &[u8]| begins(&[&vec![0; at], mark, &[0; 10]].concat());
        for (at, mark) in [
            (0, &b"SZDD\x88\xf0'3A\0"[..]),
            (0, b"KWAJ\x88\xf0'\xd1"),
            (0, b"v\xe8\x04`\xc4\x11\xe3\x86"),
            (1024, b"H+\0\x04"),
            (32, b"NXSB"),
            (512, b"EFI PART"),
        ] {
            assert!(known(at, mark), "{}", mark.escape_ascii());
        }
        assert!(!known(0, b"SZDD is a word") && !known(1024, b"H+ is an ion"));
    }

    #[test]
    fn volumes_and_what_is_known_by_its_end() {
        for (at, mark) in [(3, &b"NTFS    "[..]), (54, b"FAT12   "), (54, b"FAT16   "), (82, b"FAT32   ")] {
            let mut sector = [0; 512];
            sector[at..at + mark.len()].copy_from_slice(mark);
            (sector[510], sector[511]) = (0x55, 0xaa);
            assert!(!begins(&sector), "no octets in a sector");
            sector[12] = 2;
            assert_eq!(detect(&sector, b""), Some(Format::Other), "{}", mark.escape_ascii());
        }
        for mark in [&b"conectix\0\0\0"[..], b"koly\0\0\0\x04"] {
            let tail = [&[0; 600][..], mark, &vec![0; 512 - mark.len()]].concat();
            assert_eq!(detect(&[0; 10], &tail), Some(Format::Other), "{}", mark.escape_ascii());
            assert_eq!(detect(&[0; 10], &tail[..tail.len() - 1]), None);
        }
    }
}
