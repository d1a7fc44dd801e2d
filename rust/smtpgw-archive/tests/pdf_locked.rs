//! PDFs that are encrypted: what real programs made (`tests/corpus/pdf`), and files that say of themselves what is not so.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Fact, Format, Limits, Unscanned, unpack};

fn tried(octets: &[u8], words: &[&str]) -> (Result<(), Unscanned>, Collected) {
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
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
        let (outcome, members) = tried(&sample(name), &[]);
        assert!(outcome.is_ok() && is_open(&members), "{name}: {outcome:?} {members:?}");
        assert!(members.1.is_empty(), "nobody was asked for a word");
    }
}
