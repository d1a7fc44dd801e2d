//! Tables for [`super`]: what headers of entities say.

use alloc::{format, vec};

use super::*;
use crate::dialect::Pick;

fn read(header: &str, dialect: Dialect) -> (Described, Vec<DefectKind>, Vec<LimitKind>) {
    let (mut odd, mut hit) = (Vec::new(), Vec::new());
    let header = Header::parse(header.as_bytes());
    let described =
        describe(header, "text/plain", &dialect, &Limits::DEFAULT, &mut |kind| odd.push(kind), &mut |kind| {
            hit.push(kind)
        });
    odd.sort();
    odd.dedup();
    (described, odd, hit)
}

#[test]
fn the_empty_header_is_plain_text() {
    let (described, odd, hit) = read("", Dialect::default());
    let head = described.head;
    assert_eq!((head.media_type.as_str(), head.transfer_encoding.as_str()), ("text/plain", "7bit"));
    assert_eq!((head.filename, head.charset, head.disposition), (None, None, None));
    assert!(odd.is_empty() && hit.is_empty());
}

#[test]
fn reads_all_that_describes_a_body() {
    let (described, odd, _) = read(
        "Content-Type: TEXT/html;\r\n charset=\"UTF-8\"; name=type.html\r\n\
         content-transfer-encoding: Quoted-Printable (c)\r\n\
         CONTENT-DISPOSITION: Attachment; filename=shown.html\r\n",
        Dialect::default(),
    );
    let head = described.head;
    assert_eq!(head.media_type, "text/html");
    assert_eq!(head.charset.as_deref(), Some("utf-8"));
    assert_eq!((head.transfer_encoding.as_str(), described.encoding), ("quoted-printable", Encoding::QuotedPrintable));
    assert_eq!(head.disposition.as_deref(), Some("attachment"));
    assert_eq!(head.filename.as_deref(), Some("shown.html"));
    assert_eq!(head.names, ["shown.html", "type.html"]);
    assert!(odd.is_empty());
}

#[test]
fn every_name_counts() {
    use DefectKind::{DuplicateField, DuplicateParameter, EncodedWordInParameter, InvalidParameter};
    let table: &[(&str, &[&str], &[DefectKind])] = &[
        ("Content-Disposition: attachment; filename=a.txt; filename*=utf-8''b.exe", &["b.exe", "a.txt"], &[]),
        ("Content-Disposition: attachment; filename=a; filename=b", &["a", "b"], &[DuplicateParameter]),
        (
            "Content-Disposition: attachment; filename=a\r\nContent-Disposition: inline; filename=b",
            &["a", "b"],
            &[DuplicateField],
        ),
        (
            "Content-Type: a/b; name=\"=?utf-8?q?gr=C3=BCn.exe?=\"",
            &["grün.exe", "=?utf-8?q?gr=C3=BCn.exe?="],
            &[EncodedWordInParameter],
        ),
        ("Content-Type: a/b; name=my file.pdf", &["my file.pdf", "my"], &[InvalidParameter]),
        ("Content-Type: a/b; name=same\r\nContent-Disposition: x; filename=same", &["same"], &[]),
        ("Content-Disposition: filename=bare.exe", &["bare.exe"], &[InvalidParameter]),
        ("Content-Type: a/b; name=\"gr\u{fc}n\"", &["gr\u{fc}n"], &[]),
        ("Content-Type: a/b; name=\"\"", &[], &[]),
        ("Content-Type: a/b; name=a =b.exe", &["a =b.exe", "a"], &[InvalidParameter]),
    ];
    for (header, names, odd) in table {
        let (described, found, _) = read(header, Dialect::default());
        assert_eq!(described.head.names, *names, "{header}");
        assert_eq!(described.head.filename.as_deref(), names.first().copied(), "{header}");
        assert_eq!(found, *odd, "{header}");
    }
}

