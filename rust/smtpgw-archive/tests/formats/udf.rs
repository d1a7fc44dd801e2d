//! UDF put together sector by sector, alone on its image, with every form in which octets are listed.

use proptest::prelude::*;
use smtpgw_archive::{Format, Limits, Unscanned, detect};

use crate::{generous, is_complete, open_as};

const SECTOR: usize = 2048;
/// Where the partition begins, and how many blocks it has.
const START: usize = 24;
const BLOCKS: usize = 40;

/// An image that is built by block.
pub(crate) struct Image(Vec<u8>);

/// Octets at their places behind the tag.
type Fields<'a> = &'a [(usize, &'a [u8])];

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

fn short(length: usize, block: usize) -> Vec<u8> {
    [number(length), number(block)].concat()
}

fn long(length: usize, block: usize) -> Vec<u8> {
    [&short(length, block)[..], &[0; 8]].concat()
}

impl Image {
    fn new() -> Self {
        let mut image = Self(vec![0; (START + BLOCKS + 1) * SECTOR]);
        for (sector, mark) in [(16, b"BEA01"), (17, b"NSR02"), (18, b"TEA01")] {
            image.0[sector * SECTOR + 1..][..5].copy_from_slice(mark);
        }
        image.descriptor(20, 5, &[(188, &number(START)), (192, &number(BLOCKS))]);
        let logical: Fields<'_> = &[
            (212, &number(SECTOR)),
            (248, &long(SECTOR, 0)),
            (264, &number(6)),
            (268, &number(1)),
            (440, &[1, 6, 1, 0, 0, 0]),
        ];
        image.descriptor(21, 6, logical);
        image.descriptor(22, 8, &[]);
        image.descriptor(START + BLOCKS, 2, &[(16, &[number(3 * SECTOR), number(20)].concat())]);
        image.descriptor(START, 256, &[(400, &long(SECTOR, 1))]);
        image
    }

    fn descriptor(&mut self, sector: usize, kind: u16, fields: Fields<'_>) {
        let mut octets = vec![0; SECTOR];
        octets[..2].copy_from_slice(&kind.to_le_bytes());
        fields.iter().for_each(|(at, field)| octets[*at..][..field.len()].copy_from_slice(field));
        let block = if kind < 256 { sector } else { sector - START };
        octets[12..16].copy_from_slice(&number(block));
        tag(&mut octets);
        self.0[sector * SECTOR..][..SECTOR].copy_from_slice(&octets);
    }

    fn block(&mut self, block: usize, octets: &[u8]) {
        self.0[(START + block) * SECTOR..][..octets.len()].copy_from_slice(octets);
    }

    /// An entry: `form` says how `list` is to be read.
    fn entry(&mut self, block: usize, is_folder: bool, form: u8, size: usize, list: &[u8]) {
        let kind = if is_folder { 4 } else { 5 };
        let size = (size as u64).to_le_bytes();
        let fields: Fields<'_> =
            &[(20, &[4]), (27, &[kind]), (34, &[form]), (56, &size), (172, &number(list.len())), (176, list)];
        self.descriptor(START + block, 261, fields);
    }

    /// The same with the longer head.
    fn extended(&mut self, block: usize, form: u8, size: usize, list: &[u8]) {
        let size = (size as u64).to_le_bytes();
        let fields: Fields<'_> =
            &[(20, &[4]), (27, &[5]), (34, &[form]), (56, &size), (212, &number(list.len())), (216, list)];
        self.descriptor(START + block, 266, fields);
    }
}

fn tag(octets: &mut [u8]) {
    octets[4] = 0;
    octets[4] = octets[..16].iter().fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
}

/// A name in a folder.
fn name(name: &[u8], marks: u8, block: usize) -> Vec<u8> {
    let mut octets = vec![0; (38 + name.len()).next_multiple_of(4)];
    octets[..2].copy_from_slice(&257_u16.to_le_bytes());
    octets[18] = marks;
    octets[19] = u8::try_from(name.len()).unwrap();
    octets[20..36].copy_from_slice(&long(SECTOR, block));
    octets[38..][..name.len()].copy_from_slice(name);
    tag(&mut octets);
    octets
}

pub(crate) fn sample() -> Vec<u8> {
    let mut image = Image::new();
    let wide: Vec<u8> = [16].into_iter().chain("gr\u{fc}n.exe".encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let root = [
        name(b"", 0x0a, 1),
        name(b"\x08inline.txt", 0, 3),
        name(b"\x08gone.txt", 4, 3),
        name(b"\x08dir", 2, 4),
        name(&wide, 0, 6),
    ]
    .concat();
    image.entry(1, true, 0, root.len(), &short(root.len(), 2));
    image.block(2, &root);
    image.extended(3, 3, 5, b"hello");
    let folder = [name(b"\x08", 0x0a, 1), name(b"\x08pieces.bin", 0, 7), name(b"\x08empty", 0, 12)].concat();
    image.entry(4, true, 3, folder.len(), &folder);
    // In two pieces, of which the second is named elsewhere.
    image.entry(6, false, 1, 2500, &[long(2048, 8), long(3 << 30 | 2048, 9)].concat());
    let rest = long(452, 10);
    image.descriptor(START + 9, 258, &[(20, &number(rest.len())), (24, &rest)]);
    image.block(8, &[b'M'; 2048]);
    image.block(10, &[b'Z'; 452]);
    image.entry(7, false, 0, 4096, &[short(2048, 10), short(2048, 8)].concat());
    image.entry(12, false, 0, 0, b"");
    image.0
}

#[test]
fn files_come_out_of_every_form() {
    let made = sample();
    assert_eq!(detect(&made, &made), Some(Format::Iso));
    let (outcome, members, _) = open_as(Format::Iso, &made, Limits::default());
    let names: Vec<_> = members.0.iter().map(|member| member.0.as_str()).collect();
    assert_eq!((outcome, names), (Ok(()), vec!["inline.txt", "gr\u{fc}n.exe", "dir/pieces.bin", "dir/empty"]));
    assert!(is_complete(outcome, &members));
    let in_pieces = [vec![b'M'; 2048], vec![b'Z'; 452]].concat();
    let padded = [&[b'Z'; 452][..], &[0; 1596], &[b'M'; 2048]].concat();
    for (name, data) in [
        ("inline.txt", b"hello".to_vec()),
        ("gr\u{fc}n.exe", in_pieces),
        ("dir/pieces.bin", padded),
        ("dir/empty", vec![]),
    ] {
        assert_eq!(members.data(name), data, "{name}");
    }
}

/// Which anchor a system takes is its own choice: what any of them leads to comes out, and one that only some would
/// take is told.
#[test]
fn a_decoy_hides_nothing() {
    const SHIFT: usize = 300;
    let made = sample();
    let anchor = made[(START + BLOCKS) * SECTOR..].to_vec();
    for (at, location, outcome) in
        [(256, 256, Ok(())), (256, 7, Err(Unscanned::Unhandled)), (257, 257, Ok(())), (320, 320, Ok(()))]
    {
        // A copy of the volume that shows no names, which the anchor in front leads to.
        let mut copy = Image(made.clone());
        copy.descriptor(20, 5, &[(188, &number(START + SHIFT)), (192, &number(BLOCKS))]);
        copy.0[20 * SECTOR + 12..][..4].copy_from_slice(&number(20 + SHIFT));
        copy.0[21 * SECTOR + 12..][..4].copy_from_slice(&number(21 + SHIFT));
        copy.0[22 * SECTOR + 12..][..4].copy_from_slice(&number(22 + SHIFT));
        (20..23).for_each(|sector| tag(&mut copy.0[sector * SECTOR..][..SECTOR]));
        copy.entry(1, true, 3, 0, b"");
        let mut image = Image(made.clone());
        image.0.resize(SHIFT * SECTOR, 0);
        image.0.extend(&copy.0);
        // Of this length the third place is sector 257, and the last is free.
        image.0.resize(if at == 257 { 514 } else { 600 } * SECTOR, 0);
        let last = image.0.len() / SECTOR - 1;
        if at != 320 {
            image.descriptor(at, 2, &[(16, &[number(3 * SECTOR), number(20 + SHIFT)].concat())]);
            image.0[at * SECTOR + 12..][..4].copy_from_slice(&number(location));
            tag(&mut image.0[at * SECTOR..][..SECTOR]);
        }
        image.0[(START + BLOCKS) * SECTOR..][..SECTOR].fill(0);
        image.0[(START + BLOCKS + SHIFT) * SECTOR..][..SECTOR].fill(0);
        image.0[last * SECTOR..].copy_from_slice(&anchor);
        image.0[last * SECTOR + 12..][..4].copy_from_slice(&number(last));
        tag(&mut image.0[last * SECTOR..]);
        let (found, members, _) = open_as(Format::Iso, &image.0, Limits::default());
        assert_eq!((found, members.data("inline.txt")), (outcome, &b"hello"[..]), "{at} {location}");
    }
    // A descriptor whose sum is wrong is none for the systems that sum it up.
    let mut image = Image(made.clone());
    (image.0[21 * SECTOR + 8], image.0[21 * SECTOR + 10]) = (1, 9);
    tag(&mut image.0[21 * SECTOR..][..SECTOR]);
    assert_eq!(open_as(Format::Iso, &image.0, Limits::default()).0, Err(Unscanned::Unhandled));
    // Blocks of 512 octets, beside those that are read.
    let mut image = Image(made);
    image.0.resize(256 * SECTOR, 0);
    image.descriptor(255, 2, &[(16, &[number(3 * SECTOR), number(20)].concat())]);
    assert_eq!(open_as(Format::Iso, &image.0, Limits::default()).0, Ok(()));
    image.descriptor(64, 2, &[]);
    image.0[64 * SECTOR + 12..][..4].copy_from_slice(&number(256));
    tag(&mut image.0[64 * SECTOR..][..SECTOR]);
    assert_eq!(open_as(Format::Iso, &image.0, Limits::default()).0, Err(Unscanned::Unhandled));
}

/// ECMA-167 §2/9.1 lets other marks stand in front, and Linux passes over what it does not know.
#[test]
fn its_mark_need_not_be_the_first() {
    for (first, is_known) in [(b"BOOT2", true), (b"CDW02", true), (b"CD001", true), (b"other", false)] {
        let mut made = sample();
        for (sector, mark) in [(16, first), (17, b"BEA01"), (18, b"NSR02"), (19, b"TEA01")] {
            made[sector * SECTOR + 1..][..5].copy_from_slice(mark);
        }
        assert_eq!(detect(&made, &made), Some(Format::Iso));
        let (outcome, members, _) = open_as(Format::Iso, &made, Limits::default());
        assert_eq!(outcome, if is_known { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) });
        assert_eq!(members.data("inline.txt"), b"hello");
    }
    // More of them than are read: behind the last there may be another.
    let mut made = vec![0; 200 * SECTOR];
    (16..150).for_each(|sector| made[sector * SECTOR + 1..][..5].copy_from_slice(b"CD001"));
    made[16 * SECTOR] = 1;
    (made[16 * SECTOR + 156], made[16 * SECTOR + 188]) = (34, 1);
    made[17 * SECTOR] = 255;
    assert_eq!(open_as(Format::Iso, &made, Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
    // High Sierra, from before ISO 9660.
    let mut made = vec![0; 40 * SECTOR];
    made[16 * SECTOR + 9..][..5].copy_from_slice(b"CDROM");
    assert_eq!(detect(&made, &made), Some(Format::Iso));
    assert_eq!(open_as(Format::Iso, &made, Limits::default()).0, Err(Unscanned::Unhandled));
}

#[test]
fn cut_anywhere_it_is_not_complete() {
    let made = sample();
    for length in (0..made.len()).step_by(97) {
        let (outcome, members, _) = open_as(Format::Iso, &made[..length], Limits::default());
        assert!(!is_complete(outcome, &members), "cut at {length}");
    }
}

#[test]
fn what_is_not_read_is_told() {
    // A partition that lies within another's file, as rewritable media have it.
    let mut virtual_one = Image(sample());
    let map = [&[2, 64, 0, 0, 0][..], b"*UDF Virtual Partition"].concat();
    let fields: Fields<'_> =
        &[(212, &number(SECTOR)), (248, &long(SECTOR, 0)), (264, &number(64)), (268, &number(1)), (440, &map)];
    virtual_one.descriptor(21, 6, fields);
    assert_eq!(open_as(Format::Iso, &virtual_one.0, Limits::default()).0, Err(Unscanned::Unhandled));
    // Beyond the partition, kept free, of a form that is reserved: not all of the file is there.
    for (form, list) in [(0, short(4096, BLOCKS - 1)), (0, short(1 << 30 | 4096, 8)), (2, vec![0; 20]), (0, vec![])] {
        let mut image = Image(sample());
        image.entry(7, false, form, 4096, &list);
        let (outcome, members, _) = open_as(Format::Iso, &image.0, Limits::default());
        assert!(!is_complete(outcome, &members), "{form} {list:?}");
        assert_eq!(members.data("inline.txt"), b"hello");
    }
}

#[test]
fn circles_end_and_every_name_counts() {
    let mut image = Image(sample());
    let folder = [name(b"\x08up", 2, 1), name(b"\x08a.txt", 0, 3), name(b"\x08a.exe", 0, 3)].concat();
    image.entry(4, true, 3, folder.len(), &folder);
    let (outcome, members, _) = open_as(Format::Iso, &image.0, Limits::default());
    assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted));
    assert_eq!((members.data("dir/a.txt"), members.data("dir/a.exe")), (&b"hello"[..], &b"hello"[..]));
    // A list of pieces that goes on with itself.
    let mut image = Image(sample());
    image.entry(7, false, 0, 1 << 40, &short(3 << 30 | 2048, 9));
    image.descriptor(START + 9, 258, &[(20, &number(8)), (24, &short(3 << 30 | 2048, 9))]);
    assert_eq!(open_as(Format::Iso, &image.0, Limits::default()).0, Err(Unscanned::FilesLimit));
}

/// Linux passes over what does not sum up, 7-Zip shows it.
#[test]
fn an_entry_that_does_not_sum_up_is_told() {
    let mut image = sample();
    let entry = &mut image[(START + 7) * SECTOR..][..SECTOR];
    entry[10..12].copy_from_slice(&100_u16.to_le_bytes());
    entry[8..10].copy_from_slice(&0xabcd_u16.to_le_bytes());
    tag(entry);
    let (outcome, members, _) = open_as(Format::Iso, &image, Limits::default());
    let (_, whole, _) = open_as(Format::Iso, &sample(), Limits::default());
    assert_eq!((outcome, members.0), (Err(Unscanned::PartiallyCorrupted), whole.0));
}

/// Two sizes: many names for the same large file. What comes out is bounded, whatever their number.
#[test]
fn a_bomb_of_names_is_bounded() {
    for count in [20, 40] {
        let mut image = Image(sample());
        let folder: Vec<u8> = (0..count).flat_map(|_| name(b"\x08a", 0, 7)).collect();
        image.entry(4, true, 3, folder.len(), &folder);
        let pieces: Vec<u8> = (0..200).flat_map(|_| short(20 * SECTOR, 8)).collect();
        image.entry(7, false, 0, 200 * 20 * SECTOR, &pieces);
        let limits = Limits { total: 50 << 20, ..generous() };
        let (outcome, members, budget) = open_as(Format::Iso, &image.0, limits);
        assert_eq!((outcome, budget.unpacked()), (Err(Unscanned::Mailbomb), 50 << 20));
        assert!(members.0.len() <= 10);
        // By its ratio an image of this size gives no more than two hundred times itself.
        let (_, _, budget) = open_as(Format::Iso, &image.0, Limits::default());
        assert!(budget.unpacked() <= 200 * image.0.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_one_is_bounded(
        spoils in proptest::collection::vec((16..START + 13, 0..300_usize, any::<u8>(), any::<bool>()), 1..6),
    ) {
        let mut made = sample();
        for (sector, at, octet, is_summed) in spoils {
            let sector = &mut made[sector * SECTOR..][..SECTOR];
            sector[at] = octet;
            if is_summed {
                tag(sector);
            }
        }
        let (_, _, budget) = open_as(Format::Iso, &made, Limits { total: 10_000, members: 20, ..Limits::default() });
        prop_assert!(budget.unpacked() <= 10_000 && budget.members() <= 20);
    }
}
