//! 7z put together by hand, around streams of LZMA.

use std::io::{Cursor, Write as _};
use std::time::Duration;

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes256, Block};
use smtpgw_archive::{Budget, Format, Limits, Unscanned, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};

use crate::collected::Collected;
use crate::open_as;

/// A number in the long form, which is always allowed.
fn number(value: usize) -> Vec<u8> {
    [&[0xff][..], &(value as u64).to_le_bytes()].concat()
}

/// Files in one folder of the given coder.
fn sevenzip(packed: &[u8], coder: &[u8], files: &[(&str, &[u8])]) -> Vec<u8> {
    let total: usize = files.iter().map(|(_, data)| data.len()).sum();
    let mut header = vec![1, 4, 6, 0, 1, 9];
    header.extend(number(packed.len()));
    header.extend([0, 7, 11, 1, 0, 1]);
    header.extend(coder);
    header.push(12);
    header.extend(number(total));
    header.extend([0, 8, 13]);
    header.extend(number(files.len()));
    header.push(9);
    files[..files.len() - 1].iter().for_each(|(_, data)| header.extend(number(data.len())));
    header.extend([10, 1]);
    for (_, data) in files {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        header.extend(crc.sum().to_le_bytes());
    }
    header.extend([0, 0, 5]);
    header.extend(number(files.len()));
    let names: Vec<u8> =
        files.iter().flat_map(|(name, _)| name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes)).collect();
    header.push(17);
    header.extend(number(names.len() + 1));
    header.push(0);
    header.extend(names);
    header.extend([0, 0]);
    whole(packed, &header)
}

fn whole(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let sum = |octets: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(octets);
        crc.sum().to_le_bytes()
    };
    let start = [&(packed.len() as u64).to_le_bytes()[..], &(header.len() as u64).to_le_bytes(), &sum(header)].concat();
    [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], &sum(&start), &start, packed, header].concat()
}

const COPY: &[u8] = &[1, 0];

fn lzma(data: &[u8], dictionary: u32) -> (Vec<u8>, Vec<u8>) {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut writer = lzma_rust2::LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
    writer.write_all(data).unwrap();
    let coder = [&[0x23, 3, 1, 1, 5, options.get_props()][..], &dictionary.to_le_bytes()].concat();
    (writer.finish().unwrap(), coder)
}

#[test]
fn a_solid_folder_is_read_past_a_file_that_is_too_large() {
    let large = vec![b'x'; 5 << 20];
    let files = [("first", &b"hello"[..]), ("large", &large), ("last", b"world")];
    let (packed, coder) = lzma(&files.map(|(_, data)| data).concat(), 8 << 20);
    let archive = sevenzip(&packed, &coder, &files);
    let limits = Limits { ratio: u64::MAX, ..Limits::default() };
    let (outcome, members, _) = open_as(Format::SevenZip, &archive, limits.clone());
    assert_eq!((outcome, members.data("large").len(), members.data("last")), (Ok(()), 5 << 20, &b"world"[..]));
    let (outcome, members, _) = open_as(Format::SevenZip, &archive, Limits { member: 1 << 20, ..limits.clone() });
    assert_eq!((outcome, members.outcome("large")), (Ok(()), Err(Unscanned::Mailbomb)));
    assert_eq!((members.data("large").len(), members.data("last")), (1 << 20, &b"world"[..]));
    // What is dropped on the way is bounded, too.
    let (_, members, _) = open_as(Format::SevenZip, &archive, Limits { member: 1 << 20, total: 3 << 20, ..limits });
    assert_eq!(members.outcome("last"), Err(Unscanned::Mailbomb));
}

