//! Parts as they come out of whole messages.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod bounds;
mod sealed;
mod words;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::message::{Envelope, Session};
use crate::settings::Unscanned;
use crate::spool::{Budget, read_piece};

fn message() -> Arc<Message> {
    let nowhere = std::net::SocketAddr::from(([0; 4], 0));
    let (id, helo) = (String::new(), String::new());
    let session = Session { esmtp: true, helo, ..Session::new(id, nowhere, nowhere) };
    Arc::new(Message { session: Arc::new(session), envelope: Envelope::default(), progress: Default::default() })
}

async fn octets(content: &Content) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let piece = read_piece(content, all.len() as u64).await.unwrap();
        if piece.is_empty() {
            return all;
        }
        all.extend_from_slice(&piece);
    }
}

async fn decode(raw: &[&[u8]], threshold: u64) -> Vec<(String, Vec<u8>)> {
    let budget = Budget::new(1 << 30);
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), threshold, Arc::clone(&budget));
    let mut decoding = Decoding::new(message(), spool(), &Arc::default());
    let mut parts = Vec::new();
    for piece in raw {
        decoding.push(piece);
        parts.extend(decoding.settle().await.unwrap());
    }
    decoding.finish();
    parts.extend(decoding.settle().await.unwrap());
    let mut found = Vec::new();
    for part in parts {
        let data = octets(&part.data).await;
        assert_eq!(part.sha256[..], Sha256::digest(&data)[..], "{}", part.path);
        found.push((part.path.clone(), data));
    }
    found
}

#[tokio::test]
async fn members_never_mix_with_the_leaf_that_is_arriving() {
    let zip = ZIP;
    let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for body in [zip, b"MZ the leaf behind it", zip, b"and the last"] {
        raw.extend_from_slice(b"--b\r\nContent-Transfer-Encoding: binary\r\n\r\n");
        raw.extend_from_slice(body);
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(b"--b--\r\n");
    let whole = decode(&[&raw], 1 << 20).await;
    let paths: Vec<_> = whole.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["1", "1/a.exe", "2", "3", "3/a.exe", "4"]);
    assert_eq!(whole[1].1, b"MZ member");
    assert_eq!(whole[2].1, b"MZ the leaf behind it");
    for threshold in [0, 1 << 20] {
        for at in 1..raw.len() {
            assert_eq!(decode(&[&raw[..at], &raw[at..]], threshold).await, whole, "cut at {at}");
        }
        assert_eq!(decode(&raw.chunks(1).collect::<Vec<_>>(), threshold).await, whole, "octet by octet");
    }
}

#[tokio::test]
async fn a_header_that_is_not_kept_is_always_told() {
    // A limit of every size around the first header's: whether or not it fits to the octet, the loss of any is told.
    let first = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\r\n\r\nx\r\n--b--\r\n";
    for left in 0..400 {
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
        let mut decoding = Decoding::new(message(), spool(), &Arc::default());
        decoding.collector.headers.left = left;
        decoding.push(first);
        decoding.finish();
        let parts = decoding.settle().await.unwrap();
        let root = decoding.collector.message.progress.read().header.clone().unwrap();
        let lost = root.fields().is_empty() || parts[0].header.fields().is_empty();
        assert_eq!(decoding.take_gaps().iter().any(|gap| gap.what == "headers"), lost, "{left} octets left");
    }
}

#[tokio::test]
async fn an_encoding_that_nobody_knows_is_unscanned() {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    for (encoding, gaps) in [("x-mystery", 1), ("x-yenc", 1), ("8bit", 0)] {
        let mut decoding = Decoding::new(message(), spool(), &Arc::default());
        decoding.push(format!("Content-Transfer-Encoding: {encoding}\r\n\r\nbody\r\n").as_bytes());
        decoding.finish();
        decoding.settle().await.unwrap();
        let found = decoding.take_gaps();
        assert_eq!(found.len(), gaps, "{encoding}");
        assert!(found.iter().all(|gap| gap.reason == Unscanned::Unhandled && gap.what == "1"));
    }
}

