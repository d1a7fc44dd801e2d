//! Sparse files in tars, in the four forms that GNU tar writes.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, unpack};
use tar::{Builder, EntryType, Header};

fn untar(tar: &[u8]) -> (Result<(), Unscanned>, Collected) {
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Tar, Cursor::new(tar), &mut budget, &mut members);
    (outcome, members)
}

/// A piece at each offset; the file ends with a hole.
const PIECES: [(u64, &[u8]); 3] = [(0, b"front"), (1_000, b"mark"), (70_000, b"er")];
const SIZE: u64 = 70_100;

fn whole() -> Vec<u8> {
    let mut whole = vec![0; usize::try_from(SIZE).unwrap()];
    for (offset, piece) in PIECES {
        whole[usize::try_from(offset).unwrap()..][..piece.len()].copy_from_slice(piece);
    }
    whole
}

fn condensed() -> Vec<u8> {
    PIECES.iter().flat_map(|(_, piece)| piece.iter().copied()).collect()
}

fn numbers() -> impl Iterator<Item = u64> {
    PIECES.iter().flat_map(|(offset, piece)| [*offset, piece.len() as u64])
}

/// A member with records of pax before it.
fn pax(records: &[(String, String)], octets: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    builder.append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), value.as_bytes()))).unwrap();
    let mut header = Header::new_ustar();
    header.set_size(octets.len() as u64);
    builder.append_data(&mut header, "GNUSparseFile.0/a.bin", octets).unwrap();
    builder.into_inner().unwrap()
}

fn record(key: &str, value: impl ToString) -> (String, String) {
    (format!("GNU.sparse.{key}"), value.to_string())
}

fn old_gnu(pieces: &[(u64, u64)], size: u64, octets: &[u8]) -> Vec<u8> {
    let field = |number: u64| format!("{number:011o}\0").into_bytes();
    let map = |pieces: &[(u64, u64)]| {
        pieces.iter().flat_map(|&(at, length)| [field(at), field(length)].concat()).collect::<Vec<_>>()
    };
    let mut header = Header::new_gnu();
    header.set_path("a.bin").unwrap();
    header.set_size(octets.len() as u64);
    header.set_entry_type(EntryType::GNUSparse);
    let (own, more) = pieces.split_at(pieces.len().min(4));
    let block = header.as_mut_bytes();
    let own = map(own);
    block[386..386 + own.len()].copy_from_slice(&own);
    block[482] = u8::from(!more.is_empty());
    block[483..495].copy_from_slice(&field(size));
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    for (index, some) in more.chunks(21).enumerate() {
        let mut block = [0; 512];
        let some = map(some);
        block[..some.len()].copy_from_slice(&some);
        block[504] = u8::from((index + 1) * 21 < more.len());
        tar.extend(block);
    }
    tar.extend(octets);
    tar.resize(tar.len().next_multiple_of(512), 0);
    [tar, vec![0; 1_024]].concat()
}

#[test]
fn they_come_out_with_their_holes_and_without() {
    let listed: Vec<String> = numbers().map(|number| number.to_string()).collect();
    let map = record("map", listed.join(","));
    let mut in_front = format!("{}\n{}\n", PIECES.len(), listed.join("\n")).into_bytes();
    in_front.resize(512, 0);
    in_front.extend(condensed());
    let mut each = vec![record("size", SIZE), record("numblocks", 3)];
    for (offset, piece) in PIECES {
        each.extend([record("offset", offset), record("numbytes", piece.len())]);
    }
    let named = record("name", "a.bin");
    let front = [record("major", 1), record("minor", 0), named.clone(), record("realsize", SIZE)];
    let pieces: Vec<_> = PIECES.iter().map(|(offset, piece)| (*offset, piece.len() as u64)).collect();
    for (tar, name, octets) in [
        (old_gnu(&pieces, SIZE, &condensed()), "a.bin", condensed()),
        (pax(&each, &condensed()), "GNUSparseFile.0/a.bin", condensed()),
        (pax(&[record("size", SIZE), map, named], &condensed()), "a.bin", condensed()),
        (pax(&front, &in_front), "a.bin", in_front),
    ] {
        let (outcome, members) = untar(&tar);
        assert_eq!(outcome, Ok(()));
        let shown: Vec<_> = members.0.iter().map(|(name, data, end)| (name.as_str(), data, *end)).collect();
        assert_eq!(shown, [(name, &whole(), Some(Ok(()))), (name, &octets, Some(Ok(())))]);
    }
}

#[test]
fn a_map_that_goes_on_is_followed() {
    let pieces: Vec<_> = (0..60).map(|index| (index * 2, 1)).collect();
    let octets: Vec<u8> = (1..61).collect();
    let (outcome, members) = untar(&old_gnu(&pieces, 119, &octets));
    let whole: Vec<u8> = (1..61).flat_map(|octet| [octet, 0]).take(119).collect();
    assert_eq!((outcome, &members.0[0].1, &members.0[1].1), (Ok(()), &whole, &octets));
}

#[test]
fn what_is_all_hole_or_has_no_sound_map_is_shown_as_it_lies_and_told() {
    let pieces = |list: &[(u64, u64)], size| old_gnu(list, size, b"hello");
    for tar in [
        pieces(&[(0, 5)], 1 << 32),
        pieces(&[(0, 5)], 4),
        pieces(&[(0, 4)], 10),
        pieces(&[(7, 2), (0, 3)], 10),
        pieces(&[(u64::from(u32::MAX), 5)], 10),
        pieces(&[], 10),
        pax(&[record("size", 10)], b"hello"),
        pax(&[record("size", 10), record("map", "0,x,5,5")], b"hello"),
        pax(&[record("size", 10), record("numbytes", 5)], b"hello"),
        pax(&[record("major", 1), record("realsize", 10)], b"hello"),
        pax(&[record("major", 1), record("realsize", 10)], b"99999999\n0\n5\n"),
    ] {
        let (_, members) = untar(&tar);
        assert_eq!((members.0.len(), members.0[0].2), (1, Some(Err(Unscanned::Unhandled))));
    }
    // One without a hole is what it is.
    let (outcome, members) = untar(&pieces(&[(0, 5)], 5));
    assert_eq!((outcome, members.0.len()), (Ok(()), 1));
    assert_eq!((members.outcome("a.bin"), members.data("a.bin")), (Ok(()), &b"hello"[..]));
}
