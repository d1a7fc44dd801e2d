//! Messages that break the rules: every oddity is a defect with its place, nothing is lost, nothing panics; where
//! programs differ, the dialect decides.

#![allow(clippy::expect_used, clippy::type_complexity, reason = "tests")]

mod support;

use smtpgw_mime::{
    AfterClose, AfterPadding, BlankBeforeColon, BlankLine, DelimiterMatch, Dialect, EncodedMultipart, JunkLine, Limits,
    MissingBoundary, Nul, Pick, Shared,
};
use support::{crlf, decode, decode_with};

/// Structure and names of defects, in the order of their names.
fn check(message: &str, parts: &str, defects: &[&str]) {
    check_with(message, Dialect::default(), parts, defects);
}

fn check_with(message: &str, dialect: Dialect, parts: &str, defects: &[&str]) {
    let tree = decode_with(&crlf(message), &Limits::DEFAULT, dialect);
    assert_eq!(tree.show(), parts.trim_start_matches('\n'), "{message}");
    assert_eq!(tree.kinds(), defects, "{message}");
    assert!(tree.limits.is_empty());
}

/// A multipart with this boundary and this body.
fn mixed(boundary: &str, body: &str) -> String {
    format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n{body}")
}

#[test]
fn delimiters_with_blanks_behind_them_are_delimiters() {
    check(&mixed("b", "--b \t\n\none\n--b-- \n"), "[] multipart/mixed\n  1 text/plain \"one\"\n", &[]);
}

#[test]
fn delimiters_only_count_at_the_beginning_of_a_line() {
    check(
        &mixed("b", "--b\n\none --b\n --b\n>--b\n---b\n--B\n--b--\n"),
        "[] multipart/mixed\n  1 text/plain \"one --b| --b|>--b|---b|--B\"\n",
        &["delimiter_case"],
    );
}

#[test]
fn line_ends_before_delimiters_belong_to_them() {
    check(
        &mixed("b", "--b\n\n--b\n\n\n--b\n\n\n\n--b--\n"),
        "[] multipart/mixed\n  1 text/plain \"\"\n  2 text/plain \"\"\n  3 text/plain \"|\"\n",
        &[],
    );
}

#[test]
fn multiparts_that_are_not_closed() {
    check(&mixed("b", "--b\n\none\n"), "[] multipart/mixed\n  1 text/plain \"one|\"\n", &["multipart_not_closed"]);
    check(
        &mixed("b", "--b"),
        "[] multipart/mixed\n  1 text/plain \"\"\n",
        &["header_not_closed", "multipart_not_closed"],
    );
    check(&mixed("b", "no delimiter\n"), "[] multipart/mixed\n", &["multipart_not_closed", "multipart_without_parts"]);
    check(&mixed("b", "--b--\n"), "[] multipart/mixed\n", &["multipart_without_parts"]);
    // The outer delimiter ends the inner multipart.
    check(
        &mixed("o", "--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--o\n\ntwo\n--o--\n"),
        "[] multipart/mixed\n  [1] multipart/mixed\n    1.1 text/plain \"one\"\n  2 text/plain \"two\"\n",
        &["multipart_not_closed"],
    );
    // So it does a message, and through it.
    check(
        &mixed(
            "o",
            "--o\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--o--\n",
        ),
        "[] multipart/mixed\n  (1) message/rfc822\n    [1] multipart/mixed\n      1.1 text/plain \"one\"\n",
        &["multipart_not_closed"],
    );
}

#[test]
fn multiparts_without_a_boundary_are_leaves() {
    for value in ["multipart/mixed", "multipart/mixed; boundary=\"\"", "multipart/mixed; boundary=\" \""] {
        check(
            &format!("Content-Type: {value}\n\n--b\n\none\n--b--\n"),
            "1 multipart/mixed \"--b||one|--b--|\"\n",
            &["missing_boundary"],
        );
    }
}

#[test]
fn content_behind_the_close_delimiter() {
    check(&mixed("b", "--b\n\none\n--b--\n\n \n"), "[] multipart/mixed\n  1 text/plain \"one\"\n", &[]);
    check(
        &mixed("b", "--b\n\none\n--b--\nfooter\n"),
        "[] multipart/mixed\n  1 text/plain \"one\"\n",
        &["epilogue_not_empty"],
    );
    let twice = mixed("b", "--b\n\none\n--b--\n--b\n\ntwo\n--b--\n");
    check(&twice, "[] multipart/mixed\n  1 text/plain \"one\"\n", &["delimiter_after_close", "epilogue_not_empty"]);
    check_with(
        &twice,
        Dialect { after_close: AfterClose::Reopen, ..Dialect::default() },
        "[] multipart/mixed\n  1 text/plain \"one\"\n  2 text/plain \"two\"\n",
        &["delimiter_after_close"],
    );
}

