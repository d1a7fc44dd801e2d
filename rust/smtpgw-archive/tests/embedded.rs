//! Files that stand in texts: what comes out of pages, scripts, calendars, cards and armour, and that nothing comes out
//! of what only looks like them.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod collected;

use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Format, Limits, Unscanned, detect_all, unpack};

const PROGRAM: &[u8] = b"MZ\x90\0 This program cannot be run in DOS mode. \xff\xfe\xfd\xfc";

fn open(text: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(Format::Embedded, Cursor::new(text), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members)
}

fn is_known(text: &[u8]) -> bool {
    detect_all(text, text).any(|format| format == Format::Embedded)
}

/// Names and octets of what comes out.
fn members(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (outcome, members) = open(text, Limits::default());
    assert_eq!(outcome, Ok(()));
    assert!(members.0.iter().all(|member| member.2 == Some(Ok(()))));
    members.0.into_iter().map(|(name, octets, _)| (name, octets)).collect()
}

fn octets(text: &[u8]) -> Vec<Vec<u8>> {
    members(text).into_iter().map(|(_, octets)| octets).collect()
}

fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) as usize & 63;
            text.push(if at > group.len() { '=' } else { char::from(ALPHABET[index]) });
        }
    }
    text
}

fn folded(text: &str, width: usize, with: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(with)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Every text gives the program and nothing else, in ASCII and in UTF-16.
fn all_give_the_program(texts: &[String]) {
    for text in texts {
        assert!(is_known(text.as_bytes()), "{text}");
        assert_eq!(octets(text.as_bytes()), [PROGRAM], "{text}");
        for wide in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = text.encode_utf16().flat_map(wide).collect();
            assert!(is_known(&wide), "{text}, in UTF-16");
            assert_eq!(octets(&wide), [PROGRAM], "{text}, in UTF-16");
        }
    }
}

#[test]
fn urls_give_their_data() {
    let code = base64(PROGRAM);
    let bare = code.trim_end_matches('=');
    let percent: String = PROGRAM.iter().map(|octet| format!("%{octet:02X}")).collect();
    all_give_the_program(&[
        format!("<a href=\"data:application/octet-stream;base64,{code}\">x</a>"),
        format!("<a href='DATA:;BASE64,{code}'>x</a>"),
        format!("<a href=data:application/zip;base64,{code}>x</a>"),
        format!("<a href=data:application/zip;base64,{bare} download>x</a>"),
        format!("<a href=\"data:application/zip;charset=x; base64 ,{}\">", folded(&code, 7, "\r\n  ")),
        format!(
            "<a href=\"data:application/zip;base64,{}\">",
            code.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D")
        ),
        format!("<a href=\"data:application/zip;base64,{}\">", code.replace('/', "&#x2f;").replace('+', "&plus;")),
        format!("<a href=\"data&colon;application/zip;ba\nse64&comma;{code}\">"),
        format!("<a href=\"data:application/zip;base64,{}\">", code.replace('/', "_").replace('+', "-")),
        format!("fetch(\"data:application/zip;base64,{}\")", code.replace('/', "\\/")),
        format!("fetch(\"data:application/zip;base64,\" + \"{}\")", folded(&code, 9, "\" +\n \"")),
        format!("a {{ background: url(data:application/zip;base64,{code}) }}"),
        format!("<image xlink:href=\"data:image/png;base64,{code}\"/>"),
        format!("<a href=\"data:application/octet-stream,{percent}\">x</a>"),
        format!("<a href='data:,{percent}'>x</a>"),
        format!("url(data:,{percent})"),
        format!("see data:application/zip;base64,{code} there"),
        format!("PHOTO:data:image/jpeg;base64,{}\r\nEND:VCARD\r\n", folded(&code, 20, "\r\n ")),
    ]);
}

