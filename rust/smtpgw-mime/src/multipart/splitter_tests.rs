//! Tables for [`super`]: bodies cut into content and delimiters.

use super::super::delimiter::Frames;
use super::super::{Boundary, Multipart};
use super::*;
use crate::dialect::Dialect;
use alloc::string::String;
use smtpgw_testkit::splits::every_split;

struct One(Multipart);

impl Frames for One {
    fn count(&self) -> usize {
        1
    }

    fn multipart(&self, _: usize) -> Option<&Multipart> {
        Some(&self.0)
    }
}

/// Content as it stands, delimiters in angle brackets.
fn split(raw: &str) -> String {
    let boundary = Boundary::new(b"b".to_vec(), 20);
    let frames = One(Multipart { boundary, closed: false, digest: false, children: 0 });
    let dialect = Dialect::default();
    let delimiters = Delimiters { frames: &frames, dialect: &dialect, longest: 20 };
    every_split(raw.as_bytes(), |pieces| {
        let mut splitter = Splitter::default();
        let mut out = Vec::new();
        let mut show = |piece, raw: &[u8]| match piece {
            Piece::None => {}
            Piece::Input(range) => out.extend_from_slice(&raw[range]),
            Piece::LineEnd(octets) => out.extend_from_slice(octets),
            Piece::Held(octets, _) => out.extend_from_slice(&octets),
            Piece::Delimiter { found, len, bare } => {
                let close = if found.close { "/" } else { "" };
                let bare = if bare { " bare" } else { "" };
                out.extend_from_slice(alloc::format!("<{close}{len}{bare}>").as_bytes());
            }
        };
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (consumed, piece) = splitter.step(rest, delimiters);
                show(piece, rest);
                rest = &rest[consumed..];
            }
        }
        show(splitter.finish(delimiters), &[]);
        String::from_utf8_lossy(&out).into_owned()
    })
}

#[test]
fn cuts() {
    let table = [
        ("", ""),
        ("text", "text"),
        ("text\r\n", "text\r\n"),
        ("--b\r\ntext\r\n--b--\r\n", "<5>text</7>"),
        ("a\r\n--b\r\nc", "a<5>c"),
        ("a\r\n\r\n--b\r\n", "a\r\n<5>"),
        ("\r\n--b\r\n", "<5>"),
        ("a\n--b\nc\n", "a<4 bare>c\n"),
        ("a\n--b\r\nc", "a<5 bare>c"),
        ("a\r--b\r\n", "a\r--b\r\n"),
        ("a\r\r\n--b", "a\r<3>"),
        ("a--b\r\n--b--", "a--b</5>"),
        ("--\r\n-\r\n---\r\n--x\r\n--b", "--\r\n-\r\n---\r\n--x<3>"),
        ("a\r\n-", "a\r\n-"),
        ("a\r\n--", "a\r\n--"),
        ("a\r\n--\r", "a\r\n--\r"),
        ("a\r", "a\r"),
        ("--b\r\n--b\r\n--b--", "<5><5></5>"),
        ("--b junk\r\nx", "<10>x"),
    ];
    for (raw, cut) in table {
        assert_eq!(split(raw), cut, "{raw:?}");
    }
}

#[test]
fn a_delimiter_line_without_end_is_decided_by_its_beginning() {
    let raw = alloc::format!("--b{}junk\r\nx", " ".repeat(3000));
    assert_eq!(split(&raw), "<1044>x");
}

#[test]
fn a_line_that_dribbles_in_is_held_within_bounds() {
    let boundary = Boundary::new(alloc::vec![b'-'; 2000], 2000);
    let frames = One(Multipart { boundary, closed: false, digest: false, children: 0 });
    let dialect = Dialect::default();
    let delimiters = Delimiters { frames: &frames, dialect: &dialect, longest: 2000 };
    let mut splitter = Splitter::default();
    for _ in 0..100_000 {
        splitter.step(b"-", delimiters);
        assert!(splitter.held.len() <= delimiters.judged());
    }
}
