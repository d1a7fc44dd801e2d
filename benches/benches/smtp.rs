//! How fast the two SMTP machines run: the server's content path and command path, the client's way out.
#![allow(missing_docs)] // criterion's macros make items without
#![allow(clippy::expect_used)] // a bench says so by failing

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smtpgw_bench::{content, message};
use smtpgw_smtp::{
    ContentWriter, EnhancedStatusCode, Limits, Offer, Reply, ReplyCode, Server, ServerEvent, ServerOptions,
};

fn server() -> Server {
    let limits = Limits { transactions: u32::MAX, message_size: 1 << 30, ..Limits::default() };
    let offer = Offer { size: 1 << 30, pipelining: true, eight_bit_mime: true, ..Offer::default() };
    Server::new(ServerOptions { hostname: "mx.example.org".into(), limits, ..ServerOptions::default() }, offer)
}

/// Feeds `input` and answers whatever wants an answer; returns the octets of content.
fn drive(server: &mut Server, mut input: &[u8], ok: &Reply) -> u64 {
    let mut octets = 0;
    loop {
        let received = server.receive(input);
        if received.consumed == 0 && received.event.is_none() {
            assert!(input.is_empty(), "{} octets are left over", input.len());
            server.output().clear();
            return octets;
        }
        input = &input[received.consumed..];
        match received.event {
            Some(ServerEvent::Mail { .. } | ServerEvent::Recipient { .. } | ServerEvent::EndOfData) => server.reply(ok),
            Some(ServerEvent::Data) => server.start_content(),
            Some(ServerEvent::Content(content)) => octets += black_box(content).len() as u64,
            Some(ServerEvent::Hello { .. } | ServerEvent::Answered(Ok(()))) | None => {}
            Some(other) => panic!("{other:?}"),
        }
    }
}

fn smtp(criterion: &mut Criterion) {
    let ok = Reply::new(ReplyCode::new(250).expect("a code"), EnhancedStatusCode::new(2, 0, 0), "OK");
    let mut group = criterion.benchmark_group("smtp");
    for (name, raw) in
        [("content-text-1MiB", message::text(1 << 20)), ("content-base64-10MiB", message::attachment(10 << 20))]
    {
        let wire = content::wire_form(&raw);
        group.throughput(Throughput::Bytes(wire.len() as u64));
        group.bench_function(name, |bencher| {
            let mut server = server();
            drive(&mut server, b"EHLO load.example.net\r\n", &ok);
            bencher.iter(|| {
                drive(&mut server, ENVELOPE, &ok);
                let octets: u64 = wire.chunks(PIECE).map(|piece| drive(&mut server, black_box(piece), &ok)).sum();
                assert_eq!(octets, raw.len() as u64);
            });
        });
        group.bench_function(name.replace("content", "write"), |bencher| {
            let mut out = Vec::with_capacity(wire.len());
            bencher.iter(|| {
                out.clear();
                let mut writer = ContentWriter::new();
                raw.chunks(PIECE).for_each(|piece| writer.write(black_box(piece), &mut out));
                let _ = writer.finish(&mut out);
                assert_eq!(out.len(), wire.len());
            });
        });
    }

    group.throughput(Throughput::Elements(1));
    let transaction = [ENVELOPE, b"x\r\n.\r\n"].concat();
    group.bench_function("commands-of-a-transaction", |bencher| {
        let mut server = server();
        drive(&mut server, b"EHLO load.example.net\r\n", &ok);
        bencher.iter(|| drive(&mut server, black_box(&transaction), &ok));
    });
    group.bench_function("connection", |bencher| {
        bencher.iter(|| {
            let mut server = server();
            drive(&mut server, b"EHLO load.example.net\r\n", &ok)
        });
    });
    group.finish();
}

const ENVELOPE: &[u8] =
    b"MAIL FROM:<sender@example.net> SIZE=4096 BODY=8BITMIME\r\nRCPT TO:<recipient@example.org>\r\nDATA\r\n";

/// What one read of a busy socket brings.
const PIECE: usize = 64 << 10;

criterion_group!(benches, smtp);
criterion_main!(benches);
