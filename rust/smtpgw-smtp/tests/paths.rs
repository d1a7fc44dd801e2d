//! What comes of paths and names behind a whole server: what a client writes somehow is written on in one form, which
//! is read back as the same and in which nothing can hide.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use common::{Driver, full_offer};
use proptest::prelude::*;
use smtpgw_smtp::{ForwardPath, Limits, ReversePath, StateName};

/// What is noted of `line` behind EHLO and, for RCPT, MAIL; `None` if it was refused, which changes nothing.
fn noted(line: &str) -> Option<String> {
    let mut driver = Driver::new(Limits::default(), full_offer());
    let before: &[u8] = if line.starts_with("RCPT") { b"EHLO c\r\nMAIL FROM:<a@b>\r\n" } else { b"EHLO c\r\n" };
    driver.unread.extend_from_slice(before);
    driver.run();
    let (count, state) = (driver.notes.len(), driver.server.state());
    driver.output.clear();
    driver.unread.extend_from_slice(format!("{line}\r\n").as_bytes());
    driver.run();
    let reply = String::from_utf8(std::mem::take(&mut driver.output)).unwrap();
    if reply.starts_with("250") {
        assert_eq!((driver.server.state(), driver.notes.len()), (StateName::Mail, count + 1), "{line}");
        return driver.notes.pop();
    }
    assert!(reply.starts_with('5') && driver.server.state() == state, "{line}: {reply}");
    None
}

/// Whether `path` is one pair of brackets with printable text in it that neither holds another bracket nor a blank, but
/// for what stands in quotes.
fn is_well_formed(path: &str) -> bool {
    let Some(inside) = path.strip_prefix('<').and_then(|path| path.strip_suffix('>')) else { return false };
    let (mut quoted, mut escaped) = (false, false);
    for letter in inside.chars() {
        match letter {
            letter if letter.is_control() => return false,
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' | '>' | ' ' | '\\' if !quoted => return false,
            _ => {}
        }
    }
    !quoted && !escaped
}

const PIECES: [&str; 23] = [
    "a",
    "b.example",
    "example.org",
    "postmaster",
    "[192.0.2.1]",
    "x-y",
    "é",
    "_",
    "@",
    ".",
    ":",
    "<",
    ">",
    "\"",
    "\\",
    ",",
    " ",
    "%",
    "!",
    "-",
    "..",
    "\t",
    "\u{2028}",
];
const LOCAL_PARTS: [&str; 10] = ["a", ".a", "a..", "a:b", ":", "\"<a> b\"", "\"a:\\\"\"", "a%b", "用户", ""];
const DOMAINS: [&str; 9] = ["b", "b.example.", "b..", "[192.0.2.1]", "[IPv6:::1]", "[192.0.2.1].", "-b", "é.b.", "."];
const BEFORE: [&str; 8] = ["", "<", "<@x:", " <", "<<", "< ", "@x:", "\""];
const BEHIND: [&str; 9] = ["", ">", ">>", " >", "\"", ",", "> ", ">x", "\r"];
const PARAMETERS: [&str; 7] = ["", " ", " SIZE=5", "SIZE=5", " <c@d>", " c@d", ">"];

fn one_of<const N: usize>(texts: &'static [&'static str; N]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts.as_slice())
}

