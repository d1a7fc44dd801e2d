//! Tables for [`super`]: what headers of entities say.

use alloc::vec;

use super::*;

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
    ];
    for (header, names, odd) in table {
        let (described, found, _) = read(header, Dialect::default());
        assert_eq!(described.head.names, *names, "{header}");
        assert_eq!(described.head.filename.as_deref(), names.first().copied(), "{header}");
        assert_eq!(found, *odd, "{header}");
    }
}

#[test]
fn the_dialect_picks_the_field_and_the_parameter() {
    let header = "Content-Type: text/plain; charset=a; charset=b\r\nContent-Type: text/html; charset=c; charset=d\r\n\
                  Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n";
    let table = [
        (Pick::First, Pick::First, "text/plain", "a", Encoding::Base64),
        (Pick::First, Pick::Last, "text/plain", "b", Encoding::Base64),
        (Pick::Last, Pick::First, "text/html", "c", Encoding::Identity),
        (Pick::Last, Pick::Last, "text/html", "d", Encoding::Identity),
    ];
    for (duplicate_field, duplicate_parameter, media_type, charset, encoding) in table {
        let (described, odd, _) = read(header, Dialect { duplicate_field, duplicate_parameter, ..Dialect::default() });
        assert_eq!(described.head.media_type, media_type);
        assert_eq!(described.head.charset.as_deref(), Some(charset));
        assert_eq!(described.encoding, encoding);
        assert_eq!(odd, [DefectKind::DuplicateField, DefectKind::DuplicateParameter]);
    }
}

#[test]
fn reads_encodings() {
    use DefectKind::{InvalidEncoding as I, UnknownEncoding as U};
    let table: &[(&str, &str, Encoding, &[DefectKind])] = &[
        ("base64", "base64", Encoding::Base64, &[]),
        (" BASE64 ", "base64", Encoding::Base64, &[]),
        ("(c)base64", "base64", Encoding::Base64, &[]),
        ("base64;", "base64", Encoding::Base64, &[I]),
        ("base64 7bit", "base64", Encoding::Base64, &[I]),
        ("\"base64\"", "base64", Encoding::Base64, &[I]),
        ("8bit", "8bit", Encoding::Identity, &[]),
        ("binary", "binary", Encoding::Identity, &[]),
        ("x-uuencode", "x-uuencode", Encoding::Identity, &[U]),
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
