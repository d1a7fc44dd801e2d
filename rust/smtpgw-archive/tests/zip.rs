//! Zips as programs and attackers write them. Made with the `zip` crate, then spoilt by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::{Cursor, Read as _, Write as _};
use std::sync::LazyLock;
use std::time::Duration;

use collected::Collected;
use proptest::prelude::*;
use smtpgw_archive::{Budget, Format, Limits, TAIL, Unscanned, detect, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn run(zip: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Zip, Cursor::new(zip), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members, budget)
}

fn unzip(zip: &[u8]) -> (Result<(), Unscanned>, Collected) {
    let (outcome, members, _) = run(zip, Limits::default());
    (outcome, members)
}

fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(method)
}

fn make(members: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data, method) in members {
        writer.start_file(*name, options(*method)).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same, written to a pipe: CRC and sizes stand behind the data.
fn make_streamed(members: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
    let mut writer = ZipWriter::new_stream(Vec::new());
    for (name, data, method) in members {
        writer.start_file(*name, options(*method)).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const STORED: CompressionMethod = CompressionMethod::Stored;
const DEFLATED: CompressionMethod = CompressionMethod::Deflated;

fn text() -> &'static [u8] {
    static TEXT: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..20_000u32).flat_map(|n| format!("line {n} of {}\n", n * n % 977).into_bytes()).collect());
    &TEXT
}

fn sample() -> Vec<u8> {
    make(&[("a.txt", b"hello", STORED), ("dir/b.txt", text(), DEFLATED), ("empty", b"", DEFLATED)])
}

fn expected() -> Collected {
    let member = |name: &str, data: &[u8]| (name.to_owned(), data.to_vec(), Some(Ok(())));
    Collected(
        vec![member("a.txt", b"hello"), member("dir/b.txt", text()), member("empty", b"")],
        Vec::new(),
        Vec::new(),
    )
}

/// Positions of `mark` in `octets`.
fn positions(octets: &[u8], mark: &[u8]) -> Vec<usize> {
    (0..octets.len()).filter(|&at| octets[at..].starts_with(mark)).collect()
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

#[test]
fn ordinary_zips() {
    let zip = sample();
    assert_eq!(detect(&zip, &zip), Some(Format::Zip));
    assert_eq!(unzip(&zip), (Ok(()), expected()));
    assert_eq!(unzip(&make(&[])), (Ok(()), Collected::default()));
    let streamed = make_streamed(&[("a", b"hello", STORED), ("b", text(), DEFLATED)]);
    let (outcome, members) = unzip(&streamed);
    assert_eq!((outcome, members.data("a"), members.data("b")), (Ok(()), &b"hello"[..], text()));
}

#[test]
fn folders_are_no_members_but_count() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("dir/", options(STORED)).unwrap();
    writer.start_file("dir/x", options(STORED)).unwrap();
    writer.write_all(b"x").unwrap();
    let zip = writer.finish().unwrap().into_inner();
    let (outcome, members, budget) = run(&zip, Limits::default());
    assert_eq!((outcome, members.0.len(), budget.members()), (Ok(()), 1, 2));
}

#[test]
fn data_before_and_behind() {
    let zip = [b"MZ a program that unpacks ".repeat(9_999), sample(), b"\n-- \nappended".to_vec()].concat();
    assert_eq!(detect(&zip[..64], &zip[zip.len() - TAIL..]), Some(Format::Zip));
    assert_eq!(unzip(&zip), (Ok(()), expected()));
}

#[test]
fn long_sizes() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("large.txt", options(DEFLATED).large_file(true)).unwrap();
    writer.write_all(text()).unwrap();
    let (outcome, members) = unzip(&writer.finish().unwrap().into_inner());
    assert_eq!((outcome, members.outcome("large.txt"), members.data("large.txt")), (Ok(()), Ok(()), text()));
}