#[tokio::test]
async fn headers_of_all_parts_together_are_bounded() {
    let mut settings = Settings::default();
    settings.decode.header = 1_000;
    let mut raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for _ in 0..50 {
        raw.extend_from_slice(format!("--b\r\nA: {}\r\n\r\nx\r\n", "y".repeat(900)).as_bytes());
    }
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::new(settings));
    decoding.push(&raw);
    decoding.finish();
    let parts = decoding.settle().await.unwrap();
    assert_eq!(parts.len(), 50);
    assert!(parts.iter().map(|part| part.header.fields().len()).sum::<usize>() < 10);
    assert_eq!(decoding.take_gaps().iter().filter(|gap| gap.what == "headers").count(), 1);
}

/// What further readings show, `path reading "data"`; the gaps of the whole; how many were tried.
async fn reread(raw: &[u8], settings: &Settings) -> (Vec<String>, Vec<UnscannedRecord>, usize) {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::new(settings.clone()));
    decoding.push(raw);
    decoding.finish();
    let parts = decoding.settle().await.unwrap();
    decoding.collector.message.progress.write().parts.extend(parts);
    let further = decoding.reread(&Content::Memory(raw.to_vec().into())).await.unwrap();
    let mut shown = Vec::new();
    for part in further {
        let data = octets(&part.data).await;
        shown.push(format!("{} {} {}", part.path, part.reading.as_deref().unwrap(), data.escape_ascii()));
    }
    (shown, decoding.take_gaps(), decoding.tried)
}

#[tokio::test]
async fn what_only_another_reading_shows_is_a_part_as_well() {
    let settings = Settings::default();
    let table: &[(&str, &[&str])] = &[
        (
            "Content-Type: multipart/mixed; boundary=a\nContent-Type: multipart/mixed; boundary=b\n\n\
             --a\n\nharmless\n--a--\n--b\nContent-Transfer-Encoding: base64\n\nZXZpbA==\n--b--\n",
            &[r"preamble preamble,content_type=1 --a\r\n\r\nharmless\r\n--a--", "1 content_type=1 evil"],
        ),
        ("Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\nZXZpbA==\n", &["1 encoding=1 evil"]),
        ("A: b\nno field\nContent-Transfer-Encoding: base64\n\nZXZpbA==\n", &["1 junk_line=skip evil"]),
        (
            "A: b\n \nContent-Transfer-Encoding: base64\n\nZXZpbA==\n",
            &[r"1 blank_line=ends_header Content-Transfer-Encoding: base64\r\n\r\nZXZpbA==\r\n"],
        ),
        ("Content-Transfer-Enc\0oding: base64\n\nZXZpbA==\n", &["1 nul=drop evil"]),
    ];
    for (raw, shown) in table {
        let (found, gaps, _) = reread(raw.replace('\n', "\r\n").as_bytes(), &settings).await;
        for part in *shown {
            assert!(found.contains(&(*part).to_owned()), "{raw}\n{found:#?}");
        }
        assert!(gaps.is_empty(), "{gaps:?}");
    }
}

#[tokio::test]
async fn a_message_with_one_reading_is_read_once() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/mime");
    let mut once = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "eml") {
            let (_, _, tried) = reread(&std::fs::read(&path).unwrap(), &Settings::default()).await;
            let is_broken = path.file_stem().is_some_and(|stem| stem == "sloppy-script");
            assert_eq!(tried > 0, is_broken, "{}", path.display());
            once += usize::from(!is_broken);
        }
    }
    assert!(once >= 13);
}

#[tokio::test]
async fn more_readings_than_the_limit_are_told() {
    let mut settings = Settings::default();
    let raw = b"A : b\r\nno field\r\n \r\nC\0: d\r\nContent-Transfer-Encoding: 7bit, base64\r\n\r\nYQ==!YQ==\r\n";
    let ambiguous = [UnscannedRecord { reason: Unscanned::Ambiguous, what: "readings".into() }];
    settings.decode.readings = 3;
    let (_, gaps, tried) = reread(raw, &settings).await;
    assert_eq!((gaps.as_slice(), tried), (&ambiguous[..], 3));
    settings.decode.readings = 10_000;
    let (_, gaps, tried) = reread(raw, &settings).await;
    assert!(gaps.is_empty() && tried > 3, "{tried} {gaps:?}");
    settings.decode.readings = 0;
    assert_eq!(reread(raw, &settings).await, (Vec::new(), ambiguous.to_vec(), 0));
    assert_eq!(reread(b"A: b\r\n\r\nx\r\n", &settings).await, (Vec::new(), Vec::new(), 0));
}