#[test]
fn lines_that_begin_with_a_delimiter_and_go_on() {
    let message = mixed("b", "--b\n\none\n--bx\n\ntwo\n--b--x\nthree\n");
    check(
        &message,
        "[] multipart/mixed\n  1 text/plain \"one\"\n  2 text/plain \"two\"\n",
        &["delimiter_trailer", "epilogue_not_empty"],
    );
    check_with(
        &message,
        Dialect { delimiter: DelimiterMatch::Exact, ..Dialect::default() },
        "[] multipart/mixed\n  1 text/plain \"one|--bx||two|--b--x|three|\"\n",
        &["delimiter_trailer", "multipart_not_closed"],
    );
}

#[test]
fn boundaries_that_resemble_one_another() {
    for (outer, inner) in [("b", "bb"), ("bb", "b")] {
        check(
            &mixed(
                outer,
                &format!(
                    "--{outer}\nContent-Type: multipart/mixed; boundary={inner}\n\n--{inner}\n\none\n--{inner}--\n--{outer}\n\ntwo\n--{outer}--\n"
                ),
            ),
            "[] multipart/mixed\n  [1] multipart/mixed\n    1.1 text/plain \"one\"\n  2 text/plain \"two\"\n",
            &["ambiguous_boundary"],
        );
    }
    // The same one twice: the innermost open one is meant.
    check(
        &mixed("b", "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n"),
        "[] multipart/mixed\n  [1] multipart/mixed\n    1.1 text/plain \"one\"\n  2 text/plain \"two\"\n",
        &["ambiguous_boundary"],
    );
}

#[test]
fn boundaries_that_rfc_2046_does_not_allow() {
    let long = "x".repeat(71);
    for boundary in [long.as_str(), "a;b", "gr\u{fc}n"] {
        check(
            &mixed(boundary, &format!("--{boundary}\n\none\n--{boundary}--\n")),
            "[] multipart/mixed\n  1 text/plain \"one\"\n",
            &["invalid_boundary"],
        );
    }
}

#[test]
fn a_delimiter_ends_a_header() {
    check(
        &mixed("b", "--b\nContent-Type: text/html\n--b\n--b\nContent-Type: message/rfc822\n--b--\n"),
        "
[] multipart/mixed
  1 text/html \"\"
  2 text/plain \"\"
  (3) message/rfc822
    3.1 text/plain \"\"
",
        &["header_not_closed", "header_not_closed", "header_not_closed", "header_not_closed"],
    );
}

#[test]
fn a_line_that_is_no_field_ends_the_header_or_is_skipped() {
    let message = "Subject: x\nno field\nContent-Type: text/html\n\nbody\n";
    check(message, "1 text/plain \"no field|Content-Type: text/html||body|\"\n", &["junk_in_header"]);
    check_with(
        message,
        Dialect { junk_line: JunkLine::Skip, ..Dialect::default() },
        "1 text/html \"body|\"\n",
        &["junk_in_header"],
    );
    check("just text\nmore\n", "1 text/plain \"just text|more|\"\n", &["junk_in_header"]);
    check("just text", "1 text/plain \"just text\"\n", &["junk_in_header"]);
    check(
        "Content-Type: message/rfc822\njust text\n",
        "(1) message/rfc822\n  1.1 text/plain \"just text|\"\n",
        &["junk_in_header", "junk_in_header"],
    );
    check(
        &mixed("b", "--b\n--bodies\n--b--\n"),
        "[] multipart/mixed\n  1 text/plain \"\"\n  2 text/plain \"\"\n",
        &["delimiter_trailer", "header_not_closed", "header_not_closed"],
    );
    check(&mixed("b", "--b\n--x\n--b--\n"), "[] multipart/mixed\n  1 text/plain \"--x\"\n", &["junk_in_header"]);
}

#[test]
fn a_body_of_one_endless_line_behind_an_unclosed_header_is_not_lost() {
    let body = "x y".repeat(20_000);
    let raw = format!("Subject: x\r\n{body}");
    for pieces in [vec![raw.as_bytes()], raw.as_bytes().chunks(1000).collect(), raw.as_bytes().chunks(1).collect()] {
        let tree = support::decode_pieces(&pieces, &Limits::DEFAULT, Dialect::default());
        assert_eq!(tree.parts[0].data, body.as_bytes());
        assert_eq!(tree.defects, ["junk_in_header@12 1"]);
    }
}

