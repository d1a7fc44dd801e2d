//! Whatever comes in, in whatever pieces: the same parts, the same data, the same defects at the same places.

#![allow(clippy::expect_used, reason = "tests")]

mod support;

use proptest::prelude::*;
use smtpgw_mime::{
    AfterClose, AfterPadding, Base64Junk, BlankBeforeColon, BlankLine, DelimiterMatch, Dialect, EncodedMultipart,
    JunkLine, Limits, MissingBoundary, Nul, PartKind, Pick, QuotedPrintableRules, Shared,
};
use support::{decode_pieces, headers};

/// Lines out of which messages, and what resembles them, are made.
const LINES: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "Subject: x\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/digest; boundary=bb\r\n",
    "content-type: MULTIPART/mixed;\r\n boundary=\"b\"\r\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: text/html; charset=x; name=\"a\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n",
    "--b\r\n",
    "--b--\r\n",
    "--b\n",
    "--bb\r\n",
    "--bb-- \r\n",
    "--b x\r\n",
    "--",
    "-",
    "YWJj\r\n",
    "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5emFiY2Rl\r\n",
    "YQ==",
    "=3D=\r\n",
    "= \r\n",
    "=",
    "text   \r\n",
    " folded\r\n",
    "no field\r\n",
    "LS1iDQoNCm9uZQ0KLS1iLS0NCg==\r\n",
    "X\0Y: z\0\r\n",
    "Content-Type\0: text/html\r\n",
    "Content-Type : text/html\r\n",
    "Content-Type: multipart; (boundary=c) boundary=b\r\n",
    "Content-Transfer-Encoding: base64, 7bit\r\n",
    " \t\r\n",
    "--B\r\n",
    "YW-_=YQ=\r\n",
    "a=3d= \r\n",
    "From x\r\n",
];

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(LINES), 0..40).prop_map(|lines| lines.concat().into_bytes())
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::array::uniform16(0_usize..6).prop_map(|choice| {
        fn nth<T: Copy>(all: &[T], number: usize) -> T {
            all[number % all.len()]
        }
        Dialect {
            content_type: choice[0] as u8,
            encoding: choice[1] as u8,
            boundary: choice[2] as u8,
            duplicate_parameter: nth(Pick::ALL, choice[3]),
            delimiter: nth(DelimiterMatch::ALL, choice[4]),
            shared: nth(Shared::ALL, choice[5]),
            after_close: nth(AfterClose::ALL, choice[6]),
            missing_boundary: nth(MissingBoundary::ALL, choice[7]),
            junk_line: nth(JunkLine::ALL, choice[8]),
            blank_line: nth(BlankLine::ALL, choice[9]),
            blank_before_colon: nth(BlankBeforeColon::ALL, choice[10]),
            nul: nth(Nul::ALL, choice[11]),
            base64_after_padding: nth(AfterPadding::ALL, choice[12]),
            base64_junk: nth(Base64Junk::ALL, choice[13]),
            quoted_printable: nth(QuotedPrintableRules::ALL, choice[14]),
            encoded_multipart: nth(EncodedMultipart::ALL, choice[15]),
        }
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        Just(Limits::DEFAULT),
        Just(Limits {
            depth: 2,
            parts: 4,
            fields: 3,
            parameters: 2,
            boundary: 1,
            encoded_depth: 1,
            decoded_total: 50,
            defects: 1_000,
            ..Limits::DEFAULT
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn pieces_do_not_show(
        raw in message(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        dialect in dialect(),
        limits in limits(),
    ) {
        let whole = decode_pieces(&[&raw], &limits, dialect);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(raw.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut rest = raw.as_slice();
        let mut begun = 0;
        for cut in cuts {
            let (piece, after) = rest.split_at(cut - begun);
            pieces.push(piece);
            (rest, begun) = (after, cut);
        }
        pieces.push(rest);
        for pieces in [pieces, raw.chunks(1).collect()] {
            let cut = decode_pieces(&pieces, &limits, dialect);
            prop_assert_eq!(cut.show(), whole.show());
            prop_assert_eq!(&cut.defects, &whole.defects);
            prop_assert_eq!(&cut.limits, &whole.limits);
            prop_assert_eq!(headers(&cut), headers(&whole));
        }
    }

    #[test]
    fn any_octets_at_all(raw in prop::collection::vec(any::<u8>(), 0..600), piece in 1usize..100) {
        let whole = decode_pieces(&[&raw], &Limits::DEFAULT, Dialect::default());
        let pieces: Vec<&[u8]> = raw.chunks(piece).collect();
        let cut = decode_pieces(&pieces, &Limits::DEFAULT, Dialect::default());
        prop_assert_eq!(cut.show(), whole.show());
        prop_assert_eq!(cut.defects, whole.defects);
    }

    /// What a writer puts into parts, the decoder takes out.
    #[test]
    fn parts_come_back(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5),
        piece in 1usize..200,
    ) {
        let mut raw = b"Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n".to_vec();
        for content in &contents {
            raw.extend_from_slice(b"--=_b\r\nContent-Transfer-Encoding: base64\r\n\r\n");
            for line in data_encoding::BASE64.encode(content).as_bytes().chunks(76) {
                raw.extend_from_slice(line);
                raw.extend_from_slice(b"\r\n");
            }
        }
        raw.extend_from_slice(b"--=_b--\r\n");
        let pieces: Vec<&[u8]> = raw.chunks(piece).collect();
        let tree = decode_pieces(&pieces, &Limits::DEFAULT, Dialect::default());
        let leaves: Vec<_> =
            tree.parts.iter().filter(|part| part.head.kind == PartKind::Leaf).map(|part| part.data.clone()).collect();
        prop_assert_eq!(leaves, contents);
        prop_assert!(tree.defects.is_empty());
    }
}