#[test]
fn names_in_other_places() {
    let table: &[(&str, Option<&str>, &[&str])] = &[
        ("Content-Disposition: attachment; name=a.exe", None, &["a.exe"]),
        ("Content-Type: a/b; filename=a.exe", None, &["a.exe"]),
        ("Content-Type: a/b; name=a.txt; filename=b.exe", Some("a.txt"), &["a.txt", "b.exe"]),
        ("Content-Disposition: form-data; name=f; filename=a.exe", Some("a.exe"), &["a.exe", "f"]),
        ("Content-Description: =?utf-8?q?a=2Eexe?=", None, &["a.exe"]),
        ("Content-Description: a.exe\r\nContent-Type: a/b; name=b.txt", Some("b.txt"), &["b.txt"]),
        ("Content-Name: a.exe", None, &["a.exe"]),
        ("Content-Location: http://host.example/x/a%2Eexe?v=1#x", None, &["a.exe"]),
        ("Content-Location: a.exe", None, &["a.exe"]),
        ("Content-Location: a.exe?v=1", None, &["a.exe"]),
        ("Content-Location: C:\\a.exe", None, &["a.exe"]),
        ("Content-Location: http://host.example", None, &[]),
        ("Content-Location: http://host.example/", None, &[]),
        ("Content-Location: cid:1@host.example", None, &["cid:1@host.example"]),
        ("Content-Description: ", None, &[]),
        ("Content-Description: a.exe .", None, &["a.exe ."]),
        ("Content-Description: Notification. Please read", None, &[]),
    ];
    for (header, filename, names) in table {
        let (described, odd, _) = read(header, Dialect::default());
        assert_eq!(described.head.names, *names, "{header}");
        assert_eq!(described.head.filename.as_deref(), *filename, "{header}");
        assert!(odd.is_empty(), "{header}: {odd:?}");
    }
}

#[test]
fn the_dialect_picks_the_field_and_the_parameter() {
    let header = "Content-Type: text/plain; charset=a; charset=b\r\nContent-Type: text/html; charset=c; charset=d\r\n\
                  Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n";
    let table = [
        (0, Pick::First, "text/plain", "a", Encoding::Base64),
        (0, Pick::Last, "text/plain", "b", Encoding::Base64),
        (1, Pick::First, "text/html", "c", Encoding::Identity),
        (1, Pick::Last, "text/html", "d", Encoding::Identity),
    ];
    for (number, duplicate_parameter, media_type, charset, encoding) in table {
        let dialect = Dialect { content_type: number, encoding: number, duplicate_parameter, ..Dialect::default() };
        let (described, odd, _) = read(header, dialect);
        assert_eq!(described.alternatives, Alternatives { content_types: 2, encodings: 2, boundaries: 0 });
        assert_eq!(described.head.media_type, media_type);
        assert_eq!(described.head.charset.as_deref(), Some(charset));
        assert_eq!(described.encoding, encoding);
        let kinds = [DefectKind::DuplicateField, DefectKind::DuplicateParameter, DefectKind::EncodingReadings];
        assert_eq!(odd, kinds);
    }
}

/// Programs that know nothing of RFC 2231 read the plain form, others the extended one.
#[test]
fn a_charset_in_two_forms_is_read_in_both() {
    let table: &[(&str, &[&str])] = &[
        ("text/plain; charset=us-ascii; charset*=''UTF-7", &["us-ascii", "utf-7"]),
        ("text/plain; charset*=''utf-7; charset=us-ascii", &["us-ascii", "utf-7"]),
        ("text/plain; charset*0=utf; charset*1=-7; charset=us-ascii", &["us-ascii", "utf-7"]),
        ("text/plain; charset=utf-7; charset*=''utf-7", &["utf-7"]),
        ("text/plain; charset*=''utf-7", &["utf-7"]),
        ("multipart/mixed; boundary=b; charset=us-ascii; charset*=''utf-7", &["us-ascii"]),
    ];
    for (value, charsets) in table {
        for (number, charset) in (0..).zip(*charsets) {
            let dialect = Dialect { content_type: number, ..Dialect::default() };
            let (described, odd, _) = read(&format!("Content-Type: {value}\r\n"), dialect);
            assert_eq!(usize::from(described.alternatives.content_types), charsets.len(), "{value}");
            assert_eq!(described.head.charset.as_deref(), Some(*charset), "{value}");
            assert_eq!(odd.contains(&DefectKind::DuplicateParameter), charsets.len() > 1, "{value}");
        }
    }
}

