//! PDFs that are encrypted: what real programs made (`tests/corpus/pdf`), and files that say of themselves what is not
//! so.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

#[allow(dead_code, reason = "other tests use the rest")]
mod collected;

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Fact, Format, Limits, Unscanned, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};

fn tried(octets: &[u8], words: &[&str]) -> (Result<(), Unscanned>, Collected) {
    tried_within(Limits::default(), octets, words)
}

fn tried_within(limits: Limits, octets: &[u8], words: &[&str]) -> (Result<(), Unscanned>, Collected) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
    budget.set_words(move || words);
    let mut members = Collected::default();
    let outcome = unpack(Format::Pdf, Cursor::new(octets), &mut budget, &mut members);
    (outcome, members)
}

fn sample(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/pdf");
    std::fs::read(folder.join(format!("{name}.pdf"))).unwrap()
}

fn numbers() -> Vec<u8> {
    (1..=700).flat_map(|n| format!("{n}\n").into_bytes()).collect()
}

/// The octets with one stretch of them replaced, wherever it is.
fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let mut at = 0;
    let mut count = 0;
    while let Some(found) = octets[at..].windows(from.len()).position(|window| window == from) {
        octets.splice(at + found..at + found + from.len(), to.iter().copied());
        at += found + to.len();
        count += 1;
    }
    assert!(count > 0, "{} is there", from.escape_ascii());
    octets
}

/// What a member has, if it is there.
fn data<'m>(members: &'m Collected, name: &str) -> &'m [u8] {
    members.0.iter().find(|member| member.0 == name).map_or(&[], |member| &member.1)
}

