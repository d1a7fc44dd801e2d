//! CMS, put together element by element (X.690 §8.1): whatever pieces the content stands in, it comes out.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

#[path = "collected/mod.rs"]
mod collected;

use std::io::{Cursor, Write as _};
use std::time::Duration;

use collected::Collected;
use proptest::prelude::*;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, detect, unpack};

fn open(octets: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Cms, Cursor::new(octets), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members, budget)
}

/// An element of definite length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => [&[tag, 0x84][..], &u32::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [&head, content].concat()
}

/// An element of indefinite length.
fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

fn kind(rest: &[u8]) -> Vec<u8> {
    der(6, &[b"\x2a\x86\x48\x86\xf7\x0d\x01", rest].concat())
}

type Wrap = fn(u8, &[u8]) -> Vec<u8>;

/// A CMS of a kind, around what stands as its content, with what follows it.
fn cms(wrap: Wrap, of: &[u8], content: &[u8], behind: &[u8]) -> Vec<u8> {
    let algorithms = der(0x31, &der(0x30, &kind(&[1, 1])));
    let encapsulated = wrap(0x30, &[&kind(&[7, 1])[..], content].concat());
    let body = wrap(0x30, &[&der(2, &[1])[..], &algorithms, &encapsulated, behind].concat());
    wrap(0x30, &[&kind(of)[..], &wrap(0xa0, &body)].concat())
}

fn signers() -> Vec<u8> {
    [wrap_certificates(), der(0x31, b"\x30\0")].concat()
}

fn wrap_certificates() -> Vec<u8> {
    der(0xa0, &der(0x30, b"\x02\x01\x05"))
}

const LETTER: &[u8] = b"Content-Type: text/plain\r\n\r\nhello\r\n";

fn strings() -> [Vec<u8>; 5] {
    let halves = [der(4, &LETTER[..9]), der(4, &LETTER[9..])];
    [
        der(4, LETTER),
        der(0x24, &halves.concat()),
        ber(0x24, &halves.concat()),
        ber(0x24, &[ber(0x24, &halves[0]), der(0x24, &halves[1]), der(4, b"")].concat()),
        der(0x24, &[ber(0x24, &halves.concat())].concat()),
    ]
}

#[test]
fn what_is_signed_comes_out_in_whatever_pieces() {
    for wrap in [der as Wrap, ber] {
        for of in [&[7, 2][..], &[7, 5]] {
            for string in strings() {
                let made = cms(wrap, of, &wrap(0xa0, &string), &signers());
                assert_eq!(detect(&made, &made), Some(Format::Cms));
                let (outcome, members, _) = open(&made, Limits::default());
                assert_eq!(outcome, Ok(()));
                assert_eq!((members.data("content"), members.outcome("content")), (LETTER, Ok(())));
                for length in 0..made.windows(6).rposition(|six| LETTER.ends_with(six)).unwrap() {
                    let (outcome, members, _) = open(&made[..length], Limits::default());
                    let is_whole = members.0.iter().all(|member| member.2 == Some(Ok(())));
                    assert!(outcome.is_err() || !is_whole, "cut at {length}");
                }
            }
        }
    }
}

#[test]
fn a_detached_signature_holds_nothing() {
    for wrap in [der as Wrap, ber] {
        let (outcome, members, _) = open(&cms(wrap, &[7, 2], b"", &signers()), Limits::default());
        assert_eq!((outcome, members.0.len()), (Ok(()), 0));
    }
}

#[test]
fn pkcs_7_holds_any_element() {
    let catalogue = der(0x30, &[der(2, &[1]), der(0x0c, b"a.exe")].concat());
    for wrap in [der as Wrap, ber] {
        let (outcome, members, _) = open(&cms(wrap, &[7, 2], &wrap(0xa0, &catalogue), &signers()), Limits::default());
        assert_eq!((outcome, members.data("content")), (Ok(()), &catalogue[..]));
    }
}

#[test]
fn what_nobody_can_read_is_told() {
    for of in [&[7, 3][..], &[7, 4], &[7, 6], &[9, 16, 1, 23]] {
        let made = cms(der, of, &der(0x80, b"secret"), b"");
        assert_eq!(detect(&made, &made), Some(Format::Cms));
        assert_eq!(open(&made, Limits::default()).0, Err(Unscanned::Encrypted));
    }
    assert_eq!(open(&cms(der, &[7, 9], b"", b""), Limits::default()).0, Err(Unscanned::Unhandled));
    assert_eq!(open(b"\x30\x03\x02\x01\x03", Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
    assert_eq!(detect(b"\x30\x03\x02\x01\x03", b""), None, "a certificate's beginning");
}

#[test]
fn compressed_content_is_inflated_within_the_limits() {
    let zlib = |octets: &[u8]| {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(octets).unwrap();
        packer.finish().unwrap()
    };
    let made = |packed: &[u8]| cms(der, &[9, 16, 1, 9], &der(0xa0, &ber(0x24, &der(4, packed))), b"");
    let packed = zlib(LETTER);
    let (outcome, members, _) = open(&made(&packed), Limits::default());
    assert_eq!((outcome, members.data("content")), (Ok(()), LETTER));
    let (_, members, _) = open(&made(&packed[..packed.len() - 9]), Limits::default());
    assert_eq!(members.outcome("content"), Err(Unscanned::PartiallyCorrupted));
    let bomb = made(&zlib(&vec![0; 8 << 20]));
    let (_, members, budget) = open(&bomb, Limits::default());
    assert_eq!(members.outcome("content"), Err(Unscanned::Mailbomb));
    assert!(budget.unpacked() <= 200 * bomb.len() as u64 + (1 << 20));
}

/// Twice the elements take twice the steps, and elements that must be passed are bounded.
#[test]
fn elements_without_end_are_bounded() {
    for count in [50_000, 100_000] {
        let nested = [[0x30, 0x80].repeat(count), [0, 0].repeat(count)].concat();
        let made = ber(0x30, &[&kind(&[7, 2])[..], &ber(0xa0, &ber(0x30, &[&nested[..], &nested].concat()))].concat());
        assert_eq!(open(&made, Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
        let strings = ber(0x24, &der(4, b"").repeat(count));
        let (outcome, members, _) = open(&cms(der, &[7, 2], &der(0xa0, &strings), b""), Limits::default());
        assert_eq!((outcome, members.outcome("content")), (Ok(()), Ok(())));
    }
    let deep = [0x24, 0x80].repeat(100_000);
    let (_, members, _) = open(&cms(der, &[7, 2], &der(0xa0, &deep), b""), Limits::default());
    assert_eq!(members.outcome("content"), Err(Unscanned::PartiallyCorrupted));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_one_is_bounded(
        which in 0..5usize,
        indefinite: bool,
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let wrap = if indefinite { ber as Wrap } else { der };
        let mut made = cms(wrap, &[7, 2], &wrap(0xa0, &strings()[which]), &signers());
        for (at, octet) in spoils {
            let at = at.index(made.len());
            made[at] = octet;
        }
        let (_, _, budget) = open(&made, Limits { total: 20, members: 1, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 20 && budget.members() <= 1);
    }
}
