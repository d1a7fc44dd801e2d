//! Charsets, as tables.

use super::*;
use smtpgw_testkit::effort;

#[test]
fn decodes_by_label() {
    let table: &[(Option<&str>, &[u8], &str, bool)] = &[
        (None, b"plain", "plain", false),
        (None, "grün".as_bytes(), "grün", false),
        (None, b"gr\xfcn", "grün", true),
        (Some("us-ascii"), b"plain", "plain", false),
        (Some("US-ASCII"), "grün".as_bytes(), "grün", false),
        (Some("us-ascii"), b"gr\xfcn", "grün", true),
        (Some("utf-8"), "grün".as_bytes(), "grün", false),
        (Some("utf-8"), b"gr\xfcn", "gr\u{fffd}n", true),
        (Some("iso-8859-1"), b"gr\xfcn", "grün", false),
        (Some(" \"ISO-8859-15\" "), b"\xa4", "€", false),
        (Some("koi8-r"), b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", false),
        (Some("iso-2022-jp"), b"\x1b$B$3$s\x1b(B", "こん", false),
        (Some("shift_jis"), b"\x82\xb1\x82\xf1", "こん", false),
        (Some("gb2312"), b"\xc4\xe3", "你", false),
        (Some("utf-16le"), b"h\0i\0", "hi", false),
        (Some("x-nonsense"), "grün".as_bytes(), "grün", true),
        (Some("x-nonsense"), b"gr\xfcn", "grün", true),
        (Some(""), b"x", "x", true),
        // A label that browsers refuse to decode must not hide the text.
        (Some("hz-gb-2312"), b"visible", "visible", false),
        (Some("replacement"), b"visible", "visible", true),
        // UTF-7: runs, the plus itself, a run that the text ends, a pair of surrogates, its own mark, what is broken.
        (Some("utf-7"), b"visible", "visible", false),
        (Some("UTF-7"), b"+AGgAdAB0AHA-://x", "http://x", false),
        (Some("unicode-1-1-utf-7"), b"1 +- 1 +AOk. +2D3eAA-", "1 + 1 \u{e9}. \u{1f600}", false),
        (Some("utf-7"), b"+/v8-hi", "hi", false),
        (None, b"+/v8-+AGgAaQ-", "hi", false),
        (Some("utf-7"), b"a+!b", "a+!b", true),
        (Some("utf-7"), b"+2D0-x", "\u{fffd}x", true),
        (Some("utf-7"), b"+AGE", "a", false),
        (Some("utf-7"), b"+AGEA", "a\u{fffd}", true),
        (Some("utf-7"), b"+AGF-", "a\u{fffd}", true),
        (Some("utf-7"), b"+A", "\u{fffd}", true),
        (Some("utf-7"), b"\x80+AGE-", "\u{20ac}a", true),
        // UTF-32 by label, by mark, damaged, and cut.
        (Some("utf-32"), b"\0\0\0h\0\0\0i", "hi", false),
        (Some("utf-32"), b"h\0\0\0i\0\0\0", "hi", false),
        (Some("utf-32le"), b"h\0\0\0i\0\0\0", "hi", false),
        (Some("utf-32be"), b"\0\0\0hi", "h\u{fffd}", true),
        (Some("utf-8"), b"\xff\xfe\0\0h\0\0\0", "h", false),
        (Some("utf-32"), b"\xff\xfe\0\0h\0\0\0\xff\xff\xff\xff", "h\u{fffd}", true),
        (Some("utf-32le"), b"\xff\xfe\0\0h\0\0\0i", "h\u{fffd}", true),
        (None, b"\0\0\xfe\xff\0\0\0h", "h", false),
        // UTF-16 without a mark: by label and shape, by shape alone; not where only a stretch looks so.
        (Some("utf-16"), b"\0h\0i", "hi", false),
        (Some("utf-16"), b"h\0i\0", "hi", false),
        (Some("unicode"), b"\0h\0i", "hi", false),
        (Some("ucs-2"), b"\0h\0i\0", "hi\u{fffd}", true),
        (None, b"h\0i\0", "hi", true),
        (None, b"\0h\0i", "hi", true),
        (None, b"h\0t\0t\0p\0\xac\x20\0", "http\u{20ac}\u{fffd}", true),
        (Some("us-ascii"), b"h\0i\0 plain", "h\0i\0 plain", false),
        // What shifts, and what is no ASCII at all.
        (Some("hz-gb-2312"), b"~{Dc:C~}, ~~a~\nb", "\u{4f60}\u{597d}, ~ab", false),
        (Some("hz-gb-2312"), b"~{Dc\nab~", "\u{4f60}\nab~", true),
        (Some("iso-2022-kr"), b"\x1b$)C\x0e>H3g\x0f x", "\u{c548}\u{b155} x", false),
        (Some("iso-2022-cn"), b"\x1b$)A\x0eDc\x0f x", "\u{4f60} x", false),
        (Some("cp037"), b"\x88\xa3\xa3\x97zaa\x82\x81\x84", "http://bad", false),
        (Some("ibm500"), b"\x82\x81\x84@JQZ", "bad [\u{e9}]", false),
        (Some("cp1140"), b"\x9f", "\u{20ac}", false),
        (Some("cp1026"), b"\x88\xa3\xa3\x97zaa\x82\x81\x84 \xae", "http://bad\u{80}@", false),
        (Some("IBM_424"), b"\x82\x81\x84@A", "bad \u{5d0}", false),
        (Some("cp424"), b"\x82\x80", "b\u{fffd}", true),
        (Some("cp875"), b"\x82\x81\x84@A", "bad \u{391}", false),
        // Tables that are not here agree on most.
        (Some("ibm-1047"), b"\x88\xa3\xa3\x97zaa\x82\x81\x84", "http://bad", true),
        (Some("EBCDIC-CP-FR"), b"\x82\x81\x84", "bad", true),
        (Some("cp1252"), b"bad", "bad", false),
        (Some("IBM00858"), b"bad", "bad", true),
        // The same names in the spelling of other programs.
        (Some("utf_7"), b"+AGgAaQ-", "hi", false),
        (Some("UTF 7"), b"+AGgAaQ-", "hi", false),
        (Some("iso2022_jp_2"), b"pla\x1b(Bin", "plain", false),
        (Some("iso8859_1"), b"gr\xfcn", "gr\u{fc}n", false),
        (Some("utf-7-imap"), b"a&AGgAaQ- &- +", "ahi & +", false),
        (Some("utf-7-imap"), b"&2D3eAA-,", "\u{1f600},", false),
        (Some("unicode_escape"), b"\\x68\\u0074t\\160:\\n\\U0001F600\\\\", "http:\n\u{1f600}\\", false),
        (Some("unicode_escape"), b"a\\\nb\\q\\ud800\\x6", "ab\\q\u{fffd}\\x6", true),
        (Some("java"), b"\\u0068i \\x41", "hi \\x41", true),
        // Byte order marks win.
        (Some("iso-8859-1"), b"\xef\xbb\xbfgr\xc3\xbcn", "grün", false),
        (Some("utf-8"), b"\xff\xfeh\0i\0", "hi", false),
        (None, b"\xfe\xff\0h\0i", "hi", false),
        (None, b"\xfe\xff\0h\0", "h\u{fffd}", true),
    ];
    for (label, octets, text, had_errors) in table {
        assert_eq!(to_text(*label, octets), (Cow::Borrowed(*text), *had_errors), "{label:?} {octets:?}");
    }
}

#[test]
fn clean_utf_8_is_not_copied() {
    assert!(matches!(to_text(Some("utf-8"), b"text").0, Cow::Borrowed(_)));
    assert!(matches!(to_text(None, b"text").0, Cow::Borrowed(_)));
}

#[test]
fn other_programs_show_other_texts() {
    let table: &[(Option<&str>, &[u8], &[&str])] = &[
        (None, b"plain", &[]),
        (Some("utf-8"), "gr\u{fc}n".as_bytes(), &[]),
        (Some("iso-8859-1"), b"gr\xfcn", &[]),
        // NULs that a program drops, and shapes that it does not see.
        (None, b"h\0t\0t\0p\0", &[]),
        (Some("us-ascii"), b"ht\0tp://bad plain", &["http://bad plain"]),
        (Some("utf-16"), b"\0h\0t\0t\0p\0:\0/b\0a\0", &["http:/ba"]),
        // A label that nobody else obeys.
        (Some("utf-7"), b"http+ADo-//bad", &["http+ADo-//bad"]),
        (Some("cp037"), b"http", &["http"]),
        (Some("iso-2022-jp"), b"plain", &[]),
        // A mark that only some obey.
        (Some("iso-8859-1"), b"\xef\xbb\xbfx", &["\u{ef}\u{bb}\u{bf}x", "\u{feff}x"]),
        (Some("us-ascii"), b"+/v8-http", &["+/v8-http"]),
        // What a page says of itself, in whatever spelling; and not where that is the same.
        (Some("utf-8"), b"<META charset = 'utf-7'>+AGE-", &["<META charset = 'utf-7'>a"]),
        (None, b"<!-- <meta http-equiv=x content=\"text/html; charset=utf-7\"", &[]),
        (None, b"<meta content='x;charset&#x3d;utf&#45;7'>+AGE-", &["<meta content='x;charset&#x3d;utf&#45;7'>a"]),
        (Some("utf-8"), b"<?xml version='1.0' encoding='utf-7'?>+AGE-", &["<?xml version='1.0' encoding='utf-7'?>a"]),
        (Some("utf-8"), "<meta charset=gbk>gr\u{fc}n".as_bytes(), &[]),
        (None, b"<meta charset=gbk>\xc4\xe3", &["<meta charset=gbk>\u{4f60}"]),
        // Browsers pass over what is no charset, however many there are.
        (
            None,
            b"<meta charset=1 charset=2 charset=3 charset=4 charset=5 charset=6 charset=7 charset=8 charset=gbk>\xc4\xe3",
            &["<meta charset=1 charset=2 charset=3 charset=4 charset=5 charset=6 charset=7 charset=8 charset=gbk>\u{4f60}"],
        ),
        (Some("utf-8"), b"<meta charset=utf-16>plain <meta charset=x-nonsense>", &[]),
        // Shifts that browsers recognise.
        (None, b"ht\x1b(Btp", &["http"]),
        (Some("iso-2022-jp"), b"ht\x1b(Btp", &["ht\u{1b}(Btp"]),
        (None, b"\x1b[31mred", &[]),
    ];
    for (label, octets, texts) in table {
        assert_eq!(other_texts(*label, octets), *texts, "{label:?} {octets:?}");
    }
}

#[test]
fn what_others_read_and_we_do_not_is_told() {
    for label in ["ibm1047", "cp-290", "EBCDIC-JP-KANA", "scsu", "cp20871"] {
        assert!(is_unread(label), "{label}");
    }
    for label in ["cp037", "IBM01140", "utf-7", "x-unknown", "cp1252", "iso-8859-1", "", "20", "ibm"] {
        assert!(!is_unread(label), "{label}");
    }
}

const LABELS: [Option<&str>; 18] = [
    None,
    Some("utf-8"),
    Some("utf-7"),
    Some("utf-16"),
    Some("utf-16be"),
    Some("utf-32"),
    Some("utf-32le"),
    Some("hz-gb-2312"),
    Some("iso-2022-kr"),
    Some("iso-2022-cn"),
    Some("iso-2022-jp"),
    Some("cp037"),
    Some("cp273"),
    Some("x-nonsense"),
    Some("gb18030"),
    Some("cp875"),
    Some("unicode_escape"),
    Some("utf-7-imap"),
];

#[test]
fn any_octets_are_some_text_and_a_cut_is_told() {
    let mut seed = 0x9e37_79b9_u32;
    let mut octets = Vec::new();
    for _ in 0..3_000 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        octets.push([b'+', b'~', b'{', 0, 0x1b, 0x0e, b'A', (seed >> 24) as u8][seed as usize >> 16 & 7]);
    }
    for label in LABELS {
        for at in 0..octets.len() {
            let piece = &octets[at..octets.len().min(at + 24)];
            let (text, _) = to_text(label, piece);
            assert!(text.len() <= 4 * piece.len(), "{label:?} {piece:?}");
            other_texts(label, piece);
        }
    }
    // Whatever is cut off the end of such a text is missed.
    let whole: &[(&str, &[u8], &[usize])] = &[
        ("utf-7", b"+2D3eAA-", &[2, 3, 4, 5, 6]),
        ("utf-16be", b"\xd8\x3d\xde\0", &[1, 2, 3]),
        ("utf-32", b"\0\x01\xf6\0", &[1, 2, 3]),
    ];
    for (label, octets, cuts) in whole {
        assert_eq!(to_text(Some(label), octets), (Cow::Borrowed("\u{1f600}"), false));
        for &cut in *cuts {
            let (text, odd) = to_text(Some(label), &octets[..cut]);
            assert!(odd && text.ends_with('\u{fffd}'), "{label} cut at {cut}: {text:?}");
        }
    }
}

#[test]
fn time_is_linear() {
    for piece in [
        &b"+"[..],
        b"<meta charset=utf-7>",
        b"<meta charset",
        b"<?xml",
        b"\\u0061",
        b"\x1b(B",
        b"+AGE",
        b"+-",
        b"~{Dc",
        b"a\0",
        b"\xff\xfe\0\0",
    ] {
        for label in LABELS {
            let work = |times: usize| {
                let octets = piece.repeat(times);
                effort::quickest(|| {
                    to_text(label, &octets);
                    other_texts(label, &octets);
                })
            };
            assert!(effort::is_linear(work(20_000), work(160_000)), "{label:?} {piece:?}");
        }
    }
}
