//! Tables: what is found in which text, and what is not.
#![allow(clippy::expect_used, reason = "a test may panic")]

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use alloc::{format, vec};

use crate::{BASES, Found, TooMany, find, may_hold_page, resolved};

fn candidates(text: &str) -> Vec<String> {
    find(text, 1_000).expect("few").candidates
}

#[test]
fn urls_in_running_text() {
    for (text, expected) in [
        ("", &[][..]),
        ("no url here.", &[]),
        ("see http://bad.example/x.", &["http://bad.example/x"]),
        ("xhttp://bad.example", &["http://bad.example"]),
        ("HTTPS:\\\\bad.example\\x, then", &["HTTPS:\\\\bad.example\\x"]),
        ("ftp:/a wss://b ws://c", &["ftp:/a", "wss://b", "ws://c"]),
        ("gopher://a http: //a :// http:a", &[]),
        ("http://u@bad.example/x?http://worse.example", &["http://u@bad.example/x?http://worse.example"]),
        ("<http://bad.exam\nple/x>", &["http://bad.exam", "http://bad.example/x"]),
        ("http://bücher.example/ü\u{a0}", &["http://bücher.example/ü"]),
        ("ht\u{200b}tp://b\u{ad}ad.example", &["http://bad.example"]),
    ] {
        let found = candidates(text);
        for url in expected {
            assert!(found.iter().any(|candidate| candidate == url), "{text:?}: {url} is not among {found:?}");
        }
        assert!(!expected.is_empty() || found.is_empty(), "{text:?}: {found:?}");
    }
}

#[test]
fn urls_joined_by_what_no_host_has() {
    for (text, expected) in [
        ("http://a.example,http://bad.example/x", &["http://a.example", "http://bad.example/x"][..]),
        ("http://a.example;http://bad.example/x", &["http://a.example", "http://bad.example/x"]),
        ("http://a.example|http://bad.example/x", &["http://a.example", "http://bad.example/x"]),
        ("http://a.example/a,ftp://b.example/b,ws:/c", &["http://a.example/a", "ftp://b.example/b", "ws:/c"]),
        ("http://bad.example|x http://bad1.example;x", &["http://bad.example", "http://bad1.example"]),
        ("\u{201c}http://bad.example\u{201d}", &["http://bad.example"]),
        ("http://bad.example\u{ff0c}谢谢", &["http://bad.example"]),
        ("http://bad.example查看/x", &["http://bad.example", "http://bad.example查看/x"]),
        ("http://ｂａｄ．example\u{ff0c}谢谢", &["http://ｂａｄ．example"]),
        ("http://bücher.example\u{201d}", &["http://bücher.example"]),
        ("(http://bad.example)x", &["http://bad.example"]),
        ("http://bad.example\u{301} http://10.0.0.1\u{301}", &["http://bad.example", "http://10.0.0.1"]),
        ("http://a.example\u{ff0c}bad.example/x", &["http://a.example", "bad.example/x"]),
    ] {
        let found = candidates(text);
        for url in expected {
            assert!(found.iter().any(|candidate| candidate == url), "{text:?}: {url} is not among {found:?}");
        }
    }
    assert_eq!(candidates("http://bücher.example/x"), ["http://bücher.example/x"], "and no word alone");
}