fn holds(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

const EMPTY: [&str; 8] =
    ["rc4-40", "rc4-128", "rc4-128-v4", "aes-128", "aes-128-metadata", "aes-256-r5", "aes-256", "aes-256-packed"];
/// Those whose key is made with what the file is called.
const OLD: [&str; 5] = ["rc4-40", "rc4-128", "rc4-128-v4", "aes-128", "aes-128-metadata"];

/// Everything is there, once, and in clear.
fn is_open(members: &Collected) -> bool {
    let text = [data(members, "strings"), data(members, "objects")].concat();
    data(members, "numbers.exe") == numbers()
        && data(members, "hello.txt") == b"hello\n"
        && members.0.iter().all(|(_, _, outcome)| *outcome == Some(Ok(())))
        && members.0.iter().filter(|(name, ..)| !matches!(name.as_str(), "strings" | "objects")).count() == 2
        && holds(&text, b"/URI (https://bad.example/?a=\\(b\\)\\\\)")
        && holds(&text, b"/JS (app.alert\\(1\\))")
}

#[test]
fn the_empty_word_opens_what_real_programs_locked() {
    for name in EMPTY {
        let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
        budget.set_words(|| unreachable!("nothing needs a word"));
        let mut members = Collected::default();
        let outcome = unpack(Format::Pdf, Cursor::new(sample(name)), &mut budget, &mut members);
        assert!(outcome.is_ok() && is_open(&members) && members.1.is_empty(), "{name}: {outcome:?} {members:?}");
    }
}

#[test]
fn a_word_that_is_tried_opens_the_rest() {
    for (name, whole) in [("word-rc4-128", Ok(())), ("word-aes-256", Err(Unscanned::Encrypted))] {
        let (outcome, members) = tried(&sample(name), &["wrong", "secret", "other"]);
        // The owner's word may give another key where AES has 256 bits.
        assert!(outcome == whole && is_open(&members), "{name}: {outcome:?} {members:?}");
        assert_eq!(members.1, [Fact::Decrypted], "{name}");
        for words in [&[][..], &["wrong"]] {
            let (outcome, members) = tried(&sample(name), words);
            assert!(outcome == Err(Unscanned::Encrypted) && !is_open(&members) && members.1.is_empty(), "{name}");
        }
        if name == "word-aes-256" {
            assert!(is_open(&tried(&sample(name), &["owner"]).1), "of the owner");
        }
        let limits = Limits { password_tries: 1, ..Limits::default() };
        assert_eq!(tried_within(limits, &sample(name), &["wrong", "secret"]).0, Err(Unscanned::Encrypted), "{name}");
    }
}

#[test]
fn what_the_key_is_made_of_is_found_wherever_it_is() {
    let id: &[u8] = b"<31415926535897932384626433832795>";
    for name in EMPTY {
        let octets = sample(name);
        let decoy = [&octets[..9], b"trailer<</ID[(another)(one)]>>\n", &octets[9..]].concat();
        let escaped = replaced(&octets, b"/Encrypt ", b"/#45n#63rypt%\n ");
        let elsewhere = [&octets[..], b"7 0 obj<</ID[", id, b"]>>endobj"].concat();
        let elsewhere = replaced(&elsewhere, &[b"/ID [", id, id].concat(), b"/ID [()");
        // The dictionary stands where others only refer to it.
        let start = octets.windows(15).position(|window| window == b"<< /CF << /StdC" || window == b"<< /Filter /Sta");
        let lock = &octets[start.unwrap()..];
        let lock = &lock[..lock.windows(7).position(|window| window == b"\nendobj").unwrap()];
        let number = if octets.windows(17).any(|window| window == b"/Encrypt 11 0 R >") { "11" } else { "12" };
        let direct = [b"/Encrypt ", lock].concat();
        let direct = replaced(&octets, format!("/Encrypt {number} 0 R").as_bytes(), &direct);
        for octets in [decoy, escaped, elsewhere, direct] {
            let (outcome, members) = tried(&octets, &[]);
            assert!(outcome.is_ok() && is_open(&members), "{name}: {outcome:?} {members:?}");
        }
    }
    for name in OLD {
        let (outcome, members) = tried(&replaced(&sample(name), id, b"()"), &[]);
        assert!(outcome == Err(Unscanned::Encrypted) && !is_open(&members), "{name}: the key is made with it");
    }
}

#[test]
fn whatever_crypt_filters_say_some_way_leads_to_what_is_seen() {
    for (name, from, to) in [
        ("aes-128", &b"/CF <<"[..], &b"/CF 99 0 R /X <<"[..]),
        ("aes-256", b"/CF <<", b"/CF 99 0 R /X <<"),
        ("rc4-128-v4", b"/CF <<", b"/CF 99 0 R /X <<"),
        ("aes-128", b"/StmF /StdCF", b"/StmF /StdCF /EFF /Identity"),
        ("aes-128", b"/Length 128", b"/Length 16"),
        ("aes-128", b"/P -4", b"/P 4294967292"),
    ] {
        let (outcome, members) = tried(&replaced(&sample(name), from, to), &[]);
        assert!(outcome.is_ok() && data(&members, "numbers.exe") == numbers(), "{name}: {outcome:?} {members:?}");
    }
    // Streams are in clear, for `/Identity` or by a filter of their own, and may be so in spite of what is said.
    let clear =
        b"20 0 obj<</Type/EmbeddedFile/Filter[/Crypt/AHx]/DecodeParms[<</Name/Identity>>null]/Length 4>>stream\n4d5a\
        \nendstream endobj 21 0 obj<</Type/EmbeddedFile/Length 2>>stream\nMZ\nendstream endobj\n";
    for name in EMPTY {
        let (outcome, members) = tried(&[&sample(name)[..], clear].concat(), &[]);
        assert_eq!(outcome, Ok(()), "{name}");
        for file in ["file-20", "file-21"] {
            assert!(members.0.iter().any(|(name, data, _)| name == file && data == b"MZ"), "{file} of {name}");
        }
    }
}

#[test]
fn a_decoy_hides_nothing() {
    let program =
        b"%PDF-1.7\n61 0 obj<</F(a.exe)/EF<</F 62 0 R>>>>endobj 62 0 obj<</Length 11>>stream\nMZ in clear\nendstream \
        endobj 64 0 obj<</N 1/First 4/Length 36>>stream\n63 0 <</F(b.exe)/EF<</F 62 0 R>>>>\nendstream endobj\n";
    for name in EMPTY {
        // No program looks at the dictionary, or all do.
        let locked = sample(name);
        for octets in [[program, &locked[..]].concat(), [&locked[..], program].concat()] {
            let (outcome, members) = tried(&octets, &[]);
            assert_eq!(outcome, Ok(()), "{name}");
            assert!(members.0.iter().any(|(name, data, _)| name == "a.exe" && data == b"MZ in clear"), "{name}");
            assert!(members.0.iter().any(|(name, data, _)| name == "numbers.exe" && *data == numbers()), "{name}");
        }
    }
    // Each has a key of its own, of which that of AES of 256 bits has nothing to do with numbers: the streams of both
    // come out, and one that nothing opens is told.
    let other = |name: &str| replaced(&replaced(&sample(name), b" 0 obj", b"0 0 obj"), b" 0 R", b"0 0 R");
    let octets = [other("aes-256"), sample("rc4-40")].concat();
    let (outcome, members) = tried(&octets, &[]);
    let files = members.0.iter().filter(|(name, data, _)| name == "numbers.exe" && *data == numbers());
    assert_eq!((outcome, files.count()), (Ok(()), 2), "{members:?}");
    let octets = [other("aes-256"), sample("word-rc4-128")].concat();
    let (outcome, members) = tried(&octets, &[]);
    assert!(outcome == Err(Unscanned::Encrypted) && data(&members, "numbers.exe") == numbers());
}

#[test]
fn what_may_have_another_key_is_told() {
    let packed =
        b"30 0 obj<</N 1/First 4/Length 60>>stream\n9 0 <</Filter/Standard/V 5/R 6/O()/U()>>\nendstream endobj\n";
    let crowd: String = (40..60).fold(String::new(), |crowd, number| {
        format!("{crowd}{number} 0 obj<</Filter/Standard/V 1/R 2/O(o)/U({number})>>endobj\n")
    });
    for name in EMPTY {
        let octets = sample(name);
        for more in [
            &b"trailer<</Encrypt 99 0 R>>"[..],
            b"trailer<</Encrypt<</Filter/Adobe.PubSec/V 4>>>>",
            b"11 0 obj<</Filter/Standard/V 5/R 6/O 7 0 R/U 8 0 R>>endobj 12 0 obj<</Filter/Other>>endobj",
            packed,
            crowd.as_bytes(),
        ] {
            let (outcome, members) = tried(&[&octets, more].concat(), &[]);
            assert_eq!(outcome, Err(Unscanned::Encrypted), "{name} {}", more.escape_ascii());
            assert_eq!(data(&members, "numbers.exe"), numbers(), "{name}");
        }
        // What nobody is sent to is no dictionary.
        let (outcome, members) = tried(&[&octets[..], b"(/Encrypt it) /Encrypted 9 0 R"].concat(), &[]);
        assert!(outcome.is_ok() && is_open(&members), "{name}");
    }
}

/// Nothing tells whether they are encrypted, so they come out as they stand as well; and the data of blocks end with
/// one.
#[test]
fn streams_that_are_not_packed() {
    for (name, lengths) in [("rc4-128-stored", ["2692", "6"]), ("aes-128-stored", ["2720", "32"])] {
        let octets = sample(name);
        let unsaid = lengths.iter().fold(octets.clone(), |octets, length| {
            replaced(&octets, format!("File /Length {length} ").as_bytes(), b"File /Length 1 ")
        });
        for octets in [octets, unsaid] {
            let (outcome, members) = tried(&octets, &[]);
            assert_eq!((outcome, data(&members, "numbers.exe")), (Ok(()), &numbers()[..]), "{name}");
            assert_eq!(data(&members, "hello.txt"), b"hello\n", "{name}");
            let twice = members.0.iter().filter(|(name, ..)| matches!(name.as_str(), "numbers.exe" | "hello.txt"));
            assert_eq!(twice.count(), 4, "{name}");
        }
    }
}

#[test]
fn a_long_string_is_told() {
    let long =
        [&b"20 0 obj<</JS("[..], &vec![b'a'; (1 << 20) + 1], b")>>endobj 21 0 obj<</Last(", &[b'b'; 48], b")>>endobj"]
            .concat();
    let (outcome, members) = tried(&[sample("aes-256"), long].concat(), &[]);
    assert_eq!((outcome, members.outcome("strings")), (Ok(()), Err(Unscanned::PartiallyCorrupted)));
    assert!(holds(data(&members, "strings"), b"/Last ("), "the others come out");
    assert_eq!(data(&members, "numbers.exe"), numbers());
}

#[test]
fn locks_in_each_other_take_linear_time() {
    let locked = sample("aes-256");
    for piece in [
        "/Encrypt<<",
        "/Encrypt 1 0 R",
        "trailer<<",
        "/#",
        "1 0 obj(",
        "1 0 obj<</N 1/First 1/Filter/Fl>>stream\n",
        "1 0 obj/A(b)",
        "1 0 obj<</ID[(a",
        "1 0 obj<</CF<<",
    ] {
        let text = |count: usize| [&locked, piece.repeat(count).as_bytes()].concat();
        let time = |octets: Vec<u8>| quickest(|| _ = tried(&octets, &[]));
        let (little, much) = (time(text(5_000)), time(text(40_000)));
        assert!(is_linear(little, much), "{piece}: {little:?}, {much:?}");
    }
}
