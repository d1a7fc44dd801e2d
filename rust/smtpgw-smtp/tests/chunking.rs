//! BDAT (RFC 3030): counted strictly, swallowed when refused, and never anything but content in a chunk.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use common::{Driver, full_offer, reply, small_limits};
use proptest::prelude::*;
use smtpgw_smtp::{BareNewline, ContentWriter, Limits, Offer, StateName};
use smtpgw_testkit::dialogue::escape;
use smtpgw_testkit::splits::every_split;

const ENVELOPE: &[u8] = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

fn offer() -> Offer {
    Offer { chunking: true, ..full_offer() }
}

fn driver(limits: Limits, start: &[u8], bare_newline: BareNewline) -> Driver {
    let mut driver = Driver::with_newlines(limits, offer(), bare_newline);
    driver.unread = start.to_vec();
    driver.run();
    driver.notes.clear();
    driver.output.clear();
    driver
}

/// Says `input` behind an envelope, at every split: notes, codes, state.
fn said(limits: Limits, start: &[u8], input: &[u8], bare_newline: BareNewline) -> (String, String, StateName) {
    every_split(input, |pieces| {
        let mut driver = driver(limits, start, bare_newline);
        for piece in pieces {
            driver.unread.extend_from_slice(piece);
            driver.run();
        }
        assert!(driver.unread.is_empty() || driver.server.state() == StateName::Closed);
        let codes = driver.codes().join(" ");
        (driver.notes.join("; "), codes, driver.server.state())
    })
}

fn message(content: &[u8]) -> String {
    format!("BDAT; message {}", escape(content))
}

#[test]
fn chunks_become_one_message() {
    for (input, content, codes) in [
        (&b"BDAT 3 LAST\r\na\r\n"[..], &b"a\r\n"[..], "250"),
        (b"BDAT 1\r\naBDAT 2 LAST\r\n\r\n", b"a\r\n", "250 250"),
        // CR and LF in two chunks, with an empty one between them.
        (b"BDAT 2\r\na\rBDAT 0\r\nBDAT 1 LAST\r\n\n", b"a\r\n", "250 250 250"),
        (b"BDAT 3\r\na\r\nBDAT 0 LAST\r\n", b"a\r\n", "250 250"),
        // An end of data is content here, and no dot is dropped.
        (b"BDAT 15 LAST\r\n..\r\n.\r\nQUIT\r\n..", b"..\r\n.\r\nQUIT\r\n..", "250"),
        // Without a line end it stays without one.
        (b"BDAT 1 last\r\na", b"a", "250"),
        (b"BDAT 3\r\na\r\nNOOP\r\nBDAT 3 LAST\r\nb\r\n", b"a\r\nb\r\n", "250 250 250"),
    ] {
        let expected = (message(content), codes.to_owned(), StateName::Ready);
        assert_eq!(said(small_limits(), ENVELOPE, input, BareNewline::Reject), expected, "{}", input.escape_ascii());
    }
}

#[test]
fn what_has_no_place_is_refused_and_its_chunk_swallowed() {
    let evil = "NOOP\r\n.\r\nQUIT\r\n";
    let chunk = |word: &str| format!("BDAT {}{word}\r\n{evil}", evil.len());
    let no_recipient = "EHLO c\r\nMAIL FROM:<a@b>\r\n";
    for (start, input, notes, codes, state) in [
        ("", chunk(""), "", "503", StateName::Start),
        ("EHLO c\r\n", chunk(" LAST"), "", "503", StateName::Ready),
        (no_recipient, chunk(" LAST"), "", "503", StateName::Mail),
        // A second LAST, and a chunk behind RSET.
        (
            "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
            format!("BDAT 0 LAST\r\n{}", chunk(" LAST")),
            "BDAT; message (empty)",
            "250 503",
            StateName::Ready,
        ),
        (
            "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
            format!("BDAT 3\r\na\r\nRSET\r\n{}", chunk("")),
            "BDAT; Reset",
            "250 250 503",
            StateName::Ready,
        ),
        // DATA, RCPT, MAIL and STARTTLS behind a chunk.
        (
            "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
            "BDAT 3\r\na\r\nDATA\r\nRCPT TO:<c@d>\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n".into(),
            "BDAT",
            "250 503 503 503 503",
            StateName::Chunks,
        ),
    ] {
        let found = said(small_limits(), start.as_bytes(), input.as_bytes(), BareNewline::Reject);
        assert_eq!(found, (notes.into(), codes.into(), state), "{input:?} behind {start:?}");
    }
    // Every recipient was refused.
    let mut driver = Driver::new(small_limits(), offer());
    driver.decisions.extend(["250", "550"].map(reply));
    driver.unread = [ENVELOPE, chunk(" LAST").as_bytes()].concat();
    driver.run();
    assert_eq!(driver.codes(), ["250", "250", "550", "554"]);
    // Not offered at all.
    let mut driver = Driver::new(small_limits(), full_offer());
    driver.unread = [ENVELOPE, chunk(" LAST").as_bytes()].concat();
    driver.run();
    assert_eq!(driver.codes().last().unwrap(), "502");
    assert_eq!(driver.server.state(), StateName::Mail);
}

