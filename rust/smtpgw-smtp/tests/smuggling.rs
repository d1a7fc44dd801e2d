//! Only `CRLF . CRLF` ends content, and content with a bare CR or LF is never delivered.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use common::{Driver, full_offer, small_limits};
use smtpgw_smtp::{BareNewline, ContentWriter, Limits, StateName};
use smtpgw_testkit::splits::every_split;

const TRANSACTION: &[u8] = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";

/// What came of content: notes of the driver, and how many octets stayed unread.
fn received(limits: Limits, content: &[u8]) -> (Vec<String>, Vec<String>, StateName, Vec<u8>) {
    received_as(limits, BareNewline::Reject, content)
}

fn received_as(
    limits: Limits,
    bare_newline: BareNewline,
    content: &[u8],
) -> (Vec<String>, Vec<String>, StateName, Vec<u8>) {
    every_split(content, |pieces| {
        let mut driver = Driver::with_newlines(limits, full_offer(), bare_newline);
        driver.unread = TRANSACTION.to_vec();
        driver.run();
        assert_eq!(driver.server.state(), StateName::Content);
        driver.notes.clear();
        driver.output.clear();
        for piece in pieces {
            driver.unread.extend_from_slice(piece);
            driver.run();
        }
        let codes = driver.codes();
        (std::mem::take(&mut driver.notes), codes, driver.server.state(), driver.unread)
    })
}

/// Every look-alike: what could stand before and behind the dot.
fn look_alikes() -> Vec<Vec<u8>> {
    let breaks: &[&[u8]] = &[
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\r\n",
        b"\n\r\n",
        b"\r\n\n",
        b"\n\n",
        b"\r\r",
        b"\n\r",
        b"\r\n\r",
        b"\0\r\n",
        b"\r\n\0",
        b"\r\0\n",
        b"\0\n",
        b"\r \n",
        b" \r\n",
        b"\r\n ",
        b"\t\r\n",
        b"\r\n\t",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\x85",
        b"\x0b",
        b"\x0c",
        b"\x1c",
        b"\x1e",
    ];
    let dots: &[&[u8]] =
        &[b".", b"\xef\xbc\x8e", b"\xe3\x80\x82", b"\0.", b".\0", b". ", b" .", b"..", b"\xe2\x80\xa4"];
    let mut all = Vec::new();
    for before in breaks {
        for dot in dots {
            for behind in breaks {
                all.push([*before, *dot, *behind].concat());
            }
        }
    }
    all
}

/// Whether a strict reader finds a bare CR or LF, by the plainest code there is.
fn has_bare_newline(octets: &[u8]) -> bool {
    let text: Vec<u8> = octets.to_vec();
    (0..text.len()).any(|at| match text[at] {
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || text[at - 1] != b'\r',
        _ => false,
    })
}

/// Where a strict reader finds the end, by the plainest code there is.
fn true_end(octets: &[u8]) -> usize {
    let with_line_start = [b"\r\n", octets].concat();
    with_line_start.windows(5).position(|window| window == b"\r\n.\r\n").unwrap() + 3
}

/// What transparency leaves of it, by the plainest code there is.
fn unstuffed(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    out
}

#[test]
fn look_alikes_end_nothing_and_are_never_delivered() {
    let mut refused = 0;
    let mut delivered = 0;
    for look_alike in look_alikes() {
        let content =
            [b"one\r\n", &look_alike[..], b"MAIL FROM:<evil@b>\r\nRCPT TO:<c@d>\r\ntwo\r\n.\r\nRSET\r\n"].concat();
        let end = true_end(&content);
        let (notes, codes, state, unread) = received(Limits { errors: 1000, ..small_limits() }, &content);
        let shown = content.escape_ascii();
        let text = &content[..end - 3];
        if has_bare_newline(text) {
            assert_eq!(notes[0], "refused BareNewline", "{shown}");
            assert_eq!(codes[0], "550", "{shown}");
            refused += 1;
        } else {
            let expected = format!("message {}", smtpgw_testkit::dialogue::escape(&unstuffed(text)));
            assert_eq!(notes[0], expected, "{shown}");
            assert_eq!(codes[0], "250", "{shown}");
            delivered += 1;
        }
        // Nothing in the content was taken for a command, unless the content truly ended before it.
        if end == content.len() - "RSET\r\n".len() {
            assert_eq!(notes[1..], ["Reset".to_string()], "{shown}");
            assert_eq!((state, unread), (StateName::Ready, Vec::new()), "{shown}");
        } else {
            assert!(look_alike.windows(5).any(|window| window == b"\r\n.\r\n"), "{shown}");
        }
    }
    assert!(refused > 1000 && delivered > 500, "{refused} {delivered}");
}

