//! How fast containers are unpacked. Throughput is of what comes out.
#![allow(missing_docs)] // criterion's macros make items without
#![allow(clippy::expect_used)] // a bench says so by failing

use std::hint::black_box;
use std::io::{Cursor, Write as _};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smtpgw_archive::{Budget, Format, Limits, Member, Members, Unscanned, unpack};
use smtpgw_bench::message;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

struct Count(u64);

impl Members for Count {
    fn begin(&mut self, member: Member<'_>) {
        black_box(member);
    }
    fn data(&mut self, octets: &[u8]) {
        self.0 += black_box(octets).len() as u64;
    }
    fn end(&mut self, outcome: Result<(), Unscanned>) {
        assert_eq!(outcome, Ok(()));
    }
}

fn zip(members: usize, size: usize, method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for member in 0..members {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(format!("dir/{member}.txt"), options).expect("memory takes it");
        writer.write_all(&message::text(size)).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

fn archive(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("archive");
    for (name, members, size, method) in [
        ("zip-deflated-4MiB", 1, 4 << 20, CompressionMethod::Deflated),
        ("zip-stored-4MiB", 1, 4 << 20, CompressionMethod::Stored),
        ("zip-1000-members", 1_000, 1_000, CompressionMethod::Deflated),
    ] {
        let zip = zip(members, size, method);
        let run = || {
            let mut count = Count(0);
            let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
            let outcome = unpack(Format::Zip, Cursor::new(black_box(&zip)), &mut budget, &mut count);
            assert_eq!(outcome, Ok(()));
            count.0
        };
        group.throughput(Throughput::Bytes(run()));
        group.bench_function(name, |bencher| bencher.iter(run));
    }
    for (name, format, packed) in streams(4 << 20) {
        let run = || {
            let mut count = Count(0);
            let mut budget = Budget::new(Limits { ratio: u64::MAX, ..Limits::default() }, || Duration::ZERO);
            assert_eq!(unpack(format, Cursor::new(black_box(&packed)), &mut budget, &mut count), Ok(()));
            count.0
        };
        group.throughput(Throughput::Bytes(run()));
        group.bench_function(name, |bencher| bencher.iter(run));
    }
    group.finish();
}

/// The same text by every packer of streams.
fn streams(size: usize) -> [(&'static str, Format, Vec<u8>); 4] {
    let text = message::text(size);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&text).expect("memory takes it");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&text).expect("memory takes it");
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(6)).expect("a preset");
    xz.write_all(&text).expect("memory takes it");
    let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    [
        ("gzip-4MiB", Format::Gzip, gzip.finish().expect("memory takes it")),
        ("bzip2-4MiB", Format::Bzip2, bzip2.finish().expect("memory takes it")),
        ("xz-4MiB", Format::Xz, xz.finish().expect("memory takes it")),
        ("zstd-4MiB", Format::Zstd, zstd),
    ]
}

criterion_group!(benches, archive);
criterion_main!(benches);