#[test]
fn more_members_than_a_short_number_holds() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..66_000 {
        writer.start_file(n.to_string(), options(STORED)).unwrap();
    }
    let zip = writer.finish().unwrap().into_inner();
    assert!(!positions(&zip, b"PK\x06\x06").is_empty(), "it has the long end record");
    let (outcome, members, _) = run(&zip, Limits { members: 70_000, ..Limits::default() });
    assert_eq!((outcome, members.0.len()), (Ok(()), 66_000));
    let (outcome, members, budget) = run(&zip, Limits::default());
    assert_eq!((outcome, members.0.len(), budget.members()), (Err(Unscanned::FilesLimit), 10_000, 10_000));
}

#[test]
fn two_members_of_one_name_are_two() {
    let mut zip = make(&[("one.txt", b"first", STORED), ("two.txt", b"second", STORED)]);
    for at in positions(&zip, b"two.txt") {
        zip[at..at + 3].copy_from_slice(b"one");
    }
    let (outcome, members) = unzip(&zip);
    let data: Vec<_> = members.0.iter().map(|(name, data, end)| (name.as_str(), data.as_slice(), *end)).collect();
    assert_eq!(outcome, Ok(()));
    assert_eq!(data, [("one.txt", &b"first"[..], Some(Ok(()))), ("one.txt", &b"second"[..], Some(Ok(())))]);
}

#[test]
fn a_wrong_crc_is_told_behind_the_data() {
    let mut zip = make(&[("a", b"hello", STORED), ("b", b"world", STORED)]);
    let at = positions(&zip, b"hello")[0];
    zip[at] = b'j';
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, members.data("a"), members.data("b")), (Ok(()), &b"jello"[..], &b"world"[..]));
    assert_eq!((members.outcome("a"), members.outcome("b")), (Err(Unscanned::PartiallyCorrupted), Ok(())));
}

#[test]
fn sizes_that_lie_hide_nothing() {
    for (method, from) in [(STORED, 20), (STORED, 24), (DEFLATED, 20), (DEFLATED, 24)] {
        for lie in [0u32, 1, 0x7fff_ffff, 0xffff_ffff] {
            let mut zip = make(&[("a", text(), method), ("b", b"other", STORED)]);
            let at = positions(&zip, CENTRAL)[0] + from;
            zip[at..at + 4].copy_from_slice(&lie.to_le_bytes());
            let (outcome, members) = unzip(&zip);
            assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted), "the local header disagrees");
            assert!(members.data("a").starts_with(text()), "{method} {from} {lie}");
            assert_eq!(members.outcome("a"), Err(Unscanned::PartiallyCorrupted), "{method} {from} {lie}");
            assert_eq!((members.data("b"), members.outcome("b")), (&b"other"[..], Ok(())));
        }
    }
}

#[test]
fn encrypted_and_unknown_members_do_not_hide_their_neighbours() {
    let mut zip = sample();
    let record = positions(&zip, CENTRAL)[0];
    (zip[record + 8], zip[6]) = (zip[record + 8] | 1, zip[6] | 1);
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, members.outcome("a.txt")), (Ok(()), Err(Unscanned::Encrypted)));
    assert_eq!((members.data("a.txt"), members.data("dir/b.txt")), (&b""[..], text()));

    for method in [1u16, 6, 10, 18, 97, 0xffff] {
        let mut zip = sample();
        zip[record + 10..record + 12].copy_from_slice(&method.to_le_bytes());
        zip[8..10].copy_from_slice(&method.to_le_bytes());
        let (outcome, members) = unzip(&zip);
        assert_eq!((outcome, members.outcome("a.txt")), (Ok(()), Err(Unscanned::Unhandled)), "{method}");
        assert_eq!(members.data("dir/b.txt"), text());
    }
}

#[test]
fn aes_is_encrypted() {
    let mut zip = make(&[("a", b"secret", STORED)]);
    let record = positions(&zip, CENTRAL)[0];
    zip[record + 10] = 99;
    assert_eq!(unzip(&zip).1.outcome("a"), Err(Unscanned::Encrypted));
}