#[test]
fn odd_fields() {
    let table: &[(&str, &[(&str, &str)], &[&str])] = &[
        ("A: 1\nB: 2\n\n", &[("A", "1"), ("B", "2")], &[]),
        ("A : 1\nB\t: 2\n\n", &[("A", "1"), ("B", "2")], &["blank_before_colon"]),
        ("A\x0b: 1\nB \x0c: 2\n\n", &[("A", "1"), ("B", "2")], &["blank_before_colon"]),
        (": 1\nB: 2\n\n", &[("", "1"), ("B", "2")], &["empty_field_name"]),
        ("A: 1\n \nB: 2\n\n", &[("A", "1"), ("B", "2")], &["blank_continuation"]),
        (" A: 1\nB: 2\n\n", &[("B", "2")], &["leading_continuation"]),
        ("From a@b Mon\nB: 2\n\n", &[("B", "2")], &["mbox_from_line"]),
        ("A: 1\nFrom a@b Mon\n\n", &[("A", "1")], &["junk_in_header"]),
        ("A: \0\n\n", &[("A", "\0")], &["nul_in_header"]),
        ("A: x\ry\n\n", &[("A", "x\ry")], &["bare_carriage_return"]),
        ("A:\n b\n c\n\n", &[("A", "b c")], &[]),
        ("A:b:c\n\n", &[("A", "b:c")], &[]),
        ("A: gr\u{fc}n\n\n", &[("A", "gr\u{fc}n")], &[]),
    ];
    for (message, fields, defects) in table {
        let tree = decode(&crlf(message));
        let found: Vec<_> = tree.parts[0].head.header.fields().iter().map(|f| (f.name(), f.value())).collect();
        let expected: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), (*value).into())).collect();
        assert_eq!(found, expected, "{message:?}");
        assert_eq!(tree.kinds(), *defects, "{message:?}");
    }
    assert_eq!(decode(b"A: gr\xfcn\r\n\r\n").defects, ["header_charset@0 1"]);
    assert_eq!(decode(b"A: b\r\nC: d\n\r\n").defects, ["bare_line_feed@6 1"]);
}

#[test]
fn the_dialect_picks_among_duplicate_fields() {
    let message = "Content-Type: text/html\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 8bit\n\nYQ==";
    check(message, "1 text/html \"a\"\n", &["duplicate_field", "encoding_readings"]);
    check_with(
        message,
        Dialect { content_type: 1, encoding: 1, ..Dialect::default() },
        "1 text/plain \"YQ==\"\n",
        &["duplicate_field", "encoding_readings"],
    );
    let message = "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\none\n--b\n\ntwo\n";
    check(
        message,
        "[] multipart/mixed\n  1 text/plain \"one|--b||two|\"\n",
        &["boundary_readings", "duplicate_parameter", "multipart_not_closed"],
    );
    check_with(
        message,
        Dialect { duplicate_parameter: Pick::Last, ..Dialect::default() },
        "[] multipart/mixed\n  1 text/plain \"two|\"\n",
        &["boundary_readings", "duplicate_parameter", "multipart_not_closed"],
    );
}

#[test]
fn the_dialect_decides_about_base64_after_padding() {
    let message = "Content-Transfer-Encoding: base64\n\nYQ==\nYg==\n";
    check(message, "1 text/plain \"ab\"\n", &["base64_after_padding"]);
    check_with(
        message,
        Dialect { base64_after_padding: AfterPadding::Stop, ..Dialect::default() },
        "1 text/plain \"a\"\n",
        &["base64_after_padding"],
    );
}

#[test]
fn the_dialect_decides_about_encoded_multiparts() {
    // "--b\r\n\r\none\r\n--b--\r\n"
    let encoded = "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\nLS1iDQoNCm9uZQ0KLS1iLS0NCg==\n";
    check(encoded, "[] multipart/mixed\n", &["encoded_multipart", "multipart_not_closed", "multipart_without_parts"]);
    let dialect = Dialect { encoded_multipart: EncodedMultipart::Decode, ..Dialect::default() };
    check_with(encoded, dialect, "[] multipart/mixed\n  1 text/plain \"one\"\n", &["encoded_multipart"]);
    let plain = "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\none\n--b--\n";
    check(plain, "[] multipart/mixed\n  1 text/plain \"one\"\n", &["encoded_multipart"]);
}

