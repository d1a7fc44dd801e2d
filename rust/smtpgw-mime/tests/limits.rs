//! Limits are hit loudly, what can still be read is read, and work stays linear in the input.

#![allow(clippy::expect_used, reason = "tests")]

mod support;

use smtpgw_mime::{Decoder, Dialect, Event, Field, Header, Limits, PartKind, Sink};
use smtpgw_testkit::effort::{is_linear, quickest};
use support::{Tree, crlf, decode_pieces, decode_with};

fn limited(message: &str, limits: Limits) -> Tree {
    decode_with(&crlf(message), &limits, Dialect::default())
}

#[test]
fn containers_beyond_the_depth_are_leaves() {
    let message = "
Content-Type: multipart/mixed; boundary=a

--a
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/mixed; boundary=c

--c

deep
--c--
--b--
--a
Content-Type: message/rfc822

Content-Type: message/rfc822

Subject: deep

body
--a--
";
    let tree = limited(message, Limits { depth: 2, ..Limits::DEFAULT });
    assert_eq!(
        tree.show(),
        "[] multipart/mixed
  [1] multipart/mixed
    1.1 multipart/mixed \"--c||deep|--c--\"
  (2) message/rfc822
    2.1 message/rfc822 \"Subject: deep||body\"
"
    );
    assert_eq!(tree.limits, ["depth"]);
    assert_eq!(tree.limits_at, ["depth 1.1"], "the first part that has it");
}

#[test]
fn encoded_messages_beyond_their_depth_are_decoded_leaves() {
    let inner =
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: x\r\n\r\na=3Db";
    let message = format!(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        data_encoding::BASE64.encode(inner)
    );
    let tree = decode_with(message.as_bytes(), &Limits { encoded_depth: 1, ..Limits::DEFAULT }, Dialect::default());
    assert_eq!(tree.show(), "(1) message/rfc822\n  1.1 message/rfc822 \"Subject: x||a=b\"\n");
    assert_eq!(tree.limits_at, ["encoded_depth 1.1"]);
    let tree = decode_with(message.as_bytes(), &Limits::DEFAULT, Dialect::default());
    assert_eq!(tree.show(), "(1) message/rfc822\n  (1.1) message/rfc822\n    1.1.1 text/plain \"a=b\"\n");
    assert!(tree.limits.is_empty());
}

#[test]
fn parts_beyond_their_number_are_not_delivered() {
    let message = "
Content-Type: multipart/mixed; boundary=a

--a

one
--a

two
--a
Content-Type: multipart/mixed; boundary=b

--b

three
--b--
--a--
";
    let tree = limited(message, Limits { parts: 2, ..Limits::DEFAULT });
    assert_eq!(tree.show(), "[] multipart/mixed\n  1 text/plain \"one\"\n");
    assert_eq!(tree.limits_at, ["parts 2"]);
    assert!(tree.defects.is_empty());
}

#[test]
fn headers_beyond_their_size_are_skipped_to_their_end() {
    let message = format!("A: 1\r\nB: {}\r\nC: 3\r\n\tfolded\r\n\r\nbody\r\n", "x".repeat(5000));
    let limits = Limits { header_octets: 4096, ..Limits::DEFAULT };
    for pieces in [vec![message.as_bytes()], message.as_bytes().chunks(1).collect()] {
        let tree = decode_pieces(&pieces, &limits, Dialect::default());
        assert_eq!(tree.show(), "1 text/plain \"body|\"\n");
        let header = &tree.parts[0].head.header;
        let fields: Vec<_> = header.fields().iter().map(|f| (f.name(), f.raw().len())).collect();
        assert_eq!(fields, [(&b"A"[..], 2), (b"B", 4096 - 6 - 2)]);
        assert_eq!(tree.limits_at, ["header_octets 1"]);
        assert!(tree.defects.is_empty(), "{:?}", tree.defects);
    }
    // A delimiter is still seen.
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: {}\r\nB: 2\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
        "x".repeat(5000)
    );
    for pieces in [vec![message.as_bytes()], message.as_bytes().chunks(1).collect()] {
        let tree = decode_pieces(&pieces, &limits, Dialect::default());
        assert_eq!(tree.show(), "[] multipart/mixed\n  1 text/plain \"\"\n  2 text/plain \"two\"\n");
        assert_eq!(tree.limits, ["header_octets"]);
    }
}

#[test]
fn fields_beyond_their_number_are_skipped() {
    let message = "A: 1\nB: 2\n two\nC: 3\n three\nD: 4\n\nbody\n";
    let tree = limited(message, Limits { fields: 2, ..Limits::DEFAULT });
    let values: Vec<_> = tree.parts[0].head.header.fields().iter().map(|f| f.value().into_owned()).collect();
    assert_eq!(values, ["1", "2 two"]);
    assert_eq!((tree.limits, tree.parts[0].data.as_slice()), (vec!["fields"], &b"body\r\n"[..]));
}