#[test]
fn without_a_directory_the_local_headers_are_read() {
    let whole = sample();
    let directory = positions(&whole, CENTRAL)[0];
    assert_eq!(unzip(&whole[..directory]), (Err(Unscanned::PartiallyCorrupted), expected()));

    let mut spoilt = whole.clone();
    spoilt[directory] = b'X';
    assert_eq!(unzip(&spoilt), (Err(Unscanned::PartiallyCorrupted), expected()));

    let streamed = make_streamed(&[("a", b"hello PK\x07\x08 there", STORED), ("b", text(), DEFLATED)]);
    let (outcome, members) = unzip(&streamed[..positions(&streamed, CENTRAL)[0]]);
    assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted));
    assert_eq!((members.data("a"), members.outcome("a")), (&b"hello PK\x07\x08 there"[..], Ok(())));
    assert_eq!((members.data("b"), members.outcome("b")), (text(), Ok(())));
}

#[test]
fn a_directory_that_disagrees_with_its_end_record_hides_nothing() {
    let whole = sample();
    let end = *positions(&whole, END).last().unwrap();
    for records in [0u8, 1, 2, 4, 200] {
        let mut zip = whole.clone();
        (zip[end + 8], zip[end + 10]) = (records, records);
        assert_eq!(unzip(&zip), (Err(Unscanned::PartiallyCorrupted), expected()), "{records}");
    }
    // An empty end record behind it: some readers see an empty zip.
    let empty = [whole.as_slice(), &make(&[])].concat();
    assert_eq!(unzip(&empty), (Err(Unscanned::PartiallyCorrupted), expected()));
}

#[test]
fn volumes_are_told() {
    let mut zip = sample();
    let end = *positions(&zip, END).last().unwrap();
    zip[end + 4] = 3;
    assert_eq!(unzip(&zip), (Err(Unscanned::Multipart), expected()));
    let first = [b"PK\x07\x08".as_slice(), &sample()[..5_000]].concat();
    assert_eq!(unzip(&first).0, Err(Unscanned::Multipart));
}

#[test]
fn a_local_header_that_is_not_there_is_told() {
    let mut zip = make(&[("a", b"hello", STORED), ("b", b"world", STORED)]);
    let local = positions(&zip, LOCAL)[0];
    zip[local] = b'X';
    let (outcome, members) = unzip(&zip);
    assert_eq!((outcome, members.outcome("a"), members.outcome("b")), (Ok(()), Err(Unscanned::Corrupted), Ok(())));
}

#[test]
fn bombs_are_cut_while_they_come_out() {
    let zeros = vec![0u8; 64 << 20];
    let bomb = make(&[("zeros", &zeros, DEFLATED), ("after", b"hello", STORED)]);

    let (outcome, members, budget) = run(&bomb, Limits::default());
    assert_eq!((outcome, members.outcome("zeros")), (Ok(()), Err(Unscanned::Mailbomb)));
    assert_eq!((members.data("after"), members.outcome("after")), (&b"hello"[..], Ok(())));
    let packed = bomb.len() as u64;
    assert!(budget.unpacked() <= packed * 200 + 5, "{} octets came out of {packed}", budget.unpacked());

    let member = Limits { ratio: u64::MAX, member: 3_000_000, ..Limits::default() };
    let (outcome, members, _) = run(&bomb, member);
    assert_eq!((outcome, members.outcome("zeros")), (Ok(()), Err(Unscanned::Mailbomb)));
    assert_eq!((members.data("zeros").len(), members.data("after")), (3_000_000, &b"hello"[..]));

    let total = Limits { ratio: u64::MAX, total: 4_000_000, ..Limits::default() };
    let (outcome, members, budget) = run(&bomb, total);
    assert_eq!((outcome, members.outcome("zeros")), (Err(Unscanned::Mailbomb), Err(Unscanned::Mailbomb)));
    assert_eq!((members.data("zeros").len(), budget.unpacked()), (4_000_000, 4_000_000));
}

