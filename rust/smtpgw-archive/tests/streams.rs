//! Files of packed streams: what the formats' own programs write, cut, spoilt and blown up.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::{Cursor, Write as _};
use std::time::Duration;

use collected::Collected;
use proptest::prelude::*;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, detect, unpack};

const FORMATS: [Format; 4] = [Format::Gzip, Format::Bzip2, Format::Xz, Format::Zstd];

fn pack(format: Format, data: &[u8]) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let mut writer =
                flate2::GzBuilder::new().filename("dir/a.txt").write(Vec::new(), flate2::Compression::best());
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        Format::Bzip2 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        Format::Xz => xz(data, 1 << 20),
        Format::Zstd => ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest),
        _ => unreachable!("not a stream"),
    }
}

/// A `.lzma` file: the size stands in the header, or a mark at the end.
fn lzma(data: &[u8], is_sized: bool) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let size = is_sized.then_some(data.len() as u64);
    let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, size).unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn xz(data: &[u8], dictionary: u32) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.lzma_options.dict_size = dictionary;
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn run(format: Format, packed: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(format, Cursor::new(packed), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members, budget)
}

/// The only member: its octets and its outcome.
fn only(format: Format, packed: &[u8]) -> (Vec<u8>, Result<(), Unscanned>) {
    let (outcome, mut members, _) = run(format, packed, Limits::default());
    assert_eq!((outcome, members.0.len()), (Ok(()), 1), "{}", format.name());
    let (_, data, outcome) = members.0.remove(0);
    (data, outcome.unwrap())
}

fn text() -> Vec<u8> {
    (0..4_000u32).flat_map(|n| format!("line {n} of {}\n", n.wrapping_mul(n) % 977).into_bytes()).collect()
}

#[test]
fn what_is_packed_comes_out() {
    for format in FORMATS {
        for data in [&b""[..], b"x", &text()] {
            let packed = pack(format, data);
            assert_eq!(detect(&packed, &packed), Some(format));
            assert_eq!(only(format, &packed), (data.to_vec(), Ok(())), "{}", format.name());
        }
    }
}

#[test]
fn lzma_with_and_without_a_size() {
    let data = text();
    for is_sized in [true, false] {
        let packed = lzma(&data, is_sized);
        assert_eq!(detect(&packed, &packed), Some(Format::Lzma));
        assert_eq!(only(Format::Lzma, &packed), (data.clone(), Ok(())));
        for length in [18, 100, packed.len() / 2, packed.len() - 20] {
            let (given, outcome) = only(Format::Lzma, &packed[..length]);
            assert!(outcome.is_err() && data.starts_with(&given), "cut at {length}");
        }
    }
}

/// 7-Zip takes one behind the other; the library reads ahead.
#[test]
fn nothing_hides_behind_the_first_stream_of_lzma() {
    for is_sized in [false, true] {
        for (one, two) in [(text(), b"MZ".repeat(99)), (b"x".to_vec(), text()), (Vec::new(), text())] {
            let both = [lzma(&one, is_sized), lzma(&two, is_sized)].concat();
            assert_eq!(only(Format::Lzma, &both), ([&one[..], &two].concat(), Ok(())), "{is_sized}");
            let more = [&lzma(&one, is_sized)[..], b"something that is no stream"].concat();
            let (given, outcome) = only(Format::Lzma, &more);
            assert_eq!((given.starts_with(&one), outcome.is_err()), (true, true), "{is_sized}");
        }
    }
}

#[test]
fn what_came_before_the_damage_comes_out() {
    // Random octets do not pack, so half of the file is half of the content.
    let mut state = 1u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let data: Vec<u8> = noise.take(600_000).collect();
    for (format, kept) in [(Format::Gzip, 299_000), (Format::Xz, 299_000), (Format::Zstd, 131_072)] {
        let mut packed = pack(format, &data);
        packed.truncate(packed.len() / 2);
        let (given, outcome) = only(format, &packed);
        assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted), "{}", format.name());
        assert!(data.starts_with(&given) && given.len() > kept, "{} kept {}", format.name(), given.len());
    }
}

#[test]
fn the_name_is_that_of_the_header() {
    let (_, members, _) = run(Format::Gzip, &pack(Format::Gzip, b"x"), Limits::default());
    assert_eq!((members.outcome("dir/a.txt"), members.data("dir/a.txt")), (Ok(()), &b"x"[..]));
    let (_, members, _) = run(Format::Xz, &pack(Format::Xz, b"x"), Limits::default());
    assert_eq!(members.outcome("content"), Ok(()));
}

#[test]
fn nothing_hides_behind_the_first_stream() {
    for format in FORMATS {
        let (empty, one, two) = (pack(format, b""), pack(format, b"one"), pack(format, b"two"));
        let packed = [&empty[..], &one, &[0; 8], &two, &[0; 4]].concat();
        assert_eq!(detect(&packed, b""), Some(format));
        assert_eq!(only(format, &packed), (b"onetwo".to_vec(), Ok(())), "{}", format.name());
        // What is no stream is told, and what came before stays.
        let packed = [&one[..], b"something else entirely"].concat();
        assert_eq!(only(format, &packed), (b"one".to_vec(), Err(Unscanned::PartiallyCorrupted)), "{}", format.name());
    }
    let skippable = [&b"\x5f\x2a\x4d\x18\x03\0\0\0abc"[..], &pack(Format::Zstd, b"x")].concat();
    assert_eq!(detect(&skippable, b""), Some(Format::Zstd));
    assert_eq!(only(Format::Zstd, &skippable), (b"x".to_vec(), Ok(())));
    assert_eq!(only(Format::Zstd, &skippable[..10]).1, Err(Unscanned::Corrupted), "skipped beyond the end");
}

