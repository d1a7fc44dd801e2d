//! Office documents in zips: facts, and formats that are switched off.

use std::io::{Cursor, Write as _};

use smtpgw_archive::{Fact, Format, Limits, Unscanned};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{open, open_as};

fn document(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn facts_are_told_once() {
    let external =
        b"<Relationships><Relationship Type='x/oleObject' Target='http://a' TargetMode='External'/></Relationships>";
    let wide: Vec<u8> = str::from_utf8(external).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (members, facts) in [
        (vec![("word/document.xml", &b"x"[..])], vec![]),
        (vec![("word/vbaProject.bin", b"x"), ("xl\\VBAPROJECT.BIN", b"x")], vec![Fact::Macros]),
        (vec![("word/_rels/document.xml.rels", external)], vec![Fact::ExternalTarget]),
        (
            vec![("a.rels", &wide), ("b.rels", external), ("vbaProject.bin", b"x")],
            vec![Fact::Macros, Fact::ExternalTarget],
        ),
    ] {
        let (outcome, found, _) = open_as(Format::Zip, &document(&members), Limits::default());
        assert_eq!((outcome, &found.1), (Ok(()), &facts), "{members:?}");
    }
}

#[test]
fn a_format_that_is_switched_off_is_told() {
    let limits = Limits { disabled: vec![Format::Zip], ..Limits::default() };
    let (outcome, members, budget) = open(&document(&[("a", b"x")]), limits).unwrap();
    assert_eq!((outcome, members.0.len(), budget.members()), (Err(Unscanned::DisabledFormat), 0, 0));
    let limits = Limits { disabled: vec![Format::Rar], ..Limits::default() };
    assert_eq!(open(&document(&[("a", b"x")]), limits).unwrap().0, Ok(()));
    let mut names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Format::ALL.len());
}
