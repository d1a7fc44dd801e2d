//! Cabinets put together by hand.

use std::io::Write as _;

use smtpgw_archive::{Format, Limits, Unscanned};
use smtpgw_testkit::effort::{is_linear, quickest};

use crate::{generous, open_as};

/// A file: its name, where it begins in the folder, how long it is, which folder.
type File<'a> = (&'a str, u32, u32, u16);

/// One folder of blocks, each packed and its size unpacked.
fn cabinet(packing: u16, blocks: &[(Vec<u8>, u16)], files: &[File<'_>]) -> Vec<u8> {
    let list: Vec<u8> = files
        .iter()
        .flat_map(|(name, offset, size, folder)| {
            let mut file = [size.to_le_bytes(), offset.to_le_bytes()].concat();
            file.extend(folder.to_le_bytes());
            file.extend([0, 0, 0, 0, 0x20, 0]);
            file.extend(name.as_bytes());
            file.push(0);
            file
        })
        .collect();
    let data: Vec<u8> = blocks
        .iter()
        .flat_map(|(packed, size)| {
            let length = u16::try_from(packed.len()).unwrap().to_le_bytes();
            [&[0; 4][..], &length, &size.to_le_bytes(), packed].concat()
        })
        .collect();
    let data_at = 36 + 8 + list.len();
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let short = |value: usize| u16::try_from(value).unwrap().to_le_bytes();
    let mut cabinet = b"MSCF\0\0\0\0".to_vec();
    cabinet.extend([number(data_at + data.len()), [0; 4], number(44), [0; 4]].concat());
    cabinet.extend([3, 1, 1, 0]);
    cabinet.extend([short(files.len()), [0; 2], [7, 7], [0; 2]].concat());
    cabinet.extend([&number(data_at)[..], &short(blocks.len()), &packing.to_le_bytes()].concat());
    [cabinet, list, data].concat()
}

fn mszip(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::DeflateEncoder::new(b"CK".to_vec(), flate2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn mszip_blocks(data: &[u8]) -> Vec<(Vec<u8>, u16)> {
    data.chunks(32 << 10).map(|block| (mszip(block), u16::try_from(block.len()).unwrap())).collect()
}

#[test]
fn lzx() {
    // No translation of calls, then a block that is not packed (MS-PATCH §2.3): three bits of kind, 24 of its size, up
    // to the next word, three offsets, and the octets.
    let bits = 0b011u32 << 28 | 5 << 4;
    let words = [bits >> 16, bits & 0xffff].map(|word| u16::try_from(word).unwrap().to_le_bytes()).concat();
    let packed = [&words[..], &[1, 0, 0, 0].repeat(3), b"hello\0"].concat();
    let made = cabinet(3 | 15 << 8, &[(packed, 5)], &[("a", 0, 5, 0)]);
    let (outcome, members, _) = open_as(Format::Cab, &made, Limits::default());
    assert_eq!((outcome, members.outcome("a"), members.data("a")), (Ok(()), Ok(()), &b"hello"[..]));
    let unknown = cabinet(2, &[(vec![0; 9], 5)], &[("a", 0, 5, 0)]);
    assert_eq!(open_as(Format::Cab, &unknown, Limits::default()).1.outcome("a"), Err(Unscanned::Unhandled), "Quantum");
}

#[test]
fn blocks_know_those_before_them() {
    let text: Vec<u8> = (0..20_000u32).flat_map(|n| format!("{n},").into_bytes()).collect();
    let mut blocks = Vec::new();
    for (n, block) in text.chunks(32 << 10).enumerate() {
        let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
        if n > 0 {
            deflate.set_dictionary(&text[(n - 1) << 15..n << 15]).unwrap();
        }
        let mut packed = vec![0; 40_000];
        deflate.compress(block, &mut packed, flate2::FlushCompress::Finish).unwrap();
        packed.truncate(usize::try_from(deflate.total_out()).unwrap());
        blocks.push(([b"CK", &packed[..]].concat(), u16::try_from(block.len()).unwrap()));
    }
    let size = u32::try_from(text.len()).unwrap();
    let (outcome, members, _) = open_as(Format::Cab, &cabinet(1, &blocks, &[("a", 0, size, 0)]), Limits::default());
    assert_eq!((outcome, members.outcome("a")), (Ok(()), Ok(())));
    assert!(members.data("a") == text);
}

#[test]
fn stretches_may_overlap_and_stand_in_any_order() {
    let files = [("all", 0, 10, 0), ("world", 5, 5, 0), ("hello", 0, 5, 0), ("beyond", 8, 5, 0), ("nowhere", 0, 1, 3)];
    let made = cabinet(0, &[(b"helloworld".to_vec(), 10)], &files);
    let (outcome, members, _) = open_as(Format::Cab, &made, Limits::default());
    assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted), "a folder that is not there");
    for (name, data) in [("all", &b"helloworld"[..]), ("hello", b"hello"), ("world", b"world")] {
        assert_eq!((members.data(name), members.outcome(name)), (data, Ok(())));
    }
    assert_eq!((members.data("beyond"), members.outcome("beyond")), (&b"ld"[..], Err(Unscanned::PartiallyCorrupted)));
    assert_eq!(members.outcome("nowhere"), Err(Unscanned::Corrupted));
}

#[test]
fn volumes_are_told() {
    let made = cabinet(0, &[(b"hello".to_vec(), 5)], &[("a", 0, 5, 0), ("b", 0, 5, 0xfffd)]);
    let (outcome, members, _) = open_as(Format::Cab, &made, Limits::default());
    assert_eq!((outcome, members.data("a")), (Err(Unscanned::Multipart), &b"hello"[..]));
    assert_eq!(members.outcome("b"), Err(Unscanned::Multipart));
    // A block whose rest is in the next one.
    let made = cabinet(1, &[(mszip(b"hello"), 5), (b"CK".to_vec(), 0)], &[("a", 0, 5, 0), ("b", 5, 5, 0)]);
    let (_, members, _) = open_as(Format::Cab, &made, Limits::default());
    assert_eq!((members.data("a"), members.outcome("b")), (&b"hello"[..], Err(Unscanned::Multipart)));
}

#[test]
fn damage_keeps_what_is_before_it() {
    let blocks = [(mszip(b"hello"), 5), (b"CKjunk".to_vec(), 5), (mszip(b"again"), 5)];
    let made = cabinet(1, &blocks, &[("a", 0, 5, 0), ("b", 5, 5, 0), ("c", 10, 5, 0)]);
    let (_, members, _) = open_as(Format::Cab, &made, Limits::default());
    assert_eq!((members.data("a"), members.outcome("a")), (&b"hello"[..], Ok(())));
    assert!(members.outcome("b").is_err() && members.outcome("c").is_err());
    // A sum that is wrong: the octets come, and the outcome says so.
    let mut made = cabinet(0, &[(b"hello".to_vec(), 5)], &[("a", 0, 5, 0)]);
    let at = made.len() - 5 - 8;
    made[at] = 1;
    let (_, members, _) = open_as(Format::Cab, &made, Limits::default());
    assert_eq!((members.data("a"), members.outcome("a")), (&b"hello"[..], Err(Unscanned::PartiallyCorrupted)));
}

#[test]
fn bombs_take_linear_time() {
    let effort = |octets: u32| {
        let blocks = mszip_blocks(&vec![0; octets as usize]);
        let made = cabinet(1, &blocks, &[("a", 0, octets, 0)]);
        quickest(|| assert_eq!(open_as(Format::Cab, &made, generous()).2.unpacked(), u64::from(octets)))
    };
    let (small, large) = (effort(1 << 20), effort(8 << 20));
    assert!(is_linear(small, large), "{small:?} for one mebioctet, {large:?} for eight");
    // Each stretch begins before the one before it ends: the folder would be unpacked for each.
    let blocks = mszip_blocks(&vec![0; 4 << 20]);
    let names: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let files: Vec<File<'_>> =
        names.iter().zip(0u32..).map(|(name, n)| (name.as_str(), (3 << 20) + n, 10, 0)).collect();
    let made = cabinet(1, &blocks, &files);
    let (_, members, _) = open_as(Format::Cab, &made, generous());
    let refused = members.0.iter().filter(|member| member.2 == Some(Err(Unscanned::Mailbomb))).count();
    assert!(members.0.len() == 5_000 && refused > 4_900, "{refused}");
}