#[test]
fn damage_is_told_where_it_is() {
    let files = [("first", &b"hello"[..]), ("second", b"world"), ("third", b"again")];
    let mut archive = sevenzip(b"helloworldagain", COPY, &files);
    let (outcome, members, _) = open_as(Format::SevenZip, &archive, Limits::default());
    assert_eq!((outcome, members.data("third")), (Ok(()), &b"again"[..]));
    archive[32 + 6] ^= 1;
    let (outcome, members, _) = open_as(Format::SevenZip, &archive, Limits::default());
    assert_eq!((outcome, members.outcome("first"), members.outcome("third")), (Ok(()), Ok(()), Ok(())));
    assert_eq!(
        (members.data("second"), members.outcome("second")),
        (&b"wnrld"[..], Err(Unscanned::PartiallyCorrupted))
    );
    // A header whose sum is wrong is read all the same, and told.
    let last = archive.len() - 6;
    archive[last] ^= 1;
    assert_eq!(open_as(Format::SevenZip, &archive, Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
}

#[test]
fn what_comes_before_the_damage_comes_out() {
    let data: Vec<u8> = (0..40_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let (mut packed, coder) = lzma(&data, 1 << 20);
    let half = packed.len() / 2;
    packed.truncate(half);
    let (_, members, _) = open_as(Format::SevenZip, &sevenzip(&packed, &coder, &[("a", &data)]), Limits::default());
    assert_eq!(members.outcome("a"), Err(Unscanned::PartiallyCorrupted));
    let given = members.data("a");
    assert!(data.starts_with(given) && given.len() + 5_000 > half, "{} of {half}", given.len());
}

#[test]
fn memory_is_asked_for_last() {
    let data = vec![b'x'; 3_000];
    // Less comes out than the window would hold: that much is enough.
    let (packed, coder) = lzma(&data, u32::MAX - 15);
    let archive = sevenzip(&packed, &coder, &[("a", &data)]);
    assert_eq!(open_as(Format::SevenZip, &archive, Limits::default()).1.outcome("a"), Ok(()));
    // PPMd says itself how much it takes.
    let ppmd = |memory: u32| [&[0x23, 3, 4, 1, 5, 6][..], &memory.to_le_bytes()].concat();
    let archive = sevenzip(b"packed", &ppmd(1 << 30), &[("a", &data)]);
    assert_eq!(open_as(Format::SevenZip, &archive, Limits::default()).1.outcome("a"), Err(Unscanned::Mailbomb));
    // A coder that nobody knows.
    let archive = sevenzip(b"packed", &[3, 9, 9, 9], &[("a", &data)]);
    assert_eq!(open_as(Format::SevenZip, &archive, Limits::default()).1.outcome("a"), Err(Unscanned::Unhandled));
}

#[test]
fn a_header_is_bounded() {
    // Counts without anything behind them, in each table.
    let huge = number(1 << 40);
    for begin in
        [&[1, 5][..], &[1, 4, 6, 0], &[1, 4, 7, 11], &[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 1, 1, 0, 12, 3, 0, 8, 13]]
    {
        let archive = whole(b"abc", &[begin, &huge, &[0; 30]].concat());
        let (outcome, members, _) = open_as(Format::SevenZip, &archive, Limits::default());
        assert!(matches!(outcome, Err(Unscanned::Corrupted | Unscanned::FilesLimit)), "{begin:?}: {outcome:?}");
        assert!(members.0.is_empty());
    }
    // A header that is said to unpack to a gibioctet.
    let packed = [&[23, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 1][..], COPY, &[12], &number(1 << 30), &[0, 0]].concat();
    let outcome = open_as(Format::SevenZip, &whole(b"abc", &packed), Limits::default()).0;
    assert_eq!(outcome, Err(Unscanned::Mailbomb));
    // A million folders of two octets each, and as many packed streams of one.
    let (million, count) = (1_000_000, number(1_000_000));
    let folders = [&[1, 4, 7, 11][..], &count, &[0], &[1, 1, 0].repeat(million)].concat();
    let streams = [&[1, 4, 6, 0][..], &count, &[9], &vec![0; million]].concat();
    for header in [folders, streams] {
        let outcome = open_as(Format::SevenZip, &whole(b"abc", &header), Limits::default()).0;
        assert_eq!(outcome, Err(Unscanned::FilesLimit));
    }
    // Coders bound in a circle.
    let circle =
        [&[1, 4, 6, 0, 1, 9, 3, 0, 7, 11, 1, 0, 2][..], COPY, COPY, &[0, 0, 0, 12, 3, 3, 0, 0, 5, 1, 0, 0]].concat();
    let (outcome, members, _) = open_as(Format::SevenZip, &whole(b"abc", &circle), Limits::default());
    assert!(outcome.is_err() && members.0.len() <= 1);
}

#[test]
fn bombs_take_linear_time() {
    let effort = |octets: usize| {
        let data = vec![0; octets];
        let (packed, coder) = lzma(&data, 1 << 20);
        let archive = sevenzip(&packed, &coder, &[("a", &data)]);
        quickest(|| {
            let limits = Limits { ratio: u64::MAX, ..Limits::default() };
            assert_eq!(open_as(Format::SevenZip, &archive, limits).2.unpacked(), octets as u64);
        })
    };
    let (small, large) = (effort(2 << 20), effort(16 << 20));
    assert!(is_linear(small, large), "{small:?} for two mebioctets, {large:?} for sixteen");
    let many = |files: usize| {
        let names: Vec<String> = (0..files).map(|n| n.to_string()).collect();
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        let archive = sevenzip(&vec![b'x'; files.len()], COPY, &files);
        quickest(|| assert_eq!(open_as(Format::SevenZip, &archive, Limits::default()).0, Ok(())))
    };
    let (small, large) = (many(1_250), many(10_000));
    assert!(is_linear(small, large), "{small:?} for 1,250 files, {large:?} for 10,000");
}

/// The coder of AES that says so many rounds, without salt and start.
const fn aes(cycles: u8) -> [u8; 7] {
    [0x24, 6, 0xf1, 7, 1, 1, cycles]
}

/// The octets in chained blocks by the key that a word is where there are no rounds.
fn chained(octets: &[u8], word: &str) -> Vec<u8> {
    let mut key: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
    key.resize(32, 0);
    let cipher = Aes256::new_from_slice(&key).unwrap();
    let mut before = Block::default();
    let mut out = Vec::new();
    for piece in octets.chunks(16) {
        piece.iter().zip(&mut before).for_each(|(octet, block)| *block ^= octet);
        cipher.encrypt_block(&mut before);
        out.extend(before);
    }
    out
}

fn tried(archive: &[u8], budget: &mut Budget, words: Vec<String>) -> (Result<(), Unscanned>, Collected) {
    budget.set_words(move || words);
    let mut members = Collected::default();
    (unpack(Format::SevenZip, Cursor::new(archive), budget, &mut members), members)
}

/// Of two hundred keys one gives a first file of one octet its octet. It opens nothing.
#[test]
fn a_short_file_proves_no_key() {
    let files = [("a", &b"x"[..]), ("b", b"the second one")];
    let archive = sevenzip(&chained(b"xthe second one", "right"), &aes(0x3f), &files);
    let mut words: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    let budget = || Budget::new(Limits { password_tries: 1 << 20, ..Limits::default() }, || Duration::ZERO);
    let (outcome, members) = tried(&archive, &mut budget(), words.clone());
    assert_eq!(
        (outcome, members.outcome("a"), members.outcome("b")),
        (Ok(()), Err(Unscanned::Encrypted), Err(Unscanned::Encrypted))
    );
    assert!(members.data("a").is_empty() && members.data("b").is_empty() && members.1.is_empty());
    words.push("right".into());
    let (outcome, members) = tried(&archive, &mut budget(), words);
    assert_eq!((outcome, members.data("a"), members.data("b")), (Ok(()), &b"x"[..], &b"the second one"[..]));
    // Another key may give the same sums and something else.
    let encrypted = Err(Unscanned::Encrypted);
    assert_eq!((members.outcome("a"), members.outcome("b")), (encrypted, encrypted));
    // What does not sum up behind the first file is no lesser matter.
    let archive = sevenzip(&chained(b"the second onex", "right"), &aes(0x3f), &[files[1], ("c", b"y")]);
    let (_, members) = tried(&archive, &mut budget(), vec!["right".into()]);
    assert_eq!((members.data("c"), members.outcome("b"), members.outcome("c")), (&b"x"[..], encrypted, encrypted));
}

#[test]
fn keys_cost_a_bounded_time() {
    let files = [("a", &b"hello"[..])];
    // So many rounds that nobody sees their end.
    let archive = sevenzip(&[0; 16], &aes(62), &files);
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    let (_, members) = tried(&archive, &mut budget, vec!["a".into()]);
    assert_eq!(members.outcome("a"), Err(Unscanned::Encrypted));
    // As many as are allowed, and the clock is asked between them.
    let archive = sevenzip(&[0; 16], &aes(20), &files);
    let begun = std::time::Instant::now();
    let limits = Limits { password_tries: usize::MAX, duration: Duration::from_millis(1), ..Limits::default() };
    let mut budget = Budget::new(limits, move || begun.elapsed());
    let words = (0..10_000).map(|n| n.to_string()).collect();
    assert_eq!(tried(&archive, &mut budget, words).0, Err(Unscanned::Timeout));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
