//! Tars as programs write them, and as nobody should.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use proptest::prelude::*;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, detect, unpack};
use tar::{Builder, EntryType, Header};

fn run(tar: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Tar, Cursor::new(tar), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members, budget)
}

fn untar(tar: &[u8]) -> (Result<(), Unscanned>, Collected) {
    let (outcome, members, _) = run(tar, Limits::default());
    (outcome, members)
}

fn make(mut header: Header, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, data) in members {
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Sums a header up again.
fn resum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|&octet| u32::from(octet)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn sample() -> Vec<u8> {
    make(Header::new_ustar(), &[("a.txt", b"hello"), ("dir/b.txt", &[b'b'; 1_300]), ("empty", b"")])
}

#[test]
fn ordinary_tars_of_every_kind() {
    let long = format!("{}/end.txt", "folder".repeat(40));
    for header in [Header::new_old(), Header::new_ustar(), Header::new_gnu()] {
        let list = [("a.txt", &b"hello"[..]), ("dir/b.txt", &[b'b'; 1_300]), ("empty", b"")];
        let tar = make(header, &list);
        assert_eq!(detect(&tar, &tar), Some(Format::Tar));
        let (outcome, members) = untar(&tar);
        assert_eq!((outcome, members.0.len()), (Ok(()), 3));
        for (name, data) in list {
            assert_eq!((members.outcome(name), members.data(name)), (Ok(()), data));
        }
    }
    let (outcome, members) = untar(&make(Header::new_gnu(), &[(&long, b"x"), ("next", b"y")]));
    assert_eq!((outcome, members.data(&long), members.data("next")), (Ok(()), &b"x"[..], &b"y"[..]));
}

#[test]
fn pax_records_name_and_measure() {
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions([("path", &b"real/name.exe"[..]), ("size", b"5")]).unwrap();
    let mut header = Header::new_ustar();
    header.set_path("innocent.txt").unwrap();
    header.set_size(5);
    header.set_cksum();
    builder.append(&header, &b"hello"[..]).unwrap();
    let tar = builder.into_inner().unwrap();
    let (outcome, members) = untar(&tar);
    assert_eq!((outcome, members.data("real/name.exe")), (Ok(()), &b"hello"[..]));
    // A record that cannot be read is damage; the member comes out all the same.
    let mut spoilt = tar;
    spoilt[512] = b'x';
    let (outcome, members) = untar(&spoilt);
    assert_eq!((outcome, members.data("innocent.txt")), (Err(Unscanned::PartiallyCorrupted), &b"hello"[..]));
}

#[test]
fn two_sizes_of_one_member_are_damage() {
    // Who goes by the record takes the second header for octets of the first member; who does not, finds a member.
    let behind = make(Header::new_ustar(), &[("hidden", b"virus")]);
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions([("size", &b"1024"[..])]).unwrap();
    let mut header = Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    let mut tar = builder.into_inner().unwrap();
    tar.truncate(tar.len() - 1_024);
    let (outcome, members) = untar(&[tar, behind].concat());
    assert_eq!((outcome, members.outcome("a")), (Err(Unscanned::PartiallyCorrupted), Ok(())));
    assert_eq!(members.data("a").len(), 1_024);
}

#[test]
fn links_and_folders_count_and_have_no_octets() {
    let mut builder = Builder::new(Vec::new());
    for kind in [EntryType::Directory, EntryType::Symlink, EntryType::Fifo, EntryType::Link] {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path("it").unwrap();
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, &b""[..]).unwrap();
    }
    let (outcome, members, budget) = run(&builder.into_inner().unwrap(), Limits::default());
    assert_eq!((outcome, members.0.len(), budget.members()), (Ok(()), 0, 4));
}

