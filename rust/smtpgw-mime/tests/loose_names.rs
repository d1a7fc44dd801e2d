//! Fields of MIME whose name is not quite theirs: some program goes by each, so it is told, and a reading shows it.

#![allow(clippy::expect_used, reason = "tests")]

mod support;

use smtpgw_mime::{Dialect, JunkLine, Limits, Readings};
use support::{Tree, crlf, decode, decode_with};

/// Every reading of a message, the first one first.
fn readings(message: &str) -> Vec<(String, Tree)> {
    let raw = crlf(message);
    let observed = |dialect| {
        let mut decoder = smtpgw_mime::Decoder::new(Limits::DEFAULT, dialect);
        let mut tree = Tree::default();
        decoder.push(&raw, &mut tree);
        decoder.finish(&mut tree);
        (decoder.observed(), tree)
    };
    let (first, tree) = observed(Dialect::default());
    let mut all = vec![(String::new(), tree)];
    let mut readings = Readings::new(&first, 64);
    while let Some(dialect) = readings.next_dialect() {
        let (seen, tree) = observed(dialect);
        readings.learn(dialect, &seen);
        all.push((dialect.to_string(), tree));
    }
    all
}

fn shows(message: &str, content: &str) -> Vec<String> {
    readings(message).into_iter().filter(|(_, tree)| tree.show().contains(content)).map(|(name, _)| name).collect()
}

#[test]
fn an_encoding_whose_colon_is_elsewhere_is_one_in_a_reading() {
    let name = "Content-Transfer-Encoding";
    for line in [
        format!("{name}\n : base64"),
        format!("{name} \n\t: base64"),
        format!("{name}\n \n : base64"),
        format!("{name}\n : \n base64"),
        format!("{name}\n: base64"),
        format!("{name}\n base64"),
        format!("{name} base64"),
        format!("{name} x: base64"),
        format!("{name}\n x: base64"),
        format!("{name}\u{1}: base64"),
        format!("x{name} y: base64"),
        format!("X: y\nno field\n{name}\n : base64"),
    ] {
        let message = format!("From: a@b.example\n{line}\nSubject: x\n\naGVsbG8=\n");
        let tree = decode(&crlf(&message));
        assert!(tree.kinds().contains(&"junk_in_header"), "{line:?}");
        let shown = shows(&message, "\"hello\"");
        assert!(shown.iter().any(|reading| reading.contains("junk_line=field")), "{line:?}: {shown:?}");
    }
}

#[test]
fn a_longer_name_that_holds_it_is_one_in_a_reading() {
    for name in ["X-Content-Transfer-Encoding", "xcontent-transfer-encoding", "<Content-Transfer-Encodings"] {
        let message = format!("{name}: base64\n\naGVsbG8=\n");
        assert_eq!(decode(&crlf(&message)).kinds(), ["encoding_readings", "loose_field_name"]);
        assert_eq!(shows(&message, "\"hello\""), ["encoding=1"]);
    }
    let mixed = "multipart/mixed; boundary=b\n\n--b\n\nhello\n--b--\n";
    assert_eq!(shows(&format!("X-Content-Type: {mixed}"), "1 text/plain \"hello\""), ["content_type=1"]);
    assert_eq!(shows(&format!("Content-Type\n : {mixed}"), "1 text/plain \"hello\""), ["junk_line=field"]);
    let named = |line: &str| {
        readings(&format!("{line}\n\nhello\n"))
            .into_iter()
            .any(|(_, tree)| tree.parts.first().expect("the message").head.names == ["a.exe"])
    };
    assert!(named("X-Content-Disposition: attachment; filename=a.exe"));
    assert!(named("Content-Disposition\n : attachment; filename=a.exe"));
    assert!(named("X-Content-Type: image/png; name=a.exe"));
}

#[test]
fn a_boundary_makes_a_multipart_of_any_type_in_a_reading() {
    for kind in ["text/plain", "application/x", "mulitpart/mixed", "/mixed", "x"] {
        let message = format!("Content-Type: {kind}; boundary=b\n\n--b\n\nhello\n--b--\n");
        assert!(decode(&crlf(&message)).kinds().contains(&"boundary_readings"), "{kind}");
        assert_eq!(shows(&message, "1 text/plain \"hello\""), ["content_type=1"], "{kind}");
    }
}

#[test]
fn what_counts_without_it_stays_as_it_is() {
    let message = "Content-Type: text/html; charset=utf-8\nX-Content-Type-Options: nosniff\n\nhello\n";
    let tree = decode(&crlf(message));
    assert_eq!((tree.show().as_str(), tree.kinds()), ("1 text/html \"hello|\"\n", vec!["loose_field_name"]));
    assert_eq!(readings(message).len(), 1, "no type, no reading");
    let message = "Content-Transfer-Encoding: base64\nX-Content-Transfer-Encoding: base64\n\naGVsbG8=\n";
    assert_eq!(readings(message).len(), 1, "the same encoding");
    // A name without a value is no reason to lose the field that follows.
    let field = Dialect { junk_line: JunkLine::Field, ..Dialect::default() };
    let tree = decode_with(&crlf("Content-Type\nSubject: x\n\nhello"), &Limits::DEFAULT, field);
    assert_eq!(tree.show(), "1 text/plain \"hello\"\n");
    assert!(tree.parts.first().expect("the message").head.header.first("Subject").is_some());
}
