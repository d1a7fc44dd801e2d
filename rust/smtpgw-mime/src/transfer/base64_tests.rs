//! Tables and properties for [`super`]; the oracle is another crate's strict decoder.

#![allow(clippy::type_complexity, reason = "tables")]

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use base64_simd::STANDARD;
use proptest::prelude::*;

use super::super::testing::{Decoded, decode, decode_pieces};
use super::*;
use crate::dialect::Dialect;
use crate::entity::Encoding;

fn base64(raw: &[u8], after_padding: AfterPadding) -> Decoded {
    decode(raw, Encoding::Base64, padding(after_padding))
}

fn padding(base64_after_padding: AfterPadding) -> Dialect {
    Dialect { base64_after_padding, ..Dialect::default() }
}

/// Encodes with lines of `width` characters.
fn encode(octets: &[u8], width: usize, line_end: &str) -> Vec<u8> {
    let text = STANDARD.encode_to_string(octets);
    let lines: Vec<&str> =
        text.as_bytes().chunks(width).map(|line| core::str::from_utf8(line).unwrap_or_default()).collect();
    lines.join(line_end).into_bytes()
}

#[test]
fn decodes_what_is_odd() {
    use DefectKind::{
        Base64AfterPadding as After, Base64Blank as Blank, Base64Junk as Junk, Base64Padding as Padding,
        Base64Truncated as Truncated,
    };
    let table: &[(&str, &str, &[(DefectKind, u64)])] = &[
        ("", "", &[]),
        ("\r\n\r\n", "", &[]),
        ("YQ==", "a", &[]),
        ("YWI=", "ab", &[]),
        ("YWJj", "abc", &[]),
        ("YWJj\r\n", "abc", &[]),
        ("YW\r\nJj\r\n", "abc", &[]),
        ("Y\r\nW\nJ\rj", "abc", &[]),
        ("YW Jj", "abc", &[(Blank, 2)]),
        ("YW-Jj_", "abc", &[(Junk, 2)]),
        ("\u{fc}YWJj!", "abc", &[(Junk, 0)]),
        ("YQ", "a", &[(Truncated, 2)]),
        ("YWI", "ab", &[(Truncated, 3)]),
        ("YWJjZ", "abc", &[(Truncated, 5)]),
        ("YQ=", "a", &[(Padding, 3)]),
        ("YQ=\r\n=", "a", &[]),
        ("YQ===", "a", &[(Padding, 4)]),
        ("YWI==", "ab", &[(Padding, 4)]),
        ("YWJj=", "abc", &[(Padding, 4)]),
        ("=", "", &[(Padding, 0)]),
        ("Y=", "", &[(Padding, 1)]),
        ("Y=WJj", "", &[(Padding, 1), (Truncated, 5)]),
        ("YQ==YWJj", "aabc", &[(After, 4)]),
        ("YQ==\r\nYWJj\r\nYWI=\r\nYQ==", "aabcaba", &[(After, 6)]),
        ("YQ==\r\nYg==\r\n", "ab", &[(After, 6)]),
        ("YQ=YWJj", "aabc", &[(Padding, 3), (After, 3)]),
        // Bits that the padding says are none.
        ("YR==", "a", &[]),
    ];
    for (raw, text, defects) in table {
        let decoded = base64(raw.as_bytes(), AfterPadding::Continue);
        let expected = if *raw == "Y=WJj" { b"X\x98".to_vec() } else { text.as_bytes().to_vec() };
        assert_eq!((decoded.octets, decoded.defects), (expected, defects.to_vec()), "{raw:?}");
    }
}

#[test]
fn the_dialect_stops_after_padding() {
    let table: &[(&str, &str, &[DefectKind])] = &[
        ("YQ==", "a", &[]),
        ("YQ==\r\n", "a", &[]),
        ("YQ==YWJj", "a", &[DefectKind::Base64AfterPadding]),
        ("YWI=YWJj=Y=YQ==", "ab", &[DefectKind::Base64AfterPadding]),
    ];
    for (raw, text, kinds) in table {
        let decoded = base64(raw.as_bytes(), AfterPadding::Stop);
        assert_eq!(decoded.octets, text.as_bytes(), "{raw}");
        assert_eq!(decoded.defects.iter().map(|&(kind, _)| kind).collect::<Vec<_>>(), *kinds, "{raw}");
    }
}