/// What is nearly a path, or is one.
fn nearly_a_path() -> impl Strategy<Value = String> {
    let mailbox = (one_of(&BEFORE), one_of(&LOCAL_PARTS), one_of(&DOMAINS), one_of(&BEHIND));
    prop_oneof![
        prop::collection::vec(one_of(&PIECES), 0..9).prop_map(|pieces| pieces.concat()),
        mailbox.prop_map(|(before, local, domain, behind)| format!("{before}{local}@{domain}{behind}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_as_the_same(text in nearly_a_path()) {
        if let Ok(path) = ReversePath::parse(&text) {
            let written = path.to_string();
            prop_assert!(is_well_formed(&written), "{written}");
            prop_assert_eq!(ReversePath::parse(&written), Ok(path));
        }
        if let Ok(path) = ForwardPath::parse(&text) {
            let written = path.to_string();
            prop_assert!(is_well_formed(&written), "{written}");
            prop_assert_eq!(path.domain().is_some_and(|domain| domain.ends_with('.')), false);
            prop_assert_eq!(ForwardPath::parse(&written), Ok(path));
        }
    }

    #[test]
    fn what_stands_behind_a_path_is_a_parameter_or_refused(
        text in nearly_a_path(), behind in one_of(&PARAMETERS),
    ) {
        if let Some(note) = noted(&format!("MAIL FROM:{text}{behind}")) {
            let written = note.strip_prefix("MAIL ").unwrap();
            let path = written.strip_suffix(" SIZE=5").unwrap_or(written);
            prop_assert!(is_well_formed(path), "{note}");
            prop_assert_eq!(noted(&format!("MAIL FROM:{written}")).unwrap(), note);
        }
    }
}

#[test]
fn what_is_written_otherwise_has_one_form() {
    for (text, written) in [
        ("a@b", "<a@b>"),
        ("<a..b@docomo.example>", "<a..b@docomo.example>"),
        ("<.a@docomo.example>", "<.a@docomo.example>"),
        ("a.@docomo.example", "<a.@docomo.example>"),
        ("<..@c>", "<..@c>"),
        ("a@[192.0.2.1]", "<a@[192.0.2.1]>"),
        ("\"<a@b>\"@c", "<\"<a@b>\"@c>"),
        ("<a@b.example.>", "<a@b.example>"),
        ("a@b.example.", "<a@b.example>"),
        ("<@one:a@b.>", "<a@b>"),
        ("<é@bücher.example.>", "<é@bücher.example>"),
        ("<a:b@c.example>", "<\"a:b\"@c.example>"),
        ("mailto:a@b.example.", "<\"mailto:a\"@b.example>"),
        ("<one:a@b>", "<\"one:a\"@b>"),
        ("<@one:two::.a@b>", "<\"two::.a\"@b>"),
        ("<\"a:b\"@c>", "<\"a:b\"@c>"),
    ] {
        let path = ForwardPath::parse(text).unwrap();
        assert_eq!(path.to_string(), written, "{text}");
        assert_eq!(ForwardPath::parse(written).unwrap(), path);
        assert_eq!(ReversePath::parse(text).unwrap().to_string(), written, "{text}");
        let mailbox = path.mailbox().unwrap();
        assert_eq!(format!("<{}@{}>", mailbox.local_part(), mailbox.domain()), written);
    }
}

#[test]
fn a_sender_needs_no_domain() {
    for text in ["<root>", "<Postmaster>", "<-f>", "<a..b>", "<printer.2>", "<用户>"] {
        let path = ReversePath::parse(text).unwrap();
        assert_eq!((path.to_string().as_str(), path.is_null(), path.domain()), (text, false, None));
        assert_eq!(path.is_ascii(), text.is_ascii());
        assert!(path.mailbox().is_none() && path != ReversePath::NULL);
    }
}

#[test]
fn what_is_read_is_written_in_brackets_and_parameters_stay_behind() {
    for (line, expected) in [
        ("MAIL FROM:a@b.example", "MAIL <a@b.example>"),
        ("MAIL FROM: a@b.example", "MAIL <a@b.example>"),
        ("MAIL FROM:a@b.example SIZE=100", "MAIL <a@b.example> SIZE=100"),
        ("mail from:a@b.example.  size=100  body=8bitmime", "MAIL <a@b.example> SIZE=100 BODY=8BITMIME"),
        ("MAIL FROM:<a..b@docomo.example> SIZE=100", "MAIL <a..b@docomo.example> SIZE=100"),
        ("MAIL FROM:<root> SIZE=100", "MAIL <root> SIZE=100"),
        ("MAIL FROM:<a:b@c.example> SIZE=100", "MAIL <\"a:b\"@c.example> SIZE=100"),
        ("RCPT TO:x@example.org", "RCPT <x@example.org>"),
        ("RCPT TO:.x..y.@example.org.", "RCPT <.x..y.@example.org>"),
        ("RCPT TO:<x@example.org.>", "RCPT <x@example.org>"),
        ("RCPT TO:<Postmaster>", "RCPT <Postmaster>"),
    ] {
        assert_eq!(noted(line).as_deref(), Some(expected), "{line}");
    }
    for line in [
        "MAIL FROM:a@b.example>",
        "MAIL FROM:<a@b.example",
        "MAIL FROM:a@b.example>SIZE=100",
        "MAIL FROM:a@b.example, SIZE=100",
        "MAIL FROM:a@b.example <c@d>",
        "MAIL FROM:a @b.example",
        "MAIL FROM:@x:a@b.example",
        "MAIL FROM:root",
        "MAIL FROM:<a@b@c>",
        "MAIL FROM:< >",
        "RCPT TO:<x>",
        "RCPT TO:x",
        "RCPT TO:x@example.org..",
        "RCPT TO:<x@[192.0.2.1].>",
        "RCPT TO:x@example.org,y@example.org",
        "RCPT TO:x@example.org y@example.org",
    ] {
        assert_eq!(noted(line), None, "{line}");
    }
}