#[test]
fn parameters_and_pieces_are_bounded() {
    let message = format!("Content-Type: text/plain{}\n\nbody\n", "; x=y".repeat(10));
    let tree = limited(&message, Limits { parameters: 9, ..Limits::DEFAULT });
    assert_eq!(tree.limits, ["parameters"]);
    let message = "Content-Type: text/plain; name*0=a; name*1=b; name*2=c\n\nbody\n";
    let tree = limited(message, Limits { rfc2231_pieces: 2, ..Limits::DEFAULT });
    assert_eq!(tree.limits, ["rfc2231_pieces"]);
    assert_eq!(tree.parts[0].head.filename.as_deref(), Some("ab"));
}

#[test]
fn long_boundaries_are_cut_and_then_a_beginning_suffices() {
    let boundary = "x".repeat(30);
    let message =
        format!("Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n\none\n--{boundary}--\n");
    let tree = limited(&message, Limits { boundary: 20, ..Limits::DEFAULT });
    assert_eq!(tree.show(), "[] multipart/mixed\n  1 text/plain \"one\"\n");
    assert_eq!(tree.limits, ["boundary"]);
}

#[test]
fn data_beyond_their_total_are_not_delivered() {
    let message = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n12345\n--b\n\n67890\n--b\n\nabc\n--b--\n";
    let tree = limited(message, Limits { decoded_total: 7, ..Limits::DEFAULT });
    assert_eq!(
        tree.show(),
        "[] multipart/mixed\n  1 text/plain \"12345\"\n  2 text/plain \"67\"\n  3 text/plain \"\"\n"
    );
    assert_eq!(tree.limits, ["decoded_total"]);
    let tree = limited(message, Limits { decoded_total: 13, ..Limits::DEFAULT });
    assert!(tree.limits.is_empty());
}

#[test]
fn defects_are_bounded() {
    let message = "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n--b\n--b\n--b--\n";
    let tree = limited(message, Limits { defects: 2, ..Limits::DEFAULT });
    assert_eq!((tree.defects.len(), tree.limits), (2, vec!["defects"]));
}

/// Counts events, and the octets in them.
#[derive(Default)]
struct Count {
    parts: usize,
    octets: usize,
    defects: usize,
    limits: Vec<&'static str>,
    deepest: usize,
    depth: usize,
}

impl Sink for Count {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => {
                self.parts += 1;
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
                assert!(head.kind == PartKind::Leaf || self.depth <= Limits::DEFAULT.depth);
            }
            Event::PartEnd => self.depth -= 1,
            Event::Data(octets) => self.octets += octets.len(),
            Event::Defect(_) => self.defects += 1,
            Event::LimitHit(limit, _) => self.limits.push(limit.name()),
            _ => {}
        }
    }
}

/// Decodes and counts.
fn count(raw: &[u8], piece: usize) -> Count {
    let mut count = Count::default();
    let mut decoder = Decoder::new(Limits::DEFAULT, Dialect::default());
    for piece in raw.chunks(piece) {
        decoder.push(piece, &mut count);
    }
    decoder.finish(&mut count);
    assert_eq!(count.depth, 0);
    count
}

/// A bomb at two sizes, one eight times the other, must be linear work.
fn linear(bomb: impl Fn(usize) -> Vec<u8>, small: usize) -> Count {
    for piece in [64 * 1024, 7] {
        let (small, large) = (bomb(small), bomb(8 * small));
        let (little, much) = (quickest(|| _ = count(&small, piece)), quickest(|| _ = count(&large, piece)));
        assert!(is_linear(little, much), "{} octets: {little:?}; {} octets: {much:?}", small.len(), large.len());
    }
    count(&bomb(8 * small), 64 * 1024)
}

#[test]
fn bomb_of_nested_multiparts() {
    let bomb = |depth: usize| {
        let mut raw = String::new();
        for level in 0..depth {
            raw += &format!("Content-Type: multipart/mixed; boundary=b{level}x\r\n\r\n--b{level}x\r\n");
        }
        raw.into_bytes()
    };
    let count = linear(bomb, 1_000);
    assert_eq!(count.deepest, Limits::DEFAULT.depth + 1);
    assert_eq!(count.limits, ["depth"]);
}

#[test]
fn bomb_of_nested_messages() {
    let count = linear(|depth| b"Content-Type: message/rfc822\r\n\r\n".repeat(depth), 1_000);
    assert_eq!((count.deepest, count.limits), (Limits::DEFAULT.depth + 1, vec!["depth"]));
}