#[test]
fn sizes_that_cannot_be_read_close() {
    for size in ["-1", "+1", " 1", "1 2", "0x1", "", "LAST", "1 LAST LAST", "18446744073709551616", "30001"] {
        let input = format!("BDAT {size}\r\nQUIT\r\n");
        let (notes, codes, state) = said(small_limits(), ENVELOPE, input.as_bytes(), BareNewline::Reject);
        assert_eq!((notes.as_str(), codes.as_str(), state), ("close Chunk", "421", StateName::Closed), "{size:?}");
    }
}

#[test]
fn lines_that_were_to_be_bdats_close() {
    let long = [b"BDAT 5 ".to_vec(), b" ".repeat(5_000), b"\r\nQUIT\r\n".to_vec()].concat();
    let long_name = [b"bdat5".to_vec(), b"x".repeat(5_000), b"\r\nQUIT\r\n".to_vec()].concat();
    let lines: [&[u8]; 12] = [
        b"BDAT\t6 LAST\r\nQUIT\r\n",
        b"BDAT 6\t\r\nQUIT\r\n",
        b"BDAT 6\0\r\nQUIT\r\n",
        b"BDAT 6 \x1b\r\nQUIT\r\n",
        b"BDAT 6 \xff\r\nQUIT\r\n",
        b"BDAT\xc2\xa06\r\nQUIT\r\n",
        b"BDAT6\r\nQUIT\r\n",
        b"bdat 6\nQUIT\r\nQUIT\r\n",
        b"BDAT\nQUIT\r\n",
        b"BDAT 6\rQUIT\r\nQUIT\r\n",
        &long,
        &long_name,
    ];
    for start in [ENVELOPE, b"", b"EHLO c\r\n"] {
        for line in lines {
            let (notes, codes, state) = if line.len() < 100 {
                said(small_limits(), start, line, BareNewline::Reject)
            } else {
                let mut driver = driver(small_limits(), start, BareNewline::Reject);
                driver.unread = line.to_vec();
                driver.run();
                (driver.notes.join("; "), driver.codes().join(" "), driver.server.state())
            };
            let line = &line[..line.len().min(20)];
            assert_eq!(
                (notes.as_str(), codes.as_str(), state),
                ("close ChunkLine", "421", StateName::Closed),
                "{}",
                line.escape_ascii()
            );
        }
    }
    // Between two chunks as well; and another word is another word.
    let between = b"BDAT 3\r\na\r\nBDAT\t3 LAST\r\nb\r\n";
    let expected = ("BDAT; close ChunkLine".to_owned(), "250 421".to_owned(), StateName::Closed);
    let mut driver = driver(small_limits(), ENVELOPE, BareNewline::Reject);
    driver.unread = between.to_vec();
    driver.run();
    assert_eq!((driver.notes.join("; "), driver.codes().join(" "), driver.server.state()), expected);
    let (notes, codes, _) = said(small_limits(), ENVELOPE, b"BDATA\t\r\nQUIT\r\n", BareNewline::Reject);
    assert_eq!((notes.as_str(), codes.as_str()), ("Quit", "500 221"));
}

#[test]
fn refused_content_is_swallowed_and_what_follows_is_no_mistake() {
    let limits = Limits { text_line: 1_000, message_size: 2_000, ..small_limits() };
    let long = [b"BDAT 999 LAST\r\n".to_vec(), b"x".repeat(999)].concat();
    let large = [b"BDAT 2001 LAST\r\n".to_vec(), b"x\r\n".repeat(667)].concat();
    let larger = [b"BDAT 1500\r\n".to_vec(), b"x\r\n".repeat(500), b"BDAT 501 LAST\r\n".to_vec(), b"x\r\n".repeat(167)];
    for (input, error, codes) in [
        (b"BDAT 4 LAST\r\na\nb\n".to_vec(), "BareNewline", "550"),
        (b"BDAT 4 LAST\r\na\rb\n".to_vec(), "BareNewline", "550"),
        (b"BDAT 2 LAST\r\na\r".to_vec(), "BareNewline", "550"),
        (b"BDAT 2\r\na\rBDAT 1 LAST\r\nb".to_vec(), "BareNewline", "250 550"),
        (b"BDAT 2\r\na\rBDAT 0 LAST\r\n".to_vec(), "BareNewline", "250 550"),
        // What stands behind an empty chunk is behind the CR all the same.
        (b"BDAT 2\r\na\rBDAT 0\r\nBDAT 1 LAST\r\nb".to_vec(), "BareNewline", "250 250 550"),
        (b"BDAT 2\r\na\nBDAT 4\r\nQUITBDAT 0 LAST\r\n".to_vec(), "BareNewline", "550 503 503"),
        (long, "LineTooLong", "554"),
        (large, "TooLarge", "552"),
        (larger.concat(), "TooLarge", "250 552"),
    ] {
        let mut driver = driver(limits, ENVELOPE, BareNewline::Reject);
        driver.unread = input.clone();
        driver.run();
        assert_eq!(driver.notes, ["BDAT", &format!("refused {error}")]);
        assert_eq!((driver.codes().join(" "), driver.server.state()), (codes.into(), StateName::Ready));
        assert_eq!(driver.server.errors(), 1);
        if input.len() < 100 {
            let (notes, ..) = said(limits, ENVELOPE, &input, BareNewline::Reject);
            assert_eq!(notes, format!("BDAT; refused {error}"));
        }
    }
}

