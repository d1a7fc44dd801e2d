//! PDF: what is embedded in one, and the objects that are packed in it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, detect, detect_all, unpack};
use smtpgw_testkit::effort::{is_linear, quickest};

fn open_within(limits: Limits, octets: &[u8]) -> (Result<(), Unscanned>, Collected) {
    let mut members = Collected::default();
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let outcome = unpack(Format::Pdf, Cursor::new(octets), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members)
}

fn open(octets: &[u8]) -> (Result<(), Unscanned>, Collected) {
    assert_eq!(detect(octets, octets), Some(Format::Pdf));
    open_within(Limits::default(), octets)
}

/// Octets behind the first line of a PDF.
fn pdf(objects: &[&[u8]]) -> Vec<u8> {
    [&b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"[..], &objects.concat(), b"startxref\n0\n%%EOF\n"].concat()
}

fn stream(number: u32, dictionary: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("{number} 0 obj\n<<{dictionary} /Length {}>>\nstream\r\n", data.len());
    [head.as_bytes(), data, b"\nendstream\nendobj\n"].concat()
}

fn flate(octets: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(octets).unwrap();
    writer.finish().unwrap()
}

fn hex(octets: &[u8]) -> Vec<u8> {
    let digits = octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02X} ").unwrap();
        text
    });
    format!("{digits}>").into()
}

fn base85(octets: &[u8]) -> Vec<u8> {
    let group = |octets: &[u8]| {
        let mut four = [0; 4];
        four[..octets.len()].copy_from_slice(octets);
        let mut value = u32::from_be_bytes(four);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = b'!' + u8::try_from(value % 85).unwrap();
            value /= 85;
        }
        if value == 0 && four == [0; 4] && octets.len() == 4 { b"z".to_vec() } else { digits[..=octets.len()].to_vec() }
    };
    [octets.chunks(4).flat_map(group).collect::<Vec<u8>>(), b"~>".to_vec()].concat()
}