/// The parts of a message, `path container "data"`, and the reasons of its gaps.
async fn parts_of(raw: &str) -> (Vec<String>, Vec<Unscanned>) {
    let raw = raw.replace('\n', "\r\n");
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::default());
    decoding.push(raw.as_bytes());
    decoding.finish();
    let mut shown = Vec::new();
    for part in decoding.settle().await.unwrap() {
        let data = octets(&part.data).await;
        shown.push(format!("{} {} {}", part.path, part.container.unwrap_or("-"), data.escape_ascii()));
    }
    (shown, decoding.take_gaps().into_iter().map(|gap| gap.reason).collect())
}

#[tokio::test]
async fn files_within_texts_are_members() {
    let (parts, gaps) = parts_of("\nhello\nbegin 644 a.txt\n#86)C\n`\nend\nbegin 644 b.txt\n#86)C\n").await;
    assert_eq!(parts[1..], ["1/a.txt uuencode abc", "1/b.txt uuencode abc"]);
    assert_eq!(gaps, [Unscanned::PartiallyCorrupted]);
    let (parts, gaps) = parts_of("Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#86)C\nend\n").await;
    assert_eq!((parts[1].as_str(), gaps.as_slice()), ("1/a uuencode abc", &[][..]));
    let (_, gaps) =
        parts_of("\n=ybegin part=1 line=9 name=x\nabc\n=yend\n(This file must be converted with BinHex 4.0)\n").await;
    assert_eq!(gaps, [Unscanned::Multipart, Unscanned::Unhandled]);
}

#[tokio::test]
async fn messages_attached_as_files_are_opened() {
    // A message, attached as a file within one that was attached as a file, with a file in its text.
    let inner = "From: a@b.example\nSubject: x\n\nbegin 644 a.txt\n#86)C\nend\n";
    let outer = format!(
        "From: c@d.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\ntext\n--i\nContent-Type: application/octet-stream\n\n{inner}--i--\n"
    );
    let (parts, gaps) = parts_of(&format!("Content-Type: application/octet-stream\n\n{outer}")).await;
    let paths: Vec<_> = parts.iter().map(|part| part.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = ["1 -", "1/1 message", "1/2 message", "1/2/1 message", "1/2/1/a.txt uuencode"];
    assert_eq!(paths[..5], expected, "{parts:#?}");
    assert!(gaps.is_empty(), "{gaps:?}");
    for text in ["Dear Ben,\nFrom: here on\n", "To: you\n", "x"] {
        assert_eq!(parts_of(&format!("\n{text}")).await.0.len(), 1, "{text}");
    }
}

#[tokio::test]
async fn what_is_sealed_is_unscanned() {
    let table = [
        // It says that it is encrypted, and is nothing that is known.
        ("application/pkcs7-mime; smime-type=enveloped-data", &[Unscanned::Encrypted, Unscanned::Unhandled][..]),
        ("application/pkcs7-mime; smime-type=signed-data", &[Unscanned::Unhandled]),
        ("application/x-pkcs7-mime", &[Unscanned::Unhandled]),
        ("application/pgp-encrypted", &[Unscanned::Encrypted]),
        ("message/partial; id=x", &[Unscanned::PartialMessage]),
    ];
    for (media_type, reasons) in table {
        assert_eq!(parts_of(&format!("Content-Type: {media_type}\n\nx\n")).await.1, reasons, "{media_type}");
    }
}

#[tokio::test]
async fn messages_are_known_by_any_of_their_marks() {
    let encoded = "Content-Transfer-Encoding: base64\n\nZXZpbA==\n";
    let many = format!("{}{encoded}", "X-Filler: of the header\n".repeat(300));
    let letter = format!("\u{feff}\n\nFrom: a\nTo: b\n{encoded}");
    let escaped = format!(">From a@b.example Mon\n{encoded}");
    for (declared, body) in [
        ("", encoded),
        ("", many.as_str()),
        ("", letter.as_str()),
        ("", escaped.as_str()),
        ("; name=\"a.EML\"", "X-Only: x\n\nbegin 644 a\n$979I;`\nend\n"),
    ] {
        let raw = format!("Content-Type: application/octet-stream{declared}\n\n{body}");
        let (parts, gaps) = parts_of(&raw).await;
        assert!(parts.iter().any(|part| part.ends_with(" evil")), "{declared} {parts:#?}");
        assert!(gaps.is_empty(), "{gaps:?}");
    }
    // One field that goes on for longer than is looked at.
    let long = format!("Content-Type: a/b\n\nX-Long: {}\n{encoded}", "x".repeat(5_000));
    assert!(parts_of(&long).await.0.iter().any(|part| part.ends_with(" evil")));
    for none in ["Note: this is\nno letter\n".to_owned(), "\0".repeat(5_000), "x".repeat(5_000)] {
        let (parts, _) = parts_of(&format!("Content-Type: text/plain\n\n{none}")).await;
        assert_eq!(parts.len(), 1);
    }
}

/// One stored member, `a.exe`.
const ZIP: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00!\x5c\xb7}\xa9\x03\x09\x00\x00\x00\x09\x00\x00\x00\x05\x00\x00\x00a.exeMZ memberPK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00!\x5c\xb7}\xa9\x03\x09\x00\x00\x00\x09\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00a.exePK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x003\x00\x00\x00,\x00\x00\x00\x00\x00";

