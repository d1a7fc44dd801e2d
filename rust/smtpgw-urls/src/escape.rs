//! Escapes of scripts, styles and documents resolved: what a string says where `\` begins a code.
//!
//! Two readings of a text that has any. That of scripts, JSON, RTF and PDF: `\x2e`, `\u002e`, `\u{2e}`, `\'2e`, octal
//! `\056`, `\/`. That of styles (CSS Syntax §4.3.7): up to six hexadecimal digits and a blank. Each is no longer than the
//! text, and other backslashes stay as they are.

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

/// What an escape stands for and how many octets it takes, from behind the backslash on.
type Reading = fn(&str) -> Option<(char, usize)>;

fn resolved(text: &str, reading: Reading) -> Option<String> {
    let (mut out, mut copied) = (String::new(), 0);
    for backslash in memchr::memchr_iter(b'\\', text.as_bytes()) {
        if backslash < copied {
            continue;
        }
        let Some((character, length)) = text.get(backslash + 1..).and_then(reading) else { continue };
        out.push_str(text.get(copied..backslash).unwrap_or_default());
        out.push(character);
        copied = backslash + 1 + length;
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Some(out)
}

fn of_script(text: &str) -> Option<(char, usize)> {
    let digits = |from: usize, most: usize| number(text.get(from..)?, 16, most);
    match text.as_bytes() {
        [b'/', ..] => Some(('/', 1)),
        [b'x' | b'\'', ..] => digits(1, 2).filter(|(_, length)| *length == 2).map(|(code, _)| (code, 3)),
        [b'u', b'{', ..] => {
            let (code, length) = digits(2, 6)?;
            (text.as_bytes().get(2 + length) == Some(&b'}')).then_some((code, 3 + length))
        }
        [b'u', ..] => digits(1, 4).filter(|(_, length)| *length == 4).map(|(code, _)| (code, 5)),
        [b'0'..=b'7', ..] => number(text, 8, 3).filter(|(_, length)| *length == 3),
        _ => None,
    }
}

fn of_style(text: &str) -> Option<(char, usize)> {
    let (code, length) = number(text, 16, 6)?;
    let blank = text.as_bytes().get(length).is_some_and(|octet| matches!(octet, b' ' | b'\t' | b'\n' | b'\r' | 0x0c));
    Some((code, length + usize::from(blank)))
}

/// The character of the number that `text` begins with, and its digits.
fn number(text: &str, radix: u32, most: usize) -> Option<(char, usize)> {
    let digits = text.bytes().take(most).take_while(|octet| char::from(*octet).is_digit(radix)).count();
    let code = u32::from_str_radix(text.get(..digits)?, radix).ok()?;
    // What makes no URL stays as it is: a path of Windows has such pieces as well.
    char::from_u32(code).filter(|code| !code.is_control()).map(|code| (code, digits))
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