#[test]
fn a_cut_stream_is_never_complete() {
    let data = &text()[..3_000];
    for format in FORMATS {
        let packed = pack(format, data);
        for length in 0..packed.len() {
            let (given, outcome) = only(format, &packed[..length]);
            let reason = if given.is_empty() { Unscanned::Corrupted } else { Unscanned::PartiallyCorrupted };
            assert_eq!(outcome, Err(reason), "{} cut at {length} of {}", format.name(), packed.len());
            assert!(data.starts_with(&given), "{} cut at {length}", format.name());
        }
    }
}

#[test]
fn a_wrong_checksum_is_damage() {
    let data = text();
    for (format, from_end) in [(Format::Gzip, 8), (Format::Bzip2, 2), (Format::Zstd, 1)] {
        let mut packed = pack(format, &data);
        let at = packed.len() - from_end;
        packed[at] ^= 0x10;
        let (given, outcome) = only(format, &packed);
        assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted), "{}", format.name());
        // A decoder may keep what it held when it found the damage.
        assert!(data.starts_with(&given) && given.len() + (32 << 10) >= data.len(), "{}", format.name());
    }
    // The check of an xz block stands before the index; an octet in the midst of the block is what it sums.
    let mut packed = pack(Format::Xz, &data);
    let at = packed.len() / 2;
    packed[at] ^= 0x10;
    let (given, outcome) = only(Format::Xz, &packed);
    assert!(outcome.is_err() && given != data);
}

#[test]
fn a_bomb_stops_at_the_budget() {
    let zeros = vec![0; 8 << 20];
    for format in FORMATS {
        let packed = pack(format, &zeros);
        let limits = Limits { total: 3 << 20, ratio: u64::MAX, ..Limits::default() };
        let (outcome, members, budget) = run(format, &packed, limits);
        assert_eq!((outcome, budget.unpacked()), (Err(Unscanned::Mailbomb), 3 << 20), "{}", format.name());
        assert_eq!(members.0[0].2, Some(Err(Unscanned::Mailbomb)));
        // One member's limit, spread over several streams, is still one member's.
        let small = pack(format, &zeros[..1 << 20]).repeat(4);
        let limits = Limits { member: 2 << 20, ratio: u64::MAX, ..Limits::default() };
        let (outcome, members, budget) = run(format, &small, limits);
        assert_eq!((outcome, budget.unpacked()), (Ok(()), 2 << 20), "{}", format.name());
        assert_eq!(members.0[0].2, Some(Err(Unscanned::Mailbomb)));
    }
    let (_, members, budget) = run(Format::Bzip2, &pack(Format::Bzip2, &zeros), Limits::default());
    assert_eq!((members.0[0].2, budget.unpacked()), (Some(Err(Unscanned::Mailbomb)), 1 << 20), "the ratio");
}

#[test]
fn a_window_beyond_the_limit_is_not_allocated() {
    // A frame that declares a window of 128 MiB (RFC 8878 §3.1.1.1.2), and one raw last block of one octet.
    let frame = |window: u8| [&b"\x28\xb5\x2f\xfd\0"[..], &[window], b"\x09\0\0x"].concat();
    assert_eq!(only(Format::Zstd, &frame(16 << 3)), (b"x".to_vec(), Ok(())), "64 MiB");
    assert_eq!(only(Format::Zstd, &frame(17 << 3)), (Vec::new(), Err(Unscanned::Mailbomb)), "128 MiB");
    assert_eq!(only(Format::Zstd, &frame(0xff)), (Vec::new(), Err(Unscanned::Mailbomb)), "as large as can be said");
    // The dictionary of xz stands in the block's header: filter 0x21, one octet of properties, its size.
    let mut packed = pack(Format::Xz, b"x");
    let at = (12..24).find(|&at| packed[at..].starts_with(b"\x21\x01")).expect("the filter") + 2;
    let end = 12 + (usize::from(packed[12]) + 1) * 4 - 4;
    for (size, outcome) in [(28, Ok(())), (30, Err(Unscanned::Mailbomb)), (40, Err(Unscanned::Mailbomb))] {
        packed[at] = size;
        let mut sum = flate2::Crc::new();
        sum.update(&packed[12..end]);
        packed[end..end + 4].copy_from_slice(&sum.sum().to_le_bytes());
        assert_eq!(only(Format::Xz, &packed).1, outcome, "dictionary {size}");
    }
}

#[test]
fn streams_without_end_are_too_many() {
    let packed = b"\x50\x2a\x4d\x18\0\0\0\0".repeat(20_000);
    let (outcome, members, _) = run(Format::Zstd, &packed, Limits::default());
    assert_eq!((outcome, members.0[0].2), (Err(Unscanned::FilesLimit), Some(Err(Unscanned::FilesLimit))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_stream_is_bounded(
        which in 0..4usize,
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let data = &text()[..3_000];
        let format = FORMATS[which];
        let mut packed = pack(format, data);
        for (at, octet) in spoils {
            let at = at.index(packed.len());
            packed[at] = octet;
        }
        let (outcome, _, budget) = run(format, &packed, Limits { total: 10_000, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 10_000 && budget.members() == 1);
        prop_assert!(matches!(outcome, Ok(()) | Err(Unscanned::Mailbomb)));
    }
}