/// A tar member of up to 512 octets.
fn tar_member(name: &str, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 1024];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = block[..512].iter().map(|&octet| u32::from(octet)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block[512..512 + data.len()].copy_from_slice(data);
    block
}

fn attached(data: &[u8]) -> Vec<u8> {
    [b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n", data].concat()
}

#[tokio::test]
async fn a_file_that_is_two_containers_is_opened_as_both() {
    // Its last member is a zip, so that it ends as one.
    let tar = [tar_member("evil.exe", b"MZ evil"), tar_member("z.zip", ZIP)].concat();
    for threshold in [1 << 20, 0] {
        let parts = decode(&[&attached(&tar)], threshold).await;
        for data in [&b"MZ evil"[..], b"MZ member"] {
            assert!(parts.iter().any(|(_, octets)| octets == data), "{parts:?}");
        }
    }
}

/// Whether it is a container nobody knows, so it is told; and where there is a place all the same, it is opened.
#[tokio::test]
async fn a_file_that_nobody_looked_at_in_time_is_told() {
    static NONE: Semaphore = Semaphore::const_new(0);
    // So much is written to a file; a zip is known behind it.
    let plain = [b'x'; 128 << 10];
    let zip = [&plain[..], ZIP].concat();
    for (places, content, parts, gaps) in [(0, &plain[..], 1, 1), (1, &plain, 1, 0), (1, &zip, 2, 0)] {
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), 0, Budget::new(1 << 30));
        let mut decoding = Decoding::new(message(), spool(), &Arc::default());
        decoding.places = Arc::new(Semaphore::new(places));
        (decoding.looks, decoding.patience) = (&NONE, Duration::from_millis(1));
        decoding.push(&attached(content));
        decoding.finish();
        assert_eq!(decoding.settle().await.unwrap().len(), parts);
        let told = vec![UnscannedRecord { reason: Unscanned::Timeout, what: "1".into() }; gaps];
        assert_eq!(decoding.take_gaps(), told);
    }
}

#[tokio::test]
async fn without_a_place_in_time_containers_stay_closed_and_that_is_told() {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::default());
    decoding.places = Arc::new(Semaphore::new(0));
    decoding.patience = Duration::from_millis(1);
    decoding.push(&attached(ZIP));
    decoding.finish();
    assert_eq!(decoding.settle().await.unwrap().len(), 1);
    assert_eq!(decoding.take_gaps(), [UnscannedRecord { reason: Unscanned::Timeout, what: "1".into() }]);
}

#[tokio::test]
async fn what_a_given_up_thread_would_have_shown_is_missed() {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::default());
    decoding.unpacking = Unpacking::Away;
    decoding.push(&attached(ZIP));
    decoding.finish();
    assert!(decoding.settle().await.is_err());
}

#[tokio::test]
async fn attached_messages_share_what_may_be_read_again() {
    let odd =
        b"From: a\r\nTo: b\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\nZXZpbA==\r\n";
    for (left, told) in [(1_000, false), (0, true)] {
        let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
        let mut decoding = Decoding::new(message(), spool(), &Arc::default());
        let mut opening = decoding.take_opening().unwrap();
        opening.reread_left = left;
        decoding.unpacking = Unpacking::Begun(opening);
        decoding.push(&attached(odd));
        decoding.finish();
        decoding.settle().await.unwrap();
        let gaps = decoding.take_gaps();
        assert_eq!(gaps.iter().any(|gap| gap.reason == Unscanned::Ambiguous), told, "{gaps:?}");
    }
}
