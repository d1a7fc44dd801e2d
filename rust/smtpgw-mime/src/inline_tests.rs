//! Tables for [`super`]: files in texts, at every cutting of the text.

use super::*;
use alloc::{format, vec};
use smtpgw_testkit::effort;
use smtpgw_testkit::splits::every_split;

/// `<encoding name>data</>`, `</?>` for an end that was not seen, `</+>` for a volume.
fn read(text: &[u8]) -> Vec<u8> {
    every_split(text, |pieces| read_in(pieces.iter().copied()))
}

fn read_in<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut reader = InlineReader::default();
    let mut shown = Vec::new();
    let mut sink = |inline: Inline<'_>| match inline {
        Inline::Begin { encoding, name } => {
            shown.extend_from_slice(format!("<{} {name}>", encoding.name()).as_bytes());
        }
        Inline::Data(octets) => {
            assert!(!octets.is_empty());
            shown.extend_from_slice(octets);
        }
        Inline::End { complete, volume } => {
            shown.extend_from_slice(match (complete, volume) {
                (true, false) => b"</>",
                (_, true) => b"</+>",
                (false, false) => b"</?>",
            });
        }
        Inline::BinHex => shown.extend_from_slice(b"<BinHex>"),
    };
    for piece in pieces {
        reader.push(piece, &mut sink);
    }
    reader.finish(&mut sink);
    shown
}

#[test]
fn finds_files_in_texts() {
    let table: &[(&str, &str)] = &[
        ("", ""),
        ("begin the day\nwith a smile\n", ""),
        ("begin at once\nTHE END\n", ""),
        ("begin 644 a.txt\n#86)C\n`\nend\n", "<uuencode a.txt>abc</>"),
        ("x\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\ny\r\n", "<uuencode a.txt>abc</>"),
        ("begin 644 a.txt\n#86)C\n \nend", "<uuencode a.txt>abc</>"),
        ("begin 644 a.txt\n#86)C\n\nend\n", "<uuencode a.txt>abc</>"),
        ("begin 644 a b.txt\n!80\n#86)C\nend\n", "<uuencode a b.txt>aabc</>"),
        ("begin a.txt\n#86)C\n`\nend\n", "<uuencode a.txt>abc</>"),
        ("begin 644 a.txt\n#86)C\ntext goes on\n", "<uuencode a.txt>abc</?>"),
        ("begin 644 a.txt\n#86)C", "<uuencode a.txt>abc</?>"),
        ("begin 644 a\nbegin 644 b\n#86)C\nend\n", "<uuencode b>abc</>"),
        ("begin 644 a\n#86)C\nend\nbegin 644 b\n#86)C\nend\n", "<uuencode a>abc</><uuencode b>abc</>"),
        ("begin 644 a\n#86)C<\nend\n", "<uuencode a>abc</>"),
        (" begin 644 a\n#86)C\nend\n", ""),
        ("begin-base64 644 a.txt\nYWJj\nYW\n\nJj\nYQ==\n====\n", "<begin-base64 a.txt>abcabca</>"),
        ("begin-base64 644 a.txt\nYWJjYQ", "<begin-base64 a.txt>abca</?>"),
        ("=ybegin line=128 size=3 name=a b.txt\n\u{8b}\u{8c}\n\u{8d}\n=yend size=3\n", "<yenc a b.txt>abc</>"),
        ("=ybegin part=1 line=128 name=a\n=ypart begin=1 end=3\n=\u{cb}\n=yend\n", "<yenc a>a</+>"),
        ("=ybegin line=128 name=a\n\u{8b}", "<yenc a>a</?>"),
        // Each line padded by itself; another file within; an empty line behind the announcement.
        ("begin-base64 644 a\nYQ==\nYg==\n====\n", "<begin-base64 a>ab</>"),
        ("begin-base64 644 a\nYWJj\nbegin 644 b\n#86)C\nend\n====\n", "<begin-base64 a>abc</?><uuencode b>abc</>"),
        ("begin-base64 644 a\nYWJj\n=ybegin name=b\n\u{8b}\n=yend\n", "<begin-base64 a>abc</?><yenc b>a</>"),
        ("=ybegin name=a\n\u{8b}\nbegin 644 b\n#86)C\nend\n=yend\n", "<yenc a>a</?><uuencode b>abc</>"),
        ("=ybegin name=a\n\u{8b}\nbegin-base64 644 b\nYWJj\n====\n", "<yenc a>a</?><begin-base64 b>abc</>"),
        ("=ybegin name=a\n\u{8b}\n=ybegin name=b\n\u{8c}\n=yend\n", "<yenc a>a</?><yenc b>b</>"),
        ("begin 644 a.txt\n\n \n#86)C\n`\nend\n", "<uuencode a.txt>abc</>"),
        ("begin the day\n\nHELLO\n", ""),
        // In capitals, behind a tab, with lines and characters that do not belong there: programs do not mind.
        ("BEGIN 644 a.txt\n#86)C\n`\nEND\n", "<uuencode a.txt>abc</>"),
        ("begin\t644\ta.txt\n#86)C\n`\nend\n", "<uuencode a.txt>abc</>"),
        ("begin 644 a.txt\nwhat is this\n#86)C\n`\nend\n", "<uuencode a.txt>abc</>"),
        ("begin 644 a.txt\n#86)C what\n#86)C\n`\nend\n", "<uuencode a.txt>abcabc</>"),
        ("begin 5 minutes early\nwhat is this\n#86)C\n", ""),
        ("-----BEGIN PKCS7-----\nYWJj\nYQ==\n-----END PKCS7-----\n", "<pem >abca</>"),
        (" -----BEGIN CMS----- \r\nYWJj\r\n-----END CMS-----", "<pem >abc</>"),
        ("-----BEGIN PKCS7-----\nYWJj\n\ntext goes on\n", "<pem >abc</?>"),
        ("-----BEGIN PKCS7-----\nYWJj\nbegin 644 b\n#86)C\nend\n", "<pem >abc</?><uuencode b>abc</>"),
        ("=ybegin name=a\n\u{8b}\n-----BEGIN CMS-----\nYWJj\n-----END CMS-----\n", "<yenc a>a</?><pem >abc</>"),
        ("-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n", ""),
        ("(This file must be converted with BinHex 4.0)\n", "<BinHex>"),
    ];
    for (text, shown) in table {
        let latin: Vec<u8> = text.chars().map(|letter| letter as u32 as u8).collect();
        assert_eq!(String::from_utf8_lossy(&read(&latin)), *shown, "{text:?}");
    }
}

