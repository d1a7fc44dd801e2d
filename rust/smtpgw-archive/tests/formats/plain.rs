//! Containers whose members lie in them as they are: ar, cpio, ISO 9660.

use smtpgw_archive::{Format, Limits, Unscanned};
use smtpgw_testkit::corpus;
use smtpgw_testkit::effort::{is_linear, quickest};

use crate::{generous, open_as};

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut made = b"!<arch>\n".to_vec();
    for (name, data) in members {
        made.extend(format!("{name:<16}0           0     0     100644  {:<10}`\n", data.len()).as_bytes());
        made.extend(*data);
        made.extend(&b"\n"[..data.len() % 2]);
    }
    made
}

fn cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut made = Vec::new();
    for (name, data) in members.iter().chain([&("TRAILER!!!", &b""[..])]) {
        let mut fields = [0; 13];
        (fields[1], fields[6], fields[11]) = (0o100_644, data.len(), name.len() + 1);
        made.extend(b"070701");
        fields.iter().for_each(|field| made.extend(format!("{field:08x}").as_bytes()));
        made.extend(name.as_bytes());
        made.push(0);
        made.resize(made.len().next_multiple_of(4), 0);
        made.extend(*data);
        made.resize(made.len().next_multiple_of(4), 0);
    }
    made
}

fn iso(name: &str) -> Vec<u8> {
    corpus::files("archive", "iso").into_iter().find(|(found, _)| found == name).unwrap().1
}

const DAMAGED: Result<(), Unscanned> = Err(Unscanned::PartiallyCorrupted);

#[test]
fn names_of_ar() {
    let made = ar(&[
        ("//", b"a name that is long.txt/\nanother/\n"),
        ("/0", b"one"),
        ("/25", b"two"),
        ("short/", b"three"),
        ("#1/12", b"bsd name\0\0\0\0four"),
        ("old", b"five"),
        ("/9999", b"six"),
    ]);
    let (outcome, members, _) = open_as(Format::Ar, &made, Limits::default());
    assert_eq!(outcome, Ok(()));
    for (name, data) in [
        ("a name that is long.txt", &b"one"[..]),
        ("another", b"two"),
        ("short", b"three"),
        ("bsd name", b"four"),
        ("old", b"five"),
        ("content", b"six"),
    ] {
        assert_eq!((members.data(name), members.outcome(name)), (data, Ok(())), "{name}");
    }
    assert_eq!(open_as(Format::Ar, b"!<thin>\nanything", Limits::default()).0, Err(Unscanned::Unhandled));
    let (outcome, members, _) =
        open_as(Format::Ar, &[ar(&[("a", b"x")]), b"junk".to_vec()].concat(), Limits::default());
    assert_eq!((outcome, members.data("a")), (DAMAGED, &b"x"[..]));
}

#[test]
fn nothing_hides_behind_the_end_of_a_cpio() {
    let (first, second) = (cpio(&[("a", b"one")]), cpio(&[("b", b"two")]));
    for (gap, outcome) in [(&b""[..], Ok(())), (&[0; 500], Ok(())), (b"junk", DAMAGED), (&[7; 40_000], DAMAGED)] {
        let made = [&first, gap, &second].concat();
        let (found, members, _) = open_as(Format::Cpio, &made, Limits::default());
        assert_eq!((found, members.data("a"), members.data("b")), (outcome, &b"one"[..], &b"two"[..]));
    }
    let without_end = &first[..first.len() - 124];
    assert_eq!(open_as(Format::Cpio, without_end, Limits::default()).0, DAMAGED);
}

#[test]
fn a_file_that_one_tree_of_an_image_has_comes_out() {
    let mut image = iso("joliet.iso");
    // Hidden from Joliet: its name there is made that of the folder itself.
    let name: Vec<u8> = "hello.txt".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let at = image.windows(name.len()).position(|octets| octets == name).unwrap();
    image[at - 1] = 1;
    image[at] = 0;
    let (outcome, members, _) = open_as(Format::Iso, &image, Limits::default());
    assert_eq!((outcome, members.data("hello.txt")), (Ok(()), &b"hello\n"[..]));
}

#[test]
fn the_roots_of_two_trees_may_begin_at_one_sector() {
    let mut image = iso("joliet.iso");
    let joliet = (17..).find(|sector| image[sector * 2048] == 2).unwrap() * 2048;
    let root: [u8; 4] = image[16 * 2048 + 158..][..4].try_into().unwrap();
    // Joliet shows none of it: its root is the first two records of the other.
    image[joliet + 158..][..4].copy_from_slice(&root);
    image[joliet + 166..][..4].copy_from_slice(&68_u32.to_le_bytes());
    let (_, members, _) = open_as(Format::Iso, &image, Limits::default());
    assert!(members.0.iter().any(|member| member.1 == b"hello\n"), "{}", members.0.len());
}