#[test]
fn hosts_among_signs() {
    for (text, expected) in [
        (",bad.example", "bad.example"),
        ("(bad.example)", "bad.example"),
        ("<bad.example>", "bad.example"),
        ("\"bad.example\"", "bad.example"),
        ("bad.example...", "bad.example"),
        ("..bad.example", ".bad.example"),
        ("-bad.example", "bad.example"),
        ("--bad.example/x--", "bad.example/x--"),
        ("_bad.example_", "bad.example"),
        ("__bad.example/x", "bad.example/x"),
        ("bad.example- a good one", "bad.example"),
        ("bad.example--.", "bad.example"),
        ("http://bad.example-", "http://bad.example"),
        ("http://bad.example--_.", "http://bad.example"),
        ("[url=http://bad.example]x[/url]", "http://bad.example"),
        ("[http://bad.example][1]", "http://bad.example"),
        ("http://bad.example:here", "http://bad.example"),
        ("http://bad.example:80:x/", "http://bad.example"),
        ("http://bad.example@ x", "http://bad.example"),
        ("http://bad.example@good.example/x", "http://bad.example"),
        ("http://bad.example@good.example/x", "http://bad.example@good.example/x"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ] {
        let found = candidates(text);
        assert!(found.iter().any(|candidate| candidate == expected), "{text:?}: {found:?}");
    }
    for text in ["http://a-b.example", "http://a.example:80/x-", "http://[::1]/", "http://user@host", "a-b.example/-"] {
        assert_eq!(candidates(text), [text], "{text}: nothing else");
    }
}

#[test]
fn a_host_behind_a_user() {
    for text in [
        "//x@bad.example",
        "see //x:y@bad.example/z",
        "/\\x@bad.example",
        "https:x@bad.example",
        "url(https:x@bad.example)",
        "HTTP:x@y@bad.example",
        "a 1x, //x@bad.example/b 2x",
        "<a href=https://x\"@bad.example/>",
        "<a href=//x`<'@bad.example>",
        "<a href=\"//good.example\" ping=//x\"@bad.example>",
    ] {
        let found = candidates(text);
        let leads =
            |url: &String| url.trim_end_matches("/z").trim_end_matches("/b").trim_end_matches('/') == "bad.example";
        assert!(found.iter().any(leads), "{text:?}: {found:?}");
    }
    for text in [
        "ben@bad.example",
        "/x@bad.example",
        "//good/x@bad.example",
        "//good?x@bad.example",
        "// ben@bad.example",
        "<a href=\"//good\">ben@bad.example",
        "<a href=//good>ben@bad.example",
        "\"http://good\",\"ben@bad.example\"",
        "hxxp://x@bad.example",
        "mailto:ben@bad.example",
    ] {
        let found = candidates(text);
        assert!(!found.iter().any(|url| url.starts_with("bad.example")), "{text:?}: {found:?}");
    }
}

#[test]
fn tabs_and_line_ends_within() {
    for text in [
        "<meta http-equiv=refresh content=\"0;url=ht\ntps://b\tad.example\">",
        "<meta content='0;url=ht&Tab;tps://b&NewLine;ad.example'>",
        "url(\"https://ba\td.example\")",
        "open(`https://ba\r\nd.exa\nmple`)",
        "open(\"https://ba\\\nd.example\")",
        "<URL:https://bad.\n  example>",
    ] {
        let found = candidates(text);
        assert!(found.iter().any(|url| url == "https://bad.example"), "{text:?}: {found:?}");
    }
    let text = "\"http://good.example\tor ben@bad.example\"";
    assert!(!candidates(text).iter().any(|url| url.contains("bad")), "a sentence");
}

#[test]
fn a_word_of_latin_letters_is_no_two_words() {
    for (text, expected) in [
        ("bücher.example", &["bücher.example"][..]),
        ("see www.bücher.example/x", &["www.bücher.example/x"]),
        ("bu\u{308}cher.example", &["bu\u{308}cher.example"]),
        ("BÜCHER.example", &["BÜCHER.example"]),
        ("überbad.example", &["überbad.example"]),
        ("http://www.bücher.example/x", &["http://www.bücher.example/x"]),
        ("http://bücher.example查看", &["http://bücher.example查看", "http://bücher.example"]),
        ("see-caf\u{e9}.example.org", &["see-caf\u{e9}.example.org"]),
        ("ü.bad.example", &["ü.bad.example"]),
        ("приветbad.example", &["приветbad.example", "bad.example"]),
    ] {
        assert_eq!(candidates(text), expected, "{text:?}");
    }
}

#[test]
fn hosts_within_other_writing() {
    for (text, expected) in [
        ("请访问bad.example查看", "bad.example"),
        ("请访问bad.example/x?y。", "bad.example/x?y。"),
        ("见bad.example。谢谢", "bad.example"),
        ("\u{301}bad.example", "bad.example"),
        ("bad.example\u{301} x", "bad.example"),
        ("\u{301}10.0.0.1", "10.0.0.1"),
        ("//%62ad.example", "%62ad.example"),
        ("//bad%2eexample/x", "bad%2eexample/x"),
        ("谢//b%61d%2Eexample", "b%61d%2Eexample"),
        ("100%bad.example %2ebad.example", "bad.example"),
        ("5%41.example", "41.example"),
    ] {
        let found = candidates(text);
        assert!(found.iter().any(|candidate| candidate == expected), "{text:?}: {found:?}");
    }
    assert!(!candidates("user@bad.example\u{301}").iter().any(|found| found == "bad.example"), "a mail address");
}

#[test]
fn hosts_in_running_text() {
    for (text, expected) in [
        ("go to bad.example/x, now", &["bad.example/x"][..]),
        ("bad\u{3002}example ｂａｄ．ｅｘａｍｐｌｅ", &["bad\u{3002}example", "ｂａｄ．ｅｘａｍｐｌｅ"]),
        ("www.bad.example:81?q bad.example:123456", &["www.bad.example:81?q", "bad.example:12345"]),
        ("a..bad.example", &[".bad.example"]),
        ("user@bad.example, x@y.example/path", &[]),
        ("hxxp://bad.example/x HXXPS://bad.example", &[]),
        ("hxxp bad.example", &["bad.example"]),
        ("你好。世界。再见 例子.中国", &["例子.中国"]),
        ("... a. b .", &[]),
        ("\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}.example", &["\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}.example"]),
    ] {
        let found = candidates(text);
        assert_eq!(found, expected, "{text:?}");
    }
    let long = "a".repeat(70);
    assert_eq!(candidates(&format!("{long}.example")), [format!("{}.example", "a".repeat(63))]);
}

#[test]
fn values_of_attributes() {
    for (text, expected) in [
        ("<a href=\"http://bad.example/x y\">", "http://bad.example/x y"),
        ("<a href='http:bad.example/x'>", "http:bad.example/x"),
        ("<a\nhref\n=\n\" ht\ttp:\n//bad.exa\nmple/x\n\">", "http://bad.example/x"),
        ("<a href=/\\bad.example/x>", "/\\bad.example/x"),
        ("<a href=\"http&colon;//bad&period;example\">", "http://bad.example"),
        ("<a title='\"' href=\"//bad.example\">", "//bad.example"),
        ("<a href=\"http://bad.example/x", "http://bad.example/x"),
        ("x=\" <a href=\"https:%62ad/x\">", "https:%62ad/x"),
        ("x=' <a href='//2130706433/'>", "//2130706433/"),
        ("<meta content=\"0;url=//2130706433/\">", "//2130706433/"),
        ("<img srcset=\"x 1x, //%62ad.example/y 2x\">", "%62ad.example/y"),
        ("<style>a{b:url(https:b%61%64%2Eexample)}</style>", "b%61%64%2Eexample"),
    ] {
        let found = candidates(text);
        assert!(found.iter().any(|candidate| candidate == expected), "{text:?}: {found:?}");
    }
}

#[test]
fn strings_of_scripts_and_styles() {
    for text in [
        r#"<script>location="\x68ttps://bad\u002eexample/x"</script>"#,
        r#"{"url":"https:\/\/bad.example\/x"}"#,
        r"<style>a{b:url(\68ttps\3a//bad\2e example/x)}</style>",
        r"<p style='background:url(&quot;https\3a //bad.example/x&quot;)'>",
        r"<< /URI (https:\057\057bad\056example/x) >>",
        r#"{\field{\*\fldinst{HYPERLINK "https://bad\'2eexample/x"}}}"#,
    ] {
        let found = candidates(text);
        assert!(found.iter().any(|url| url.starts_with("https://bad.example/x")), "{text}: {found:?}");
    }
}

#[test]
fn bases_and_what_is_relative_to_them() {
    let of = |text: &str| {
        let Found { bases, relative, .. } = find(text, 1_000).expect("few");
        (bases, relative)
    };
    assert_eq!(of("<a href=x>"), (vec![], vec![]));
    for base in [
        "<base href=http://bad.example/>",
        "<BASE target=_top HREF = ' http://bad.example/\n'>",
        "<base/href=http&#58;//bad.example/>",
        "<base title=\">\" href=\"http://bad.example/\">",
        "<base data-href=x href=http://bad.example/>",
    ] {
        let (bases, relative) = of(&format!("{base}<a href='../x'>"));
        assert!(bases.iter().any(|found| found == "http://bad.example/"), "{base}: {bases:?}");
        assert!(relative.iter().any(|found| found == "../x"), "{base}: {relative:?}");
    }
    let both = find("<base href=http://bad.example/><a href=host.example/x>", 9).expect("few");
    assert!(both.candidates.iter().any(|found| found == "host.example/x"), "relative, and a host as well: {both:?}");
    assert!(both.relative.iter().any(|found| found == "host.example/x"), "{both:?}");
    let many: String = (0..=BASES).map(|number| format!("<base href=http://{number}.example/>")).collect();
    assert!(find(&many, 1_000).is_ok(), "without anything relative they are candidates as others");
    assert_eq!(find(&format!("{many}<a href=x>"), 1_000), Err(TooMany { at_most: 1_000 }));
}

#[test]
fn each_once_and_no_more_than_allowed() {
    assert_eq!(candidates("http://b.example http://a.example http://b.example").len(), 2);
    let text: String = (0..10).map(|number| format!("a{number}.example ")).collect();
    assert_eq!(find(&text, 10).map(|found| found.candidates.len()), Ok(10));
    assert_eq!(find(&text, 9), Err(TooMany { at_most: 9 }));
    assert_eq!(find("a.example", 0).map_err(|error| error.to_string().contains("not all")), Err(true));
}

#[test]
fn references() {
    for (text, expected) in [
        ("none", "none"),
        ("&", "&"),
        ("&&amp;&", "&&&"),
        ("&ampx &amp &notit; &notin;", "&x & ¬it; ∉"),
        ("&colon;&sol;&period;&Tab;&NewLine;", ":/.\t\n"),
        ("&#58;&#x3A;&#X3a&#0000000058;&#x0000000000000003a", "::::\u{3a}"),
        ("&#0;&#x80;&#1;&#xD800;&#x110000;&#99999999999;", "\u{fffd}€\u{fffd}\u{fffd}\u{fffd}"),
        ("&#;&#x;&#xg", "&#;&#x;&#xg"),
        ("&NotEqualTilde;", "\u{2242}\u{338}"),
        ("&CounterClockwiseContourIntegral;&zwnj;", "∳\u{200c}"),
        ("&Aacute", "Á"),
        ("&ü;", "&ü;"),
    ] {
        assert_eq!(resolved(text), expected, "{text:?}");
    }
}

#[test]
fn every_name_of_the_table_is_found() {
    let table = include_str!("references.txt");
    let names: Vec<_> = table.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(names.is_sorted_by_key(|(name, _)| name.as_bytes()), "it is searched by halves");
    for (name, codes) in names {
        let code = |code| u32::from_str_radix(code, 16).ok().and_then(char::from_u32).expect("a code point");
        let expected: String = codes.split(' ').map(code).collect();
        assert_eq!(resolved(&format!("&{name} ")), format!("{expected} "), "{name}");
    }
}

#[test]
fn pages_within() {
    for text in ["data:text/html,x", "DATA:,", "da\u{74}a\r\n\t:x", "&#100;ata:,x", "data&colon;x", "d\na\tta:,"] {
        assert!(may_hold_page(text), "{text:?}");
    }
    for text in ["eval(atob('x'))", "window[\"atob\"](x)", "unescape (x)", "decodeURIComponent('%3c')"] {
        assert!(may_hold_page(text), "{text:?}");
    }
    for text in ["", "data", "date:", ":", "dat\t b:", "(", "f(atob)", "atob"] {
        assert!(!may_hold_page(text), "{text:?}");
    }
}