#[test]
fn members_that_overlap_are_one_container() {
    // A thousand directory records that point to one member of 512 KiB: each is below every limit of a member.
    let one = make(&[("x", &vec![0; 512 << 10], DEFLATED)]);
    let (directory, end) = (positions(&one, CENTRAL)[0], *positions(&one, END).last().unwrap());
    let mut zip = one[..directory].to_vec();
    zip.extend(one[directory..end].repeat(1_000));
    let size = u32::try_from(zip.len() - directory).unwrap();
    let mut record = one[end..].to_vec();
    record[8..12].copy_from_slice(&[0xe8, 3, 0xe8, 3]);
    record[12..16].copy_from_slice(&size.to_le_bytes());
    zip.extend(record);

    let (outcome, members, budget) = run(&zip, Limits { total: u64::MAX, ..Limits::default() });
    assert_eq!((outcome, members.0.len()), (Ok(()), 1_000));
    assert_eq!(members.0[0].2, Some(Ok(())));
    assert_eq!(members.0[999].2, Some(Err(Unscanned::Mailbomb)));
    assert!(budget.unpacked() <= zip.len() as u64 * 200);
}

#[test]
fn depth_is_the_callers_and_is_checked_first() {
    let mut budget = Budget::new(Limits { depth: 2, ..Limits::default() }, || Duration::ZERO);
    let mut zip = make(&[("end", b"bottom", STORED)]);
    for level in (0..3).rev() {
        zip = make(&[(&format!("level{level}"), &zip, STORED)]);
    }
    for depth in 0..3 {
        budget.set_depth(depth);
        let mut members = Collected::default();
        let outcome = unpack(Format::Zip, Cursor::new(&zip), &mut budget, &mut members);
        if depth == 2 {
            assert_eq!((outcome, members), (Err(Unscanned::Nested), Collected::default()));
            return;
        }
        assert_eq!(outcome, Ok(()));
        zip = members.data(&format!("level{depth}")).to_vec();
    }
}

#[test]
fn time_ends_it() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let reads = AtomicU64::new(0);
    let now = move || Duration::from_millis(reads.fetch_add(1, Ordering::Relaxed));
    let mut budget = Budget::new(Limits { duration: Duration::from_millis(30), ..Limits::default() }, now);
    let mut members = Collected::default();
    let zip = make(&[("large", &vec![0x55; 30 << 20], STORED), ("after", b"x", STORED)]);
    assert_eq!(unpack(Format::Zip, Cursor::new(&zip), &mut budget, &mut members), Err(Unscanned::Timeout));
    assert_eq!((members.0.len(), members.outcome("large")), (1, Err(Unscanned::Timeout)));
    assert!(members.data("large").len() < 2 << 20);
}

#[test]
fn a_source_that_fails_is_our_trouble() {
    struct Failing<'a>(Cursor<&'a [u8]>);
    impl std::io::Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.position() < 200 { Err(std::io::Error::other("disk")) } else { self.0.read(buffer) }
        }
    }
    impl std::io::Seek for Failing<'_> {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let zip = [b"x".repeat(100_000), sample()].concat();
    let mut members = Collected::default();
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    for zip in [&zip[..], &zip[..zip.len() - 30]] {
        let outcome = unpack(Format::Zip, Failing(Cursor::new(zip)), &mut budget, &mut members);
        assert_eq!(outcome, Err(Unscanned::Unreadable), "what is in front is read as well");
    }
    let outcome = unpack(Format::Xz, Failing(Cursor::new(b"\xfd7zXZ\0")), &mut budget, &mut members);
    assert_eq!(outcome, Err(Unscanned::Unreadable), "a decoder does not hide it");
}

