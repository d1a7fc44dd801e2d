//! Documents that hold other files as text: RTF and Office's single files of XML.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::fmt::Write as _;
use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Fact, Format, Limits, Unscanned, detect, detect_all, unpack};

fn open(format: Format, octets: &[u8]) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(Limits::default(), || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(format, Cursor::new(octets), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members, budget)
}

fn rtf(text: &str) -> Collected {
    assert_eq!(detect(text.as_bytes(), text.as_bytes()), Some(Format::Rtf), "{text:.40}");
    let (outcome, members, _) = open(Format::Rtf, text.as_bytes());
    assert_eq!(outcome, Ok(()));
    members
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

fn text(text: &str) -> Vec<u8> {
    let text = [text.as_bytes(), b"\0"].concat();
    [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], &text].concat()
}

/// An object by OLE 1 (MS-OLEDS §2.2.5).
fn object(class: &str, octets: &[u8]) -> Vec<u8> {
    let size = u32::try_from(octets.len()).unwrap().to_le_bytes();
    [&b"\x01\x05\0\0\x02\0\0\0"[..], &text(class), &[0; 8], &size, octets].concat()
}

const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and on";

#[test]
fn objects_come_out_of_rtf_however_they_are_written() {
    let digits = hex(&object("Word.Document.8", COMPOUND));
    let (one, two) = digits.split_at(31);
    for body in [
        format!("{{\\object\\objemb{{\\*\\objdata {digits}}}}}"),
        format!("{{\\object\\objocx\\objdata\r\n{}}}", digits.to_uppercase()),
        format!("\\objdata {one}\r\n \t{two}"),
        format!("{{\\objdata {one}\\par1 {two}}}"),
        format!("{{\\objdata1 {one}{{{two}}}}}"),
        format!("{{\\objdata\\x {one}{{\\*\\bin2 }}}}{two}}}"),
        format!("{{\\*\\x {{\\*\\objdata {digits}}}}}"),
        format!("\\bin99999 {{\\objdata {digits}}}"),
    ] {
        let members = rtf(&format!("{{\\rt {body}}}"));
        assert!(
            members.0.iter().any(|(name, data, _)| name == "object-1.bin" && data == COMPOUND),
            "{body}: {members:?}"
        );
    }
    // Digits that only some programs count.
    let members = rtf(&format!("{{\\rtf1{{\\objdata {one}{{\\*\\x {two}}}}}}}"));
    assert!(members.0.iter().any(|(_, data, _)| data == COMPOUND), "{members:?}");
    let members = rtf(&format!("{{\\rtf1{{\\objdata {one}{{aa}}{two}}}}}"));
    assert!(members.0.iter().any(|(_, data, _)| data == COMPOUND), "{members:?}");
    // A head that lies about its lengths does not hide what stands behind it.
    let mut lying = object("Word.Document.8", COMPOUND);
    lying[8] = 0xff;
    let members = rtf(&format!("{{\\rtf1{{\\objdata {}}}}}", hex(&lying)));
    assert!(members.0.iter().any(|(_, data, _)| data == COMPOUND), "{members:?}");
    assert!(members.0.iter().any(|(_, data, _)| *data == lying), "{members:?}");
}

#[test]
fn a_package_has_the_name_of_its_file() {
    let package =
        [&b"\x02\0a.txt\0C:\\temp\\a.exe\0\0\0\x03\0\x05\0\0\0temp\0"[..], b"\x02\0\0\0MZ", b"behind"].concat();
    let members = rtf(&format!("{{\\rtf1{{\\objdata {}}}}}", hex(&object("Package", &package))));
    assert_eq!((members.data("a.exe"), members.data("object-1.bin")), (&b"MZ"[..], &package[..]));
}

#[test]
fn what_is_loaded_from_elsewhere_is_a_fact() {
    let linked = [&b"\x01\x05\0\0\x01\0\0\0"[..], &text("Package"), &text("http://bad.example/"), &[0; 4]].concat();
    for body in [
        format!("{{\\objdata {}}}", hex(&linked)),
        "{\\*\\template http://bad.example/x.dot}".to_owned(),
        "{\\*\\template \\'68ttp:x}".to_owned(),
    ] {
        assert_eq!(rtf(&format!("{{\\rtf1{body}}}")).1, [Fact::ExternalTarget], "{body}");
    }
    let members = rtf(&format!("{{\\rtf1{{\\objdata {}}}}}", hex(&linked)));
    assert_eq!(members.data("object-1.bin"), linked);
    for body in ["{\\*\\template C:\\\\Normal.dot}", "{\\*\\templatex http://a}", "hello"] {
        assert_eq!(rtf(&format!("{{\\rtf1{body}}}")), Collected::default(), "{body}");
    }
}

