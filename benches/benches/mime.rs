//! How fast the MIME decoder reads raw message, in pieces as they come from a socket.
//!
//! The sink does with the data what a spool must at least do: it looks at each piece. Throughput is of raw message.
#![allow(missing_docs)] // criterion's macros make items without

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smtpgw_bench::message;
use smtpgw_mime::{Decoder, Dialect, Event, Limits, Sink};

/// Counts decoded octets.
struct Count(u64);

impl Sink for Count {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Data(octets) = event {
            self.0 += black_box(octets).len() as u64;
        }
    }
}

fn decode(raw: &[u8]) -> u64 {
    let mut decoder = Decoder::new(Limits::default(), Dialect::default());
    let mut count = Count(0);
    for piece in raw.chunks(PIECE) {
        decoder.push(piece, &mut count);
    }
    decoder.finish(&mut count);
    count.0
}

fn mime(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mime");
    for (name, raw, decoded) in [
        ("text-4KiB", message::text(4 << 10), 3_000..5_000),
        ("typical-75KiB", message::typical(), 50_000..75_000),
        ("quoted-printable-1MiB", message::quoted_printable(1 << 20), 800_000..1 << 20),
        ("base64-10MiB", message::attachment(10 << 20), 10 << 20..(10 << 20) + 100),
    ] {
        let out = decode(&raw);
        assert!(decoded.contains(&out), "{name}: {out} octets came out, so this would measure nothing");
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| decode(black_box(&raw))));
    }
    group.finish();
}

/// What one read of a busy socket brings.
const PIECE: usize = 64 << 10;

criterion_group!(benches, mime);
criterion_main!(benches);
