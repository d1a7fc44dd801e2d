//! Vectors of JA4's authors, a hand-made hello at every split, and octets of any kind.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use proptest::prelude::*;
use smtpgw_testkit::splits::every_split;

use super::*;

/// The outcome of reading these pieces.
fn read(pieces: &[&[u8]]) -> Option<Result<ClientHello, NoHello>> {
    let mut reader = Reader::new();
    pieces.iter().for_each(|piece| reader.read(piece));
    reader.outcome().map(|outcome| outcome.cloned())
}

/// A vector whose length takes two octets.
fn long(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes(), octets].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), long(data)].concat()
}

fn message(version: u16, suites: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut body = [version.to_be_bytes().to_vec(), vec![7; 32], vec![0], long(&suites), vec![1, 0]].concat();
    if !extensions.is_empty() {
        body.extend(long(&extensions.concat()));
    }
    [&[1, 0][..], &long(&body)].concat()
}

/// In records of at most `size` octets.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|piece| [&[22, 3, 1][..], &long(piece)].concat()).collect()
}

fn modern() -> Vec<u8> {
    let name = [vec![0], long(b"mx.example.org")].concat();
    let extensions = [
        extension(0x0a0a, &[]),
        extension(0, &long(&name)),
        extension(10, &long(&[0x4a, 0x4a, 0x11, 0xec, 0, 0x1d, 0x12, 0x34])),
        extension(16, &long(b"\x02h2\x08http/1.1")),
        extension(43, &[6, 0x5a, 0x5a, 3, 4, 3, 3]),
    ];
    message(0x0303, &[0x1a1a, 0x1302, 0x1301], &extensions)
}

#[test]
fn the_published_fingerprint() {
    // "t13d1516h2_8daaf6152771_e5627efa2ab1", the example of JA4's own description.
    let suites = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
        0x0035,
    ];
    let kinds = [
        0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
        0x000b, 0x000a, 0x0015,
    ];
    let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let found = fingerprint(&[0x0304, 0x0303], &suites, &kinds, &algorithms, Some(b"h2"));
    assert_eq!(found, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    assert_eq!(fingerprint(&[0x0301], &[], &[], &[], None), "t10i000000_000000000000_000000000000");
}

#[test]
fn a_modern_hello_in_any_records() {
    for size in [1, 7, 100, 16_384] {
        let mut input = records(&modern(), size);
        input.extend_from_slice(b"\x14\x03\x03\0\x01\x01behind it");
        let hello = read(&[&input]).unwrap().unwrap();
        assert_eq!(hello.versions, ["TLSv1.3", "TLSv1.2"]);
        assert_eq!(hello.sni.as_deref(), Some("mx.example.org"));
        assert_eq!(hello.groups, ["X25519MLKEM768", "x25519", "0x1234"]);
        assert_eq!(hello.alpn, ["h2", "http/1.1"]);
        assert!(hello.fingerprint.starts_with("t13d0204h2_"), "{}", hello.fingerprint);
        if size > 1 {
            every_split(&input, read);
        }
    }
}

#[test]
fn an_old_hello() {
    let hello = read(&[&records(&message(0x0301, &[0x002f], &[]), 16_384)]).unwrap().unwrap();
    assert_eq!((hello.versions, hello.sni), (vec!["TLSv1.0".to_owned()], None));
    assert!(hello.fingerprint.starts_with("t10i010000_"));
}

#[test]
fn what_is_none() {
    let cases: [(&[u8], Option<NoHello>); 10] = [
        (b"", None),
        (b"\x16\x03\x01", None),
        (b"EHLO x\r\n", Some(NoHello::NotTls)),
        (b"GET / HTTP/1.1\r\n", Some(NoHello::NotTls)),
        (b"\x16\x02\0\0\x01", Some(NoHello::NotTls)),
        (b"\x16\x03\x01\0\0", Some(NoHello::NotTls)),
        (b"\x16\x03\x01\xff\xff", Some(NoHello::NotTls)),
        (b"\x80\x2e\x01\x03\x01\0", Some(NoHello::Ssl2)),
        (b"\x16\x03\x01\0\x01\x02", Some(NoHello::Other)),
        (b"\x16\x03\x01\0\x04\x01\x01\0\0", Some(NoHello::TooLong)),
    ];
    for (input, expected) in cases {
        assert_eq!(every_split(input, read), expected.map(Err), "{input:?}");
    }
    let mut cut = modern();
    cut.truncate(60);
    cut[2..4].copy_from_slice(&56_u16.to_be_bytes());
    assert_eq!(read(&[&records(&cut, 100)]), Some(Err(NoHello::Malformed)));
}

proptest! {
    #[test]
    fn whole_equals_any_chunking(
        flips in prop::collection::vec((0_usize..400, any::<u8>()), 0..4),
        size in 1_usize..200,
        chunk in 1_usize..50,
    ) {
        let mut input = records(&modern(), size);
        for (at, value) in flips {
            let length = input.len();
            input[at % length] = value;
        }
        let pieces: Vec<&[u8]> = input.chunks(chunk).collect();
        prop_assert_eq!(read(&[&input]), read(&pieces));
    }

    #[test]
    fn any_octets(input in prop::collection::vec(any::<u8>(), 0..300), chunk in 1_usize..20) {
        let pieces: Vec<&[u8]> = input.chunks(chunk).collect();
        prop_assert_eq!(read(&[&input]), read(&pieces));
    }
}
