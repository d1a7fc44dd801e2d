//! Zip members of every method, in zips put together by hand around what the methods' own encoders write.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;
mod crafted;

use std::io::{Cursor, Write as _};
use std::time::Duration;

use collected::Collected;
use crafted::{member, zip_of};
use proptest::prelude::*;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};

const METHODS: [(u16, &str); 8] = [
    (8, "deflate"),
    (9, "deflate64"),
    (12, "bzip2"),
    (14, "lzma"),
    (20, "zstd, its first number"),
    (93, "zstd"),
    (95, "xz"),
    (98, "ppmd"),
];

fn pack(method: u16, data: &[u8]) -> Vec<u8> {
    match method {
        // A stream without matches of 258 octets is one of deflate64, too.
        8 | 9 => {
            let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        12 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        14 => {
            let options = lzma_rust2::LzmaOptions::with_preset(1);
            let (properties, dictionary) = (options.get_props(), options.dict_size);
            let mut packed = [9, 20, 5, 0, properties].to_vec();
            packed.extend(dictionary.to_le_bytes());
            let mut writer = lzma_rust2::LzmaWriter::new_no_header(packed, &options, false).unwrap();
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        20 | 93 => ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest),
        95 => {
            let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        98 => {
            // Order 8, 1 MiB, begins anew when that is full.
            let parameters: u16 = 7;
            let mut writer = ppmd_rust::Ppmd8Encoder::new(
                parameters.to_le_bytes().to_vec(),
                8,
                1 << 20,
                ppmd_rust::RestoreMethod::Restart,
            )
            .unwrap();
            writer.write_all(data).unwrap();
            writer.finish(false).unwrap()
        }
        _ => unreachable!("a method of the table"),
    }
}

fn run(zip: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Zip, Cursor::new(zip), &mut budget, &mut members);
    (outcome, members, budget)
}

fn text() -> Vec<u8> {
    (0..20_000u32).flat_map(|n| format!("{n}:{};", n.wrapping_mul(n) % 977).into_bytes()).collect()
}

#[test]
fn every_method_comes_out() {
    for (method, name) in METHODS {
        for data in [b"x".to_vec(), text()] {
            let packed = pack(method, &data);
            let zip = zip_of(&[member("a", method, &packed, &data), member("b", 0, b"behind", b"behind")]);
            let (outcome, members, _) = run(&zip, Limits::default());
            assert_eq!((outcome, members.outcome("a"), members.outcome("b")), (Ok(()), Ok(()), Ok(())), "{name}");
            assert_eq!((members.data("a"), members.data("b")), (&data[..], &b"behind"[..]), "{name}");
            // Without a directory, the local headers alone.
            let end = zip.windows(4).position(|mark| mark == b"PK\x01\x02").unwrap();
            let (outcome, members, _) = run(&zip[..end], Limits::default());
            assert_eq!((outcome, members.data("a")), (Err(Unscanned::PartiallyCorrupted), &data[..]), "{name}");
            assert_eq!((members.outcome("a"), members.data("b")), (Ok(()), &b"behind"[..]), "{name}");
        }
    }
}

#[test]
fn a_wrong_sum_or_size_is_told() {
    let data = text();
    for (method, name) in METHODS {
        let packed = pack(method, &data);
        let mut wrong = member("a", method, &packed, &data);
        wrong.crc ^= 1;
        let (_, members, _) = run(&zip_of(&[wrong]), Limits::default());
        assert_eq!(
            (members.data("a"), members.outcome("a")),
            (&data[..], Err(Unscanned::PartiallyCorrupted)),
            "{name}"
        );
        let mut wrong = member("a", method, &packed, &data);
        wrong.unpacked -= 1;
        let (_, members, _) = run(&zip_of(&[wrong]), Limits::default());
        assert_eq!(members.outcome("a"), Err(Unscanned::PartiallyCorrupted), "{name}");
        assert!(members.data("a").len() >= data.len() - 1, "{name}");
    }
}

#[test]
fn cut_or_spoilt_it_gives_what_is_whole() {
    let data = &text()[..4_000];
    for (method, name) in METHODS {
        let packed = pack(method, data);
        for length in 0..packed.len() {
            let zip = zip_of(&[member("a", method, &packed, data)]);
            let (outcome, members, _) = run(&zip[..31 + length], Limits::default());
            // The end of a stream may say nothing any more: what has the right sum is whole.
            let is_whole = members.data("a") == data;
            assert!(outcome.is_err() && (is_whole || members.outcome("a").is_err()), "{name} cut at {length}");
            // Where the method does not tell its end, what follows is junk: the outcome says so.
            let given = members.data("a");
            assert!(data.starts_with(given) || given.starts_with(data) || method == 98, "{name} cut at {length}");
        }
    }
}

#[test]
fn windows_are_bounded_before_they_are_made() {
    let data = vec![0; 5 << 20];
    let lzma = pack(14, &data);
    for (dictionary, size, outcome) in
        [(u32::MAX - 15, 5 << 20, Ok(())), (256 << 20, 200 << 20, Err(Unscanned::Mailbomb))]
    {
        let mut packed = lzma.clone();
        packed[5..9].copy_from_slice(&u32::to_le_bytes(dictionary));
        let mut made = member("a", 14, &packed, &data);
        made.unpacked = size;
        let (_, members, _) = run(&zip_of(&[made]), Limits { ratio: u64::MAX, ..Limits::default() });
        assert_eq!(members.outcome("a"), outcome, "{dictionary}");
    }
    let mut packed = pack(98, b"x");
    packed[..2].copy_from_slice(&0x0ff7_u16.to_le_bytes());
    let (_, members, _) = run(&zip_of(&[member("a", 98, &packed, b"x")]), Limits::default());
    assert_eq!(members.outcome("a"), Err(Unscanned::Mailbomb), "256 MiB for PPMd");
}

#[test]
fn bombs_take_linear_time() {
    for (method, name) in METHODS {
        let effort = |octets: usize| {
            let data = vec![0; octets];
            let zip = zip_of(&[member("a", method, &pack(method, &data), &data)]);
            quickest(|| {
                let limits = Limits { ratio: u64::MAX, ..Limits::default() };
                // Deflate64 has its own code for the longest match, so this is none of its streams.
                assert!(run(&zip, limits).2.unpacked() > 0);
            })
        };
        let (small, large) = (effort(1 << 20), effort(8 << 20));
        assert!(is_linear(small, large), "{name}: {small:?} for one mebioctet, {large:?} for eight");
        let data = vec![0; 4 << 20];
        let zip = zip_of(&[member("a", method, &pack(method, &data), &data)]);
        let (_, members, budget) = run(&zip, Limits { total: 2 << 20, ..Limits::default() });
        assert!(budget.unpacked() <= 2 << 20 && members.outcome("a").is_err(), "{name}");
    }
}

#[test]
fn time_counts_while_nothing_comes_out() {
    // Empty blocks of zstd: three octets each, and none comes out.
    let mut frame = b"\x28\xb5\x2f\xfd\0\x38".to_vec();
    frame.extend([0; 3].repeat(400_000));
    let zip = zip_of(&[member("a", 93, &frame, b"")]);
    let reads = std::sync::atomic::AtomicU64::new(0);
    let now = move || Duration::from_millis(reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let mut budget = Budget::new(Limits { duration: Duration::from_millis(30), ..Limits::default() }, now);
    let mut members = Collected::default();
    assert_eq!(unpack(Format::Zip, Cursor::new(&zip), &mut budget, &mut members), Err(Unscanned::Timeout));
    assert_eq!(members.outcome("a"), Err(Unscanned::Timeout));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_member_is_bounded(
        which in 0..METHODS.len(),
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let data = &text()[..3_000];
        let (method, _) = METHODS[which];
        let mut zip = zip_of(&[member("a", method, &pack(method, data), data)]);
        for (at, octet) in spoils {
            let at = at.index(zip.len());
            zip[at] = octet;
        }
        let (_, _, budget) = run(&zip, Limits { total: 10_000, members: 10, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 10_000 && budget.members() <= 10);
    }
}