/// What normalizing makes of raw content, by the plainest code there is: dots go at the client's own line starts only.
fn normalized(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line_start = true;
    let mut at = 0;
    while let Some(octet) = octets.get(at) {
        let crlf = octets[at..].starts_with(b"\r\n");
        match octet {
            b'.' if line_start => {}
            b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(*other),
        }
        at += if crlf { 2 } else { 1 };
        line_start = crlf;
    }
    out
}

#[test]
fn normalizing_ends_nothing_either() {
    let mut repaired = 0;
    for look_alike in look_alikes() {
        let content = [b"one\r\n", &look_alike[..], b"MAIL FROM:<evil@b>\r\ntwo\r\n.\r\nRSET\r\n"].concat();
        let text = &content[..true_end(&content) - 3];
        let limits = Limits { errors: 1000, ..small_limits() };
        let (notes, codes, ..) = received_as(limits, BareNewline::Normalize, &content);
        let expected = normalized(text);
        let shown = content.escape_ascii();
        assert_eq!(notes[0], format!("message {}", smtpgw_testkit::dialogue::escape(&expected)), "{shown}");
        assert_eq!(codes[0], "250", "{shown}");
        assert!(!has_bare_newline(&expected), "{shown}");
        repaired += usize::from(has_bare_newline(text));
        // What goes on to the backend has one end, even for a server that takes LF for a line end.
        let (mut wire, mut writer) = (b"\r\n".to_vec(), ContentWriter::new());
        writer.write(&expected, &mut wire);
        writer.finish(&mut wire);
        assert_eq!(wire.split(|octet| *octet == b'\n').filter(|line| *line == b".\r").count(), 1, "{shown}");
    }
    assert!(repaired > 1000, "{repaired}");
}

#[test]
fn normalizing_counts_what_it_gives_out() {
    let limits = Limits { message_size: 4, ..small_limits() };
    for (content, note) in [(&b"\n\n\r\n.\r\n"[..], "refused TooLarge"), (b"\n\r\n.\r\n", "message \\r\\n\\r\\n")] {
        assert_eq!(received_as(limits, BareNewline::Normalize, content).0, [note]);
    }
}

#[test]
fn the_rows_of_the_threat_table() {
    for row in [
        &b"\n.\n"[..],
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\r\n.\r\r\n",
        b"\r\n\n.\r\n",
        b"\r\n.\r\0\n",
        b"\r\0\n.\r\n",
    ] {
        let content = [b"a", row, b"b\r\n.\r\n"].concat();
        let (notes, codes, state, unread) = received(small_limits(), &content);
        let truly_ends = row.windows(5).any(|window| window == b"\r\n.\r\n");
        assert!(!truly_ends);
        assert_eq!(notes, ["refused BareNewline"], "{}", row.escape_ascii());
        assert_eq!((codes, state, unread), (vec!["550".to_string()], StateName::Ready, Vec::new()));
    }
    // Odd, but lines like any other: they end nothing, and reach the backend as they are.
    for row in
        [&b"\r\n\0.\r\n"[..], b"\r\n .\r\n", b"\r\n. \r\n", b"\r\n.\0\r\n", b"\r\n\xef\xbc\x8e\r\n", b"\r\n..\r\n"]
    {
        let content = [b"a", row, b"b\r\n.\r\n"].concat();
        let (notes, ..) = received(small_limits(), &content);
        let text = unstuffed(&content[..content.len() - 3]);
        assert_eq!(notes, [format!("message {}", smtpgw_testkit::dialogue::escape(&text))]);
    }
}

