//! Compound files, written by the `cfb` crate.

use std::io::{Cursor, Write as _};

use cfb::CompoundFile;
use proptest::prelude::*;
use smtpgw_archive::{Fact, Format, Limits, Unscanned, detect};
use smtpgw_testkit::effort::{is_linear, quickest};

use crate::{generous, is_complete, open_as};

fn file(streams: &[(&str, &[u8])]) -> Vec<u8> {
    file_of(cfb::Version::V3, streams)
}

fn file_of(version: cfb::Version, streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create_with_version(version, Cursor::new(Vec::new())).unwrap();
    for (path, data) in streams {
        if let Some((storage, _)) = path.rsplit_once('/') {
            file.create_storage_all(storage).unwrap();
        }
        file.create_stream(path).unwrap().write_all(data).unwrap();
    }
    file.into_inner().into_inner()
}

fn sample() -> Vec<u8> {
    file(&[("small", b"hello"), ("dir/large", &[b'x'; 20_000]), ("dir/deep/empty", b""), ("dir/deep/b", b"world")])
}

#[test]
fn streams_come_out_by_their_path() {
    let streams = [("small", &b"hello"[..]), ("dir/large", &[b'x'; 20_000]), ("dir/deep/b", b"world"), ("dir/e", b"")];
    for version in [cfb::Version::V3, cfb::Version::V4] {
        let made = file_of(version, &streams);
        assert_eq!(detect(&made, &made), Some(Format::Cfb));
        let (outcome, members, _) = open_as(Format::Cfb, &made, Limits::default());
        assert_eq!((outcome, members.0.len(), &members.1), (Ok(()), 4, &vec![]));
        for (path, data) in streams {
            assert_eq!((members.data(path), members.outcome(path)), (data, Ok(())), "{path}");
        }
    }
    // More sectors than the list in the header has room for: 109 tables of 128.
    let large: Vec<u8> = (0..4_000_000u32).flat_map(|n| n.to_le_bytes()).collect();
    let (outcome, members, _) = open_as(Format::Cfb, &file(&[("large", &large), ("z", b"z")]), Limits::default());
    assert!(outcome.is_ok() && members.data("large") == large && members.data("z") == b"z");
}

#[test]
fn a_vba_project_is_a_fact() {
    for (paths, facts) in [
        (["Macros/VBA/dir", "Macros/VBA/Module1"], vec![Fact::Macros]),
        (["_VBA_PROJECT_CUR/VBA/_VBA_PROJECT", "Workbook"], vec![Fact::Macros]),
        (["Macros/dir", "VBA"], vec![]),
    ] {
        let made = file(&paths.map(|path| (path, &b"x"[..])));
        assert_eq!(open_as(Format::Cfb, &made, Limits::default()).1.1, facts, "{paths:?}");
    }
}

#[test]
fn files_are_shown_as_people_know_them() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let data = vec![b'M'; 9_000];
    let mut native = [&[0, 0, 0, 0, 2, 0][..], b"note.txt\0C:\\x\\evil.exe\0\0\0\x03\0\x02\0\0\0t\0"].concat();
    native.extend(9_000u32.to_le_bytes());
    native.extend(&data);
    native.extend(b"more names");
    let made = file(&[
        ("__attach_version1.0_#00000000/__substg1.0_37010102", &data),
        ("__attach_version1.0_#00000000/__substg1.0_3707001F", &utf16("Übersicht.docm")),
        ("__attach_version1.0_#00000001/__substg1.0_37010102", b"short"),
        ("__attach_version1.0_#00000001/__substg1.0_3704001E", b"OLD.TXT"),
        ("__attach_version1.0_#00000001/__substg1.0_3001001E", b"old.exe"),
        ("__attach_version1.0_#00000002/__substg1.0_37010102", b"unnamed"),
        ("ObjectPool/_1/\u{1}Ole10Native", &native),
    ]);
    let (outcome, members, _) = open_as(Format::Cfb, &made, Limits::default());
    assert_eq!(outcome, Ok(()));
    for (path, data) in [
        ("__attach_version1.0_#00000000/Übersicht.docm", &data[..]),
        ("__attach_version1.0_#00000001/OLD.TXT", b"short"),
        ("__attach_version1.0_#00000002/__substg1.0_37010102", b"unnamed"),
        ("ObjectPool/_1/evil.exe", &data),
        ("ObjectPool/_1/\u{fffd}Ole10Native", &native),
    ] {
        assert_eq!((members.data(path), members.outcome(path)), (data, Ok(())), "{path}");
    }
    assert_eq!(members.2, ["old.exe"]);
}