#[test]
fn folders_of_an_image_may_go_in_circles() {
    let mut image = iso("plain.iso");
    let root: [u8; 8] = image[16 * 2048 + 158..][..8].try_into().unwrap();
    let at = image.windows(4).position(|octets| octets == b"\x03DIR").unwrap() - 32;
    image[at + 2..at + 10].copy_from_slice(&root);
    let (outcome, members, _) = open_as(Format::Iso, &image, Limits::default());
    assert_eq!((outcome, members.data("HELLO.TXT")), (DAMAGED, &b"hello\n"[..]));
    // Another file system in the same image.
    let mut image = iso("plain.iso");
    let end = (16..).find(|sector| image[sector * 2048] == 255).unwrap();
    image.splice(end * 2048..end * 2048, [&b"\0NSR02\x01"[..], &[0; 2041]].concat());
    assert_eq!(open_as(Format::Iso, &image, Limits::default()).0, Err(Unscanned::Unhandled));
}

#[test]
fn work_is_linear() {
    for (format, make) in [(Format::Ar, ar as fn(&[(&str, &[u8])]) -> Vec<u8>), (Format::Cpio, cpio)] {
        let effort = |members: usize| {
            let made = make(&vec![("a", &b"x"[..]); members]);
            quickest(|| assert_eq!(open_as(format, &made, generous()).0, Ok(())))
        };
        let (small, large) = (effort(1_200), effort(9_600));
        assert!(is_linear(small, large), "{small:?}, {large:?}");
    }
    // One name of the table for all members.
    let effort = |octets: usize| {
        let name = vec![b'n'; octets];
        let made = ar(&[&[("//", &name[..])][..], &vec![("/0", &b""[..]); 2_000]].concat());
        quickest(|| assert_eq!(open_as(Format::Ar, &made, generous()).0, Ok(())))
    };
    let (small, large) = (effort(1 << 16), effort(1 << 19));
    assert!(is_linear(small, large), "{small:?}, {large:?}");
    let effort = |octets: usize| {
        let made = [cpio(&[("a", b"x")]), b"07070".repeat(octets / 5)].concat();
        quickest(|| assert_eq!(open_as(Format::Cpio, &made, generous()).0, DAMAGED))
    };
    let (small, large) = (effort(1 << 20), effort(8 << 20));
    assert!(is_linear(small, large), "{small:?} for one mebioctet of marks, {large:?} for eight");
}

/// An image with one folder, all of whose names stand for the same file.
fn image_of(names: usize, file: usize) -> Vec<u8> {
    let record = |start: usize, size: usize, marks: u8, name: &[u8]| {
        let mut record = vec![0; (33 + name.len()).next_multiple_of(2)];
        record[0] = u8::try_from(record.len()).unwrap();
        record[2..6].copy_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
        record[10..14].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        record[25] = marks;
        record[32] = u8::try_from(name.len()).unwrap();
        record[33..33 + name.len()].copy_from_slice(name);
        record
    };
    let (each, folder) = (2048 / record(0, 0, 0, b"a").len(), 18);
    let behind = folder + names.div_ceil(each);
    let mut image = vec![0; behind * 2048 + file];
    image[16 * 2048..][..6].copy_from_slice(b"\x01CD001");
    image[17 * 2048..][..6].copy_from_slice(b"\xffCD001");
    let root = record(folder, (behind - folder) * 2048, 2, b"\0");
    image[16 * 2048 + 156..][..root.len()].copy_from_slice(&root);
    for n in 0..names {
        let one = record(behind, file, 0, b"a");
        image[(folder + n / each) * 2048 + n % each * one.len()..][..one.len()].copy_from_slice(&one);
    }
    image
}

/// Two sizes: many names for one large file give many times the image, and no more than the limits.
#[test]
fn a_bomb_of_names_in_an_image_is_bounded() {
    for names in [60, 120] {
        let image = image_of(names, 1 << 20);
        let (outcome, members, budget) = open_as(Format::Iso, &image, Limits { total: 50 << 20, ..generous() });
        assert_eq!((outcome, budget.unpacked()), (Err(Unscanned::Mailbomb), 50 << 20));
        assert!(members.0.len() <= 51);
        let (_, _, budget) = open_as(Format::Iso, &image, Limits { ratio: 10, ..Limits::default() });
        assert!(budget.unpacked() <= 10 * image.len() as u64);
    }
    let effort = |names: usize| {
        let image = image_of(names, 1);
        quickest(|| assert_eq!(open_as(Format::Iso, &image, generous()).1.0.len(), names))
    };
    let (small, large) = (effort(1_200), effort(9_600));
    assert!(is_linear(small, large), "{small:?}, {large:?}");
}