#[test]
fn bomb_of_encoded_messages() {
    let mut raw = b"Subject: innermost\r\n\r\nbody\r\n".to_vec();
    for _ in 0..40 {
        let encoded = data_encoding::BASE64.encode(&raw);
        raw =
            format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}").into_bytes();
    }
    let count = count(&raw, 64 * 1024);
    assert_eq!((count.parts, count.limits), (Limits::DEFAULT.encoded_depth + 1, vec!["encoded_depth"]));
}

#[test]
fn bomb_of_near_miss_delimiters() {
    let boundary = "x".repeat(69);
    let bomb = |lines: usize| {
        let mut raw = String::new();
        for level in 0..40 {
            raw += &format!("Content-Type: multipart/mixed; boundary={boundary}{level}\r\n\r\n--{boundary}{level}\r\n");
        }
        raw += "\r\n";
        raw += &format!("--{boundary}\r\n").repeat(lines);
        raw.into_bytes()
    };
    let count = linear(bomb, 12_500);
    assert_eq!((count.parts, count.octets), (41, 100_000 * 73));
}

#[test]
fn bomb_of_parts() {
    let bomb = |parts: usize| {
        let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
        raw.extend(b"--b\r\n\r\nx\r\n".repeat(parts));
        raw
    };
    let count = linear(bomb, 5_000);
    assert_eq!((count.parts, count.limits), (Limits::DEFAULT.parts, vec!["parts"]));
}

#[test]
fn bomb_of_parameters() {
    for parameter in
        ["; name=x", "; name*1=x", "; name*=utf-8''%41", "; (", "; =", "; \"", "; a=b (x", "; x=\"\\", " a", ";"]
    {
        let bomb = |parameters: usize| {
            format!("Content-Type: text/plain{}\r\n\r\n", parameter.repeat(parameters)).into_bytes()
        };
        linear(bomb, 2_500);
    }
}

#[test]
fn bomb_of_fields() {
    for line in
        ["A: b\r\n", "Content-Type: text/plain; name=a\r\n", " x\r\n", "Content-Disposition: x; filename*0=a\r\n"]
    {
        let bomb = |lines: usize| ["A: b\r\n", &line.repeat(lines), "\r\n"].concat().into_bytes();
        linear(bomb, 2_500);
    }
}

#[test]
fn bomb_of_comments_addresses_and_words() {
    for (before, piece) in [
        ("Content-Transfer-Encoding: ", "("),
        ("Content-Transfer-Encoding: ", "(base64) "),
        ("Content-Transfer-Encoding: ", "base64, "),
        ("Content-Type: ", "(text"),
        ("Content-Type: text/plain; ", "(a)b=(c)"),
        ("To: ", "a <b@c.example>, "),
        ("To: ", "\"a (b\\"),
        ("To: ", "<@a,@b:"),
        ("Subject: ", "=?utf-8?q?a?= "),
        ("Subject: ", "=?utf-8?b?"),
        ("Subject: ", "=?iso-2022-jp?b?GyRC?=\r\n "),
        ("Content-Disposition: attachment; filename=", "=?utf-8?q?a?= "),
    ] {
        let bomb = |pieces: usize| format!("{before}{}\r\n\r\nx\r\n", piece.repeat(pieces)).into_bytes();
        linear(bomb, 2_500);
        // What a person reads of it.
        let read = |pieces: usize| {
            let raw = bomb(pieces);
            quickest(|| _ = Header::parse(&raw).fields().iter().map(Field::decoded).collect::<Vec<_>>())
        };
        let (little, much) = (read(2_500), read(20_000));
        assert!(is_linear(little, much), "{before}{piece}: {little:?}, {much:?}");
    }
}

#[test]
fn bomb_of_base64_and_quoted_printable_oddities() {
    for line in ["YQ==\r\n", "YWJj!\r\n", "=\r\n", "    \r\n", "AAAA\r\n"] {
        for encoding in ["base64", "quoted-printable"] {
            let bomb = |lines: usize| {
                format!("Content-Transfer-Encoding: {encoding}\r\n\r\n{}", line.repeat(lines)).into_bytes()
            };
            let count = linear(bomb, 20_000);
            assert!(count.defects < 5);
        }
    }
    let blanks = |octets: usize| {
        format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n={}", " ".repeat(octets)).into_bytes()
    };
    linear(blanks, 100_000);
}

#[test]
fn a_boundary_made_of_boundaries_is_searched_once() {
    // Each word begins a value that reaches to the end of the field.
    let field = |words: usize| {
        [&b"Content-Type: multipart/mixed; "[..], &b"boundary=".repeat(words), b"\r\n\r\nx\r\n"].concat()
    };
    linear(field, 4_000);
}
