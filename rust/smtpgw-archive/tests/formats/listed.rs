//! RAR, put together by hand: listed, and what is only stored comes out.

use proptest::prelude::*;
use smtpgw_archive::{Format, Limits, Unscanned, detect};

use smtpgw_testkit::effort::{is_linear, quickest};

use crate::{is_complete, open_as};

fn crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}

/// A block of version 4.
fn four(kind: u8, flags: u16, fields: &[u8], data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(7 + fields.len()).unwrap();
    let header = [&[kind][..], &flags.to_le_bytes(), &length.to_le_bytes(), fields].concat();
    [&crc(&header).to_le_bytes()[..2], &header, data].concat()
}

fn file_four(name: &str, flags: u16, method: u8, packed: &[u8], data: &[u8]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut fields = [number(packed.len()), number(data.len())].concat();
    fields.push(2);
    fields.extend(crc(data).to_le_bytes());
    fields.extend([0, 0, 0x21, 0, 29, method]);
    fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    fields.extend([0x20, 0, 0, 0]);
    fields.extend(name.as_bytes());
    four(0x74, flags | 0x8000, &fields, packed)
}

fn rar_four(main: u16, files: &[Vec<u8>]) -> Vec<u8> {
    [b"Rar!\x1a\x07\0".to_vec(), four(0x73, main, &[0; 6], b""), files.concat(), four(0x7b, 0x4000, b"", b"")].concat()
}

/// A block of version 5, all of whose numbers are below 128.
fn five(kind: u8, flags: u8, fields: &[u8], extra: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = vec![kind, flags | u8::from(!extra.is_empty()) | u8::from(!data.is_empty()) << 1];
    if !extra.is_empty() {
        header.push(u8::try_from(extra.len()).unwrap());
    }
    if !data.is_empty() {
        header.push(u8::try_from(data.len()).unwrap());
    }
    header.extend([fields, extra].concat());
    header.insert(0, u8::try_from(header.len()).unwrap());
    [&crc(&header).to_le_bytes()[..], &header, data].concat()
}

fn file_five(name: &str, flags: u8, method: u16, extra: &[u8], packed: &[u8], data: &[u8]) -> Vec<u8> {
    let mut fields = vec![4, u8::try_from(data.len()).unwrap(), 0];
    fields.extend(crc(data).to_le_bytes());
    fields.extend([0x80 | u8::try_from(method << 7 & 0x7f).unwrap(), u8::try_from(method).unwrap(), 0]);
    fields.push(u8::try_from(name.len()).unwrap());
    fields.extend(name.as_bytes());
    five(2, flags, &fields, extra, packed)
}

fn rar_five(main: u8, files: &[Vec<u8>]) -> Vec<u8> {
    let end = five(5, 0, &[0], b"", b"");
    [b"Rar!\x1a\x07\x01\0".to_vec(), five(1, 0, &[main], b"", b""), files.concat(), end].concat()
}

pub(crate) fn samples() -> [Vec<u8>; 2] {
    [
        rar_four(
            0,
            &[
                file_four("packed.exe", 0, 0x33, b"packed", b"whatever it is"),
                file_four("stored.txt", 0, 0x30, b"hello", b"hello"),
                file_four("secret.doc", 4, 0x33, b"packed", b"whatever"),
                file_four("split.doc", 2, 0x33, b"packed", b"whatever"),
            ],
        ),
        rar_five(
            0,
            &[
                file_five("packed.exe", 0, 3, b"", b"packed", b"whatever it is"),
                file_five("stored.txt", 0, 0, b"", b"hello", b"hello"),
                file_five("secret.doc", 0, 3, &[3, 1, 0, 0], b"packed", b"whatever"),
                file_five("split.doc", 0x10, 3, b"", b"packed", b"whatever"),
            ],
        ),
    ]
}

#[test]
fn files_are_listed_and_stored_ones_come_out() {
    for made in samples() {
        assert_eq!(detect(&made, &made), Some(Format::Rar));
        let (outcome, members, _) = open_as(Format::Rar, &made, Limits::default());
        assert_eq!((outcome, members.0.len()), (Ok(()), 4));
        for (name, data, end) in [
            ("packed.exe", &b""[..], Err(Unscanned::Unhandled)),
            ("stored.txt", b"hello", Ok(())),
            ("secret.doc", b"", Err(Unscanned::Encrypted)),
            ("split.doc", b"", Err(Unscanned::Multipart)),
        ] {
            assert_eq!((members.data(name), members.outcome(name)), (data, end), "{name}");
        }
    }
}

#[test]
fn archives_that_cannot_be_listed_are_told() {
    let file = || [file_four("a", 0, 0x30, b"x", b"x")];
    assert_eq!(open_as(Format::Rar, &rar_four(0x80, &file()), Limits::default()).0, Err(Unscanned::Encrypted));
    assert_eq!(open_as(Format::Rar, &rar_four(0x01, &file()), Limits::default()).0, Err(Unscanned::Multipart));
    let encrypted = [&b"Rar!\x1a\x07\x01\0"[..], &five(4, 0, &[0, 0, 15], b"", b"")].concat();
    assert_eq!(open_as(Format::Rar, &encrypted, Limits::default()).0, Err(Unscanned::Encrypted));
    let file = || [file_five("a", 0, 0, b"", b"x", b"x")];
    assert_eq!(open_as(Format::Rar, &rar_five(1, &file()), Limits::default()).0, Err(Unscanned::Multipart));
    let mut spoilt = rar_five(0, &file());
    let at = spoilt.len() - 1;
    spoilt[at] ^= 1;
    assert_eq!(open_as(Format::Rar, &spoilt, Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
}

#[test]
fn cut_anywhere_it_is_not_complete() {
    for made in samples() {
        for length in 0..made.len() {
            let (outcome, members, _) = open_as(Format::Rar, &made[..length], Limits::default());
            assert!(!is_complete(outcome, &members) && outcome.is_err(), "cut at {length}");
        }
    }
}

#[test]
fn blocks_without_end_are_bounded() {
    let files = file_four("a", 0, 0x30, b"", b"").repeat(20_000);
    let (outcome, members, _) = open_as(Format::Rar, &rar_four(0, &[files]), Limits::default());
    assert_eq!((outcome, members.0.len()), (Err(Unscanned::FilesLimit), 10_000));
}

/// Two sizes: time is that of the blocks, whatever sizes they tell.
#[test]
fn work_is_linear() {
    let huge = |name: &str| {
        let mut file = file_four(name, 0, 0x33, b"", b"");
        // Behind the sum and the head of the block: no octets, and of them four gibioctets.
        file[11..15].copy_from_slice(&[0xff; 4]);
        file
    };
    let effort = |count: usize, version: u8| {
        let made = match version {
            4 => rar_four(0, &vec![huge("a"); count]),
            _ => rar_five(0, &vec![file_five("a", 0, 3, b"", b"packed", b"whatever it is"); count]),
        };
        quickest(|| {
            let (_, members, budget) = open_as(Format::Rar, &made, Limits::default());
            assert_eq!((members.0.len(), budget.unpacked()), (count, 0));
        })
    };
    for version in [4, 5] {
        let (small, large) = (effort(1_200, version), effort(9_600, version));
        assert!(is_linear(small, large), "{small:?}, {large:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_one_is_bounded(
        which in 0..2usize,
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut made = samples()[which].clone();
        for (at, octet) in spoils {
            let at = at.index(made.len());
            made[at] = octet;
        }
        let (_, _, budget) = open_as(Format::Rar, &made, Limits { total: 1_000, members: 10, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 1_000 && budget.members() <= 10);
    }
}