#[test]
fn encrypted_documents_are_told() {
    let made = file(&[("EncryptionInfo", b"x"), ("EncryptedPackage", &[7; 5_000])]);
    assert_eq!(open_as(Format::Cfb, &made, Limits::default()).0, Err(Unscanned::Encrypted));
    let word = |flags: u8| [&[0xec, 0xa5, 0xc1, 0, 0, 0, 0, 0, 0, 0, 0, flags][..], &[0; 600]].concat();
    for (flags, outcome) in [(1, Err(Unscanned::Encrypted)), (0, Ok(()))] {
        assert_eq!(open_as(Format::Cfb, &file(&[("WordDocument", &word(flags))]), Limits::default()).0, outcome);
    }
}

#[test]
fn circles_end_and_what_is_lost_is_found() {
    let made = sample();
    let entry = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        made.windows(name.len()).position(|octets| octets == name).unwrap()
    };
    // The storage's child is the root's.
    let mut circle = made.clone();
    let root_child: [u8; 4] = circle[entry("Root Entry") + 76..][..4].try_into().unwrap();
    let at = entry("deep") + 76;
    circle[at..at + 4].copy_from_slice(&root_child);
    let (outcome, members, _) = open_as(Format::Cfb, &circle, Limits::default());
    assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted));
    assert!(members.0.iter().any(|(path, data, _)| path == "b" && data == b"world"), "no storage leads to it");
    // Each sector follows itself.
    let mut circle = made.clone();
    let table = 512 * (1 + usize::try_from(u32::from_le_bytes(made[76..80].try_into().unwrap())).unwrap());
    for n in 3..128u32 {
        circle[table + 4 * n as usize..][..4].copy_from_slice(&n.to_le_bytes());
    }
    let (_, _, budget) = open_as(Format::Cfb, &circle, Limits::default());
    assert!(budget.unpacked() < 100_000);
}

#[test]
fn cut_anywhere_it_is_not_complete() {
    let made = sample();
    // The writer fills the last sector.
    for length in (0..made.len() - 512).step_by(7) {
        let (outcome, members, _) = open_as(Format::Cfb, &made[..length], Limits::default());
        assert!(!is_complete(outcome, &members), "cut at {length} of {}", made.len());
    }
}

#[test]
fn work_is_linear() {
    let effort = |octets: usize| {
        let made = file(&[("large", &vec![1; octets])]);
        quickest(|| assert_eq!(open_as(Format::Cfb, &made, generous()).0, Ok(())))
    };
    let (small, large) = (effort(1 << 20), effort(8 << 20));
    assert!(is_linear(small, large), "{small:?} for one mebioctet, {large:?} for eight");
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("__attach_{n}/__substg1.0_37010102")).collect();
        let made = file(&names.iter().map(|name| (name.as_str(), &b"x"[..])).collect::<Vec<_>>());
        quickest(|| assert_eq!(open_as(Format::Cfb, &made, generous()).0, Ok(())))
    };
    let (small, large) = (many(250), many(2_000));
    assert!(is_linear(small, large), "{small:?} for 250 attachments, {large:?} for 2,000");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_file_is_bounded(spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10)) {
        let mut made = sample();
        for (at, octet) in spoils {
            let at = at.index(made.len());
            made[at] = octet;
        }
        let (_, _, budget) = open_as(Format::Cfb, &made, Limits { total: 30_000, members: 30, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 30_000 && budget.members() <= 30);
    }
}
