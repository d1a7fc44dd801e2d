//! What is encrypted, and words that are tried on it.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::time::Duration;

use smtpgw_archive::{Budget, Fact, Format, HEAD, Limits, TAIL, Unscanned, detect, unpack};

use crate::collected::Collected;
use crate::samples::{numbers, samples};

/// What comes out of a container if these words are tried.
fn tried(octets: &[u8], limits: Limits, words: &[&str]) -> (Result<(), Unscanned>, Collected, Budget) {
    let (outcome, members, budget, _) = counted(octets, limits, words);
    (outcome, members, budget)
}

/// The same, and how many octets of the container were read for it, again and again.
fn counted(octets: &[u8], limits: Limits, words: &[&str]) -> (Result<(), Unscanned>, Collected, Budget, usize) {
    let (head, tail) = (octets.len().min(HEAD), octets.len().saturating_sub(TAIL));
    let format = detect(&octets[..head], &octets[tail..]).unwrap();
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
    budget.set_words(move || words);
    let mut members = Collected::default();
    let read = Cell::new(0);
    let outcome = unpack(format, Counted { inner: Cursor::new(octets), read: &read }, &mut budget, &mut members);
    (outcome, members, budget, read.get())
}

/// Counts what is read.
struct Counted<'a> {
    inner: Cursor<&'a [u8]>,
    read: &'a Cell<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + read);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

/// The samples that need a password, which is `secret`.
fn locked() -> impl Iterator<Item = (String, Vec<u8>)> {
    samples().into_iter().filter(|(name, _)| name.starts_with("encrypted"))
}

fn sample(wanted: &str) -> Vec<u8> {
    samples().into_iter().find(|(name, _)| name == wanted).unwrap().1
}

fn is_locked(outcome: Result<(), Unscanned>, members: &Collected) -> bool {
    let told = outcome.err().or_else(|| members.0.iter().find_map(|member| member.2.unwrap().err()));
    told == Some(Unscanned::Encrypted) && members.1.is_empty() && members.0.iter().all(|(_, data, _)| data.is_empty())
}

/// Shown; and where nothing but sums vouches for the word it is encrypted all the same.
#[test]
fn the_word_opens_what_real_programs_locked() {
    for (name, octets) in locked() {
        let (outcome, members, budget) = tried(&octets, Limits::default(), &["wrong", "secret", "other"]);
        let summed = if name.starts_with("encrypted-aes") { Ok(()) } else { Err(Unscanned::Encrypted) };
        let whole = if name == "encrypted-names.7z" { summed } else { Ok(()) };
        assert_eq!((outcome, &members.1[..]), (whole, &[Fact::Decrypted][..]), "{name}");
        for (wanted, data, end) in
            [("hello.txt", b"hello\n".to_vec(), summed), ("b.txt", numbers(), summed), ("empty", Vec::new(), Ok(()))]
        {
            let (_, given, ended) = members.0.iter().find(|member| member.0.ends_with(wanted)).unwrap();
            assert_eq!((given, *ended), (&data, Some(end)), "{wanted} in {name}");
        }
        // What came out for nobody does not count.
        assert_eq!(budget.unpacked(), 6 + numbers().len() as u64, "{name}");
    }
}

#[test]
fn no_other_word_opens_it() {
    let wrong: Vec<String> = (0..1_500).map(|n| format!("wrong{n}")).collect();
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    for (name, octets) in locked() {
        // Of so many some pass the check of the traditional cipher. The keys of a 7z take their time.
        let words = if name.ends_with(".zip") { &wrong[..] } else { &wrong[..3] };
        let (outcome, members, budget) = tried(&octets, Limits { password_tries: 1 << 20, ..Limits::default() }, words);
        assert!(is_locked(outcome, &members), "{name}: {outcome:?} {members:?}");
        assert_eq!(budget.unpacked(), 0, "{name}");
    }
}

#[test]
fn tries_are_bounded() {
    for (name, octets) in locked() {
        for (tries, opens) in [(0, false), (2, false), (3, true)] {
            let limits = Limits { password_tries: tries, ..Limits::default() };
            let (outcome, members, _) = tried(&octets, limits, &["a", "b", "secret"]);
            assert_eq!(is_locked(outcome, &members), !opens, "{name}: {tries} tries");
        }
    }
}

/// A message is not deferred for ever because its password is not known.
#[test]
fn words_take_a_share_of_the_time() {
    let clock = std::sync::atomic::AtomicU64::new(0);
    // A machine on which a key takes more than a second.
    let now = move || Duration::from_millis(clock.fetch_add(10, std::sync::atomic::Ordering::Relaxed));
    let mut budget = Budget::new(Limits::default(), now);
    budget.set_words(|| (0..50).map(|n| n.to_string()).collect());
    let octets = sample("encrypted-names.7z");
    let outcome = unpack(Format::SevenZip, Cursor::new(octets), &mut budget, &mut Collected::default());
    assert_eq!(outcome, Err(Unscanned::Encrypted));
    assert!(budget.spent() < Limits::default().duration, "{:?}", budget.spent());
}

