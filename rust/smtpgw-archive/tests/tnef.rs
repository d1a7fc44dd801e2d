//! TNEF as Outlook writes it, and as nobody should.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, detect, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};

fn run(tnef: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    assert_eq!(detect(tnef, tnef), Some(Format::Tnef));
    let outcome = unpack(Format::Tnef, Cursor::new(tnef), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members)
}

fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
    let sum = data.iter().fold(0_u16, |sum, &octet| sum.wrapping_add(u16::from(octet)));
    let length = u32::try_from(data.len()).unwrap();
    [&[level], &id.to_le_bytes()[..], &length.to_le_bytes(), data, &sum.to_le_bytes()].concat()
}

fn tnef(attributes: &[Vec<u8>]) -> Vec<u8> {
    [b"\x78\x9f\x3e\x22\x01\x00".to_vec(), attribute(1, 0x0008_9006, &[0, 0, 1, 0])]
        .into_iter()
        .chain(attributes.iter().cloned())
        .flatten()
        .collect()
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut all = data.to_vec();
    all.resize(data.len().next_multiple_of(4), 0);
    all
}

fn variable(kind: u16, id: u16, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    [&kind.to_le_bytes()[..], &id.to_le_bytes(), &1_u32.to_le_bytes(), &length.to_le_bytes(), &padded(data)].concat()
}

fn properties(all: &[Vec<u8>]) -> Vec<u8> {
    [u32::try_from(all.len()).unwrap().to_le_bytes().to_vec(), all.concat()].concat()
}

const BEGINS: u32 = 0x0006_9002;
const TITLE: u32 = 0x0001_8010;
const DATA: u32 = 0x0006_800f;
const OF_ATTACHMENT: u32 = 0x0006_9005;
const OF_MESSAGE: u32 = 0x0006_9003;

/// The example of MS-OXRTFCP §3.1.
const RTF: [u8; 49] = [
    0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00, 0x0a, 0x00, 0x72, 0x63,
    0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05,
    0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
];

fn whole() -> Vec<u8> {
    let long: Vec<u8> = "gr\u{fc}n.exe\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let inner = tnef(&[attribute(1, 0x0002_800c, b"inner")]);
    let named = [
        &0x001e_u16.to_le_bytes()[..],
        &0x8001_u16.to_le_bytes(),
        &[7; 16],
        &1_u32.to_le_bytes(),
        &6_u32.to_le_bytes(),
        &padded(b"x\0y\0\0\0"),
        &1_u32.to_le_bytes(),
        &3_u32.to_le_bytes(),
        &padded(b"abc"),
    ]
    .concat();
    let several = [&0x1003_u16.to_le_bytes()[..], &0x0e01_u16.to_le_bytes(), &2_u32.to_le_bytes(), &[0; 8]].concat();
    tnef(&[
        attribute(
            1,
            OF_MESSAGE,
            &properties(&[
                named,
                several,
                [&0x0040_u16.to_le_bytes()[..], &0x0e06_u16.to_le_bytes(), &[1; 8]].concat(),
                variable(0x102, 0x1009, &RTF),
                variable(0x102, 0x1013, b"<p>html"),
            ]),
        ),
        attribute(2, BEGINS, &[1; 14]),
        attribute(2, DATA, b"MZ one"),
        attribute(2, TITLE, b"GRN~1.EXE\0"),
        attribute(2, OF_ATTACHMENT, &properties(&[variable(0x1f, 0x3707, &long)])),
        attribute(2, BEGINS, &[1; 14]),
        attribute(2, TITLE, b"two.txt\0"),
        attribute(2, DATA, b"two"),
        attribute(2, BEGINS, &[1; 14]),
        attribute(2, OF_ATTACHMENT, &properties(&[variable(0x0d, 0x3701, &[[9; 16].as_slice(), &inner].concat())])),
    ])
}

