//! How fast content and commands go through the machines: `cargo run --release -p smtpgw-smtp --example throughput`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A program for developers.

use std::hint::black_box;
use std::time::{Duration, Instant};

use smtpgw_smtp::{ContentWriter, Limits, Offer, Server, ServerEvent, ServerOptions, StateName, replies};

fn server() -> Server {
    let limits = Limits { message_size: u64::MAX, transactions: u32::MAX, junk: u32::MAX, ..Limits::default() };
    let options = ServerOptions { hostname: "mx.example".into(), limits, ..ServerOptions::default() };
    Server::new(options, Offer { pipelining: true, ..Offer::default() })
}

/// Feeds `input` in pieces of `piece` octets, accepts everything, and gives the octets of content.
fn feed(server: &mut Server, input: &[u8], piece: usize) -> usize {
    let mut content = 0;
    let (mut at, mut shown) = (0, 0);
    while shown < input.len() {
        shown = (shown + piece).min(input.len());
        loop {
            let received = server.receive(&input[at..shown]);
            at += received.consumed;
            match received.event {
                Some(ServerEvent::Content(octets)) => content += black_box(octets).len(),
                Some(ServerEvent::Mail { reverse_path, .. }) => {
                    black_box(reverse_path);
                    server.reply(&replies::SENDER_OK);
                }
                Some(ServerEvent::Recipient { forward_path, .. }) => {
                    black_box(forward_path);
                    server.reply(&replies::RECIPIENT_OK);
                }
                Some(ServerEvent::Data) => server.start_content(),
                Some(ServerEvent::EndOfData) => server.reply(&replies::MESSAGE_OK),
                Some(_) => {}
                None if received.consumed == 0 => break,
                None => {}
            }
            black_box(server.output()).clear();
        }
    }
    content
}

/// The best of several runs.
fn best(mut run: impl FnMut()) -> Duration {
    let once = |run: &mut dyn FnMut()| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..15).map(|_| once(&mut run)).min().unwrap()
}

fn main() {
    let size = 32 << 20;
    for (name, line) in [
        ("76 columns (base64)", [b"x".repeat(76), b"\r\n".to_vec()].concat()),
        ("40 columns (text)", [b"x".repeat(40), b"\r\n".to_vec()].concat()),
        ("998 columns", [b"x".repeat(998), b"\r\n".to_vec()].concat()),
        ("stuffed lines of 40", [b"..".to_vec(), b"x".repeat(38), b"\r\n".to_vec()].concat()),
        ("empty lines", b"\r\n".to_vec()),
    ] {
        let content = line.repeat(size / line.len());
        let wire = [&content[..], b".\r\n"].concat();
        for piece in [16 << 10, 256 << 10] {
            let time = best(|| {
                let mut server = server();
                feed(&mut server, b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", 4096);
                assert_eq!(server.state(), StateName::Content);
                feed(&mut server, &wire, piece);
                assert_eq!(server.state(), StateName::Ready);
            });
            let rate = content.len() as f64 / time.as_secs_f64() / 1e9;
            println!("read  {name:22} pieces of {:3} KiB {rate:6.2} GB/s", piece >> 10);
        }
        let mut out = Vec::with_capacity(1 << 20);
        let time = best(|| {
            let mut writer = ContentWriter::new();
            for piece in content.chunks(64 << 10) {
                out.clear();
                writer.write(piece, &mut out);
            }
            writer.finish(&mut out);
        });
        let rate = content.len() as f64 / time.as_secs_f64() / 1e9;
        println!("write {name:22} pieces of  64 KiB {rate:6.2} GB/s");
    }
    let transaction =
        b"MAIL FROM:<sender@client.example> SIZE=1000\r\nRCPT TO:<user@example.org>\r\nDATA\r\nx\r\n.\r\n";
    let count = 100_000;
    let many = transaction.repeat(count);
    let time = best(|| {
        let mut server = server();
        feed(&mut server, b"EHLO c\r\n", 4096);
        feed(&mut server, &many, 64 << 10);
    });
    println!("transactions of one recipient: {:.0} ns each", time.as_nanos() as f64 / count as f64);
    println!("size of an idle server machine: {} octets", size_of::<Server>());
}