#[test]
fn what_the_code_of_aes_does_not_hold_stays_closed() {
    for name in ["encrypted-aes128.zip", "encrypted-aes192.zip", "encrypted-aes256.zip"] {
        let mut octets = sample(name);
        let at = octets.windows(5).position(|name| name == b"b.txt").unwrap() + 100;
        octets[at] ^= 1;
        let (outcome, members, _) = tried(&octets, Limits::default(), &["secret"]);
        let spoilt = members.0.iter().find(|member| member.0 == "dir/b.txt").unwrap();
        assert_eq!((outcome, spoilt.2, spoilt.1.len()), (Ok(()), Some(Err(Unscanned::Encrypted)), 0), "{name}");
    }
}

/// The first version has a sum beside the code. What only the sum finds wrong has come out and is told as damage.
#[test]
fn the_first_version_of_aes_has_a_sum_as_well() {
    let mut crc = flate2::Crc::new();
    crc.update(&numbers());
    for (sum, end) in [(crc.sum(), Ok(())), (crc.sum() ^ 1, Err(Unscanned::PartiallyCorrupted))] {
        let mut octets = sample("encrypted-aes256.zip");
        let positions = |octets: &[u8], mark: &[u8]| -> Vec<_> {
            (0..octets.len()).filter(|&at| octets[at..].starts_with(mark)).collect()
        };
        positions(&octets, b"\x01\x99\x07\0\x02\0AE").iter().for_each(|at| octets[at + 4] = 1);
        for (mark, at) in [(b"PK\x03\x04", 14), (b"PK\x01\x02", 16)] {
            let first = positions(&octets, mark)[0];
            octets[first + at..][..4].copy_from_slice(&sum.to_le_bytes());
        }
        let (_, members, _) = tried(&octets, Limits::default(), &["secret"]);
        assert_eq!((members.data("dir/b.txt"), members.outcome("dir/b.txt")), (&numbers()[..], end));
    }
}

#[test]
fn a_locked_zip_without_a_directory_is_opened() {
    for name in ["encrypted-traditional.zip", "encrypted-pipe.zip", "encrypted-aes256.zip"] {
        let mut octets = sample(name);
        octets.truncate(octets.windows(4).position(|mark| mark == b"PK\x01\x02").unwrap());
        let (outcome, members, _) = tried(&octets, Limits::default(), &["secret"]);
        assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted), "{name}");
        let end = if name.contains("aes") { Ok(()) } else { Err(Unscanned::Encrypted) };
        assert_eq!((members.data("dir/b.txt"), members.outcome("dir/b.txt")), (&numbers()[..], end), "{name}");
    }
}

/// One stored member that no word opens: that it is none shows in a sum, and a word in some hundreds gets so far.
fn insidious(packed: usize) -> Vec<u8> {
    let mut zip = b"PK\x03\x04\x14\0\x01\0\0\0\0\0\0\0".to_vec();
    for number in [0, packed, packed - 12] {
        zip.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    zip.extend(b"\x01\0\0\0a");
    zip.resize(zip.len() + packed, 0);
    let directory = zip.len();
    zip.extend(b"PK\x01\x02\x14\0\x14\0\x01\0\0\0\0\0\0\0");
    for number in [0, packed, packed - 12] {
        zip.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    zip.extend([&[1, 0][..], &[0; 16], b"a"].concat());
    let size = zip.len() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    for number in [size, directory] {
        zip.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    zip.extend([0; 2]);
    zip
}

#[test]
fn what_is_read_for_nothing_is_bounded() {
    let octets = insidious(1 << 20);
    // Ten of these pass the check in front of the data: the sum of the member has to be made for each of them.
    let words: Vec<String> = (0..4_000).map(|n| n.to_string()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let limits = Limits { password_tries: usize::MAX, total: 4 << 20, ..Limits::default() };
    let (outcome, members, budget, bounded) = counted(&octets, limits.clone(), &words);
    assert!(is_locked(outcome, &members) && format!("{budget:?}").contains("octets_left: 0"), "{budget:?}");
    let (outcome, members, budget, all) = counted(&octets, Limits { total: 1 << 30, ..limits }, &words);
    assert!(is_locked(outcome, &members) && !format!("{budget:?}").contains("octets_left: 0"), "{budget:?}");
    // Five of the ten are looked at where the bound lets 4 MiB be read: the one that goes over it is the last.
    assert!(
        all > bounded + (4 << 20),
        "read {bounded} octets of {all}: nothing bounds it, or the check stops all words"
    );
}

#[test]
fn words_are_asked_for_only_where_something_is_locked() {
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    budget.set_words(|| unreachable!("nothing needs a word"));
    let outcome = unpack(Format::SevenZip, Cursor::new(sample("solid.7z")), &mut budget, &mut Collected::default());
    assert_eq!(outcome, Ok(()));
}