/// Octets of codes that grow: each is a literal, and the table grows beside them as the decoder's does.
fn lzw(octets: &[u8]) -> Vec<u8> {
    let (mut packed, mut bits, mut held, mut known) = (Vec::new(), 0_u32, 0, 258);
    let mut codes: Vec<u32> = vec![256];
    codes.extend(octets.iter().map(|octet| u32::from(*octet)));
    codes.push(257);
    for (at, code) in codes.into_iter().enumerate() {
        if at > 2 {
            known += 1;
        }
        let width = [9, 10, 11, 12][[511, 1023, 2047].iter().filter(|limit| known + 1 > **limit).count()];
        bits = bits << width | code;
        held += width;
        while held >= 8 {
            held -= 8;
            packed.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
        bits &= (1 << held) - 1;
    }
    packed.push(u8::try_from(bits << (8 - held) & 0xff).unwrap());
    packed
}

const LINK: &[u8] = b"11 0 <</S/URI/URI(https://bad.example/)>>";

#[test]
fn packed_objects_come_out_however_they_are_packed() {
    let packed = flate(LINK);
    let png: Vec<u8> = LINK.chunks(4).flat_map(|row| [&[0], row].concat()).collect();
    let mut up = Vec::new();
    for at in (0..LINK.len()).step_by(4) {
        let row = &LINK[at..LINK.len().min(at + 4)];
        up.push(2);
        up.extend((at..).zip(row).map(|(at, octet)| octet.wrapping_sub(if at < 4 { 0 } else { LINK[at - 4] })));
    }
    let sub: Vec<u8> = LINK
        .chunks(4)
        .flat_map(|row| {
            (0..row.len()).map(|at| row[at].wrapping_sub(if at == 0 { 0 } else { row[at - 1] })).collect::<Vec<_>>()
        })
        .collect();
    let runs = [&[u8::try_from(LINK.len() - 1).unwrap()], LINK, &[254, b' ', 128, 0]].concat();
    for (dictionary, data) in [
        ("/Type/ObjStm/N 1/First 5/Filter/FlateDecode", packed.clone()),
        ("/Type /Obj#53tm /#4e 1 /First 5 /Filter [/F#6cateDecode]", packed.clone()),
        ("/N 1/First 5/Filter/Fl", packed.clone()),
        ("/N 1/First 5/F[/FlateDecode]", packed.clone()),
        ("/X((>>stream)\\)<</Filter/No)/N 1/First 5/Filter%x\n/FlateDecode", packed.clone()),
        ("/Type/ObjStm", LINK.to_vec()),
        ("/Type/ObjStm/Filter[/AHx/FlateDecode]", hex(&packed)),
        ("/Type/ObjStm/Filter[/ASCII85Decode /FlateDecode]", base85(&packed)),
        ("/Type/ObjStm/Filter/A85", [b"<~", &base85(LINK)[..]].concat()),
        ("/Type/ObjStm/Filter/RunLengthDecode", runs),
        ("/Type/ObjStm/Filter/LZWDecode", lzw(LINK)),
        ("/Type/ObjStm/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>", flate(&png)),
        ("/Type/ObjStm/Filter[/AHx/FlateDecode]/DecodeParms[null<</Predictor 15/Columns 4>>]", hex(&flate(&up))),
        ("/Type/ObjStm/Filter/FlateDecode/DecodeParms[<</Columns 4/Predictor 2>>]", flate(&sub)),
    ] {
        let (outcome, members) = open(&pdf(&[&stream(5, dictionary, &data)]));
        let text = members.data("objects");
        assert!(text.starts_with(LINK), "{dictionary}: {}", text.escape_ascii());
        assert_eq!((outcome, members.outcome("objects")), (Ok(()), Ok(())), "{dictionary}");
    }
}

#[test]
fn long_lzw_codes() {
    let text: Vec<u8> = (0..3_000_u32).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
    let (_, members) = open(&pdf(&[&stream(5, "/Type/ObjStm/Filter/LZW", &lzw(&text))]));
    assert_eq!(members.data("objects"), [&text[..], b"\n"].concat());
}

#[test]
fn files_come_out_by_their_names() {
    let exe = b"MZ a program with endstream in it";
    let filespecs: [(&str, &str); 5] = [
        ("<</Type/Filespec/F(a.exe)/EF<</F 5 0 R>>>>", "a.exe"),
        ("<</EF<</UF 5 0 R/F 5 0 R>>/UF<FEFF0061002E00650078 0065>>>", "a.exe"),
        ("<</Names[(x)<</F(a\\056exe)/EF<</F 5 0 R>>>>(y)<</F(b)/EF<</F 9 0 R>>>>]>>", "a.exe"),
        ("<</S/JavaScript/JS 5 0 R>>", "script-5.js"),
        ("<</XFA[(template)5 0 R]>>", "form-5.xml"),
    ];
    for (filespec, name) in filespecs {
        for (dictionary, data) in [("/Filter/FlateDecode", flate(exe)), ("", exe.to_vec())] {
            let spec = format!("3 0 obj {filespec} endobj\n");
            let packed = stream(8, "/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &flate(filespec.as_bytes()));
            let data = stream(5, dictionary, &data);
            for objects in [[spec.as_bytes(), &data], [&data, spec.as_bytes()], [&data, &packed]] {
                let (outcome, members) = open(&pdf(&objects));
                assert_eq!((outcome, members.data(name)), (Ok(()), &exe[..]), "{filespec} {dictionary}");
            }
        }
    }
    // The name stands in another object, also where this is packed.
    let data = stream(5, "", exe);
    let packed = stream(8, "/Type/ObjStm/N 1/First 4", b"3 0 <</EF 4 0 R/F(a.exe)>>");
    for spec in [b"3 0 obj<</EF 4 0 R/F(a.exe)>>endobj ", &packed[..]] {
        for objects in [[spec, b"4 0 obj<</F 5 0 R>>endobj ", &data], [b"4 0 obj<</F 5 0 R>>endobj ", &data, spec]] {
            assert_eq!(open(&pdf(&objects)).1.data("a.exe"), exe, "{}", spec.escape_ascii());
        }
    }
    // Nobody names it, and it says what it is.
    let (outcome, members) = open(&pdf(&[&stream(5, "/Type/EmbeddedFile", exe)]));
    assert_eq!((outcome, members.data("file-5")), (Ok(()), &exe[..]));
    let (outcome, members) = open(&pdf(&[&stream(5, "/Type/EmbeddedFile/Filter/FlateDecode", b"")]));
    assert_eq!((outcome, members.data("file-5"), members.outcome("file-5")), (Ok(()), &b""[..], Ok(())));
    // Its length stands elsewhere, before it or behind.
    let data = b"5 0 obj<</Length 6 0 R/Type/EmbeddedFile>>stream\nMZ endstream in\nendstream endobj\n";
    for objects in [[&data[..], b"6 0 obj 15 endobj\n"], [b"6 0 obj 15 endobj\n", data]] {
        assert_eq!(open(&pdf(&objects)).1.data("file-5"), b"MZ endstream in");
    }
}

#[test]
fn what_a_table_could_lead_to_is_found() {
    let objects = stream(5, "/N 1/First 5/Filter/FlateDecode", &flate(LINK));
    for (before, behind) in [
        (&b"1 0 obj ("[..], &b")endobj"[..]),
        (b"%", b""),
        (b"1 0 obj <</Length 9999>>stream\n", b"endstream"),
        (b"1 0 obj <</X (", b""),
        (b"1 0 obj <</Length 1>>stream\n%PDF-1.4 <", b"endstream"),
    ] {
        let (_, members) = open(&pdf(&[before, &objects, behind]));
        assert!(members.data("objects").starts_with(LINK), "{}", before.escape_ascii());
    }
    // Numbers that cannot be made out.
    let odd = [&b"5%x\n0%y\nobj<</Filter/Fl>>stream\n"[..], &flate(b"MZ"), b"\nendstream"].concat();
    assert_eq!(open(&pdf(&[&odd])).1.data("file-0"), b"MZ");
}

#[test]
fn ordinary_streams_stay_where_they_are() {
    let page = flate(&b"BT (hello) Tj ET ".repeat(1_000));
    let objects = [
        stream(1, "/Filter/FlateDecode", &page),
        stream(2, "/Type/XObject/Subtype/Image/Filter/DCTDecode/Width 9", b"\xff\xd8\xff\xe0 MZ"),
        stream(3, "/Type/XRef/W[1 2 1]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>", &flate(&[0; 50])),
        stream(4, "/Length1 5/Filter[/FlateDecode]", &flate(b"a font")),
        stream(5, "/Subtype/Image/Filter[/FlateDecode/DCTDecode]", &flate(b"\xff\xd8\xff")),
        b"6 0 obj<</Font<</F 4 0 R>>/XObject<</F1 2 0 R>>/F 4>>endobj trailer<</Root 6 0 R>>".to_vec(),
        b"7 0 obj<</Length 9999>>stream\nbroken".to_vec(),
    ];
    let objects: Vec<&[u8]> = objects[..3].iter().chain(&objects[4..]).map(Vec::as_slice).collect();
    assert_eq!(open(&pdf(&objects)), (Ok(()), Collected::default()));
}

#[test]
fn what_cannot_be_read_is_told() {
    let flated = flate(&b"some text, and more of it ".repeat(99));
    let cut = &flated[..flated.len() - 20];
    for (dictionary, data, told) in [
        ("/Type/ObjStm/Filter/FlateDecode", cut, Unscanned::PartiallyCorrupted),
        ("/Type/ObjStm/Filter 9 0 R", &flated[..], Unscanned::PartiallyCorrupted),
        ("/Type/ObjStm/Filter/AHx/Filter/FlateDecode", &flated, Unscanned::PartiallyCorrupted),
        ("/Type/ObjStm/Filter/Other", b"some text", Unscanned::Unhandled),
        (
            "/Type/ObjStm/Filter/FlateDecode/DecodeParms<</Predictor 2/BitsPerComponent 1>>",
            b"some text",
            Unscanned::Unhandled,
        ),
    ] {
        let (outcome, members) = open(&pdf(&[&stream(5, dictionary, data)]));
        assert_eq!((outcome, members.outcome("objects")), (Ok(()), Err(told)), "{dictionary}");
        assert!(members.data("objects").starts_with(b"some text"), "{dictionary}");
    }
    for encrypted in
        ["trailer<</Root 1 0 R/Encrypt 9 0 R>>", "trailer<</Encrypt<</V 1>>>>", "7 0 obj<</#45ncrypt 9 0 R>>endobj "]
    {
        let (outcome, members) = open(&pdf(&[&stream(5, "/Type/ObjStm", LINK), encrypted.as_bytes()]));
        assert_eq!(outcome, Err(Unscanned::Encrypted), "{encrypted}");
        assert!(members.data("objects").starts_with(LINK), "a word alone hides nothing");
    }
    assert_eq!(open(&pdf(&[b"1 0 obj<</EncryptMetadata true/Encrypted 5>>endobj (/Encrypt it)"])).0, Ok(()));
}

#[test]
fn it_is_known_by_its_mark() {
    let all = |octets: &[u8]| detect_all(octets, octets).collect::<Vec<_>>();
    assert_eq!(all(b"%PDF-1.4"), [Format::Pdf]);
    assert_eq!(all(&[&[b'x'; 900][..], b"%PDF-1.4\n1 0 obj"].concat()), [Format::Pdf]);
    assert_eq!(all(b"a text about %PDF-1.4 and objects"), []);
    assert_eq!(all(&[&[b'x'; 1_024][..], b"%PDF-1.4\n1 0 obj"].concat()), []);
    let archive = [&b"%PDF-1.4\n"[..], b"7z\xbc\xaf\x27\x1c\0\x04\x8d\x9b\xd5\x0f", &[0; 20]].concat();
    assert_eq!(all(&archive), [Format::Pdf, Format::SevenZip], "an archive behind it is found as before");
}

#[test]
fn bombs_are_bounded() {
    let zeros = flate(&vec![b' '; 4 << 20]);
    let twice = flate(&zeros);
    let many = stream(5, "/Type/ObjStm/Filter/FlateDecode", &zeros).repeat(50);
    for objects in [
        many,
        stream(5, "/Type/ObjStm/Filter[/Fl/Fl/AHx]", &flate(&flate(&vec![b' '; 200 << 20]))),
        stream(5, "/Type/EmbeddedFile/Filter[/Fl/Fl]", &twice),
    ] {
        let (outcome, members) = open_within(Limits::default(), &pdf(&[&objects]));
        assert!(members.0.iter().any(|member| member.2 == Some(Err(Unscanned::Mailbomb))), "{outcome:?}");
        assert!(members.0.iter().map(|member| member.1.len()).sum::<usize>() <= 41 << 20);
    }
    let named: String = (0..20_000).fold("1 0 obj[".into(), |text, at| format!("{text}<</F {at} 0 R>>"));
    assert_eq!(open(&pdf(&[named.as_bytes()])).0, Err(Unscanned::FilesLimit));
}

#[test]
fn what_stands_in_each_other_takes_linear_time() {
    for piece in [
        "1 0 obj (",
        "1 0 obj <<",
        "1 0 obj [",
        "1 0 obj<</Type/ObjStm>>stream\n",
        "1 0 obj<</JS 1 0 R/N 1/First 1/Filter/Fl>>stream\n",
        "obj ",
        "1 0 obj %",
        "1 0 obj<<>>stream 1 0 obj /Encrypt ",
    ] {
        let text = |count: usize| pdf(&[piece.repeat(count).as_bytes()]);
        let time = |octets: Vec<u8>| quickest(|| _ = open_within(Limits { members: 9, ..Limits::default() }, &octets));
        let (little, much) = (time(text(5_000)), time(text(40_000)));
        assert!(is_linear(little, much), "{piece}: {little:?}, {much:?}");
    }
}