#[test]
fn the_dialect_reads_junk_and_odd_padding() {
    use AfterPadding::{Continue, Fill, Resume};
    const ALL: AfterPadding = AfterPadding::Skip;
    use Base64Junk::{AsIs, Skip, Stop, UrlAlphabet};
    let table: &[(&str, Base64Junk, AfterPadding, &[u8])] = &[
        ("YW!Jj", Skip, Continue, b"abc"),
        ("YWJjYQ!Jj", Stop, Continue, b"abca"),
        ("YW-_", UrlAlphabet, Continue, b"ao\xbf"),
        ("YW!Jj\r\n", AsIs, Continue, b"YW!Jj\r\n"),
        // Python's binascii: padding that does not complete its group is skipped, complete padding is the end.
        ("YW=Jj", Skip, Resume, b"abc"),
        ("YWJj=YWJj", Skip, Resume, b"abcabc"),
        ("YQ==YWJj", Skip, Resume, b"a"),
        ("YWI=YWJj", Skip, Resume, b"ab"),
        ("YQ=", Skip, Resume, b"a"),
        ("YQ==", Skip, Resume, b"a"),
        ("Y=WJj", Skip, Resume, b"abc"),
        ("YW==Jj=Y===Q=", Skip, ALL, b"abca"),
        // mail-parser: six bits before padding are an octet.
        ("Y=WJj", Skip, Fill, b"`X\x98"),
        ("YWJjY=YWJj", Skip, Fill, b"abc`abc"),
        ("YW=YWJj==Y=Y", Skip, Fill, b"aabc`"),
        ("YQ==YWJj", Skip, Fill, b"aabc"),
    ];
    for (raw, base64_junk, base64_after_padding, octets) in table {
        let dialect =
            Dialect { base64_junk: *base64_junk, base64_after_padding: *base64_after_padding, ..Dialect::default() };
        assert_eq!(decode(raw.as_bytes(), Encoding::Base64, dialect).octets, *octets, "{raw} {dialect}");
    }
}

#[test]
fn decodes_lines_of_every_width() {
    let octets: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for width in [1, 2, 3, 4, 5, 60, 64, 72, 75, 76, 77, 100, 1000, 1100, 5000] {
        for line_end in ["\r\n", "\n"] {
            let raw = encode(&octets, width, line_end);
            let whole = decode_pieces(&[&raw], Encoding::Base64, Dialect::default());
            assert_eq!((&whole.octets, whole.defects.as_slice()), (&octets, &[][..]), "{width} {line_end:?}");
        }
    }
    let raw = encode(&octets, 76, "\r\n");
    assert_eq!(base64(&raw, AfterPadding::Continue).octets, octets);
}

#[test]
fn one_odd_octet_in_a_long_run_is_found_where_it_stands() {
    let octets = vec![0x5a; 60_000];
    let clean = encode(&octets, 76, "\r\n");
    for place in [0, 75, 78, 5_000, 40_000, clean.len()] {
        let mut raw = clean.clone();
        raw.insert(place, b'!');
        let decoded = decode_pieces(&[&raw], Encoding::Base64, Dialect::default());
        assert_eq!(decoded.octets, octets);
        assert_eq!(decoded.defects, [(DefectKind::Base64Junk, place as u64)]);
    }
}

#[test]
fn padding_in_every_line_is_followed() {
    let line = encode(&[0x41; 56], 76, "");
    assert_eq!(line.len(), 76);
    let mut raw = Vec::new();
    for _ in 0..500 {
        raw.extend_from_slice(&line);
        raw.extend_from_slice(b"\r\n");
    }
    let decoded = decode_pieces(&[&raw], Encoding::Base64, Dialect::default());
    assert_eq!(decoded.octets, vec![0x41; 56 * 500]);
    assert_eq!(decoded.defects, [(DefectKind::Base64AfterPadding, 78)]);
}

proptest! {
    /// Whatever the lines and the pieces, a strict decoder sees the same octets.
    #[test]
    fn agrees_with_a_strict_decoder(
        octets in prop::collection::vec(any::<u8>(), 0..3000),
        width in 1usize..200,
        crlf in any::<bool>(),
        piece in 1usize..400,
    ) {
        let raw = encode(&octets, width, if crlf { "\r\n" } else { "\n" });
        let mut spec = data_encoding::BASE64.specification();
        spec.ignore.push_str("\r\n");
        let oracle = spec.encoding().map_err(|error| TestCaseError::fail(format_error(&error)))?;
        let expected = oracle.decode(&raw).map_err(|error| TestCaseError::fail(format_error(&error)))?;
        let pieces: Vec<&[u8]> = raw.chunks(piece).collect();
        let decoded = decode_pieces(&pieces, Encoding::Base64, Dialect::default());
        prop_assert_eq!(&decoded.octets, &expected);
        prop_assert_eq!(&decoded.octets, &octets);
        prop_assert!(decoded.defects.is_empty());
    }

    /// Whatever the octets, the pieces do not show.
    #[test]
    fn pieces_do_not_show(raw in "[A-D=\r\n!]{0,600}", piece in 1usize..100, stop in any::<bool>()) {
        let after_padding = if stop { AfterPadding::Stop } else { AfterPadding::Continue };
        let whole = decode_pieces(&[raw.as_bytes()], Encoding::Base64, padding(after_padding));
        let pieces: Vec<&[u8]> = raw.as_bytes().chunks(piece).collect();
        prop_assert_eq!(decode_pieces(&pieces, Encoding::Base64, padding(after_padding)), whole);
    }
}

fn format_error(error: &dyn core::fmt::Display) -> String {
    alloc::format!("{error}")
}
