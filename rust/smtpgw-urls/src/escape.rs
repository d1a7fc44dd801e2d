//! Escapes of scripts, styles and documents resolved: what a string says where `\` begins a code.
//!
//! Two readings of a text that has any. That of scripts, JSON, RTF and PDF: `\x2e`, `\u002e`, `\u{2e}`, `\'2e`, octal
//! `\056`, signs that stand for themselves: `\/`, `\.`. That of styles (CSS Syntax §4.3.7): up to six hexadecimal digits and
//! a blank, and signs as well. In both a string may go on in the next line behind a backslash, and codes of tabs and
//! line ends stand for nothing, as browsers take these out of URLs. Each reading is no longer than the text, and other
//! backslashes stay as they are: a path of Windows has some.

use alloc::string::String;

/// Calls `look` with each reading that differs from `text`.
pub(crate) fn readings<E>(text: &str, mut look: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    for reading in [of_script, of_style] {
        if let Some(resolved) = resolved(text, reading) {
            look(&resolved)?;
        }
    }
    Ok(())
}

/// What an escape stands for, if it is anything, and how many octets it takes, from behind the backslash on.
type Reading = fn(&str) -> Option<(Option<char>, usize)>;

fn resolved(text: &str, reading: Reading) -> Option<String> {
    let (mut out, mut copied) = (String::new(), 0);
    for backslash in memchr::memchr_iter(b'\\', text.as_bytes()) {
        if backslash < copied {
            continue;
        }
        let Some((character, length)) = text.get(backslash + 1..).and_then(reading) else { continue };
        out.push_str(text.get(copied..backslash).unwrap_or_default());
        out.extend(character);
        copied = backslash + 1 + length;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Some(out)
}

fn of_script(text: &str) -> Option<(Option<char>, usize)> {
    let digits = |from: usize, most: usize| number(text.get(from..)?, 16, most);
    match text.as_bytes() {
        [b'x' | b'\'', ..] => digits(1, 2).filter(|(_, length)| *length == 2).map(|(code, _)| (code, 3)),
        [b'u', b'{', ..] => {
            let (code, length) = digits(2, 6)?;
            (text.as_bytes().get(2 + length) == Some(&b'}')).then_some((code, 3 + length))
        }
        [b'u', ..] => digits(1, 4).filter(|(_, length)| *length == 4).map(|(code, _)| (code, 5)),
        [b'0'..=b'7', ..] => number(text, 8, 3).filter(|(_, length)| *length == 3),
        [b't' | b'n' | b'r', ..] => Some((None, 1)),
        _ => of_sign(text),
    }
}

fn of_style(text: &str) -> Option<(Option<char>, usize)> {
    let Some((code, length)) = number(text, 16, 6) else { return of_sign(text) };
    let blank = text.as_bytes().get(length).is_some_and(|octet| matches!(octet, b' ' | b'\t' | b'\n' | b'\r' | 0x0c));
    // A folder may begin with such a letter: `C:\dir`.
    let is_whole = code.is_some() || blank || length == 6;
    is_whole.then_some((code, length + usize::from(blank)))
}

/// A sign that a URL may have, which stands for itself, or a line end, which stands for nothing.
fn of_sign(text: &str) -> Option<(Option<char>, usize)> {
    match text.as_bytes() {
        [b'\r', b'\n', ..] => Some((None, 2)),
        [b'\r' | b'\n', ..] => Some((None, 1)),
        [sign @ (b'/' | b'.' | b':' | b'-' | b'@' | b'%'), ..] => Some((Some(char::from(*sign)), 1)),
        _ => None,
    }
}

/// The character of the number that `text` begins with, and its digits; none of a tab or a line end.
fn number(text: &str, radix: u32, most: usize) -> Option<(Option<char>, usize)> {
    let digits = text.bytes().take(most).take_while(|octet| char::from(*octet).is_digit(radix)).count();
    match char::from_u32(u32::from_str_radix(text.get(..digits)?, radix).ok()?)? {
        '\t' | '\r' | '\n' => Some((None, digits)),
        // What makes no URL stays as it is: a path of Windows has such pieces as well.
        code => (!code.is_control()).then_some((Some(code), digits)),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        let _: Result<(), ()> = readings(text, |text| {
            all.push(String::from(text));
            Ok(())
        });
        all
    }

    #[test]
    fn escapes_are_resolved() {
        for (text, expected) in [
            (r"https:\/\/bad.example\/x", &["https://bad.example/x"][..]),
            (r"\x68ttps\x3a//bad\u002eexample\u{2f}x", &["https://bad.example/x"]),
            (r"\'68ttp://bad\'2eexample", &["http://bad.example"]),
            (r"http:\057\057bad\056example", &["http://bad.example"]),
            (r"\68ttps\3a//bad\2e example", &["https://bad.example"]),
            (r"\000068ttp", &["http"]),
            (r"https://bad\.example\-", &["https://bad.example-"]),
            ("https://ba\\\nd.exa\\\r\nmple", &["https://bad.example"]),
            (r"h\tttps\n://b\x09ad\u000a.exam\012ple", &["https://bad.example"]),
            (r"https://b\9 ad.exam\a ple", &["https://bad.example"]),
            ("none", &[]),
            (r"C:\dir\x", &[]),
            (r"\x2 \u00 \u{} \u{2f", &[]),
            ("\\", &[]),
        ] {
            let found = all(text);
            assert!(expected.iter().all(|text| found.iter().any(|found| found == text)), "{text}: {found:?}");
            assert!(!expected.is_empty() || found.is_empty(), "{text}: {found:?}");
        }
    }
}