#[test]
fn scripts_give_their_literals() {
    let code = base64(PROGRAM);
    let long = hex(&[PROGRAM, PROGRAM].concat());
    all_give_the_program(&[
        format!("var b = '{code}';"),
        format!("var b = `\n  {}\n`;", folded(&code, 40, "\n  ")),
        format!("don't ask; var b = '{code}';"),
        format!("new Blob([[\"{}\"].join('')])", folded(&code, 10, "\", \"")),
        format!("atob(\"{}\")", folded(&code, 10, "\" + \"")),
        format!("var b = \"{}\";", folded(&code, 40, "\";\r\nb += \"")),
        format!("b = \"{}\"", folded(&code, 40, "\" & _\r\n  \"")),
        format!("save(\"{code}\", \"application/zip\", \"invoice\")"),
        format!("{{\"file\": \"{}\"}}", code.replace('/', "\\/")),
        format!("<div hidden>{code}</div>"),
        format!("<textarea>\n{}\n</textarea>", folded(&code, 64, "\n")),
    ]);
    assert_eq!(octets(format!("var b = '{long}';").as_bytes()), [[PROGRAM, PROGRAM].concat()]);
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0 and so on, which is a small archive";
    assert_eq!(octets(format!("var b = '{}';", base64(zip)).as_bytes()), [zip]);
    assert_eq!(octets(b"atob('aHR0cHM6Ly9iYWQuZXhhbXBsZS8=')"), [b"https://bad.example/"]);
    assert_eq!(
        octets(b"-enc \"SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA\"")[0][..4],
        *b"I\0E\0"
    );
}

#[test]
fn calendars_and_cards_give_their_attachments() {
    let code = base64(PROGRAM);
    all_give_the_program(&[
        format!("BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:{code}\r\nEND:VCALENDAR\r\n"),
        format!(
            "BEGIN:VCALENDAR\r\nATTACH;VALUE=BINARY;ENCO\r\n DING=BASE64:{}\r\nEND:VCALENDAR",
            folded(&code, 20, "\r\n ")
        ),
        format!("BEGIN:VCARD\r\nPHOTO;ENCODING=b;TYPE=JPEG:{}\r\nEND:VCARD\r\n", folded(&code, 20, "\r\n  ")),
        format!("BEGIN:VCARD\nKEY;ENCODING=B:{code}\nEND:VCARD\n"),
        format!("BEGIN:VCARD\r\nLOGO;JPEG;BASE64:\r\n {}\r\n\r\nEND:VCARD\r\n", folded(&code, 20, "\r\n ")),
    ]);
    let named =
        format!("BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=a.com:{code}\r\nEND:VCALENDAR");
    assert_eq!(members(named.as_bytes()), [("a.com".to_owned(), PROGRAM.to_vec())]);
}

#[test]
fn armour_gives_what_is_no_certificate() {
    let block = |label: &str, octets: &[u8], header: &str| {
        format!(
            "text\r\n-----BEGIN {label}-----\r\n{header}{}\r\n-----END {label}-----\r\n",
            folded(&base64(octets), 64, "\r\n")
        )
    };
    all_give_the_program(&[
        block("CERTIFICATE", PROGRAM, ""),
        block("X509 CRL", PROGRAM, ""),
        block("PGP MESSAGE", PROGRAM, "Version: 1-a\r\n\r\n"),
    ]);
    let within = format!("a = 'base64,-----BEGIN CERTIFICATE-----\\n{}'", base64(PROGRAM));
    assert_eq!(octets(within.as_bytes()).last().unwrap(), PROGRAM);
    for none in [
        block("CERTIFICATE", b"\x30\x82\x03\x01 and so on", ""),
        block("PGP SIGNATURE", b"\x89\x02\x33 and so on", "Version: GnuPG v2\r\n\r\n"),
        block("RSA PRIVATE KEY", b"\x30\x82\x03\x01 and on", "Proc-Type: 4,X\r\n\r\n"),
        "-----BEGIN of it all-----\r\nAnd: no more\r\n".to_owned(),
    ] {
        assert_eq!(members(none.as_bytes()), [], "{none}");
    }
}

