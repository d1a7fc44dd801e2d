//! Multiparts and messages in messages: what is where (RFC 2046 §5.1, §5.2; RFC 3501 §6.4.5).

#![allow(clippy::expect_used, reason = "tests")]

mod support;

use support::{crlf, decode};

/// Checks structure and defects of a message given with LF lines, once as CRLF and once as it is.
fn check(message: &str, parts: &str, defects: &[&str]) {
    let raw = crlf(message);
    let tree = decode(&raw);
    assert_eq!(tree.show(), parts.trim_start_matches('\n'), "{message}");
    assert_eq!(tree.defects, defects, "{message}");
    assert!(tree.limits.is_empty());

    let local = decode(message.strip_prefix('\n').unwrap_or(message).as_bytes());
    let parts = parts.trim_start_matches('\n').replace("\\n", "|");
    assert_eq!(local.show().replace("\\n", "|"), parts, "with LF: {message}");
}

#[test]
fn a_single_part_has_path_1() {
    check("Subject: x\n\nbody\n", "1 text/plain \"body|\"\n", &[]);
    check("Subject: x\n\n", "1 text/plain \"\"\n", &[]);
    check("\n\nbody\n", "1 text/plain \"body|\"\n", &[]);
}

#[test]
fn headers_that_never_end() {
    check("", "1 text/plain \"\"\n", &["header_not_closed@0 1"]);
    check("Subject: x\n", "1 text/plain \"\"\n", &["header_not_closed@12 1"]);
    check("Subject: x", "1 text/plain \"\"\n", &["header_not_closed@10 1"]);
}

#[test]
fn parts_of_a_multipart() {
    check(
        "
Content-Type: multipart/mixed; boundary=b

preamble
--b

first
--b
Content-Type: text/html

second

--b--
",
        "
[] multipart/mixed
  1 text/plain \"first\"
  2 text/html \"second|\"
",
        &[],
    );
}

#[test]
fn nested_multiparts() {
    check(
        "
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner

one
--inner
Content-Type: text/html

two
--inner--

--outer
Content-Type: application/pdf; name=a.pdf

three
--outer--
",
        "
[] multipart/mixed
  [1] multipart/alternative
    1.1 text/plain \"one\"
    1.2 text/html \"two\"
  2 application/pdf \"three\" name=a.pdf
",
        &[],
    );
}

#[test]
fn messages_in_messages() {
    check(
        "
Content-Type: multipart/mixed; boundary=o

--o

text
--o
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=i

--i

one
--i
Content-Type: message/rfc822

Subject: innermost

leaf
--i--
--o
Content-Type: message/rfc822

Subject: single

alone
--o--
",
        "
[] multipart/mixed
  1 text/plain \"text\"
  (2) message/rfc822
    [2] multipart/mixed
      2.1 text/plain \"one\"
      (2.2) message/rfc822
        2.2.1 text/plain \"leaf\"
  (3) message/rfc822
    3.1 text/plain \"alone\"
",
        &[],
    );
}

#[test]
fn a_message_at_the_top_is_part_1() {
    check(
        "Content-Type: message/rfc822\n\nSubject: inner\n\nbody\n",
        "(1) message/rfc822\n  1.1 text/plain \"body|\"\n",
        &[],
    );
    check(
        "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n\nbody\n",
        "(1) message/rfc822\n  (1.1) message/rfc822\n    1.1.1 text/plain \"body|\"\n",
        &[],
    );
    check(
        "Content-Type: message/rfc822\n",
        "(1) message/rfc822\n  1.1 text/plain \"\"\n",
        &["header_not_closed@30 1", "header_not_closed@30 1.1"],
    );
}

#[test]
fn encoded_messages_are_decoded_and_read() {
    // "Subject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--i--\r\n"
    check(
        "
Content-Type: multipart/mixed; boundary=o

--o
Content-Type: message/rfc822
Content-Transfer-Encoding: base64

U3ViamVjdDogaW5uZXINCkNvbnRlbnQtVHlwZTogbXVsdGlwYXJ0L21peGVkOyBib3VuZGFyeT1p
DQoNCi0taQ0KDQpvbmUNCi0taS0tDQo=
--o
Content-Type: message/rfc822
Content-Transfer-Encoding: quoted-printable

Subject: in=
ner

a=3Db
--o
Content-Type: message/global
Content-Transfer-Encoding: base64

Cm9rCg==
--o--
",
        "
[] multipart/mixed
  (1) message/rfc822
    [1] multipart/mixed
      1.1 text/plain \"one\"
  (2) message/rfc822
    2.1 text/plain \"a=b\"
  (3) message/global
    3.1 text/plain \"ok\\n\"
",
        &["bare_line_feed@411 3.1", "encoded_message@234 2", "encoded_message@50 1"],
    );
}