#[test]
fn reads_encodings() {
    use DefectKind::{EncodingReadings as E, InvalidEncoding as I, UnknownEncoding as U};
    let table: &[(&str, &str, Encoding, &[DefectKind])] = &[
        ("base64", "base64", Encoding::Base64, &[]),
        (" BASE64 ", "base64", Encoding::Base64, &[]),
        ("(c)base64", "base64", Encoding::Base64, &[]),
        ("base64;", "base64", Encoding::Base64, &[I, E]),
        ("base64 7bit", "base64", Encoding::Base64, &[I, E]),
        ("\"base64\"", "base64", Encoding::Base64, &[I, E]),
        ("8bit", "8bit", Encoding::Identity, &[]),
        ("binary", "binary", Encoding::Identity, &[]),
        ("x-uuencode", "x-uuencode", Encoding::Identity, &[]),
        ("x-mystery", "x-mystery", Encoding::Identity, &[U, E]),
        ("", "7bit", Encoding::Identity, &[I]),
    ];
    for (value, name, encoding, odd) in table {
        let (described, found, _) = read(&["Content-Transfer-Encoding: ", value].concat(), Dialect::default());
        assert_eq!((described.head.transfer_encoding.as_str(), described.encoding), (*name, *encoding), "{value}");
        assert_eq!(found, *odd, "{value}");
    }
}

#[test]
fn boundaries_come_plain_or_in_pieces() {
    let table = [
        ("multipart/mixed; boundary=simple", Some("simple")),
        ("multipart/mixed; boundary=\"with: colon\"", Some("with: colon")),
        ("multipart/mixed; boundary*0=pie; boundary*1=ces", Some("pieces")),
        ("multipart/mixed; boundary*=us-ascii''ext%65nded; boundary=plain", Some("plain")),
        ("multipart/mixed", None),
    ];
    for (value, boundary) in table {
        let (described, ..) = read(&["Content-Type: ", value].concat(), Dialect::default());
        assert_eq!(described.boundary.as_deref(), boundary.map(str::as_bytes), "{value}");
    }
}

#[test]
fn parameters_are_bounded_over_all_fields() {
    let field = ["Content-Type: a/b", &"; x=y".repeat(150), "\r\n"].concat();
    let (_, _, hit) = read(&field.repeat(2), Dialect::default());
    assert_eq!(hit, vec![LimitKind::Parameters]);
    let (_, _, hit) = read(&field, Dialect::default());
    assert!(hit.is_empty());
}

#[test]
fn every_reading_of_a_broken_field_is_an_alternative() {
    let boundaries = |value: &str| -> Vec<String> {
        let header = ["Content-Type: ", value].concat();
        let count = read(&header, Dialect::default()).0.alternatives.boundaries;
        let nth = |boundary| read(&header, Dialect { boundary, ..Dialect::default() }).0.boundary;
        (0..count).filter_map(nth).map(|octets| String::from_utf8_lossy(&octets).into_owned()).collect()
    };
    let table: &[(&str, &[&str])] = &[
        ("multipart/mixed; boundary=b", &["b"]),
        ("multipart/mixed; BOUNDARY=\"b c\"", &["b c"]),
        ("multipart/mixed; boundary=\"----=_boundary_1\"", &["----=_boundary_1"]),
        ("multipart/mixed; boundary=a; boundary=b", &["a", "b"]),
        ("multipart/mixed; (boundary=a) boundary=b", &["b", "a)"]),
        ("multipart/mixed; boundary*=us-ascii''a; boundary=b", &["b", "a"]),
        ("multipart/mixed; boundary*0=a; boundary*1=b", &["ab"]),
        ("multipart/mixed; boundary=\"a\\\"b\"", &["a\"b", "a\\"]),
        ("multipart/mixed; boundary=a b", &["a", "a b"]),
        ("multipart/mixed; x=\"; boundary=a; y=\"; boundary=b", &["b", "a"]),
        ("multipart/mixed; boundary = b", &["b"]),
        ("multipart/mixed", &[]),
    ];
    for (value, all) in table {
        assert_eq!(boundaries(value), *all, "{value}");
    }
    let types = |header: &str| -> Vec<String> {
        let count = read(header, Dialect::default()).0.alternatives.content_types;
        let nth = |content_type| read(header, Dialect { content_type, ..Dialect::default() }).0.head.media_type;
        (0..count).map(nth).collect()
    };
    assert_eq!(types("Content-Type: multipart; boundary=b"), ["text/plain", "multipart/mixed"]);
    let word = "Content-Type: =?utf-8?q?multipart/alternative?=; boundary=b";
    assert_eq!(types(word), ["text/plain", "multipart/alternative", "multipart/mixed"]);
    assert_eq!(types("Content-Type: text/html\r\nContent-Type: text/html"), ["text/html"]);
    let field = "Content-Type: multipart/mixed; boundary=";
    let many: String = (0..20).map(|number| alloc::format!("{field}{number}\r\n")).collect();
    let (described, _, hit) = read(&many, Dialect::default());
    assert_eq!((described.alternatives.content_types, hit), (8, vec![LimitKind::Alternatives]));
}