#[test]
fn marks_without_end_take_linear_time() {
    // Each of these once made a reader start anew at every mark.
    for pattern in [&b"PK\x03\x04"[..], b"PK\x07\x08", b"PK\x05\x06", b"PK\x01\x02", b"PK\x06\x06PK\x06\x07", b"PKPK"] {
        let streamed = make_streamed(&[("a", b"hello", STORED)]);
        let open = &streamed[..positions(&streamed, b"hello")[0]];
        let effort = |octets: usize| {
            let zip = [open, &pattern.repeat(octets / pattern.len())].concat();
            quickest(|| assert!(run(&zip, Limits { members: 100, ..Limits::default() }).0.is_err()))
        };
        let (small, large) = (effort(2 << 20), effort(16 << 20));
        assert!(is_linear(small, large), "{pattern:?}: {small:?} for two mebioctets, {large:?} for sixteen");
    }
}

#[test]
fn cut_anywhere_it_gives_a_prefix_and_says_so() {
    let zip = make(&[("a", b"hello, this is stored", STORED), ("b", &text()[..3_000], DEFLATED)]);
    for length in 0..zip.len() {
        let (outcome, members) = unzip(&zip[..length]);
        assert!(outcome.is_err(), "cut at {length}");
        for (name, data, _) in &members.0 {
            let whole: &[u8] = if name == "a" { b"hello, this is stored" } else { &text()[..3_000] };
            assert!(whole.starts_with(data), "cut at {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written comes out, and the reader that wrote it agrees.
    #[test]
    fn what_is_written_comes_out(
        files in proptest::collection::btree_map("[a-z]{1,8}", (proptest::collection::vec(any::<u8>(), 0..5_000), any::<bool>()), 0..6),
        before in proptest::collection::vec(any::<u8>(), 0..300),
        streamed: bool,
    ) {
        let list: Vec<_> = files.iter()
            .map(|(name, (data, deflate))| (name.as_str(), data.as_slice(), if *deflate { DEFLATED } else { STORED }))
            .collect();
        let zip = [before, if streamed { make_streamed(&list) } else { make(&list) }].concat();
        let (outcome, members) = unzip(&zip);
        prop_assert_eq!(outcome, Ok(()));
        let mut oracle = ZipArchive::new(Cursor::new(&zip)).unwrap();
        prop_assert_eq!(oracle.len(), members.0.len());
        for (name, data, outcome) in &members.0 {
            let mut theirs = Vec::new();
            oracle.by_name(name).unwrap().read_to_end(&mut theirs).unwrap();
            prop_assert_eq!(data, &theirs);
            prop_assert_eq!(data, &files[name].0);
            prop_assert_eq!(*outcome, Some(Ok(())));
        }
    }

    /// No mutation makes it panic, hang, or pass a limit; and what another reader still unpacks, it unpacks too.
    #[test]
    fn nothing_hides_in_a_spoilt_zip(
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        streamed: bool,
    ) {
        let list = [("a", &b"hello, stored"[..], STORED), ("b", &text()[..3_000], DEFLATED), ("c", &b"x"[..], STORED)];
        let mut zip = if streamed { make_streamed(&list) } else { make(&list) };
        for (at, octet) in spoils {
            let at = at.index(zip.len());
            zip[at] = octet;
        }
        let limits = Limits { total: 100_000, members: 10, ..Limits::default() };
        let (outcome, members, budget) = run(&zip, limits);
        prop_assert!(budget.unpacked() <= 100_000 && budget.members() <= 10);
        let Ok(mut oracle) = ZipArchive::new(Cursor::new(&zip)) else { return Ok(()) };
        for index in 0..oracle.len() {
            let mut theirs = Vec::new();
            let Ok(mut file) = oracle.by_index(index) else { continue };
            if file.read_to_end(&mut theirs).is_err() || theirs.is_empty() {
                continue;
            }
            let seen = members.0.iter().any(|(_, data, _)| data.starts_with(&theirs));
            prop_assert!(seen || outcome.is_err(), "another reader sees {:.40}", String::from_utf8_lossy(&theirs));
        }
    }
}