#[test]
fn nothing_hides_behind_damage_or_the_end() {
    let damaged = Err(Unscanned::PartiallyCorrupted);
    let hidden = make(Header::new_ustar(), &[("hidden", b"virus")]);
    let (outcome, members) = untar(&[sample(), hidden].concat());
    assert_eq!((outcome, members.data("hidden")), (damaged, &b"virus"[..]), "behind the end");
    let mut tar = sample();
    tar[0] ^= 1;
    let (outcome, members) = untar(&tar);
    assert_eq!((outcome, members.data("dir/b.txt").len()), (damaged, 1_300), "the first header is lost");
    // A folder that says it has octets: programs differ on whether they are skipped.
    let mut tar = [&make(Header::new_ustar(), &[("d", &[b'x'; 512])])[..512], &sample()].concat();
    tar[156] = b'5';
    resum(&mut tar);
    let (outcome, members) = untar(&tar);
    assert_eq!((outcome, members.data("a.txt")), (damaged, &b"hello"[..]));
    assert_eq!(untar(&[b'x'; 2_000]).0, Err(Unscanned::Corrupted), "no header at all");
}

#[test]
fn a_cut_tar_is_never_complete() {
    let tar = sample();
    let whole = untar(&tar).1;
    // Two blocks of zeros end it; one is enough.
    let enough = tar.len() - 512;
    for length in 0..enough {
        let (outcome, members) = untar(&tar[..length]);
        assert!(outcome.is_err(), "cut at {length}");
        for ((_, data, _), (_, all, _)) in members.0.iter().zip(&whole.0) {
            assert!(all.starts_with(data), "cut at {length}");
        }
    }
    assert_eq!(untar(&tar[..enough]), (Ok(()), whole));
    let (_, members) = untar(&tar[..514]);
    assert_eq!((members.outcome("a.txt"), members.data("a.txt")), (Err(Unscanned::PartiallyCorrupted), &b"he"[..]));
}

#[test]
fn a_size_is_not_believed() {
    let mut tar = make(Header::new_gnu(), &[("a", b"hello")]);
    tar[124..136].copy_from_slice(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    resum(&mut tar);
    let (outcome, members, budget) = run(&tar, Limits::default());
    assert_eq!(
        (outcome, members.outcome("a")),
        (Err(Unscanned::PartiallyCorrupted), Err(Unscanned::PartiallyCorrupted))
    );
    assert!(members.data("a").starts_with(b"hello") && budget.unpacked() <= tar.len() as u64);
}

#[test]
fn limits_hold() {
    let (outcome, members, _) = run(&sample(), Limits { members: 2, ..Limits::default() });
    assert_eq!((outcome, members.0.len()), (Err(Unscanned::FilesLimit), 2));
    let (outcome, members, budget) = run(&sample(), Limits { total: 100, ..Limits::default() });
    assert_eq!((outcome, budget.unpacked()), (Err(Unscanned::Mailbomb), 100));
    assert_eq!((members.outcome("a.txt"), members.outcome("dir/b.txt")), (Ok(()), Err(Unscanned::Mailbomb)));
    let (outcome, members, _) = run(&sample(), Limits { member: 1_000, ..Limits::default() });
    assert_eq!(
        (outcome, members.outcome("dir/b.txt"), members.outcome("empty")),
        (Ok(()), Err(Unscanned::Mailbomb), Ok(()))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit; and what another reader still unpacks, it unpacks too.
    #[test]
    fn nothing_hides_in_a_spoilt_tar(spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut tar = sample();
        for (at, octet) in spoils {
            let at = at.index(tar.len());
            tar[at] = octet;
        }
        let (outcome, members, budget) = run(&tar, Limits { total: 100_000, members: 10, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 100_000 && budget.members() <= 10);
        let mut oracle = tar::Archive::new(Cursor::new(&tar));
        for entry in oracle.entries().unwrap() {
            let Ok(mut entry) = entry else { break };
            let mut theirs = Vec::new();
            if std::io::Read::read_to_end(&mut entry, &mut theirs).is_err() {
                break;
            }
            let seen = members.0.iter().any(|(_, data, _)| data.starts_with(&theirs));
            prop_assert!(theirs.is_empty() || seen || outcome.is_err());
        }
    }
}