#[test]
fn long_lines_lose_nothing() {
    let octets = vec![b'x'; 30_000];
    let groups = "eHh4".repeat(10_000);
    for (text, kind) in [
        (format!("begin-base64 644 a\n{groups}\n====\n"), "<begin-base64 a>"),
        (format!("begin-base64 644 a\r\n{groups}==\r\n====\r\n"), "<begin-base64 a>"),
    ] {
        let expected = [kind.as_bytes(), &octets, b"</>"].concat();
        for size in [1, 100, LINE - 1, LINE, LINE + 1, 1 << 20] {
            assert!(read_in(text.as_bytes().chunks(size)) == expected, "{kind} in pieces of {size}");
        }
    }
    // What looks like an end is none within a line, wherever the text is cut.
    let line = [vec![b'x' + 42; LINE], b"=yend\n".to_vec()].concat();
    let text = [b"=ybegin name=a\n", &line[..], b"=yend\n"].concat();
    let whole = read_in(text.chunks(text.len()));
    assert!(whole.ends_with(b"</>"));
    for size in [1, 7, LINE, LINE + 15] {
        assert!(read_in(text.chunks(size)) == whole, "in pieces of {size}");
    }
}

#[test]
fn a_watch_misses_no_word() {
    for text in [
        "x begin 644 y",
        "=ybegin",
        "x\n-----BEGIN CMS",
        "Begin 644 y",
        "converted with BinHex 4.0",
        "nothing of the kind",
        "b e g i n",
        "Bin Hex",
    ] {
        let found = every_split(text.as_bytes(), |pieces| {
            let mut watch = InlineWatch::default();
            pieces.iter().for_each(|piece| watch.push(piece));
            watch.found()
        });
        assert_eq!(found, ["egin", "BinHex", "EGIN"].iter().any(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn time_is_linear_and_lines_are_bounded() {
    let lines: [&[u8]; 6] =
        [b"begin 644 x\n", b"begin 644 x\n#86)C\n", b"=ybegin name=", b"begin", b"=ybegin \n=y", b"====\n"];
    for line in lines {
        let work = |times: usize| {
            let text = line.repeat(times);
            effort::quickest(|| {
                let mut reader = InlineReader::default();
                for piece in text.chunks(999) {
                    reader.push(piece, &mut |_| {});
                    assert!(reader.line.len() <= LINE);
                }
            })
        };
        assert!(effort::is_linear(work(10_000), work(80_000)), "{line:?}");
    }
}