/// Programs that go by types see no beginning where the type is another: the title stays that of the octets behind.
#[test]
fn a_beginning_of_another_type_keeps_the_title() {
    let made = tnef(&[
        attribute(2, BEGINS, b""),
        attribute(2, TITLE, b"evil.exe\0"),
        attribute(2, 0x0001_9002, b""),
        attribute(2, DATA, b"MZ"),
    ]);
    let (outcome, members) = run(&made, Limits::default());
    assert_eq!((outcome, members.data("evil.exe")), (Ok(()), &b"MZ"[..]));
}

/// A body as Outlook packs it (MS-OXRTFCP), which a `.msg` has as a stream of its own.
#[test]
fn a_packed_body_is_opened_by_itself() {
    let stored = [&[0x1d, 0, 0, 0, 0x11, 0, 0, 0][..], b"MELA", &[0; 4], b"{\\rtf1 bad.example}"].concat();
    let texts: [(&[u8], &[u8]); 2] =
        [(&RTF, b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"), (&stored, b"{\\rtf1 bad.example}")];
    for (octets, text) in texts {
        assert_eq!(detect(octets, octets), Some(Format::PackedRtf));
        let mut members = Collected::default();
        let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
        let outcome = unpack(Format::PackedRtf, Cursor::new(octets), &mut budget, &mut members);
        assert_eq!((outcome, members.data("body.rtf")), (Ok(()), text));
        assert_eq!(members.outcome("body.rtf"), Ok(()));
    }
    assert_eq!(detect(b"a longerLZFu text", b""), None);
}

#[test]
fn all_that_is_shown_comes_out() {
    let (outcome, members) = run(&whole(), Limits::default());
    assert_eq!(outcome, Ok(()));
    let names: Vec<_> = members.0.iter().map(|member| member.0.as_str()).collect();
    assert_eq!(names, ["body.rtf", "body.html", "gr\u{fc}n.exe", "two.txt", "content"]);
    assert_eq!(members.data("body.rtf"), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
    assert_eq!(members.data("body.html"), b"<p>html");
    assert_eq!(members.data("gr\u{fc}n.exe"), b"MZ one");
    assert_eq!(members.data("two.txt"), b"two");
    names.iter().for_each(|name| assert_eq!(members.outcome(name), Ok(()), "{name}"));
    // A message within it is one more.
    let (outcome, inner) = run(members.data("content"), Limits::default());
    assert_eq!((outcome, inner.data("body.txt")), (Ok(()), &b"inner"[..]));
}

/// A program that knows no properties goes by the title.
#[test]
fn no_name_is_lost() {
    let attachment = |first: &[Vec<u8>]| [&[attribute(2, BEGINS, b"")], first, &[attribute(2, DATA, b"MZ")]].concat();
    for (attributes, names) in [
        (vec![attribute(2, TITLE, b"a.exe\0")], ("a.exe", None)),
        (
            vec![
                attribute(2, TITLE, b"a.exe\0"),
                attribute(2, OF_ATTACHMENT, &properties(&[variable(0x1e, 0x3707, b"a.txt\0")])),
            ],
            ("a.txt", Some("a.exe")),
        ),
        (
            vec![attribute(
                2,
                OF_ATTACHMENT,
                &properties(&[variable(0x1e, 0x3704, b"a.exe\0"), variable(0x1e, 0x3707, b"a.txt\0")]),
            )],
            ("a.txt", Some("a.exe")),
        ),
    ] {
        let (outcome, members) = run(&tnef(&attachment(&attributes)), Limits::default());
        let found: Vec<_> = members.0.iter().map(|member| member.0.as_str()).collect();
        assert_eq!((outcome, &found[..]), (Ok(()), &[names.0][..]));
        assert_eq!(members.2, names.1.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn damage_is_told_and_hides_nothing_before_it() {
    let whole = whole();
    for length in 6..whole.len() {
        let (outcome, _) = run(&whole[..length], Limits::default());
        let at_an_end = length == 6 || outcome == Ok(());
        assert!(at_an_end || outcome == Err(Unscanned::PartiallyCorrupted), "cut at {length}: {outcome:?}");
    }
    let (_, members) = run(&whole[..whole.len() - 40], Limits::default());
    assert_eq!(members.data("two.txt"), b"two");
    for at in 6..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x55;
        let _ = run(&broken, Limits::default());
    }
}

#[test]
fn limits_hold() {
    let many: Vec<_> = (0..50).flat_map(|_| [attribute(2, BEGINS, &[]), attribute(2, DATA, b"x")]).collect();
    let (outcome, members) = run(&tnef(&many), Limits { members: 10, ..Limits::default() });
    assert_eq!((outcome, members.0.len()), (Err(Unscanned::FilesLimit), 10));
    // A count of properties, and of values, that lies.
    let lie = [&0xffff_ffff_u32.to_le_bytes()[..], &variable(0x102, 0x1013, b"x")].concat();
    assert_eq!(run(&tnef(&[attribute(1, OF_MESSAGE, &lie)]), Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
    let lie = [&1_u32.to_le_bytes()[..], &0x0102_u16.to_le_bytes(), &[0x13, 0x10], &[0xff; 4]].concat();
    assert_eq!(run(&tnef(&[attribute(1, OF_MESSAGE, &lie)]), Limits::default()).0, Err(Unscanned::PartiallyCorrupted));
}

/// Some programs go by an attribute's 32 bits, others by the low 16.
#[test]
fn an_attribute_is_what_its_name_says_whatever_its_type() {
    let odd = |id: u32| id & 0xffff | 0x0004_0000;
    let made = tnef(&[
        attribute(1, odd(0x0002_800c), b"body"),
        attribute(2, odd(BEGINS), &[0; 4]),
        attribute(2, TITLE, b"letter.txt\0"),
        attribute(2, odd(TITLE), b"letter.exe\0"),
        attribute(2, odd(DATA), b"MZ first"),
        attribute(2, odd(BEGINS), &[0; 4]),
        attribute(2, odd(OF_ATTACHMENT), &properties(&[variable(0x1e, 0x3707, b"long.exe\0")])),
        attribute(2, DATA, b"MZ second"),
    ]);
    let (outcome, members) = run(&made, Limits::default());
    assert_eq!((outcome, members.0.len()), (Ok(()), 4));
    for (name, data) in [
        ("body.txt", &b"body"[..]),
        ("letter.txt", b"MZ first"),
        ("letter.exe", b"MZ first"),
        ("long.exe", b"MZ second"),
    ] {
        assert_eq!(members.data(name), data, "{name}");
    }
}

#[test]
fn bombs_take_linear_time() {
    type Bomb = fn(usize) -> Vec<u8>;
    let bombs: [(&str, Bomb, usize); 5] = [
        ("attachments", |n| tnef(&vec![[attribute(2, BEGINS, &[]), attribute(2, DATA, b"x")].concat(); n]), 250),
        ("attributes of one attachment", |n| tnef(&vec![attribute(2, TITLE, b"a.exe\0"); n]), 2_000),
        ("one large attachment", |n| tnef(&[attribute(2, BEGINS, &[]), attribute(2, DATA, &vec![b'x'; n])]), 1 << 20),
        (
            "properties",
            |n| tnef(&[attribute(1, OF_MESSAGE, &properties(&vec![variable(0x102, 0x1013, b"<"); n]))]),
            500,
        ),
        ("properties of nothing", |n| tnef(&vec![attribute(1, OF_MESSAGE, &[]); n]), 2_000),
    ];
    for (what, bomb, small) in bombs {
        let (little, much) = (bomb(small), bomb(8 * small));
        let limits = || Limits { ratio: u64::MAX, ..Limits::default() };
        let (little, much) = (quickest(|| _ = run(&little, limits())), quickest(|| _ = run(&much, limits())));
        assert!(is_linear(little, much), "{what}: {little:?} at {small}, {much:?} at eight times that");
    }
}