#[test]
fn objects_that_stand_in_each_other_are_bounded() {
    for word in ["{\\objdata 61", "\\objdata 61 ", "\\objdata}", "{\\objdata{\\*\\x 61"] {
        for count in [1_000, 100_000] {
            let text = format!("{{\\rtf1{}", word.repeat(count));
            let (outcome, _, budget) = open(Format::Rtf, text.as_bytes());
            assert!(
                matches!(outcome, Err(Unscanned::Nested | Unscanned::FilesLimit | Unscanned::Mailbomb))
                    || word.ends_with('}')
            );
            assert!(budget.unpacked() <= 16 * text.len() as u64);
        }
    }
}

#[test]
fn macros_come_out_of_active_mime() {
    use std::io::Write as _;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(COMPOUND).unwrap();
    let packed = packed.finish().unwrap();
    // Where the header says, where most stand, and where neither is so.
    for (said, at) in [(4_u8, 0x32), (0, 0x32), (0x10, 0x3e), (0xff, 0x22a), (0, 99)] {
        let mut octets = [&b"ActiveMime\0\0\x01\xf0\x04\0\0\0"[..], &[0; 600]].concat();
        octets[0x1e] = said;
        octets.truncate(at);
        octets.extend(&packed);
        assert_eq!(detect_all(&octets, &octets).collect::<Vec<_>>(), [Format::ActiveMime]);
        let (outcome, members, _) = open(Format::ActiveMime, &octets);
        assert_eq!((outcome, members.outcome("content")), (Ok(()), Ok(())), "{said} {at}");
        assert_eq!(members.data("content"), COMPOUND, "{said} {at}");
    }
    let (_, members, _) = open(Format::ActiveMime, b"ActiveMime and no more");
    assert_eq!(members.outcome("content"), Err(Unscanned::Corrupted));
}

fn xml(text: &str) -> Collected {
    let (outcome, members, _) = open(Format::OfficeXml, text.as_bytes());
    assert_eq!(outcome, Ok(()));
    members
}

const FLAT: &str = "<?xml version=\"1.0\"?>\r\n<?mso-application progid=\"Word.Document\"?>\r\n\
    <pkg:package xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\">\
    <pkg:part pkg:name=\"/word/_rels/document.xml.rels\" pkg:contentType=\"x\"><pkg:xmlData>\
    <Relationship Type=\"x/attachedTemplate\" Target=\"http://bad.example/\" TargetMode=\"External\"/></pkg:xmlData></pkg:part>\
    <pkg:part pkg:contentType=\"x\" pkg:name=\"/word/vbaProject.bin\"><pkg:binaryData>0M8R4KGx\r\nGuEgYW5k\r\nIG9u</pkg:binaryData>\
    </pkg:part></pkg:package>";

#[test]
fn parts_come_out_of_a_flat_package() {
    let wide = |order: fn(u16) -> [u8; 2]| FLAT.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let marked = [b"\xff\xfe", &wide(u16::to_le_bytes)[..]].concat();
    for octets in [FLAT.as_bytes(), &[b"\xef\xbb\xbf\r\n", FLAT.as_bytes()].concat(), &marked, &wide(u16::to_be_bytes)]
    {
        assert_eq!(detect_all(octets, octets).collect::<Vec<_>>(), [Format::OfficeXml]);
        let (outcome, members, _) = open(Format::OfficeXml, octets);
        assert_eq!((outcome, members.0.len()), (Ok(()), 2));
        assert_eq!(members.data("word/vbaProject.bin"), COMPOUND);
        assert_eq!(members.1, [Fact::Macros, Fact::ExternalTarget]);
    }
    let members = xml(FLAT);
    assert!(members.data("word/_rels/document.xml.rels").starts_with(b"<Relationship "));
}

#[test]
fn what_stands_between_the_characters_does_not_hide_them() {
    for (element, name) in [
        ("<w:binData w:name=\"editdata.mso\">YW<!-- </w:binData> -->Jj</w:binData>", "editdata.mso"),
        ("<a:part a:name='/x'><a:binaryData>Y<![CDATA[WJ]]>&#106;</a:binaryData></a:part>", "x"),
        ("<x:xmlData><binData name='a'>YWJj</binData></x:xmlData>", "a"),
        ("<!-- <w:binData> --><binaryData>YWJj</binaryData>", "content"),
    ] {
        let text = format!("<?xml version='1.0'?><w:wordDocument>{element}</w:wordDocument>");
        assert_eq!(detect(text.as_bytes(), b""), Some(Format::OfficeXml));
        assert_eq!(xml(&text).data(name), b"abc", "{element}");
    }
    let (outcome, members, _) = open(Format::OfficeXml, b"<binaryData>YWJj");
    assert_eq!(outcome, Err(Unscanned::PartiallyCorrupted));
    assert_eq!(
        (members.data("content"), members.outcome("content")),
        (&b"abc"[..], Err(Unscanned::PartiallyCorrupted))
    );
    assert_eq!(detect(b"a page about <binaryData>", b""), None);
    assert_eq!(detect(b"<html>plain</html>", b""), None);
}