#[test]
fn encoded_messages_end_with_the_part_they_are_in() {
    check(
        &mixed(
            "b",
            "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDog\n--b\n\ntwo\n--b--\n",
        ),
        "[] multipart/mixed\n  (1) message/rfc822\n    1.1 text/plain \"\"\n  2 text/plain \"two\"\n",
        &["encoded_message", "header_not_closed"],
    );
    // Delimiters of the outside do not count inside.
    check(
        &mixed(
            "b",
            "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n\n=2D-b--\n--b--\n",
        ),
        "[] multipart/mixed\n  (1) message/rfc822\n    1.1 text/plain \"--b--\"\n",
        &["encoded_message"],
    );
}

#[test]
fn digests_hold_messages() {
    check(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nfirst\n--b\nContent-Type: text/plain\n\nsecond\n--b--\n",
        "[] multipart/digest\n  (1) message/rfc822\n    1.1 text/plain \"first\"\n  2 text/plain \"second\"\n",
        &[],
    );
}

#[test]
fn types_that_are_judged_elsewhere_are_leaves() {
    for media_type in ["message/partial", "message/external-body", "message/delivery-status", "application/ms-tnef"] {
        check(
            &format!("Content-Type: {media_type}\n\nSubject: x\n\n--b\n"),
            &format!("1 {media_type} \"Subject: x||--b|\"\n"),
            &[],
        );
    }
}

#[test]
fn the_dialect_guesses_a_boundary() {
    let guess = Dialect { missing_boundary: MissingBoundary::Guess, ..Dialect::default() };
    for value in ["multipart/mixed", "multipart/mixed; boundary=wrong"] {
        check_with(
            &format!("Content-Type: {value}\n\n-- \n--\n--b\n\none\n--x\n--b\n\ntwo\n--b--\n"),
            guess,
            "[] multipart/mixed\n  1 text/plain \"one|--x\"\n  2 text/plain \"two\"\n",
            if value.ends_with("wrong") { &[] } else { &["missing_boundary"] },
        );
    }
}

#[test]
fn the_dialect_decides_about_headers() {
    let table: &[(&str, Dialect, &str)] = &[
        (
            "Content-Type: text/html\n \nB: c\n\nx",
            Dialect { blank_line: BlankLine::EndsHeader, ..Dialect::default() },
            "1 text/html \"B: c||x\"\n",
        ),
        (
            "A: b\nContent-Type : text/html\n\nx",
            Dialect { blank_before_colon: BlankBeforeColon::Junk, ..Dialect::default() },
            "1 text/plain \"Content-Type : text/html||x\"\n",
        ),
        ("Content-Ty\0pe: text/html\n\nx", Dialect { nul: Nul::Drop, ..Dialect::default() }, "1 text/html \"x\"\n"),
        (
            "Content-Type: text/html\0, x\n\nx",
            Dialect { nul: Nul::EndsLine, ..Dialect::default() },
            "1 text/html \"x\"\n",
        ),
    ];
    for (message, dialect, parts) in table {
        let tree = decode_with(&crlf(message), &Limits::DEFAULT, *dialect);
        assert_eq!(tree.show(), *parts, "{message:?} {dialect}");
    }
}

#[test]
fn the_dialect_decides_whose_a_delimiter_is() {
    let message =
        mixed("b", "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n");
    let outer = Dialect { shared: Shared::Outer, after_close: AfterClose::Reopen, ..Dialect::default() };
    let tree = decode_with(&crlf(&message), &Limits::DEFAULT, outer);
    let shown = "[] multipart/mixed\n  [1] multipart/mixed\n  2 text/plain \"one\"\n  3 text/plain \"two\"\n";
    assert_eq!(tree.show(), shown);
    let case = Dialect { delimiter: DelimiterMatch::AnyCase, ..Dialect::default() };
    let tree = decode_with(&crlf(&mixed("b", "--b\n\none\n--B\n\ntwo\n--B--\n")), &Limits::DEFAULT, case);
    assert_eq!(tree.show(), "[] multipart/mixed\n  1 text/plain \"one\"\n  2 text/plain \"two\"\n");
    assert_eq!(tree.kinds(), ["delimiter_case"]);
}

#[test]
fn what_stands_outside_of_parts_is_shown_beside_them() {
    let tree = decode(&crlf(&mixed("b", "\n before\n--b\n\none\n--b--\n\nbehind\n")));
    assert_eq!(tree.outside, ["Preamble  \"before\"", "Epilogue  \"behind|\""]);
    assert_eq!(tree.show(), "[] multipart/mixed\n  1 text/plain \"one\"\n");
    assert!(decode(&crlf(&mixed("b", " \n--b\n\none\n--b--\n\n \n"))).outside.is_empty());
}
