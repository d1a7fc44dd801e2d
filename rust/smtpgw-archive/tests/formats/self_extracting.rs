//! Archives in programs that unpack them.

use smtpgw_archive::{Format, Limits};
use smtpgw_testkit::corpus;
use smtpgw_testkit::effort::{is_linear, quickest};

use crate::open;

/// A program that knows the marks, as one that unpacks must.
fn program() -> Vec<u8> {
    let marks = [&b"7z\xbc\xaf\x27\x1c"[..], b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\x01\0", b"MSCF\0\0\0\0"];
    [&b"MZ\x90\0"[..], &[7; 60_000], &marks.join(&[9; 100][..]), &[8; 60_000]].concat()
}

#[test]
fn archives_in_programs_are_opened() {
    assert!(open(&program(), Limits::default()).is_none(), "marks alone are no archive");
    for (extension, format) in [("7z", Format::SevenZip), ("cab", Format::Cab)] {
        for (name, archive) in corpus::files("archive", extension) {
            let alone = open(&archive, Limits::default()).unwrap();
            let (outcome, members, _) = open(&[program(), archive].concat(), Limits::default()).unwrap();
            assert_eq!((outcome, &members.0), (alone.0, &alone.1.0), "{name} as {}", format.name());
        }
    }
    for made in crate::listed::samples() {
        let (outcome, members, _) = open(&[program(), made].concat(), Limits::default()).unwrap();
        assert_eq!((outcome, members.data("stored.txt")), (Ok(()), &b"hello"[..]));
    }
}

#[test]
fn marks_without_end_take_linear_time() {
    for mark in [&b"7z\xbc\xaf\x27\x1c"[..], b"Rar!\x1a\x07\0\0\0\0\0\0\xff\xff", b"MSCF\0\0\0\0"] {
        let effort = |octets: usize| {
            let made = [&b"MZ"[..], &mark.repeat(octets / mark.len())].concat();
            quickest(|| assert!(open(&made, Limits::default()).is_none()))
        };
        let (small, large) = (effort(1 << 18), effort(1 << 21));
        assert!(is_linear(small, large), "{mark:?}: {small:?} for a quarter of a mebioctet, {large:?} for two");
    }
}
