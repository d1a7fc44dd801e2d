//! Archives behind something else: programs that unpack them, and whatever archivers pass over.

use std::io::Write as _;

use smtpgw_archive::{Format, Limits, Unscanned};
use smtpgw_testkit::corpus;
use smtpgw_testkit::effort::{is_linear, quickest};

use crate::open;

/// A program that knows the marks, as one that unpacks must.
fn program() -> Vec<u8> {
    let marks =
        [&b"7z\xbc\xaf\x27\x1c"[..], b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\x01\0", b"MSCF\0\0\0\0", b"PK\x03\x04\0\0\0\0"];
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

/// 7-Zip opens what stands behind anything that it does not know.
#[test]
fn archives_behind_anything_are_opened() {
    let picture = [&b"GIF89a"[..], &[0x2c; 3_000_000]].concat();
    let files = ["7z", "cab"].into_iter().flat_map(|extension| corpus::files("archive", extension));
    for (name, archive) in files.chain(streams()) {
        let alone = open(&archive, Limits::default()).unwrap();
        let (outcome, members, _) = open(&[&picture[..], &archive].concat(), Limits::default()).expect(&name);
        assert_eq!((outcome, &members.0), (alone.0, &alone.1.0), "{name}");
    }
}

fn streams() -> [(String, Vec<u8>); 4] {
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(b"hello").unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(b"hello").unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"hello").unwrap();
    let zstd = b"\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello";
    [
        ("xz".into(), xz.finish().unwrap()),
        ("bzip2".into(), bzip2.finish().unwrap()),
        ("zstd".into(), zstd.to_vec()),
        ("gzip".into(), gzip.finish().unwrap()),
    ]
}

/// Which of them is taken is the program's choice.
#[test]
fn every_archive_behind_something_is_opened() {
    let [one, _] = crate::listed::samples();
    let two = [&b"MZ program "[..], &one, &one].concat();
    let (_, members, _) = open(&two, Limits::default()).unwrap();
    assert_eq!(members.0.iter().filter(|member| member.1 == b"hello").count(), 2);
    let many = [&b"MZ program "[..], &one.repeat(9)].concat();
    let (outcome, members, _) = open(&many, Limits::default()).unwrap();
    assert_eq!(members.0.iter().filter(|member| member.1 == b"hello").count(), 8);
    assert_eq!(outcome, Err(Unscanned::FilesLimit));
}

/// A program keeps streams for itself, and archivers open it as a program.
#[test]
fn streams_within_programs_are_theirs() {
    for (name, stream) in streams() {
        let mut program = [&b"MZ"[..], &[0; 58], &128_u32.to_le_bytes(), &[0; 64], b"PE\0\0", &[0; 300]].concat();
        program.extend(&stream);
        assert!(open(&program, Limits::default()).is_none(), "{name}");
        program[1] = b'z';
        assert!(open(&program, Limits::default()).is_some(), "{name}");
    }
}

#[test]
fn marks_without_end_take_linear_time() {
    let marks = [
        &b"7z\xbc\xaf\x27\x1c"[..],
        b"Rar!\x1a\x07\0\0\0\0\0\0\xff\xff",
        b"MSCF\0\0\0\0",
        b"PK\x03\x04",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"1AY&SY",
        b"\x1f\x8b\x08\0\0\0\0\0\0\0\x07",
    ];
    for mark in marks {
        let effort = |octets: usize| {
            let made = [&b"MZ"[..], &mark.repeat(octets / mark.len())].concat();
            // Of gzip's mark so many cannot be tried.
            quickest(|| assert!(open(&made, Limits::default()).is_none_or(|(outcome, ..)| outcome.is_err())))
        };
        let (small, large) = (effort(1 << 18), effort(1 << 21));
        assert!(is_linear(small, large), "{mark:?}: {small:?} for a quarter of a mebioctet, {large:?} for two");
    }
}

/// unzip, Python and 7-Zip go by the directory itself, whatever its end record counts, and unzip and 7-Zip look for the
/// end record further away than its comment may be long.
#[test]
fn a_zip_behind_something_needs_no_end() {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("a.exe", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(&b"MZ hidden ".repeat(99)).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    let end = zip.len() - 22;
    let directory = zip.windows(4).position(|mark| mark == b"PK\x01\x02").unwrap();
    let no_records = [&zip[..end + 8], &[0; 4], &zip[end + 12..]].concat();
    let too_many = [&zip[..end + 8], &[9; 4], &zip[end + 12..]].concat();
    let far = [&zip[..], &[b'j'; 70_000]].concat();
    for hidden in [&no_records[..], &too_many, &far, &zip[..end], &zip[..directory]] {
        let picture = [&b"GIF89a"[..], &[0x2c; 100], hidden].concat();
        let (outcome, members, _) = open(&picture, Limits::default()).expect("a zip");
        assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted));
        assert_eq!(members.data("a.exe"), b"MZ hidden ".repeat(99));
    }
}
