//! Tables and properties for [`super`].

#![allow(clippy::type_complexity, reason = "tables")]

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::testing::{Decoded, decode, decode_pieces};
use super::*;
use crate::dialect::Dialect;
use crate::entity::Encoding;

fn quoted_printable(raw: &[u8]) -> Decoded {
    decode(raw, Encoding::QuotedPrintable, Dialect::default())
}

#[test]
fn soft_line_breaks_are_undone_first_if_asked() {
    let joined = Dialect { quoted_printable: QuotedPrintableRules::Joined, ..Dialect::default() };
    for (raw, text) in [
        ("=4=\r\n1", "A"),
        ("==\r\n41", "A"),
        ("==\n4= \n1x", "Ax"),
        ("=4=\n=\n=\n1", "A"),
        ("=4=x", "=4=x"),
        ("=4=41", "=4A"),
        ("=4=\nx", "=4x"),
        ("==\n", ""),
        ("=6d=e4", "m\u{e4}"),
    ] {
        for cut in 0..=raw.len() {
            let (first, second) = raw.as_bytes().split_at(cut);
            let decoded = decode_pieces(&[first, second], Encoding::QuotedPrintable, joined);
            assert_eq!(
                decoded.octets.iter().map(|octet| char::from(*octet)).collect::<alloc::string::String>(),
                text,
                "{raw:?}"
            );
        }
    }
}

#[test]
fn decodes() {
    use DefectKind::{
        QuotedPrintableCut as Cut, QuotedPrintableEscape as Escape, QuotedPrintableLowerCase as Lower,
        QuotedPrintableSoftBreak as Soft,
    };
    let table: &[(&str, &str, &[(DefectKind, u64)])] = &[
        ("", "", &[]),
        ("plain", "plain", &[]),
        ("a=3Db", "a=b", &[]),
        ("=41=42", "AB", &[]),
        ("a\r\nb\r\n", "a\r\nb\r\n", &[]),
        ("a\nb\n", "a\nb\n", &[]),
        // RFC 2045 §6.7, rule 5.
        (
            "Now's the time =\r\nfor all folk to come=\r\n to the aid",
            "Now's the time for all folk to come to the aid",
            &[],
        ),
        ("a=\nb", "ab", &[]),
        ("a=", "a", &[]),
        ("a=\r", "a", &[]),
        // Rule 3.
        ("a  \r\nb\t\nc ", "a\r\nb\nc", &[]),
        ("a =\r\nb", "a b", &[]),
        ("a =20\r\n", "a  \r\n", &[]),
        ("a \rb \r\r\n", "a \rb \r\r\n", &[]),
        ("\r\r\n", "\r\r\n", &[]),
        (" \r", "\r", &[]),
        ("a=  \r\nb", "ab", &[(Soft, 5)]),
        ("a= \t\nb", "ab", &[(Soft, 4)]),
        ("a= ", "a", &[(Soft, 3)]),
        ("a= b", "a= b", &[(Escape, 3)]),
        ("a= \rb", "a= \rb", &[(Escape, 4)]),
        ("a=\rb", "a=\rb", &[(Escape, 3)]),
        ("a=\r\r\n", "a=\r\r\n", &[(Escape, 3)]),
        ("=e4=C3=b6", "\u{0}\u{1}", &[(Lower, 2)]),
        ("=4", "=4", &[(Escape, 2)]),
        ("=4x", "=4x", &[(Escape, 2)]),
        ("=x4", "=x4", &[(Escape, 1)]),
        ("==41", "=A", &[(Escape, 1)]),
        ("=4=41", "=4A", &[(Escape, 2)]),
        ("=4\r\n", "=4\r\n", &[(Escape, 2)]),
        ("=4=\r\n1", "=41", &[(Cut, 4), (Escape, 2)]),
        ("==\n41", "=41", &[(Cut, 2), (Escape, 1)]),
        ("=4= \nx", "=4x", &[(Soft, 4), (Cut, 4), (Escape, 2)]),
        ("=4==\n=4=", "=4==4", &[(Escape, 2), (Cut, 4)]),
        ("= =41", "= A", &[(Escape, 2)]),
    ];
    for (raw, text, defects) in table {
        let decoded = quoted_printable(raw.as_bytes());
        let expected = if raw.starts_with("=e4") { b"\xe4\xc3\xb6" } else { text.as_bytes() };
        assert_eq!((decoded.octets.as_slice(), decoded.defects.as_slice()), (expected, *defects), "{raw:?}");
    }
}

#[test]
fn octets_that_are_no_text_pass() {
    assert_eq!(quoted_printable(b"\x00\xff=00").octets, b"\x00\xff\x00");
}

#[test]
fn long_runs_of_blanks_are_given_out() {
    for (blanks, kept, defect) in
        [(BLANKS - 1, 0, None), (BLANKS, BLANKS, Some(BLANKS)), (2 * BLANKS + 5, 2 * BLANKS, Some(BLANKS))]
    {
        let raw = [&b"x"[..], &vec![b' '; blanks], b"\r\n"].concat();
        let decoded = quoted_printable(&raw);
        assert_eq!(decoded.octets, [&b"x"[..], &vec![b' '; kept], b"\r\n"].concat(), "{blanks}");
        let defects: Vec<_> = defect.map(|at| (DefectKind::QuotedPrintableBlanks, at as u64)).into_iter().collect();
        assert_eq!(decoded.defects, defects, "{blanks}");
    }
}

#[test]
fn what_is_held_is_bounded() {
    let mut decoder = QuotedPrintable::default();
    let mut out = Decoded::default();
    let blanks = [b' '; 10_000];
    for raw in [&b"="[..], &blanks, b"\r", &blanks, b"=4", &blanks] {
        decoder.feed(raw, Offset::START, &mut out);
        assert!(decoder.held.len() <= BLANKS + 1);
        assert!(decoder.decoded.filled < BUFFER);
    }
}

proptest! {
    #[test]
    fn pieces_do_not_show(raw in "[4Aax= \t\r\n]{0,300}", piece in 1usize..50) {
        let whole = decode_pieces(&[raw.as_bytes()], Encoding::QuotedPrintable, Dialect::default());
        let pieces: Vec<&[u8]> = raw.as_bytes().chunks(piece).collect();
        prop_assert_eq!(decode_pieces(&pieces, Encoding::QuotedPrintable, Dialect::default()), whole);
    }

    /// What an encoder that escapes everything writes comes back.
    #[test]
    fn escapes_come_back(octets in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut raw = Vec::new();
        for (index, octet) in octets.iter().enumerate() {
            raw.extend_from_slice(alloc::format!("={octet:02X}").as_bytes());
            if index % 25 == 24 {
                raw.extend_from_slice(b"=\r\n");
            }
        }
        let decoded = decode_pieces(&[&raw], Encoding::QuotedPrintable, Dialect::default());
        prop_assert_eq!(decoded.octets, octets);
        prop_assert!(decoded.defects.is_empty());
    }
}