#[test]
fn names_are_those_to_which_it_is_saved() {
    let code = base64(PROGRAM);
    for text in [
        format!("<a download=\"a.exe\" href=\"data:x/y;base64,{code}\">"),
        format!("<a href=\"data:x/y;base64,{code}\" download='a.exe'>"),
        format!("var b = \"{code}\"; link.download = \"a.exe\";"),
        format!("link.setAttribute('download', 'a.exe'); var b = \"{code}\""),
    ] {
        assert_eq!(members(text.as_bytes()), [("a.exe".to_owned(), PROGRAM.to_vec())], "{text}");
    }
    let picture = format!("<img src=\"data:image/png;base64,{code}\">{}<a download=a.csv>", " ".repeat(600));
    assert_eq!(members(picture.as_bytes())[0].0, "data-31");
}

#[test]
fn nothing_comes_out_of_what_is_no_file() {
    let digest = "oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC";
    for text in [
        format!("<link integrity=\"sha384-{digest}\">"),
        format!("<link nonce=\"{digest}\">"),
        "{\"id\": \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}".to_owned(),
        "{\"thisIsALongNameOfSomethingThatAScriptHoldsForWhateverReason\": 1}".to_owned(),
        "\"words without any punctuation that are longer than they need be\"".to_owned(),
        "<p>words without any punctuation that are longer than they need be</p>".to_owned(),
        "reader.result.split('base64,')[1]; x.replace(/^data:.+;base64,/, '')".to_owned(),
        "about data: and/or its meaning, which is unclear".to_owned(),
        "base64: YWJj is how base64; looks".to_owned(),
        "<a href='data:text/html,<p>in the open</p>'>".to_owned(),
        "BEGIN:VCARD\r\nNOTE;ENCODING=QUOTED-PRINTABLE:Gr=C3=BC=C3=9Fe\r\nEND:VCARD\r\n".to_owned(),
        String::new(),
    ] {
        assert_eq!(members(text.as_bytes()), [], "{text}");
    }
}

/// A quoted page within a URL that stands in the open hides nothing that is in it.
#[test]
fn an_open_url_hides_nothing() {
    let inner = format!("<a href='data:x/y;base64,{}'>", base64(b"MZ"));
    let found = octets(format!("<a href=\"data:text/html,{inner}").as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!(octets(&found[0]), [b"MZ"]);
}

#[test]
fn pieces_are_the_same_wherever_they_are_cut() {
    let code = base64(&PROGRAM.repeat(3_000));
    for front in [32_700, 32_767, 32_768, 32_769, 65_530] {
        let text = format!("{}<a href=\"data&colon;x/y;base64,{}\">", " ".repeat(front), code.replace('/', "&#x2f;"));
        assert_eq!(octets(text.as_bytes()), [PROGRAM.repeat(3_000)], "{front}");
    }
}

#[test]
fn many_and_large_pieces_are_bounded_and_told() {
    let many = "<a href=\"data:,%41\">".repeat(30_000);
    let (outcome, members) = open(many.as_bytes(), Limits::default());
    assert_eq!((outcome, members.0.len()), (Err(Unscanned::FilesLimit), Limits::default().members));
    let large = format!("\"{}\"", base64(&vec![7; 300_000]));
    let limits = Limits { member: 100_000, ..Limits::default() };
    let (outcome, members) = open(large.as_bytes(), limits);
    let told = (members.outcome("literal-0"), members.data("literal-0").len());
    assert_eq!((outcome, told), (Ok(()), (Err(Unscanned::Mailbomb), 100_000)));
    let (outcome, members) = open(large.as_bytes(), Limits { total: 100_000, ..Limits::default() });
    assert_eq!((outcome, members.0.len()), (Err(Unscanned::Mailbomb), 1));
    let disabled = Limits { disabled: vec![Format::Embedded], ..Limits::default() };
    assert_eq!(open(large.as_bytes(), disabled).0, Err(Unscanned::DisabledFormat));
}