#[test]
fn bare_newlines_become_lines_where_that_is_asked_for() {
    for (input, content) in [
        (&b"BDAT 4 LAST\r\na\nb\r"[..], &b"a\r\nb\r\n"[..]),
        (b"BDAT 2\r\na\rBDAT 1 LAST\r\nb", b"a\r\nb"),
        (b"BDAT 2\r\na\rBDAT 0\r\nBDAT 1 LAST\r\nb", b"a\r\nb"),
        (b"BDAT 2\r\na\rBDAT 2\r\n\r.BDAT 0 LAST\r\n", b"a\r\n\r\n."),
        (b"BDAT 2\r\na\rBDAT 2 LAST\r\n\r\n", b"a\r\n\r\n"),
        (b"BDAT 5 LAST\r\n\n.\n\r\r", b"\r\n.\r\n\r\n\r\n"),
    ] {
        let (notes, ..) = said(small_limits(), ENVELOPE, input, BareNewline::Normalize);
        assert_eq!(notes, message(content), "{}", input.escape_ascii());
    }
}

#[test]
fn chunks_that_bring_nothing_forward_are_counted() {
    let mut driver = driver(small_limits(), ENVELOPE, BareNewline::Reject);
    driver.unread = b"BDAT 0\r\n".repeat(100);
    driver.run();
    assert_eq!(driver.server.state(), StateName::Closed);
}

/// What a server that takes CRLF, CR and LF alike for line ends would see.
fn lines(octets: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n").replace('\r', "\n");
    text.replace('\n', "\r\n").into_bytes()
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![Just("\r\n"), Just("."), Just("\r"), Just("\n"), Just("QUIT"), Just("x")];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn however_it_is_chunked_it_is_the_same_message(
        content in octets(),
        sizes in proptest::collection::vec(0usize..9, 1..6),
        cuts in proptest::collection::vec(1usize..9, 1..6),
    ) {
        let limits = Limits { errors: 1_000, junk: 1_000, ..small_limits() };
        let mut wire = Vec::new();
        let mut rest = content.as_slice();
        for size in sizes {
            let (chunk, behind) = rest.split_at(size.min(rest.len()));
            wire.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            rest = behind;
        }
        wire.extend_from_slice(format!("BDAT {} LAST\r\n", rest.len()).as_bytes());
        wire.extend_from_slice(rest);
        wire.extend_from_slice(b"NOOP\r\n");
        for bare_newline in [BareNewline::Reject, BareNewline::Normalize] {
            let mut driver = driver(limits, ENVELOPE, bare_newline);
            let mut sizes = cuts.iter().cycle();
            let mut at = 0;
            while at < wire.len() {
                let end = (at + sizes.next().unwrap()).min(wire.len());
                driver.unread.extend_from_slice(&wire[at..end]);
                driver.run();
                at = end;
            }
            let as_lines = lines(&content);
            let expected = if bare_newline == BareNewline::Reject && as_lines != content {
                "BDAT; refused BareNewline".into()
            } else {
                message(if as_lines.is_empty() { b"(empty)" } else { &as_lines })
            };
            prop_assert_eq!(driver.notes.join("; "), expected);
            // The NOOP behind the message is the next command, whatever came of it.
            let codes = driver.codes();
            prop_assert_eq!(codes.last().map(String::as_str), Some("250"));
            // As it goes on by DATA it has one end, whatever a server takes for a line end.
            let mut out = b"\r\n".to_vec();
            let mut writer = ContentWriter::new();
            writer.write(&as_lines, &mut out);
            writer.finish(&mut out);
            prop_assert_eq!(out.split(|octet| *octet == b'\n').filter(|line| *line == b".\r").count(), 1);
        }
    }
}
