//! Streams and tars made to cost more than they weigh: at eight times the size they cost about eight times as much.
//! Other formats have theirs beside their other tests.
#![allow(clippy::unwrap_used)] // a test says so by failing

use std::io::{Cursor, Write as _};
use std::time::Duration;

use smtpgw_archive::{Budget, Format, Limits, Member, Members, Unscanned, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};

/// Counts what comes out.
#[derive(Default)]
struct Count(usize);

impl Members for Count {
    fn begin(&mut self, _: Member<'_>) {}
    fn data(&mut self, octets: &[u8]) {
        self.0 += octets.len();
    }
    fn end(&mut self, _: Result<(), Unscanned>) {}
}

/// Opens a bomb at two sizes; the large one has to give so many octets.
fn linear(what: &str, format: Format, bomb: impl Fn(usize) -> Vec<u8>, small: usize, octets: usize) {
    let limits = || Limits { total: u64::MAX, member: u64::MAX, ratio: u64::MAX, ..Limits::default() };
    let open = |packed: &[u8]| {
        let mut count = Count::default();
        _ = unpack(format, Cursor::new(packed), &mut Budget::new(limits(), || Duration::ZERO), &mut count);
        count.0
    };
    let (little, much) = (bomb(small), bomb(8 * small));
    assert_eq!(open(&much), octets, "{what}, {}", format.name());
    let (little, much) = (quickest(|| _ = open(&little)), quickest(|| _ = open(&much)));
    assert!(is_linear(little, much), "{what}, {}: {little:?} at {small}, {much:?} at eight times that", format.name());
}

fn pack(format: Format, data: &[u8]) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        Format::Bzip2 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        Format::Xz => {
            let mut options = lzma_rust2::XzOptions::with_preset(0);
            options.lzma_options.dict_size = 1 << 16;
            let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            writer.write_all(data).unwrap();
            writer.finish().unwrap()
        }
        Format::Zstd => ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest),
        _ => unreachable!("not a stream"),
    }
}

#[test]
fn streams() {
    for format in [Format::Gzip, Format::Bzip2, Format::Xz, Format::Zstd] {
        linear("zeros", format, |octets| pack(format, &vec![0; octets]), 1 << 20, 8 << 20);
        linear("streams of one octet", format, |streams| pack(format, b"x").repeat(streams), 60, 480);
    }
    // Of gzip's header: a name without end, and fields for extras behind one another.
    let name = |octets: usize| [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], &vec![b'n'; octets]].concat();
    linear("a name without end", Format::Gzip, name, 1 << 20, 0);
    let skipped = |frames: usize| b"\x50\x2a\x4d\x18\0\0\0\0".repeat(frames);
    linear("frames to skip", Format::Zstd, skipped, 1_000, 0);
}

#[test]
fn tars() {
    let block = |name: &str, kind: u8, size: usize| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(size as u64);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let padded = |mut data: Vec<u8>| {
        data.resize(data.len().next_multiple_of(512), 0);
        data
    };
    let file = [block("x", b'0', 1), padded(b"x".to_vec())].concat();
    linear("members", Format::Tar, |members| file.repeat(members), 1_000, 8_000);
    linear("empty members", Format::Tar, |members| block("x", b'0', 0).repeat(members), 1_000, 0);
    let records = |records: usize| {
        let data = b"12 path=abc\n".repeat(records);
        [block("p", b'x', data.len()), padded(data), file.clone()].concat()
    };
    linear("records of pax", Format::Tar, records, 500, 1);
    let names = |names: usize| {
        let name = [block("l", b'L', 400), padded(vec![b'n'; 400])].concat();
        [name.repeat(names), file.clone()].concat()
    };
    linear("long names", Format::Tar, names, 1_000, 1);
}
