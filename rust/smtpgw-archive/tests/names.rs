//! Every name that some program gives a member.
#![allow(clippy::unwrap_used, clippy::expect_used)] // tests say so by failing

use std::io::Cursor;
use std::time::Duration;

use smtpgw_archive::{Budget, Format, Limits, Member, Members, Unscanned, detect, unpack};

#[derive(Default)]
struct Names(Vec<(String, Option<String>)>);

impl Members for Names {
    fn begin(&mut self, member: Member<'_>) {
        self.0.push((member.path.into_owned(), member.other_path.map(Into::into)));
    }
    fn data(&mut self, _: &[u8]) {}
    fn end(&mut self, outcome: Result<(), Unscanned>) {
        assert_eq!(outcome, Ok(()));
    }
}

fn names(octets: &[u8], format: Format) -> Vec<(String, Option<String>)> {
    assert_eq!(detect(octets, octets), Some(format));
    let mut names = Names::default();
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    unpack(format, Cursor::new(octets), &mut budget, &mut names).unwrap();
    names.0
}

fn crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}

/// A zip of one stored member with an extra field in both headers.
fn zip(name: &[u8], extra: &[u8]) -> Vec<u8> {
    let lengths = [u16::try_from(name.len()).unwrap(), u16::try_from(extra.len()).unwrap()].map(u16::to_le_bytes);
    let sizes = [crc(b"hello"), 5, 5].map(u32::to_le_bytes).concat();
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sizes, &lengths.concat()].concat();
    let local = [b"PK\x03\x04", &common[..], name, extra, b"hello"].concat();
    let central = [b"PK\x01\x02\x14\0", &common[..], &[0; 14], name, extra].concat();
    let place = [central.len(), local.len()].map(|at| u32::try_from(at).unwrap().to_le_bytes()).concat();
    [&local[..], &central, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &place, &[0; 2]].concat()
}

/// An extra field for the name in Unicode (APPNOTE §4.6.9).
fn unicode(sum: u32, name: &str) -> Vec<u8> {
    let length = u16::try_from(5 + name.len()).unwrap().to_le_bytes();
    [&[0x75, 0x70][..], &length, &[1], &sum.to_le_bytes(), name.as_bytes()].concat()
}

#[test]
fn the_name_in_unicode_counts_where_it_belongs_to_the_other() {
    let one = |zip: &[u8]| names(zip, Format::Zip).remove(0);
    let of = |shown: &str, other: Option<&str>| (shown.to_owned(), other.map(str::to_owned));
    assert_eq!(one(&zip(b"a.txt", &unicode(crc(b"a.txt"), "a.exe"))), of("a.txt", Some("a.exe")));
    assert_eq!(one(&zip(b"\x81.txt", &unicode(crc(b"\x81.txt"), "ü.txt"))), of("ü.txt", Some("ü.txt")));
    assert_eq!(one(&zip(b"a.txt", &unicode(0, "a.exe"))), of("a.txt", None));
    assert_eq!(one(&zip(b"a.txt", &unicode(crc(b"a.txt"), "a.txt"))), of("a.txt", None));
    assert_eq!(one(&zip(b"a.exe\0.txt", &[])), of("a.exe\u{fffd}.txt", Some("a.exe")));
    assert_eq!(one(&zip(b"a.txt", &[0x75, 0x70, 9, 0, 1, 0])), of("a.txt", None), "cut short");
}

/// libarchive sees the name end at its first zero, and knows the archive by its first two octets.
#[test]
fn a_name_ends_at_a_zero() {
    let entry = |name: &[u8], mode: u16, data: &[u8]| {
        let mut words = [0x71c7, 0, 0, mode, 0, 0, 1, 0, 0, 0, 0, 0, 0_u16];
        (words[10], words[12]) = (u16::try_from(name.len()).unwrap(), u16::try_from(data.len()).unwrap());
        [&words.map(u16::to_le_bytes).concat()[..], name, data].concat()
    };
    let cpio = [entry(b"a.exe\0a.txt\0", 0o100_644, b"hi"), entry(b"TRAILER!!!\0\0", 0, b"")].concat();
    assert_eq!(names(&cpio, Format::Cpio), [("a.exe\u{fffd}a.txt".to_owned(), Some("a.exe".to_owned()))]);
}
