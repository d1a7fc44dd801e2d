//! Zips that one program reads one way and another program another way: everything either sees comes out, and the
//! container says that it is not what it seems.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;
mod crafted;

use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use crafted::{Made, directory, local, member, zip_of};
use smtpgw_archive::{Budget, Format, Limits, Unscanned, unpack};

fn unzip(zip: &[u8]) -> (Result<(), Unscanned>, Collected) {
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Zip, Cursor::new(zip), &mut budget, &mut members);
    (outcome, members)
}

fn stored(name: &str, data: &[u8]) -> Made {
    member(name, 0, data, data)
}

fn names(members: &Collected) -> Vec<&str> {
    members.0.iter().map(|(name, ..)| name.as_str()).collect()
}

const DAMAGED: Result<(), Unscanned> = Err(Unscanned::PartiallyCorrupted);

#[test]
fn a_member_that_no_directory_knows() {
    let (first, hidden, last) = (stored("a", b"hello"), stored("evil.exe", b"MZ virus"), stored("z", b"bye"));
    for gap in [&b""[..], b"junk in between", &[0; 70_000]] {
        let mut zip = Vec::new();
        let at = local(&mut zip, &first);
        zip.extend(gap);
        local(&mut zip, &hidden);
        zip.extend(gap);
        let last_at = local(&mut zip, &last);
        directory(&mut zip, &[(&first, at), (&last, last_at)]);
        let (outcome, members) = unzip(&zip);
        assert_eq!((outcome, names(&members)), (DAMAGED, vec!["a", "z", "evil.exe"]));
        assert_eq!((members.data("evil.exe"), members.outcome("evil.exe")), (&b"MZ virus"[..], Ok(())));
    }
    // Behind the end record, and in front of everything.
    let mut behind = zip_of(std::slice::from_ref(&first));
    local(&mut behind, &hidden);
    let mut in_front = Vec::new();
    local(&mut in_front, &hidden);
    in_front.extend(zip_of(std::slice::from_ref(&first)));
    for zip in [behind, in_front] {
        assert_eq!((unzip(&zip).0, unzip(&zip).1.data("evil.exe")), (DAMAGED, &b"MZ virus"[..]));
    }
}

#[test]
fn a_local_header_that_says_something_else() {
    let data = b"MZ virus";
    let central = stored("invoice.txt", data);
    let renamed = Made { name: b"evil.exe".to_vec(), ..central.clone() };
    let mut zip = Vec::new();
    let at = local(&mut zip, &renamed);
    directory(&mut zip, &[(&central, at)]);
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, names(&members)), (DAMAGED, vec!["invoice.txt", "evil.exe"]));

    // The directory says that it cannot be read: a program that goes by the local header reads it.
    for disguised in [Made { flags: 1, ..central.clone() }, Made { method: 97, ..central.clone() }] {
        let mut zip = Vec::new();
        let at = local(&mut zip, &central);
        directory(&mut zip, &[(&disguised, at)]);
        let (outcome, members) = unzip(&zip);
        assert_eq!((outcome, members.0.len()), (DAMAGED, 2));
        assert_eq!((members.0[0].1.as_slice(), members.0[1].1.as_slice()), (&b""[..], &data[..]));
    }
    // The same data under another size.
    let longer = Made { unpacked: 8, ..stored("invoice.txt", b"MZ") };
    let mut zip = Vec::new();
    let at = local(&mut zip, &central);
    directory(&mut zip, &[(&longer, at)]);
    assert_eq!((unzip(&zip).0, unzip(&zip).1.data("invoice.txt")), (DAMAGED, &data[..]));
}

#[test]
fn a_member_under_the_data_of_another() {
    // The directory says that the first member is as long as both; the local header of the first says it is short.
    let (first, hidden) = (stored("a", b"hello"), member("evil.exe", 8, b"\x4b\x04\0", b"a"));
    let mut zip = Vec::new();
    let at = local(&mut zip, &first);
    local(&mut zip, &hidden);
    let all = zip[at + 31..].to_vec();
    directory(&mut zip, &[(&stored("a", &all), at)]);
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, members.data("evil.exe")), (DAMAGED, &b"a"[..]));
}

#[test]
fn two_directories() {
    let (good, evil) = (stored("a", b"hello"), stored("evil.exe", b"MZ virus"));
    let mut zip = Vec::new();
    let (good_at, evil_at) = (local(&mut zip, &good), local(&mut zip, &evil));
    directory(&mut zip, &[(&good, good_at)]);
    let comment_at = zip.len() - 2;
    directory(&mut zip, &[(&evil, evil_at)]);
    let comment = u16::try_from(zip.len() - comment_at - 2).unwrap();
    zip[comment_at..comment_at + 2].copy_from_slice(&comment.to_le_bytes());
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, names(&members)), (DAMAGED, vec!["evil.exe", "a"]));

    // The same directory twice is read once.
    let mut zip = Vec::new();
    let at = local(&mut zip, &good);
    directory(&mut zip, &[(&good, at)]);
    directory(&mut zip, &[(&good, at)]);
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, names(&members)), (DAMAGED, vec!["a"]));
}

#[test]
fn ordinary_things_are_no_second_reading() {
    // A zip in a zip, stored: its headers and its directory are its own.
    let inner = zip_of(&[stored("inner", b"hello")]);
    let (outcome, members) = unzip(&zip_of(&[stored("a", b"x"), stored("inner.zip", &inner)]));
    assert_eq!((outcome, names(&members)), (Ok(()), vec!["a", "inner.zip"]));
    // Written to a pipe, where some numbers are known beforehand: Info-ZIP tells the size, others nothing.
    for (size, crc) in [(5, 0), (0, 0), (u32::MAX, 0)] {
        let central = Made { flags: 8, ..stored("a", b"hello") };
        let mut zip = Vec::new();
        let at = local(&mut zip, &Made { unpacked: size, crc, ..central.clone() });
        zip[at + 18..at + 22].fill(0);
        directory(&mut zip, &[(&central, at)]);
        assert_eq!((unzip(&zip).0, unzip(&zip).1.0.len()), (Ok(()), 1), "{size}");
    }
    // A program in front that unpacks it, and knows the mark.
    let program = [&b"MZ"[..], &[7; 500], b"PK\x03\x04\xff\xff\xff\xff\xff\xff\xff\xff", &[9; 500]].concat();
    let mut zip = program;
    let only = stored("a", b"hello");
    let at = local(&mut zip, &only);
    directory(&mut zip, &[(&only, at)]);
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, names(&members)), (Ok(()), vec!["a"]));
}