#[test]
fn transparency_is_undone_and_the_final_line_end_belongs_to_the_content() {
    for (content, expected) in [
        (&b".\r\n"[..], &b""[..]),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n.\r\n", b"..\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n..b\r\nc.\r\n.\r\n", b"a\r\n.b\r\nc.\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"\r\n..\r\n\r\n.\r\n", b"\r\n.\r\n\r\n"),
    ] {
        let trailing = [content, b"NOO"].concat();
        let (notes, codes, state, unread) = received(small_limits(), &trailing);
        let expected = smtpgw_testkit::dialogue::escape(expected);
        let expected = if expected.is_empty() { "(empty)".into() } else { expected };
        assert_eq!(notes, [format!("message {expected}")], "{}", content.escape_ascii());
        assert_eq!((codes, state), (vec!["250".to_string()], StateName::Ready));
        assert_eq!(unread, b"NOO", "what is behind the end stays unread");
    }
}

#[test]
fn lines_and_messages_have_limits_to_the_octet() {
    let limits = Limits { text_line: 1_000, message_size: 3_000, errors: 1000, ..small_limits() };
    let line = |text: usize| [b"x".repeat(text), b"\r\n".to_vec()].concat();
    for (content, note) in [
        (line(998), "message"),
        ([b".".to_vec(), line(998)].concat(), "message"),
        (line(999), "refused LineTooLong"),
        ([line(10), line(999)].concat(), "refused LineTooLong"),
        (line(998).repeat(3), "message"),
        ([line(998).repeat(2), line(997), line(0)].concat(), "refused TooLarge"),
        ([line(998).repeat(3), b"x\r\n".to_vec()].concat(), "refused TooLarge"),
        // What comes first counts.
        ([line(998).repeat(3), b"x\n\r\n".to_vec()].concat(), "refused TooLarge"),
        ([line(998), b"\n".to_vec(), line(998).repeat(3)].concat(), "refused BareNewline"),
    ] {
        let content = [content, b".\r\n".to_vec()].concat();
        let (notes, _, state, unread) = received_in_some_cuttings(limits, &content);
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with(note), "{} {note}", notes[0]);
        assert_eq!((state, unread), (StateName::Ready, Vec::new()));
    }
}

#[test]
fn refused_content_that_does_not_end_is_hung_up_on() {
    let content = [b"\n".to_vec(), b"endless\r\n".repeat(4_000)].concat();
    let (notes, codes, state, _) = received_in_some_cuttings(small_limits(), &content);
    assert_eq!(notes, ["close EndlessContent"]);
    assert_eq!((codes, state), (vec!["421".to_string()], StateName::Closed));
}

/// For long content, where every split would take too long.
fn received_in_some_cuttings(limits: Limits, content: &[u8]) -> (Vec<String>, Vec<String>, StateName, Vec<u8>) {
    let run = |cut: usize| {
        let mut driver = Driver::new(limits, full_offer());
        driver.unread = TRANSACTION.to_vec();
        driver.run();
        driver.notes.clear();
        driver.output.clear();
        for piece in content.chunks(cut) {
            driver.unread.extend_from_slice(piece);
            driver.run();
        }
        let codes = driver.codes();
        let unread = if driver.server.state() == StateName::Closed { Vec::new() } else { driver.unread };
        (driver.notes, codes, driver.server.state(), unread)
    };
    let whole = run(usize::MAX);
    for cut in [1, 2, 3, 7, 997, 1_000, 1_001, 4_096] {
        assert_eq!(run(cut), whole, "cut {cut}");
    }
    whole
}
